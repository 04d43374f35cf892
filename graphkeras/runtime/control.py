"""The words by which Python and a compiled epoch talk to each other."""

from __future__ import annotations

# What the entry of a program does: one step, many, or what they have put off.
ONCE, EPOCH, CATCH_UP = 0, 1, 2
PARTS = 16  # of each step's work; as in `kernels.cpu.cut`

# One word each, after the addresses of the buffers.
CONTROL = (
    "rows",  # rows to visit
    "batch_size",
    "start",  # number of the first step of all
    "made",  # how many steps were made before
    "steps",  # how many there will be after
    "done",  # written by the program: how many there are
    "order",  # address of int64 row numbers, or 0: rows as they come
    "shuffle",  # 1: write a permutation to `order` first
    "key0",
    "key1",
    "track",  # address of float32[steps] for output 0, or 0
    "progress",  # address of int64[2]: steps done, request to stop; or 0
    "sizes",  # address of the sizes of a full batch
    "last_sizes",  # address of the sizes of the last batch
    "low",  # this thread does the parts [low, high) of each step
    "high",
    "team",  # address of what the threads share, or 0
    "seat",  # of this thread in the team
    "own",  # bytes of the arena that each thread has for itself
    "wait",  # address of the function (team, seat) that waits for all others
    "turn",  # steps made since all rows of tables were up to date, 0 if none can wait
    "all",  # 1: move all rows in time, or let all catch up, not only those named
)
# For each input after that.
FEED = (
    "source",  # address of all rows
    "row_bytes",  # 0: the whole array serves every step
    "row_elements",
    "feeder",  # address of a function that gathers and casts rows, or 0: used in place
    "staging",  # address of the two batches it fills by turns
    "staged_bytes",  # of a row of those
    "next",  # of the order: the first row for the next step not asked for yet
    "stop",  # the last one, and one
    "few",  # rows to ask for at a time
    "skip",  # bytes of a row before those to ask for
    "asked",  # bytes to ask for
)
# For each output after that.
COLLECT = (
    "target",  # address of row 0 of the collected results, or 0
    "row_bytes",
)
# What a feeder is given, in words.
FEEDER = (
    "source",
    "order",
    "start",  # of the order: the first row
    "count",  # of rows
    "target",
    "row_elements",
    "first",  # element of a row
    "width",  # elements
)


def feed_word(input_number: int, name: str) -> int:
    """Return where a word of an input stands, from the start of the control block."""
    return len(CONTROL) + input_number * len(FEED) + FEED.index(name)


def collect_word(inputs: int, output_number: int, name: str) -> int:
    """Return where a word of an output stands, from the start of the control block."""
    first = len(CONTROL) + inputs * len(FEED)
    return first + output_number * len(COLLECT) + COLLECT.index(name)


def feeder_word(inputs: int, outputs: int) -> int:
    """Return where the words handed to a feeder begin."""
    return collect_word(inputs, outputs, "target")


def block_size(inputs: int, outputs: int) -> int:
    """Return how many words the control block has."""
    return feeder_word(inputs, outputs) + len(FEEDER)


class Written:
    """Counts the runs of programs that wrote into variables, of this process."""

    def __init__(self) -> None:
        self.count = 0


written = Written()
