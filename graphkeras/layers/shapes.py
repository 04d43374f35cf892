"""Shapes as users write them, and structures of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphkeras import dtypes
from graphkeras.layers.graph import SymbolicTensor


def unpacked(structure: Any) -> Any:
    """Return the only element of a list or tuple of one, else the structure."""
    one = isinstance(structure, (list, tuple)) and len(structure) == 1
    return structure[0] if one else structure


def is_shape(value: Any) -> bool:
    """Return whether `value` is one shape, not a structure of shapes."""
    return isinstance(value, (tuple, list)) and all(
        d is None or isinstance(d, (int, np.integer)) for d in value
    )


def tree_of_shapes(shapes: Any, dtype: str | None = None) -> Any:
    """Return symbolic tensors for a shape or a structure of shapes."""
    if shapes is None:
        return None
    if is_shape(shapes):
        kind = dtype if dtype is not None and dtypes.is_float(dtype) else None
        return SymbolicTensor(shapes, kind or dtype or "float32", name="size")
    if isinstance(shapes, dict):
        return {k: tree_of_shapes(v, dtype) for k, v in shapes.items()}
    return type(shapes)(tree_of_shapes(v, dtype) for v in shapes)


def shape_from_json(shape: Any) -> Any:
    """Return a shape (or structure of them) with tuples in the place of lists."""
    if is_shape(shape):
        return tuple(shape)
    if isinstance(shape, dict):
        return {k: shape_from_json(v) for k, v in shape.items()}
    return shape if shape is None else [shape_from_json(s) for s in shape]
