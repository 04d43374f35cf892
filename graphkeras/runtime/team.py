"""The threads of this process that run programs together, one program at a time.

They are made when a program first wants them and then wait, asleep, for the next. A
program that comes while they are at work runs on the thread it came on. Before the
process forks they end; both sides make theirs anew.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import sys
import threading
from collections.abc import Callable

import numpy as np

from graphkeras.runtime import cpu
from graphkeras.runtime.control import CONTROL, PARTS
from graphkeras.runtime.link import Entry
from graphkeras.runtime.pins import Pins

SPINS = 20_000  # looks before a thread sleeps: some hundred microseconds
FIRST_NAP = 1 if sys.platform == "win32" else 50  # in what `_system_call` counts in
STACK = 1 << 23  # bytes; where threads get little by themselves it would not do

# The words of the block that is shared; as in `kernels.cpu.team`.
MEMBERS, ENTRY, MODE, QUIT, PATIENCE, SYSTEM, NAP = 32, 33, 34, 35, 36, 37, 38
SEATS, LINE = 40, 8
TABLE, NAPS = 2, 3
WAIT, WORK, LEAD = 0, 1, 2


class Tables:
    """The table of a program, once for each thread of a team.

    Args:
        members: how many threads.
        words: of a table.
        control: where its control words begin.

    Attributes:
        rows: the tables, that of the leading thread first.
    """

    def __init__(self, members: int, words: int, control: int) -> None:
        self.members, self.control = members, control
        self.rows = np.zeros((members, words), np.int64)
        whole = memoryview(self.rows.reshape(-1))  # type: ignore[arg-type]
        self._heads = [whole[i : i + control] for i in range(0, members * words, words)]
        first, step = cpu.address(self.rows), self.rows.strides[0]
        self.places = [first + seat * step for seat in range(members)]
        self._seated: Team | None = None

    def fill(self, table: np.ndarray) -> None:
        """Take a whole table, for all."""
        self.rows[:] = table
        self._seated = None

    def point(self, words: memoryview) -> None:
        """Take what stands before the control words of a table, for all."""
        for head in self._heads:
            head[:] = words

    def seat(self, team: Team) -> None:
        """Tell each thread its parts and its team, unless they know."""
        if self._seated is team:
            return
        seats = np.arange(self.members)
        for name, value in (
            ("low", seats * PARTS // self.members), ("seat", 4 * seats + WAIT),
            ("high", (seats + 1) * PARTS // self.members),
            ("team", team.place), ("wait", team.function.address),
        ):  # fmt: skip
            self.rows[:, self.control + CONTROL.index(name)] = value
        self._seated = team


class Team:
    """Threads, and the memory they share.

    Attributes:
        function: compiled from `kernels.cpu.team`.
        block: the shared words.
        place: their address.
    """

    def __init__(self, function: Entry) -> None:
        self.function = function
        self.block = cpu.empty((SEATS + PARTS * LINE,), np.dtype(np.int64))
        self.block[:] = 0
        self.block[SYSTEM], self.block[NAP] = _system_call(), FIRST_NAP
        self.place = cpu.address(self.block)
        self.threads: list[threading.Thread] = []
        self._words = memoryview(self.block)  # type: ignore[arg-type]
        self._others: dict[int, list[int | None]] = {}  # by how many they are
        self._pins = Pins()
        self._job: tuple[Tables, int, int] | None = None  # that the block names

    def run(self, entry: int, mode: int, tables: Tables, brief: bool) -> None:
        """Run the code at an address, on one thread for each table.

        Args:
            tables: the calling thread takes the first.
            brief: whether it takes microseconds.
        """
        count = tables.members - 1
        others = self._others.get(count) or self._grown(count)
        tables.seat(self)
        words, job = self._words, self._job
        if job is None or job[0] is not tables or job[1:] != (entry, mode):
            words[MEMBERS], words[ENTRY], words[MODE] = count + 1, entry, mode
            for at, place in zip(range(SEATS + TABLE, len(words), LINE), tables.places):
                words[at] = place
            self._job = tables, entry, mode
        if brief:
            words[PATIENCE] = SPINS if self._pins.near(others) else 0
            self.function(self.place, LEAD)
            return
        with self._pins.held(others) as apart:
            words[PATIENCE] = SPINS if apart else 0
            self.function(self.place, LEAD)

    def _grown(self, count: int) -> list[int | None]:
        """Return the system's numbers of so many threads, which there are then."""
        self._grow(count)
        self._others[count] = [t.native_id for t in self.threads[:count]]
        return self._others[count]

    def _grow(self, count: int) -> None:
        usual = threading.stack_size(STACK)
        try:
            while len(self.threads) < count:
                seat = len(self.threads) + 1
                number = 4 * seat + WORK
                thread = threading.Thread(
                    target=self.function, args=(self.place, number),
                    name=f"graphkeras.team-{seat}", daemon=True,
                )  # fmt: skip
                thread.start()
                self.threads.append(thread)
        finally:
            threading.stack_size(usual)

    def close(self) -> None:
        """Let all threads end."""
        self.block[QUIT], self.block[MEMBERS] = 1, len(self.threads) + 1
        self.function(self.place, LEAD)
        for thread in self.threads:
            thread.join()


def _system_call() -> int:
    """Return the address of what a thread calls to sleep; see `kernels.cpu.team`.

    A call by number on Linux, elsewhere a function of micro- or milliseconds.
    """
    if sys.platform == "win32":
        function = ctypes.windll.kernel32.Sleep
    else:
        library = ctypes.CDLL(None)
        function = library.syscall if sys.platform == "linux" else library.usleep
    return ctypes.cast(function, ctypes.c_void_p).value or 0


# ------------------------------------------------------------------- of this process

_lock = threading.Lock()  # held while the team works
_team: Team | None = None


def run(
    make: Callable[[], Entry], entry: int, mode: int, tables: Tables, brief: bool
) -> bool:
    """Run code on as many threads as there are tables, if the team is free.

    Args:
        make: gives the team's function.

    Returns:
        Whether it ran; see `Team.run` for the rest.
    """
    global _team
    if not _lock.acquire(blocking=False):
        return False
    try:
        if _team is None:
            _team = Team(make())
        _team.run(entry, mode, tables, brief)
    finally:
        _lock.release()
    return True


def close(patience: float = 1.0) -> None:
    """End the threads, unless they work on; the next program makes others.

    Args:
        patience: seconds to wait for them to have nothing to do.
    """
    global _team
    if not _lock.acquire(timeout=patience):
        return
    try:
        team, _team = _team, None
        if team is not None:
            team.close()
    finally:
        _lock.release()


def _in_child() -> None:
    """Forget threads that the child does not have."""
    global _team, _lock
    _team, _lock = None, threading.Lock()


atexit.register(close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=lambda: close(0.0), after_in_child=_in_child)
