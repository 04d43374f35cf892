"""The driver of an epoch as machine code: order, rows, steps, results, progress.

::

    order = a permutation, if asked for
    rows of the first step gathered
    for each step, until told to stop:
        the sizes of this batch (the last one may be smaller)
        each input: its rows where they lie, or those gathered and cast into a batch
        each collected output: written to its rows
        run
        output 0 tracked
        rows of the next step gathered, progress told
        wait for all threads

Every thread of a team runs this, each with a table of its own. The one that has part 0
shuffles, tracks and tells, and decides for all whether there is another step. Rows are
gathered into two batches by turns, while others may still be at the step before: who
runs a program finds its inputs complete.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from llvmlite import ir

from graphkeras import config
from graphkeras.compiler import profile
from graphkeras.compiler.codegen import Codegen, Words, wait
from graphkeras.compiler.emit_feed import Batch, Feed, Table, columns_of
from graphkeras.compiler.emit_share import Parts
from graphkeras.compiler.memory import Memory
from graphkeras.kernels.cpu.array import Array, contiguous
from graphkeras.kernels.cpu.emit import Counter, Emit, Index, Scalar
from graphkeras.kernels.cpu.target import I64, POINTER, VOID
from graphkeras.kernels.cpu.team import GO, add_team
from graphkeras.runtime import link
from graphkeras.runtime.control import (
    CATCH_UP,
    CONTROL,
    EPOCH,
    FEEDER,
    ONCE,
    collect_word,
    feeder_word,
)
from graphkeras.runtime.link import Entry


class Driver:
    """Writes the entry of a program, of the modes in `runtime.control`."""

    def __init__(
        self, e: Emit, words: Words, run: ir.Function, late: ir.Function | None,
        tracked: str, feed: Feed,
    ) -> None:  # fmt: skip
        self.e, self.words, self.run, self.feed = e, words, run, feed
        self.late = late  # does what `run` has put off
        self.table = e.arguments[0]
        self.tracked = tracked  # dtype of output 0 if it is a scalar, else ""
        self.leads = e.eq(feed.parts.low, 0)
        self.inputs, self.outputs = words.counts["input"], words.counts["output"]

    def write(self) -> None:
        """Write the body of the entry."""
        e, mode = self.e, self.e.arguments[1]
        with e.when(e.eq(mode, ONCE)):
            self._once()
        with e.when(e.eq(mode, EPOCH)):
            self._epoch()
        with e.when(e.eq(mode, CATCH_UP)):
            self._call(self.late)

    def _once(self) -> None:
        """One step that puts nothing off."""
        self._put_off(0)
        if self.late is not None:
            self._set("all", 1)
        self._call(self.run)
        if self.late is not None:
            self._set("all", 0)

    def _put_off(self, turn: Index) -> None:
        """Say in which step since all rows were up to date this is."""
        if self.late is not None:
            self._set("turn", turn)

    def _call(self, function: ir.Function | None) -> None:
        low, high = (
            self.e.index(part) for part in (self.feed.parts.low, self.feed.parts.high)
        )
        if function is not None:
            self.e.call(function, [self.table, low, high])

    # ---- words

    def _get(self, word: int) -> ir.Value:
        e = self.e
        place = e.address(self.table, "int64", self.words.control + word)
        return e.builder.load(place, typ=I64)

    def _control(self, name: str) -> ir.Value:
        return self._get(CONTROL.index(name))

    def _put(self, word: int, value: Index) -> None:
        """Write a word of the table, counted from its start."""
        e = self.e
        e.builder.store(e.index(value), e.address(self.table, "int64", word))

    def _set(self, name: str, value: Index) -> None:
        self._put(self.words.control + CONTROL.index(name), value)

    # ---- the epoch

    def _epoch(self) -> None:
        e = self.e
        rows = self._control("rows")
        with e.when(e.both(self.leads, e.ne(self._control("shuffle"), 0))):
            self._shuffle(rows)
        made = self._control("made")
        step, more = e.counter(made), e.counter(0)
        wait(e, self.table, self.words)
        self._prepare(made, more)
        with e.loop_while(lambda: e.ne(more.get(), 0)):
            here = step.get()
            self._put_off(here)
            self._one(self.feed.batch(here))
            step.step()
            self._prepare(step.get(), more)
        self._put_off(step.get())

    def _prepare(self, step: Index, more: Counter) -> None:
        """Gather what a step will need, and let `more` be whether it is to be made."""
        batch = self.feed.batch(step)
        for number in range(self.inputs):
            self.feed.gather(number, batch)
        self._tell(step)
        self._agree(step, more)

    def _agree(self, step: Index, more: Counter) -> None:
        """Wait for all; let `more` be whether the leading thread wants another step.

        It may be one step ahead of those who read, so there are two words.
        """
        e = self.e
        with e.when(self.leads):
            wanted = e.lt(step, self._control("steps"))
            wanted = e.both(wanted, e.eq(self._stop(), 0))
            more.set(e.choose(wanted, 1, 0))
        team = self._control("team")
        with e.when(e.ne(team, 0)):
            place = self._word_of(team, e.add(GO, e.mod(step, 2)))
            with e.when(self.leads):
                e.builder.store_atomic(more.get(), place, "monotonic", 8)
            wait(e, self.table, self.words)
            more.set(e.builder.load_atomic(place, "monotonic", 8))

    def _word_of(self, address: ir.Value, word: Index) -> ir.Value:
        """Return a pointer to a word, counted from an address."""
        place = self.e.add(address, self.e.mul(word, 8))
        return self.e.builder.inttoptr(self.e.index(place), I64.as_pointer())

    def _shuffle(self, rows: Index) -> None:
        e = self.e
        keys = [
            e.cast(Scalar(self._control(name), "int64"), "uint32")
            for name in ("key0", "key1")
        ]
        order = e.builder.inttoptr(self._control("order"), POINTER)
        link.kernel("batch.permutation")(e, *keys, rows, order)

    def _one(self, batch: Batch) -> None:
        """One step."""
        e = self.e
        full = e.eq(batch.rows, self._control("batch_size"))
        sizes, last = self._control("sizes"), self._control("last_sizes")
        self._put(0, e.choose(full, sizes, last))
        following = self.feed.batch(e.add(batch.step, 1))
        for number in range(self.inputs):
            self._put(1 + number, self.feed.place(number, batch))
            self.feed.announce(number, following)
        for number in range(self.outputs):
            self._direct(number, batch.start)
        self._call(self.run)
        if self.tracked:
            with e.when(self.leads):
                self._track(batch.step)

    def _direct(self, number: int, start: Index) -> None:
        """Let an output that is collected be written to its rows."""
        e = self.e
        target, row_bytes = (
            self._get(collect_word(self.inputs, number, name))
            for name in ("target", "row_bytes")
        )
        word = 1 + self.inputs + self.words.counts["state"] + number
        with e.when(e.ne(target, 0)):
            self._put(word, e.add(target, e.mul(start, row_bytes)))

    def _track(self, step: Index) -> None:
        """Note output 0 of this step."""
        e = self.e
        track = self._control("track")
        with e.when(e.ne(track, 0)):
            word = 1 + self.inputs + self.words.counts["state"]
            place = e.address(self.table, "int64", word)
            pointer = e.builder.load(place, typ=POINTER)
            value = e.load(Array(pointer, self.tracked, (), ()), 0)
            line = Array(e.builder.inttoptr(track, POINTER), "float32", (), ())
            e.store(line, step, e.cast(value, "float32"))

    # ---- progress

    def _progress(self, word: int, use: Callable[[ir.Value], None]) -> None:
        """Use a word of `progress`, if there is one."""
        e = self.e
        address = self._control("progress")
        with e.when(e.ne(address, 0)):
            use(e.builder.inttoptr(e.index(e.add(address, 8 * word)), I64.as_pointer()))

    def _tell(self, done: Index) -> None:
        """Write the steps done where Python, and another thread, can see them."""
        e = self.e
        self._set("done", done)
        value = e.index(done)
        with e.when(self.leads):
            self._progress(
                0, lambda p: e.builder.store_atomic(value, p, "monotonic", 8)
            )

    def _stop(self) -> ir.Value:
        """Return whether another thread asks to stop."""
        e = self.e
        request = e.counter(0)
        self._progress(
            1, lambda p: request.set(e.builder.load_atomic(p, "monotonic", 8))
        )
        return request.get()


def compile_feeder(name: str, source: str, target: str) -> Entry:
    """Return the compiled function that gathers rows of one dtype as another."""

    def build(module: ir.Module) -> ir.Function:
        kind = ir.FunctionType(VOID, [POINTER, I64])
        name = module.get_unique_name("feeder")
        function = ir.Function(module, kind, name)
        e = Emit(ir.IRBuilder(function.append_basic_block("entry")))
        words = {
            name: e.builder.load(e.address(e.arguments[0], "int64", i), typ=I64)
            for i, name in enumerate(FEEDER)
        }
        places = {
            name: e.builder.inttoptr(words[name], POINTER)
            for name in ("source", "order", "target")
        }
        shape = (words["count"], words["row_elements"])
        out = contiguous(places["target"], target, shape, e)
        link.kernel("batch.gather_rows")(
            e, places["source"], source, places["order"], words["start"],
            words["count"], (words["first"], words["width"]), out,
        )  # fmt: skip
        return e.finish()

    return link.compile_entry(name, build)


def compile_team() -> Entry:
    """Return the compiled function by which threads find together."""
    return link.compile_entry("team", add_team)


def compile_program(name: str, memory: Memory, words: Words, tracked: str) -> Entry:
    """Return the compiled entry of a program.

    Args:
        tracked: dtype of output 0 if it is a scalar, else "".

    Raises:
        KernelError: if a step cannot be written; it names the op and the user's line.
    """
    watch = profile.watch(name, memory) if config.debug("profile") else None

    def build(module: ir.Module) -> ir.Function:
        codegen = Codegen(memory, words, watch)
        run = codegen.run_function(module)
        late = codegen.catch_up_function(module)
        kind = ir.FunctionType(VOID, [POINTER, I64])
        function = ir.Function(module, kind, module.get_unique_name("program"))
        e = Emit(ir.IRBuilder(function.append_basic_block("entry")))
        table = Table(e, e.arguments[0], words.control)
        parts = Parts(table.word("low"), table.word("high"))
        columns = columns_of(memory.steps, memory.buffer)
        given = feeder_word(words.counts["input"], words.counts["output"])
        feed = Feed(table, parts, memory.lead.tile, columns, codegen.asks, given)
        Driver(e, words, run, late, tracked, feed).write()
        return e.finish()

    shown = [what for what in ("llvm", "asm") if config.debug(what)]
    entry = link.compile_entry(name, build, readable=bool(shown))
    for what in shown:
        print(entry.texts[what](), file=sys.stderr)
    return entry
