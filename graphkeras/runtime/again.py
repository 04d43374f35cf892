"""What a program remembers of a run, so that one like it begins at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from ctypes import addressof, c_char
from typing import Any

import numpy as np

from graphkeras.runtime import cpu

Shape = tuple[int, ...]


class Last:
    """The arrays of a run: of what kinds they were.

    Args:
        inputs: dtype and shape of each.
        outputs: shape and dtype of each.
        binding: the program's, to these sizes.
    """

    __slots__ = ("_inputs", "_outputs", "binding")

    def __init__(
        self, inputs: Sequence[tuple[np.dtype, Shape]],
        outputs: Sequence[tuple[Shape, np.dtype]], binding: Any,
    ) -> None:  # fmt: skip
        self.binding = binding
        self._inputs = tuple(inputs)
        self._outputs = [(*output, _is_small(*output)) for output in outputs]

    def places(self, inputs: Sequence[Any]) -> list[int] | None:
        """Return the addresses of inputs of the same kinds, else None.

        None, too, if one is not in C order, or cannot be written: no address of it is
        to be had so quickly.
        """
        if len(inputs) != len(self._inputs):
            return None
        found = []
        for array, (kind, shape) in zip(inputs, self._inputs):
            if type(array) is not np.ndarray or array.dtype is not kind:
                return None
            if array.shape != shape:
                return None
            try:
                found.append(addressof(c_char.from_buffer(array)))  # type: ignore[arg-type]
            except (TypeError, ValueError):
                return None
        return found

    def made(self) -> tuple[list[np.ndarray], list[int]]:
        """Return new outputs, and their addresses."""
        arrays, places = [], []
        for shape, kind, small in self._outputs:
            if small:
                array = np.empty(shape, kind)
                place = addressof(c_char.from_buffer(array))  # type: ignore[arg-type]
            else:
                array, place = cpu.placed(shape, kind)
            arrays.append(array)
            places.append(place)
        return arrays, places


def _is_small(shape: Shape, kind: np.dtype) -> bool:
    """Whether it does not matter where an array begins; empty ones begin nowhere."""
    plain = kind.kind in "fiub"
    return plain and 0 < math.prod(shape) * kind.itemsize <= cpu.SMALL
