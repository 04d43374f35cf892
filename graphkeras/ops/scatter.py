"""Writing at computed places: scatter, windows, and sums over segments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras import dtypes
from graphkeras.errors import ArgumentError, message
from graphkeras.ir import dims
from graphkeras.ir.definers import composite
from graphkeras.ops.compare import (
    equal,
    greater_equal,
    less,
    logical_and,
    logical_not,
    where,
)
from graphkeras.ops.creation import cast, dtype_of, positions
from graphkeras.ops.index import gather, scatter_add
from graphkeras.ops.math import add, maximum, minimum, multiply
from graphkeras.ops.reduce import any, max, min, prod
from graphkeras.ops.shape import expand_dims, ndim, ravel, reshape, shape_of, slice_axes

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor


# ------------------------------------------------------------------------- scatter


def _flat_places(indices: Any, sizes: tuple) -> Any:
    """Turn rows of coordinates into places of the flattened leading axes."""
    count = shape_of(indices)[-1]
    total: Any = 0
    for i in range(count):
        column = indices[..., i]
        wrapped = where(less(column, 0), add(column, sizes[i]), column)
        total = add(multiply(total, sizes[i]), wrapped)
    return total


@composite()
def scatter(indices: Tensor, values: Tensor, shape: Any) -> Any:
    """Return zeros of `shape` with `values` added at `indices`.

    Args:
        indices: (..., k) coordinates along the first k axes of `shape`.
        values: (..., *shape[k:]).
        shape: shape of the result.

    Example:
        >>> scatter(np.array([[0], [2]]), np.array([5, 7]), (3,))
        array([5, 0, 7])
    """
    sizes = tuple(shape)
    count = shape_of(indices)[-1]
    flat = _flat_places(indices, sizes)
    total = dims.product(sizes[:count])
    return reshape(scatter_add(flat, values, size=total), sizes)


@composite()
def scatter_update(
    inputs: Tensor, indices: Tensor, updates: Tensor, reduction: Any = None
) -> Any:
    """Return `inputs` with `updates` put (or added, ...) at `indices`.

    Args:
        inputs: a tensor.
        indices: (n, k) coordinates along the first k axes.
        updates: (n, *inputs.shape[k:]).
        reduction: None (the last of equal places wins), "add", "max", "min" or "mul".

    Example:
        >>> scatter_update(np.array([1, 2, 3]), np.array([[1]]), np.array([9]))
        array([1, 9, 3])
    """
    sizes = shape_of(inputs)
    count = shape_of(indices)[-1]
    if reduction == "add":
        return add(inputs, scatter(indices, updates, sizes))
    rows = reshape(_flat_places(indices, sizes), (-1,))
    size = dims.product(sizes[:count])
    cells = reshape(updates, (shape_of(rows)[0], *sizes[count:]))
    if reduction is None:
        return _scatter_last(inputs, rows, cells, size)
    if reduction not in _REDUCTIONS:
        known = "None, 'add', 'max', 'min', 'mul'"
        raise ArgumentError(
            message("scatter_update", f"expected reduction among {known}.",
                    f"reduction={reduction!r}")
        )  # fmt: skip
    fold, merge = _REDUCTIONS[reduction]
    found = reshape(fold(cells, rows, size), sizes)
    return merge(inputs, found)


def _scatter_last(inputs: Any, rows: Any, cells: Any, size: Any) -> Any:
    """Of several updates of one place only the last is kept."""
    count = shape_of(rows)[0]
    mine, theirs = expand_dims(rows, 1), expand_dims(rows, 0)
    later = less(positions(rows, (count, 1), 0), positions(rows, (1, count), 1))
    last = logical_not(any(logical_and(equal(mine, theirs), later), 1))
    wide = reshape(last, (count,) + (1,) * (ndim(cells) - 1))
    total = scatter_add(rows, where(wide, cells, 0), size=size)
    touched = greater_equal(scatter_add(rows, cast(last, "int32"), size=size), 1)
    sizes = shape_of(inputs)
    lead = (size,) + (1,) * (ndim(cells) - 1)
    flat = reshape(inputs, (size, *shape_of(cells)[1:]))
    return reshape(where(reshape(touched, lead), total, flat), sizes)


def _window(x: Any, start_indices: Any, sizes: tuple) -> list[Any]:
    """Return the start of a window along each axis, kept inside x."""
    starts = (
        list(start_indices)
        if isinstance(start_indices, (list, tuple))
        else [start_indices[i] for i in range(len(sizes))]
    )
    return [
        s if isinstance(s, (int, dims.SymbolicDim)) else cast(s, "int32")
        for s in (int(s) if isinstance(s, np.integer) else s for s in starts)
    ]


@composite()
def slice(inputs: Tensor, start_indices: Any, shape: Any) -> Any:
    """Return the window of `shape` that begins at `start_indices`.

    Args:
        inputs: a tensor.
        start_indices: one int or integer tensor for each axis.
        shape: sizes of the window.

    Example:
        >>> slice(np.arange(9).reshape(3, 3), (1, 1), (2, 2))
        array([[4, 5],
               [7, 8]])
    """
    sizes = tuple(s if d == -1 else d for d, s in zip(shape, shape_of(inputs)))
    starts = _window(inputs, start_indices, sizes)
    if not [s for s in starts if not isinstance(s, (int, dims.SymbolicDim))]:
        limit = tuple(s + n for s, n in zip(starts, sizes))
        return slice_axes(
            inputs, start=tuple(starts), limit=limit, step=(1,) * len(sizes)
        )
    for axis, (start, size) in enumerate(zip(starts, sizes)):
        line = positions(start if hasattr(start, "shape") else inputs, (size,), 0)
        inputs = gather(inputs, add(line, start), axis=axis)
    return inputs


@composite()
def slice_update(inputs: Tensor, start_indices: Any, updates: Tensor) -> Any:
    """Return `inputs` with the window that begins at `start_indices` replaced.

    Example:
        >>> slice_update(np.zeros(4), (1,), np.ones(2))
        array([0., 1., 1., 0.])
    """
    sizes, window = shape_of(inputs), shape_of(updates)
    starts = _window(inputs, start_indices, window)
    inside: Any = None
    for axis, (start, size) in enumerate(zip(starts, window)):
        if size == sizes[axis] and isinstance(start, int) and start == 0:
            continue
        around = tuple(sizes[axis] if i == axis else 1 for i in range(len(sizes)))
        offset = add(positions(inputs, around, axis), multiply(start, -1))
        here = logical_and(greater_equal(offset, 0), less(offset, size))
        inside = here if inside is None else logical_and(inside, here)
        updates = gather(updates, where(ravel(here), ravel(offset), 0), axis=axis)
    kind = inputs.dtype if hasattr(inputs, "dtype") else None
    updates = updates if kind is None else cast(updates, kind)
    return updates if inside is None else where(inside, updates, inputs)


# ------------------------------------------------------------------------ segments


def _segments(data: Any, ids: Any, count: Any) -> tuple[Any, Any]:
    """Return data and membership as (segment, row, ...) tensors that broadcast."""
    trailing = (1,) * (ndim(data) - 1)
    rows = shape_of(data)[0]
    belongs = equal(
        positions(data, (count, 1), 0), reshape(cast(ids, "int32"), (1, rows))
    )
    return expand_dims(data, 0), reshape(belongs, (count, rows, *trailing))


def segment_count(who: str, ids: Any, num_segments: Any) -> Any:
    """Return the number of segments, read off eager ids if it is not given."""
    if num_segments is not None:
        return num_segments
    if getattr(ids, "data", ids) is None:
        raise ArgumentError(message(who, "expected num_segments while tracing."))
    return int(np.max(np.asarray(ids), initial=-1)) + 1


@composite()
def segment_sum(
    data: Tensor, segment_ids: Tensor, num_segments: Any = None, sorted: bool = False
) -> Any:
    """Return for each segment the sum of the rows whose id it is.

    Example:
        >>> segment_sum(np.array([1, 2, 4]), np.array([0, 0, 1]), 2)
        array([3, 4])
    """
    count = segment_count("segment_sum", segment_ids, num_segments)
    return scatter_add(segment_ids, data, size=count)


@composite()
def segment_max(
    data: Tensor, segment_ids: Tensor, num_segments: Any = None, sorted: bool = False
) -> Any:
    """Return for each segment the largest row element; the lowest number if empty."""
    count = segment_count("segment_max", segment_ids, num_segments)
    rows, belongs = _segments(data, segment_ids, count)
    return max(where(belongs, rows, extreme_of(data, "lowest")), axis=1)


@composite()
def segment_min(
    data: Tensor, segment_ids: Tensor, num_segments: Any = None, sorted: bool = False
) -> Any:
    """Return for each segment the smallest row element; the highest number if empty."""
    count = segment_count("segment_min", segment_ids, num_segments)
    rows, belongs = _segments(data, segment_ids, count)
    return min(where(belongs, rows, extreme_of(data, "highest")), axis=1)


@composite()
def segment_prod(
    data: Tensor, segment_ids: Tensor, num_segments: Any = None, sorted: bool = False
) -> Any:
    """Return for each segment the product of its rows; 1 if empty."""
    count = segment_count("segment_prod", segment_ids, num_segments)
    rows, belongs = _segments(data, segment_ids, count)
    return prod(where(belongs, rows, 1), axis=1)


def extreme_of(x: Any, which: str) -> Any:
    """Return the number of x's dtype that loses ("lowest") or wins against all."""
    kind = dtype_of(x)
    if dtypes.is_float(kind):
        return -np.inf if which == "lowest" else np.inf
    info = np.iinfo(dtypes.to_numpy(kind))
    return int(info.min if which == "lowest" else info.max)


_REDUCTIONS = {
    "max": (segment_max, maximum),
    "min": (segment_min, minimum),
    "mul": (segment_prod, multiply),
}
