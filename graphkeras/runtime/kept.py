"""A program part of whose work depends on weights alone, and is done when they change.

Weights change in two ways: a variable is given another array, or a program writes into
the one it has. The former is seen by the arrays, the latter is counted.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphkeras.runtime import control
from graphkeras.runtime.again import Last
from graphkeras.runtime.program import Arrays, Code, Program


class KeptProgram(Program):
    """A program whose last state arrays are results of another one.

    Args:
        first: makes them, of weights.
        weights: the numbers of those among the state.
    """

    def __init__(
        self, name: str, code: Code, first: Program, weights: Sequence[int]
    ) -> None:
        super().__init__(name, code)
        self._maker, self._weights = first, tuple(weights)
        self._making = threading.Lock()
        self._written = -1  # the count when they were made
        self._of: list[Callable[[], np.ndarray | None]] = []
        self._kept: list[np.ndarray] = []

    def run(self, inputs: Sequence[Any], state: Arrays = ()) -> list[np.ndarray]:
        """Run once; see `Program.run`."""
        return super().run(inputs, self._with_kept(state))

    def last_on(self, state: Arrays) -> Last | None:
        """Return what the last run was like; see `Program.last_on`."""
        return super().last_on([*state, *self._kept])

    def again(self, inputs: Sequence[Any], last: Last) -> list[np.ndarray] | None:
        """Run once more on the same state; see `Program.again`."""
        if self._written != control.written.count:
            return None
        return super().again(inputs, last)

    def run_epoch(
        self, sources: Sequence[Any], state: Arrays, **options: Any
    ) -> list[np.ndarray]:
        """Run over all rows; see `Program.run_epoch`."""
        return super().run_epoch(sources, self._with_kept(state), **options)

    def _with_kept(self, state: Arrays) -> list[np.ndarray]:
        """Return the state and what was made of it, maybe just now."""
        arrays = [state[i] for i in self._weights]
        with self._making:
            same = self._written == control.written.count and all(
                old() is array for old, array in zip(self._of, arrays)
            )
            if not same:
                count = control.written.count
                self._recent = None  # nobody goes on with what was kept before
                self._kept = self._maker.run([], arrays)
                self._of, self._written = [*map(weakref.ref, arrays)], count
            return [*state, *self._kept]
