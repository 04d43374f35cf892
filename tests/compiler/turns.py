"""Threads made to take turns: between two barriers one runs after another, in an order
of one's choice, so that a missing barrier shows each time."""

from __future__ import annotations

import ctypes
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from graphkeras import config
from graphkeras.compiler import programs, sharing
from graphkeras.runtime import team
from graphkeras.runtime.control import CONTROL, PARTS
from graphkeras.runtime.pace import Pace
from graphkeras.runtime.team import Tables

ENTRY = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64)
Order = Callable[[int], list[int]]
ORDERS: dict[str, Order] = {
    "first to last": lambda n: list(range(n)),
    "last to first": lambda n: list(range(n))[::-1],
}


class Turns:
    """Lets one thread run at a time."""

    def __init__(self, order: list[int]) -> None:
        self.order, self.position = order, 0
        self.changed = threading.Condition()

    def enter(self, thread: int) -> None:
        with self.changed:
            self.changed.wait_for(lambda: self.order[self.position] == thread)

    def leave(self) -> None:
        with self.changed:
            self.position = (self.position + 1) % len(self.order)
            self.changed.notify_all()

    def wait(self, _team: int, seat: int) -> None:
        """What the program calls at a barrier."""
        self.leave()
        self.enter(seat)

    def run(self, entry: int, mode: int, tables: Tables, _brief: bool) -> None:
        """Run the code at an address, as `Team.run` does."""
        seats, rows, control = np.arange(tables.members), tables.rows, tables.control
        block, wait = np.zeros(64, np.int64), ENTRY(self.wait)
        for name, value in (
            ("low", seats * PARTS // len(rows)), ("seat", seats),
            ("high", (seats + 1) * PARTS // len(rows)),
            ("team", block.ctypes.data),
            ("wait", ctypes.cast(wait, ctypes.c_void_p).value),
        ):  # fmt: skip
            rows[:, control + CONTROL.index(name)] = value

        def work(seat: int) -> None:
            self.enter(seat)
            ENTRY(entry)(rows[seat].ctypes.data, mode)
            self.leave()

        threads = [threading.Thread(target=work, args=(int(s),)) for s in seats]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        tables.fill(rows[0])  # no team is in them


@contextmanager
def taking_turns(count: int, order: Order) -> Iterator[None]:
    """Have every program run on so many threads, one after another."""

    def run(_make: object, *job: object) -> bool:
        Turns(order(count)).run(*job)  # type: ignore[arg-type]
        return True

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(team, "run", run)
        patch.setattr(Pace, "threads", lambda pace, most: min(most, count))
        patch.setitem(config._settings, "threads", count)
        yield


@contextmanager
def sharing_all() -> Iterator[None]:
    """Have the compiler share whatever it can, however small."""
    with pytest.MonkeyPatch.context() as patch:
        for name in (
            "SMALL", "THIN", "THIN_FOLD", "THICK", "SMALL_CALL", "SMALL_ALONE", "DEEP",
        ):  # fmt: skip
            patch.setattr(sharing, name, 0)
        patch.setattr(programs, "_kept", OrderedDict())
        yield
