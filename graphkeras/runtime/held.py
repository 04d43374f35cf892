"""The variables' arrays that a program's table points to.

The same arrays come step after step: what was looked at once is only compared by
identity the next time. They are held weakly, so that a model may give them up.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from graphkeras.errors import DTypeError, message
from graphkeras.runtime import cpu

if TYPE_CHECKING:
    from graphkeras.runtime.program import Port

Shape = tuple[int, ...]


class HeldState:
    """Addresses and shapes of the arrays of a program's state.

    Args:
        name: the program's, for messages.
        ports: what each array must be.
    """

    def __init__(self, name: str, ports: Sequence[Port]) -> None:
        self.name, self.ports = name, ports
        self.shapes: tuple[Shape, ...] = ((),) * len(ports)
        self.places: set[int] = set()
        self._places = [0] * len(ports)
        self._named: list[int] = []  # `id` of each array, empty if one may be gone
        self._arrays: list[Callable[[], np.ndarray | None]] = [_nothing] * len(ports)

    def take(self, state: Sequence[np.ndarray]) -> Iterator[tuple[int, int]]:
        """Yield (number, address) of each array that is another than the last time.

        Raises:
            DTypeError: if compiled code cannot write into one.
        """
        named = list(map(id, state))
        if named == self._named:  # of arrays that are still there: it is they
            return
        forget = partial(_forget, self._named)
        others = [
            i for i, (a, old) in enumerate(zip(state, self._arrays)) if old() is not a
        ]
        for number in others:  # all of them before any is taken
            self._check(state[number], self.ports[number])
        for number in others:
            array = state[number]
            self._arrays[number] = weakref.ref(array, forget)
            self._places[number] = cpu.address(array)
            yield number, self._places[number]
        shapes = tuple([array.shape for array in state])
        if shapes != self.shapes:  # else it stays the same object: quick to compare
            self.shapes = shapes
        self.places = set(self._places)
        self._named[:] = named

    def holds(self, state: Sequence[np.ndarray]) -> bool:
        """Whether these are the arrays of the last time."""
        return list(map(id, state)) == self._named

    def _check(self, array: np.ndarray, port: Port) -> None:
        fits = array.dtype == port.kind and array.flags.c_contiguous
        if not (fits and array.flags.writeable):
            raise DTypeError(
                message(
                    f"{self.name}: {port.name}",
                    f"expected a writeable {port.dtype} array in C order.",
                    f"dtype {array.dtype}, strides {array.strides}",
                    "Pass the variable's own array.",
                )
            )  # fmt: skip


def _nothing() -> None:
    return None


def _forget(named: list[int], _: object) -> None:
    """An array is gone: another one may get its number."""
    named.clear()
