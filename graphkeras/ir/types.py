"""What is known of a value before it is computed: its dtype and shape."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphkeras import dtypes
from graphkeras.errors import ShapeError
from graphkeras.ir import dims
from graphkeras.ir.dims import Dim, SymbolicDim

Shape = tuple[Dim, ...]


@dataclass(frozen=True, slots=True)
class TensorType:
    """dtype name and shape; printed as ``f32[batch, 784]``."""

    dtype: str
    shape: Shape

    def __str__(self) -> str:
        return f"{dtypes.SHORT[self.dtype]}[{', '.join(map(str, self.shape))}]"

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> Dim:
        """Number of elements."""
        return dims.product(self.shape)

    @property
    def is_static(self) -> bool:
        """Whether every size is a plain int."""
        return dims.is_static(self.shape)

    def with_shape(self, shape: Shape) -> TensorType:
        """Return the type with another shape."""
        return TensorType(self.dtype, tuple(shape))

    def with_dtype(self, dtype: str) -> TensorType:
        """Return the type with another dtype."""
        return TensorType(dtype, self.shape)

    def at(self, sizes: Mapping[str, Dim]) -> TensorType:
        """Return the type with symbols replaced by sizes."""
        return self.with_shape(tuple(dims.substitute(d, sizes) for d in self.shape))


def type_of(array: np.ndarray) -> TensorType:
    """Return the type of an array."""
    return TensorType(dtypes.of_array(array), tuple(array.shape))


def broadcast_shapes(*shapes: Shape) -> Shape:
    """Return the shape all `shapes` stretch to by NumPy's rule.

    Raises:
        ShapeError: if two sizes differ and neither is 1.
    """
    rank = max((len(s) for s in shapes), default=0)
    out: list[Dim] = [1] * rank
    for shape in shapes:
        for i, size in enumerate(shape, rank - len(shape)):
            if out[i] == 1:
                out[i] = size
            elif size not in (1, out[i]):
                shown = " and ".join(str(list(s)) for s in shapes)
                raise ShapeError(
                    f"shapes {shown} do not broadcast: {out[i]} is not {size}"
                )
    return tuple(out)


def normalize_axis(axis: int, rank: int) -> int:
    """Return `axis` counted from the front.

    Raises:
        ShapeError: if there is no such axis.
    """
    if not -rank <= axis < rank:
        raise ShapeError(f"axis {axis} is out of range for rank {rank}")
    return axis % rank if rank else 0


def normalize_axes(axis: object, rank: int) -> tuple[int, ...]:
    """Return axes as a sorted tuple; None means all of them."""
    if axis is None:
        return tuple(range(rank))
    listed = axis if isinstance(axis, (tuple, list)) else (axis,)
    axes = tuple(sorted(normalize_axis(int(a), rank) for a in listed))
    if len(set(axes)) != len(axes):
        raise ShapeError(f"axis {axis} names an axis twice")
    return axes


def sizes_at(shape: Shape, wanted: Iterable[Any]) -> Shape:
    """Return sizes as a user writes them: None stands for the free size in its place.

    A symbolic tensor's `shape` has None there.
    """
    found: list[Dim] = []
    for i, size in enumerate(wanted):
        free = size is None and i < len(shape)
        size = shape[i] if free else size
        found.append(size if isinstance(size, SymbolicDim) else int(size))
    return tuple(found)
