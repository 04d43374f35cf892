"""How much work and room a file may ask for while it is loaded.

A config of some kilobytes can describe a model of a billion calls, or tensors larger
than any memory. Outside of a load nothing is counted.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from graphkeras.errors import SavingError, message

STEPS = 80_000  # ops and layers; the largest model of keras.applications takes 35,000
ELEMENTS = 1 << 28  # of one tensor, for one sample of the smallest size
_LAYER = 16  # steps that making or calling a layer counts for


class Allowance:
    """What is left for one load.

    Args:
        steps: number of ops and layers.
        elements: number of elements of one tensor.
    """

    def __init__(self, steps: int = STEPS, elements: int = ELEMENTS) -> None:
        self._steps = self._left = steps
        self._elements = elements

    def step(self, count: int = 1) -> None:
        """Count an op.

        Raises:
            SavingError: if there were too many.
        """
        self._left -= count
        if self._left < 0:
            raise SavingError(
                message(
                    "load", f"expected a model of at most {self._steps:,} ops.",
                    "one of more", "Pass safe_mode=False to load it all the same.",
                )
            )  # fmt: skip

    def layer(self) -> None:
        """Count that a layer is made, or called."""
        self.step(_LAYER)

    def tensor(self, elements: int, text: str) -> None:
        """Compare the size of a tensor.

        Raises:
            SavingError: if it is too large.
        """
        if elements > self._elements:
            raise SavingError(
                message(
                    "load", f"expected at most {self._elements:,} elements a sample.",
                    text, "Pass safe_mode=False to load it all the same.",
                )
            )  # fmt: skip


class _Now(threading.local):
    allowance: Allowance | None = None


_now = _Now()


def current() -> Allowance | None:
    """Return what is left for the load of this thread; None outside of one."""
    return _now.allowance


@contextmanager
def loading(allowance: Allowance | None) -> Iterator[None]:
    """A scope in which ops and layers count; None counts nothing."""
    before, _now.allowance = _now.allowance, allowance
    try:
        yield
    finally:
        _now.allowance = before
