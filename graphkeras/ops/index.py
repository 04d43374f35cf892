"""Reading and writing at computed places, and the places of extremes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras import dtypes
from graphkeras.errors import GradientError
from graphkeras.ir import dims
from graphkeras.ir.definers import composite, require, structured
from graphkeras.ir.op import nondifferentiable, unsupported
from graphkeras.ir.types import TensorType, broadcast_shapes, normalize_axis
from graphkeras.ops.compare import equal, logical_and, where
from graphkeras.ops.creation import broadcast_to, cast, dtype_of
from graphkeras.ops.math import divide, floor_divide, mod
from graphkeras.ops.shape import (
    expand_dims,
    moveaxis,
    ndim,
    ravel,
    reshape,
    shape_of,
    transpose,
)

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor


def _indices_first(kinds: Any) -> list[str]:
    return [_index_dtype(kinds[0]), dtypes.resolve(kinds[1])]


def _indices_last(kinds: Any) -> list[str]:
    return [dtypes.resolve(kinds[0]), _index_dtype(kinds[1])]


def _index_dtype(kind: str) -> str:
    """Any number may be an index; floats are cut to integers, as in Keras."""
    kind = dtypes.resolve(kind)
    return kind if kind in ("int32", "int64") else "int32"


def _place(indices: np.ndarray, size: int) -> np.ndarray:
    """Negative places count from the end; what lies outside moves to the edge."""
    return np.clip(np.where(indices < 0, indices + size, indices), 0, max(size - 1, 0))


# --------------------------------------------------------------------- one axis


def _gather_type(x: TensorType, indices: TensorType, *, axis: int) -> TensorType:
    return x.with_shape((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]))


def _gather_vjp(g: Any, y: Any, x: Any, indices: Any) -> Any:
    """Rows of g go back to where they came from; repeated ones add up."""
    axis, rank = y.axis, ndim(indices)
    front = tuple(range(axis, axis + rank))
    rest = tuple(i for i in range(ndim(g)) if i not in front)
    rows = scatter_add(indices, transpose(g, (*front, *rest)), size=x.shape[axis])
    return moveaxis(rows, 0, axis), None


@structured(
    infer=_gather_type,
    kernel="index.take",
    vjp=_gather_vjp,
    onnx=lambda b, y, x, indices: b.Gather(x, indices, axis=y.axis),
    promote=_indices_last,
    canonical=lambda x, indices, *, axis: {"axis": normalize_axis(axis, x.rank)},
)
def gather(x: Tensor, indices: Tensor, *, axis: int) -> Any:
    """x[..., indices, ...] along `axis`; a place outside is moved to the edge."""
    if not x.shape[axis]:
        return np.zeros((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]))
    return np.take(x, _place(indices, x.shape[axis]), axis=axis)


def _chain_type(indices: TensorType, *, size: Any) -> tuple[TensorType, ...]:
    count = dims.product(indices.shape)
    return tuple(TensorType("int32", (n,)) for n in (count, size, count))


@structured(
    infer=_chain_type,
    kernel="index.chain",
    vjp=nondifferentiable,
    onnx=unsupported("only gradients need it"),
    promote=lambda kinds: [_index_dtype(kinds[0])],
)
def chain(indices: Tensor, *, size: Any) -> Any:
    """rows[p], first[size], following[p]: the places p of `indices` by their row.

    The row that each place names, the first place of each row, and the next place of
    the same row; -1 where there is none.
    """
    rows = _place(np.ravel(indices), size).astype("int32")
    order = np.argsort(rows, kind="stable").astype("int32")
    first, following = np.full(size, -1, "int32"), np.full(rows.size, -1, "int32")
    same = rows[order[1:]] == rows[order[:-1]]
    following[order[:-1][same]] = order[1:][same]
    starts = order[np.concatenate([[True], ~same])[: rows.size]]
    first[rows[starts]] = starts
    return rows, first, following


def _sum_type(
    rows: TensorType, first: TensorType, following: TensorType, updates: TensorType
) -> TensorType:
    return updates.with_shape((*first.shape, *updates.shape[1:]))


@structured(
    infer=_sum_type,
    kernel="index.sum_chains",
    vjp=lambda g, y, rows, first, following, updates: (
        None, None, None, gather(g, rows, axis=0),
    ),
    onnx=unsupported("only gradients need it"),
    promote=lambda kinds: ["int32"] * 3 + [dtypes.resolve(kinds[3])],
    ordered=True,
)  # fmt: skip
def sum_chains(rows: Tensor, first: Tensor, following: Tensor, updates: Tensor) -> Any:
    """out[n, ...]: the sum of the updates of each row, in their order; see `chain`."""
    out = np.zeros((*first.shape, *updates.shape[1:]), updates.dtype)
    if first.size:
        np.add.at(out, rows, updates)
    return out


def _scatter_add_onnx(b: Any, y: Any, indices: Any, updates: Any) -> Any:
    zero = b.Expand(b.scalar(0, y.dtype), b.shape(y.type.shape))
    places = b.Unsqueeze(b.cast_to(indices, "int64"), b.ints((-1,)))
    return b.ScatterND(zero, places, updates, reduction="add")


@composite(
    onnx=_scatter_add_onnx,
    vjp=lambda g, y, indices, updates: (None, gather(g, indices, axis=0)),
    promote=_indices_first,
)
def scatter_add(indices: Tensor, updates: Tensor, *, size: Any) -> Any:
    """out[n, ...]: each row of `updates` added to the row its index names."""
    lead, sizes = shape_of(indices), shape_of(updates)
    require(sizes[: len(lead)] == lead, "updates must begin with the shape of indices")
    flat = reshape(updates, (dims.product(lead), *sizes[len(lead) :]))
    rows, first, following = chain(indices, size=size)
    return sum_chains(rows, first, following, flat)


@composite()
def take(x: Tensor, indices: Tensor, axis: Any = None) -> Any:
    """Return the elements of `x` at `indices` along `axis` (of the flat x if None).

    Args:
        x: a tensor.
        indices: integers of any shape; negative ones count from the end.
        axis: the axis to index.

    Returns:
        A tensor of the shape of x with `axis` replaced by the shape of `indices`.

    Example:
        >>> take(np.array([10, 20, 30]), np.array([2, 0, -1]))
        array([30, 10, 30])
    """
    if axis is None:
        return gather(ravel(x), indices, axis=0)
    return gather(x, indices, axis=axis)


# ------------------------------------------------------------------- along an axis


def _along_type(x: TensorType, indices: TensorType, *, axis: int) -> TensorType:
    same = x.rank == indices.rank and all(
        a == b for i, (a, b) in enumerate(zip(x.shape, indices.shape)) if i != axis
    )
    require(same, f"x and indices must agree on every axis but {axis}")
    return x.with_shape(indices.shape)


def _along_vjp(g: Any, y: Any, x: Any, indices: Any) -> Any:
    size = x.shape[y.axis]
    return scatter_add_along_axis(indices, g, axis=y.axis, size=size), None


@structured(
    infer=_along_type,
    kernel="index.take_along_axis",
    vjp=_along_vjp,
    onnx=lambda b, y, x, indices: b.GatherElements(x, indices, axis=y.axis),
    promote=_indices_last,
)
def gather_along_axis(x: Tensor, indices: Tensor, *, axis: int) -> Any:
    """x[..., indices[..., i, ...], ...]: one place of `axis` for each cell."""
    if not x.shape[axis]:
        return np.zeros(indices.shape, x.dtype)
    return np.take_along_axis(x, _place(indices, x.shape[axis]), axis)


def _scatter_along_type(
    indices: TensorType, updates: TensorType, *, axis: int, size: Any
) -> TensorType:
    require(indices.shape == updates.shape, "indices and updates must have one shape")
    sizes = list(updates.shape)
    sizes[axis] = size
    return updates.with_shape(tuple(sizes))


def _scatter_along_onnx(b: Any, y: Any, indices: Any, updates: Any) -> Any:
    zero = b.Expand(b.scalar(0, y.dtype), b.shape(y.type.shape))
    return b.ScatterElements(zero, indices, updates, axis=y.axis, reduction="add")


@structured(
    infer=_scatter_along_type,
    kernel="index.scatter_add_along_axis",
    vjp=lambda g, y, i, u: (None, gather_along_axis(g, i, axis=y.axis)),
    onnx=_scatter_along_onnx,
    promote=_indices_first,
)
def scatter_add_along_axis(
    indices: Tensor, updates: Tensor, *, axis: int, size: Any
) -> Any:
    """out[..., n, ...]: each cell of `updates` added at its place of `axis`."""
    sizes = list(updates.shape)
    sizes[axis] = size
    out = np.zeros(sizes, updates.dtype)
    if size:
        grid = list(np.indices(indices.shape))
        grid[axis] = _place(indices, size)
        np.add.at(out, tuple(grid), updates)
    return out


@composite()
def take_along_axis(x: Tensor, indices: Tensor, axis: Any = None) -> Any:
    """Return one element of `axis` for each cell of `indices`.

    Args:
        x: a tensor.
        indices: integers, of x's rank; other axes broadcast.
        axis: the axis to index, or None for the flat x.

    Example:
        >>> take_along_axis(np.array([[1, 2], [3, 4]]), np.array([[1], [0]]), axis=1)
        array([[2],
               [3]])
    """
    if axis is None:
        return gather_along_axis(ravel(x), ravel(indices), axis=0)
    axis = normalize_axis(axis, ndim(x))
    sizes, places = list(shape_of(x)), list(shape_of(indices))
    count, sizes[axis], places[axis] = sizes[axis], 1, 1
    common = broadcast_shapes(tuple(sizes), tuple(places))
    full = [
        tuple(n if i == axis else c for i, c in enumerate(common))
        for n in (count, shape_of(indices)[axis])
    ]
    whole = x if shape_of(x) == full[0] else broadcast_to(x, full[0])
    cells = indices if shape_of(indices) == full[1] else broadcast_to(indices, full[1])
    return gather_along_axis(whole, cells, axis=axis)


# -------------------------------------------------------------- places of extremes


def _extreme_type(x: TensorType, *, axis: int) -> TensorType:
    require(x.shape[axis] != 0, f"axis {axis} has no elements")
    return TensorType("int32", x.shape[:axis] + x.shape[axis + 1 :])


def _extreme_rule(name: str) -> Any:
    def rule(b: Any, y: Any, x: Any) -> Any:
        if y.inputs[0].dtype == "bool":
            x = b.cast_to(x, "int32")
        return b.cast_to(getattr(b, name)(x, axis=y.axis, keepdims=0), "int32")

    return rule


@structured(
    infer=_extreme_type, kernel="index.argmax", vjp=nondifferentiable,
    onnx=_extreme_rule("ArgMax"),
)  # fmt: skip
def place_of_max(x: Tensor, *, axis: int) -> Any:
    """Place of the largest element along `axis`, the first of equals."""
    return np.argmax(x, axis=axis)


@structured(
    infer=_extreme_type, kernel="index.argmin", vjp=nondifferentiable,
    onnx=_extreme_rule("ArgMin"),
)  # fmt: skip
def place_of_min(x: Tensor, *, axis: int) -> Any:
    """Place of the smallest element along `axis`, the first of equals."""
    return np.argmin(x, axis=axis)


def _extreme(find: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    if axis is None:
        place = find(ravel(x), axis=0)
        return reshape(place, (1,) * ndim(x)) if keepdims else place
    axis = normalize_axis(axis, ndim(x))
    place = find(x, axis=axis)
    return expand_dims(place, axis) if keepdims else place


@composite()
def argmax(x: Tensor, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the place of the largest element along `axis` (of the flat x if None).

    Example:
        >>> argmax(np.array([[1, 5, 2], [7, 0, 7]]), axis=1)
        array([1, 0], dtype=int32)
    """
    return _extreme(place_of_max, x, axis, keepdims)


