"""A program whose inputs are first prepared in Python: strings become numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from graphkeras.errors import ArgumentError, KernelError, message
from graphkeras.runtime.program import Arrays, Code, Program


class Preparation(Protocol):
    """What runs before the compiled part; made by the compiler."""

    def run(
        self, inputs: Sequence[np.ndarray], state: Sequence[np.ndarray]
    ) -> tuple[list[np.ndarray], dict[int, np.ndarray]]:
        """Return the compiled part's inputs, and by number the outputs it lacks."""


class PreparedProgram(Program):
    """A program with a preparation.

    Over an epoch all rows are prepared at once, and once: the same rows again (another
    epoch, or the next steps of this one) find the numbers of the last time.
    """

    def __init__(self, name: str, code: Code, first: Preparation, inputs: int) -> None:
        super().__init__(name, code)
        self._preparation = first
        self._inputs = inputs
        self._last: tuple[list[np.ndarray], Any] | None = None

    def run(self, inputs: Sequence[Any], state: Arrays = ()) -> list[np.ndarray]:
        """Prepare, then run once; see `Program.run`."""
        prepared, extra = self._prepare(inputs, state)
        found = iter(super().run(prepared, state))
        count = len(self.code.outputs) + len(extra)
        return [extra[i] if i in extra else next(found) for i in range(count)]

    def last_on(self, state: Arrays) -> None:
        """None: each run begins with the preparation."""

    def run_epoch(
        self, sources: Sequence[Any], state: Arrays, **options: Any
    ) -> list[np.ndarray]:
        """Prepare all rows, then run over them; see `Program.run_epoch`.

        Raises:
            KernelError: if the preparation itself gives outputs: they have no steps.
        """
        prepared, extra = self._prepared_before(sources, state)
        if extra:
            raise KernelError(
                message(
                    self.name, "expected outputs that are computed batch by batch.",
                    f"output {min(extra)}, which is made of strings",
                    "Run it by `run`, batch by batch.",
                )
            )  # fmt: skip
        return super().run_epoch(prepared, state, **options)

    def _prepare(self, inputs: Sequence[Any], state: Arrays) -> Any:
        if len(inputs) != self._inputs:
            raise ArgumentError(
                message(self.name, f"expected {self._inputs} inputs.", f"{len(inputs)}")
            )
        return self._preparation.run([np.asarray(i) for i in inputs], state)

    def _prepared_before(self, inputs: Sequence[Any], state: Arrays) -> Any:
        """Return what the same rows gave last time, or prepare them."""
        arrays = [np.asarray(i) for i in inputs]
        if self._last is None or not _same(self._last[0], arrays):
            kept = [a.copy() for a in arrays]
            self._last = kept, self._prepare(arrays, state)
        return self._last[1]


def _same(old: list[np.ndarray], new: list[np.ndarray]) -> bool:
    """Whether arrays hold the same elements."""
    if len(old) != len(new):
        return False
    pairs = zip(old, new)
    return all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in pairs)
