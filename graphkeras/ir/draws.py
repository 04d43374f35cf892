"""Random keys for calls that threads make at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from graphkeras.ir.trace import untraced


class _Calls(threading.local):
    """What the call running in this thread draws from; None: the generators."""

    def __init__(self) -> None:
        self.draws: Draws | None = None
        self.number = self.drawn = 0


calls = _Calls()


class Draws:
    """Keys for calls that threads make at once: the same, whoever comes first.

    Each generator gives up one key of its own, and every key of a call is made of that
    one, the number of the call, and how many keys the call drew before.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bases: dict[Any, np.ndarray] = {}

    @contextmanager
    def call(self, number: int) -> Iterator[None]:
        """Draw for call `number` in this block of this thread."""
        before = calls.draws, calls.number, calls.drawn
        calls.draws, calls.number, calls.drawn = self, number, 0
        try:
            yield
        finally:
            calls.draws, calls.number, calls.drawn = before

    def key(self, generator: Any) -> np.ndarray:
        """Return the next key of the running call."""
        words = (*self._base(generator).tolist(), calls.number, calls.drawn)
        calls.drawn += 1
        return np.random.SeedSequence(words).generate_state(2)

    def _base(self, generator: Any) -> np.ndarray:
        with self._lock:
            if generator not in self._bases:
                with untraced():
                    base = np.array(generator.state.value)
                    generator.state.assign(base + np.array([0, 1], "uint32"))
                self._bases[generator] = base
            return self._bases[generator]
