"""What a program remembers of a run, so that one like it begins at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from graphkeras.runtime import cpu


class Last(NamedTuple):
    """The arrays of the last run: of what kinds they were.

    Attributes:
        inputs: dtype and shape of each.
        outputs: shape and dtype of each.
        binding: the program's, to these sizes.
    """

    inputs: list[tuple[np.dtype, tuple[int, ...]]]
    outputs: list[tuple[tuple[int, ...], np.dtype]]
    binding: Any

    def places(self, inputs: Sequence[Any]) -> list[int] | None:
        """Return the addresses of inputs of the same kinds, else None.

        Those of others can be had, too, but maybe not without a copy.
        """
        if len(inputs) != len(self.inputs):
            return None
        found = []
        for array, (kind, shape) in zip(inputs, self.inputs):
            if type(array) is not np.ndarray or array.dtype is not kind:
                return None
            if array.shape != shape:
                return None
            place = cpu.place_of(array)
            if place is None:
                return None
            found.append(place)
        return found

    def made(self) -> tuple[list[np.ndarray], list[int]]:
        """Return new outputs, and their addresses."""
        arrays, places = [], []
        for shape, kind in self.outputs:
            array, place = cpu.placed(shape, kind)
            arrays.append(array)
            places.append(place)
        return arrays, places