@composite()
def argmin(x: Tensor, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the place of the smallest element along `axis` (of the flat x if None)."""
    return _extreme(place_of_min, x, axis, keepdims)


# -------------------------------------------------------------------- running totals


def _cumulative_vjp(g: Any, y: Any, x: Any) -> Any:
    if y.combine == "add":
        return _running_sum(g, y, not y.reverse, y.exclusive)
    if y.combine != "multiply" or y.exclusive:
        raise GradientError(f"cumulative: no gradient of combine={y.combine!r}")
    return _running_product_vjp(g, y, x)


def _running_sum(x: Any, y: Any, reverse: bool, exclusive: bool = False) -> Any:
    return cumulative(
        x, axis=y.axis, combine="add", reverse=reverse, exclusive=exclusive
    )


def _running_product_vjp(g: Any, y: Any, x: Any) -> Any:
    """Only the first zero has a gradient of its own; after it all products are 0."""
    zero = equal(x, 0)
    first = logical_and(zero, equal(_running_sum(cast(zero, x.dtype), y, y.reverse), 1))
    rest = cumulative(
        where(first, 1.0, x), axis=y.axis, combine="multiply", reverse=y.reverse,
        exclusive=False,
    )  # fmt: skip
    others = divide(_running_sum(g * y, y, not y.reverse), where(zero, 1.0, x))
    own = _running_sum(g * rest, y, not y.reverse)
    return where(first, own, where(zero, 0.0, others))


def _cumulative_onnx(b: Any, y: Any, x: Any) -> Any:
    if y.combine != "add":
        b.refuse("ONNX has a running sum only")
    axis = b.scalar(y.axis, "int64")
    return b.CumSum(x, axis, exclusive=int(y.exclusive), reverse=int(y.reverse))


@structured(
    infer=lambda x, *, axis, combine, reverse, exclusive: x,
    kernel="sort.cumulative", vjp=_cumulative_vjp, onnx=_cumulative_onnx,
    canonical=lambda x, *, axis, **rest: {**rest, "axis": normalize_axis(axis, x.rank)},
)  # fmt: skip
def cumulative(
    x: Tensor, *, axis: int, combine: str, reverse: bool, exclusive: bool
) -> Any:
    """Running "add", "multiply", "minimum" or "maximum" along `axis`."""
    line = np.flip(x, axis) if reverse else x
    out = getattr(np, combine).accumulate(line, axis=axis, dtype=x.dtype)
    if exclusive:
        start = {"add": 0, "multiply": 1}[combine]
        first = np.full_like(np.take(out, [0] if out.shape[axis] else [], axis), start)
        kept = np.delete(out, -1, axis) if out.shape[axis] else out
        out = np.concatenate([first, kept], axis)
    return np.flip(out, axis) if reverse else out


def _running(x: Any, axis: Any, dtype: Any, combine: str) -> Any:
    kind = dtype_of(x)
    target = dtypes.standardize(dtype) if dtype else kind
    x = cast(x, "int32" if target == "bool" else target)
    line = ravel(x) if axis is None else x
    axis = 0 if axis is None else axis
    return cumulative(line, axis=axis, combine=combine, reverse=False, exclusive=False)


@composite()
def cumsum(x: Tensor, axis: Any = None, dtype: Any = None) -> Any:
    """Return the running sum along `axis` (of the flat x if None).

    Example:
        >>> cumsum(np.array([1, 2, 3]))
        array([1, 3, 6])
    """
    return _running(x, axis, dtype, "add")


@composite()
def cumprod(x: Tensor, axis: Any = None, dtype: Any = None) -> Any:
    """Return the running product along `axis` (of the flat x if None)."""
    return _running(x, axis, dtype, "multiply")


# -------------------------------------------------------------------- coordinates


@composite()
def unravel_index(indices: Tensor, shape: Any) -> Any:
    """Return the coordinates of flat places in a tensor of `shape`, one an axis.

    Example:
        >>> unravel_index(np.array([5]), (2, 3))
        (array([1], dtype=int32), array([2], dtype=int32))
    """
    rest = cast(indices, "int32")
    found = []
    for size in reversed(tuple(shape)):
        found.append(mod(rest, size))
        rest = floor_divide(rest, size)
    return tuple(reversed(found))
