"""Threads that run one program together: how they begin, wait for each other, and end.

They share a block of 64-bit words, in lines of the cache so that nobody writes where
others look::

    arrived | turn  | go | left | of each thread: job, sleeps, table, naps
               |            |                      |
               |            |                      +-- it looks here for work
               |            +-- members still at work: the leader looks here
               +-- goes up when the last one has arrived: those waiting look here

Who looks at a word spins for a while, then sleeps: on Linux until it is woken (a
futex), elsewhere for moments that get longer. `go` is what the leader decided, for
even and for odd steps; see `compiler.epoch`.
"""

import llvmlite.binding as llvm
from llvmlite import ir

from graphkeras.kernels.cpu.emit import Emit
from graphkeras.kernels.cpu.target import I32, I64, POINTER, VOID
from graphkeras.kernels.cpu.value import Index

LINE = 8  # words
ARRIVED, TURN, TURN_SLEEPERS, GO, LEFT, LEFT_SLEEPERS = 0, 8, 9, 16, 24, 25
MEMBERS, ENTRY, MODE, QUIT, PATIENCE, SYSTEM, NAP = 32, 33, 34, 35, 36, 37, 38
SEATS = 40  # each has a line:
JOB, SLEEPS, TABLE, NAPS = 0, 1, 2, 3
WAIT, WORK, LEAD = 0, 1, 2  # what a call is for, in its lowest two bits

FUTEX = {"x86_64": 202, "aarch64": 98, "riscv64": 98, "ppc64le": 221}
SLEEP_PRIVATE, WAKE_PRIVATE = 128, 129
EVERYONE = 1 << 30
LONGEST = 64  # times the first nap


def size(seats: int) -> int:
    """Words in the block of so many threads."""
    return SEATS + seats * LINE


def futex_number() -> int | None:
    """Number of Linux's system call on this processor; None elsewhere."""
    processor, _, system = llvm.get_process_triple().partition("-")
    return FUTEX.get(processor) if "linux" in system else None


def add_team(module: ir.Module) -> ir.Function:
    """Add `team(block, 4 * seat + what)`.

    WAIT: until all members of the job are here. WORK: take one job after another,
    until told to quit. LEAD: have a job done by all members, the caller among them.
    """
    kind = ir.FunctionType(VOID, [POINTER, I64])
    function = ir.Function(module, kind, module.get_unique_name("team"))
    e = Emit(ir.IRBuilder(function.append_basic_block("entry")))
    team = _Team(e)
    what, seat = e.mod(e.arguments[1], 4), e.floordiv(e.arguments[1], 4)
    for number, run in ((WAIT, team.wait), (WORK, team.work), (LEAD, team.lead)):
        with e.when(e.eq(what, number)):
            run(seat)
    return e.finish()


