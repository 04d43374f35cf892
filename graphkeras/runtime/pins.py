"""Which cores the threads of a team may run on while they do.

A thread that waits for another one on the same core waits long. So the leading thread
stays where it is, and the others keep away from there; if there is just one core for
each, each has its own. Two processors that are threads of one core count as one. What
the process may use is never exceeded, and the leading thread gets back what it had.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any


@cache
def _current_core() -> Any:
    """Return a function that tells the calling thread's core, None if none does."""
    try:
        return ctypes.PyDLL(None).sched_getcpu
    except (AttributeError, OSError, TypeError):
        return None


LOOKS = 64  # calls between two looks at what the process may use


class Pins:
    """Remembers where the threads were put."""

    def __init__(self) -> None:
        self._why: tuple[Any, ...] = ()
        self._here: tuple[int, set[int]] | None = None
        self._where = _current_core()
        self._left, self._from = 0, -1  # calls that need not look, and their core
        self._near: Sequence[int | None] = ()

    @contextlib.contextmanager
    def held(self, threads: Sequence[int | None]) -> Iterator[bool]:
        """Keep the calling thread and these, by the system's numbers, on cores.

        Yields:
            Whether there is a core for each of them.
        """
        apart = self.apart(threads)
        if not apart or self._here is None:
            yield apart
            return
        here, allowed = self._here
        _move(0, {here})
        try:
            yield True
        finally:
            _move(0, allowed)

    def near(self, threads: Sequence[int | None]) -> bool:
        """As `apart`, for work of microseconds, of which looking would be much.

        Args:
            threads: the same object as long as it is they.
        """
        self._left -= 1
        if self._left > 0 and self._near is threads and self._where() == self._from:
            return True
        enough = self.apart(threads)
        self._near, self._left = threads, 0
        if enough and self._where is not None and self._here is not None:
            self._left, self._from = LOOKS, self._here[0]
        return enough

    def apart(self, threads: Sequence[int | None]) -> bool:
        """Keep these threads off the core of the calling one, which may move on.

        Returns:
            Whether there is a core for each of them.
        """
        where = self._where
        if where is None or not hasattr(os, "sched_setaffinity"):
            return len(threads) < (os.cpu_count() or 1)
        allowed = os.sched_getaffinity(0)
        enough = len(threads) < len(allowed)
        here = where() if enough else -1
        why = (*threads, here, allowed)
        if self._why != why:
            places = [allowed] * len(threads)
            if enough:
                places = _places(allowed, here, len(threads))
            for thread, place in zip(threads, places, strict=True):
                if thread is not None:
                    _move(thread, place)
            self._why, self._here = why, (here, allowed)
        return enough


def _places(allowed: set[int], here: int, count: int) -> list[set[int]]:
    """Return the processors for each of so many threads, away from `here`."""
    cores: dict[str, set[int]] = {}
    for processor in sorted(allowed - {here}):
        cores.setdefault(siblings(processor), set()).add(processor)
    apart = [own for name, own in cores.items() if name != siblings(here)]
    if len(apart) < count:  # more threads than cores: each processor counts
        apart = [{processor} for processor in sorted(allowed - {here})]
    return apart if len(apart) == count else [set().union(*apart)] * count


@cache
def siblings(processor: int) -> str:
    """Return the processors on the same core, as the system names them."""
    path = f"/sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list"
    try:
        with open(path, encoding="ascii") as file:
            return file.readline().strip()
    except OSError:
        return str(processor)


def _move(thread: int, cores: set[int]) -> None:
    with contextlib.suppress(OSError):  # the allowed cores have just changed
        os.sched_setaffinity(thread, cores)