class _Team:
    """Writes the function."""

    def __init__(self, e: Emit) -> None:
        self.e = e
        self.block = e.builder.ptrtoint(e.arguments[0], I64)
        self.futex = futex_number()

    # ---- words

    def _place(self, word: Index) -> ir.Value:
        e = self.e
        place = e.add(self.block, e.mul(word, 8))
        return e.builder.inttoptr(e.index(place), I64.as_pointer())

    def _get(self, word: Index, order: str = "acquire") -> ir.Value:
        return self.e.builder.load_atomic(self._place(word), order, 8)

    def _put(self, word: Index, value: Index) -> None:
        place = self._place(word)
        self.e.builder.store_atomic(self.e.index(value), place, "release", 8)

    def _add(self, word: Index, value: int) -> ir.Value:
        """Add to a word at once; what it held before."""
        number = self.e.index(value)
        return self.e.builder.atomic_rmw("add", self._place(word), number, "seq_cst")

    # ---- looking and waking

    def _look(self, word: Index, sleepers: Index, old: ir.Value, seat: Index) -> None:
        """Return when a word is no longer `old`."""
        e = self.e
        turns, patience = e.counter(0), self._get(PATIENCE, "monotonic")

        def same() -> ir.Value:
            return e.eq(self._get(word), old)

        with e.loop_while(lambda: e.both(e.lt(turns.get(), patience), same())):
            self._pause()
            turns.step()
        with e.when(same()):
            self._add(sleepers, 1)
            nap = e.counter(self._get(NAP, "monotonic"))
            longest = e.mul(nap.get(), LONGEST)
            with e.loop_while(lambda: e.eq(self._get(word, "seq_cst"), old)):
                self._sleep(word, old, nap.get())
                nap.set(e.minimum(e.mul(nap.get(), 2), longest))
            self._add(sleepers, -1)
            self._add(self._of(seat, NAPS), 1)

    def _pause(self) -> None:
        """Let a sibling on the same core go first, where there is such a hint."""
        e = self.e
        processor = llvm.get_process_triple().partition("-")[0]
        if processor == "x86_64":
            e.builder.call(e.external("llvm.x86.sse2.pause", VOID, []), [])
        elif processor in ("aarch64", "arm64"):
            hint = e.external("llvm.aarch64.hint", VOID, [I32])
            e.builder.call(hint, [ir.Constant(I32, 1)])

    def _sleep(self, word: Index, old: ir.Value, nap: Index) -> None:
        """Until somebody wakes us, or for a moment; longer each time."""
        if self.futex is None:
            self._system(nap)
        else:
            self._system(*self._futex(word, SLEEP_PRIVATE, old))

    def _wake(self, word: Index, sleepers: Index) -> None:
        """Wake who sleeps until a word changes, which it has."""
        if self.futex is None:
            return
        with self.e.when(self.e.gt(self._get(sleepers, "seq_cst"), 0)):
            self._system(*self._futex(word, WAKE_PRIVATE, EVERYONE))

    def _futex(self, word: Index, operation: int, value: Index) -> list[Index]:
        """What the system call is given, the number of that call first."""
        assert self.futex is not None
        place = self.e.add(self.block, self.e.mul(word, 8))
        return [self.futex, place, operation, value, 0]

    def _system(self, *arguments: Index) -> None:
        """Call the function of the system that the block names."""
        e = self.e
        kind = ir.FunctionType(I64, [I64] * len(arguments))
        address = self._get(SYSTEM, "monotonic")
        function = e.builder.inttoptr(address, kind.as_pointer())
        e.builder.call(function, [e.index(a) for a in arguments])

    # ---- what a call is for

    def _of(self, seat: Index, word: int) -> Index:
        return self.e.add(self.e.mul(seat, LINE), SEATS + word)

    def wait(self, seat: Index) -> None:
        """The last to arrive lets all others go."""
        e = self.e
        turn = self._get(TURN)
        before = self._add(ARRIVED, 1)
        last = e.eq(e.add(before, 1), self._get(MEMBERS, "monotonic"))
        with e.when_else(last) as (then, otherwise):
            with then:
                self._put(ARRIVED, 0)
                self._add(TURN, 1)
                self._wake(TURN, TURN_SLEEPERS)
            with otherwise:
                self._look(TURN, TURN_SLEEPERS, turn, seat)

    def work(self, seat: Index) -> None:
        """Jobs are counted from 0 for each seat, as its thread does."""
        e = self.e
        done, going = e.counter(0), e.counter(1)
        with e.loop_while(lambda: e.ne(going.get(), 0)):
            job = self._of(seat, JOB)
            self._look(job, self._of(seat, SLEEPS), done.get(), seat)
            done.step()
            quits = e.ne(self._get(QUIT), 0)
            with e.when_else(quits) as (then, otherwise):
                with then:
                    going.set(0)
                with otherwise:
                    self._run(seat)
                    self._add(LEFT, -1)
                    self._wake(LEFT, LEFT_SLEEPERS)

    def lead(self, _seat: Index) -> None:
        """Wake the others, do the first share, wait until all have ended."""
        e = self.e
        members = self._get(MEMBERS)
        self._put(LEFT, e.sub(members, 1))
        with e.loop(1, members) as seat:
            self._add(self._of(seat, JOB), 1)
            self._wake(self._of(seat, JOB), self._of(seat, SLEEPS))
        with e.when(e.eq(self._get(QUIT), 0)):
            self._run(0)
            left = e.counter(self._get(LEFT))
            with e.loop_while(lambda: e.gt(left.get(), 0)):
                self._look(LEFT, LEFT_SLEEPERS, left.get(), 0)
                left.set(self._get(LEFT))

    def _run(self, seat: Index) -> None:
        """Call the program with the table of a seat."""
        e = self.e
        kind = ir.FunctionType(VOID, [POINTER, I64])
        entry = e.builder.inttoptr(self._get(ENTRY), kind.as_pointer())
        table = e.builder.inttoptr(self._get(self._of(seat, TABLE)), POINTER)
        e.builder.call(entry, [table, self._get(MODE)])
