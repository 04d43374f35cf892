"""Ops that only move elements: views, slices, padding, joining."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras.errors import ShapeError
from graphkeras.ir import dims
from graphkeras.ir.definers import composite, movement, require, structured
from graphkeras.ir.dims import Dim
from graphkeras.ir.types import TensorType, normalize_axis, sizes_at

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor


def shape_of(x: Any) -> tuple:
    """Return the shape of a tensor, array or number."""
    return tuple(x.shape) if hasattr(x, "shape") else np.shape(x)


def shape(x: Any) -> tuple:
    """Return the sizes of `x`: ints, or symbolic sizes while tracing."""
    return shape_of(x)


def size(x: Any) -> Dim:
    """Return the number of elements of `x`."""
    return dims.product(shape_of(x))


def ndim(x: Any) -> int:
    """Return the number of axes of `x`."""
    return len(shape_of(x))


# ------------------------------------------------------------------------ reshape


def _known_shape(x: TensorType, newshape: Any) -> tuple[Dim, ...]:
    """Return `newshape` with its -1 worked out."""
    sizes = tuple(newshape) if isinstance(newshape, (tuple, list)) else (newshape,)
    sizes = sizes_at(x.shape, sizes)
    if -1 not in sizes:
        return sizes
    if sizes.count(-1) > 1:
        raise ShapeError(f"newshape {list(sizes)} has more than one -1")
    rest = dims.product(s for s in sizes if s != -1)
    if rest == 0 or (
        isinstance(rest, int) and isinstance(x.size, int) and x.size % rest
    ):
        raise ShapeError(f"{x.size} elements do not fill newshape {list(sizes)}")
    return tuple(dims.floordiv(x.size, rest) if s == -1 else s for s in sizes)


def _reshape_infer(x: TensorType, *, newshape: tuple) -> TensorType:
    if dims.product(newshape) != x.size:
        raise ShapeError(f"{x.size} elements do not fill newshape {list(newshape)}")
    return x.with_shape(newshape)


def _reshape_index(out: tuple, x: TensorType, *, newshape: tuple) -> tuple:
    flat: Any = 0
    for i, size in zip(out, newshape, strict=True):
        flat = flat * size + i
    found = []
    for size in reversed(x.shape[1:]):
        found.append(flat % (size or 1))  # with no elements nothing is ever read
        flat = flat // (size or 1)
    return (flat, *reversed(found)) if x.shape else ()


@movement(
    infer=_reshape_infer,
    index=_reshape_index,
    vjp=lambda g, y, x: reshape(g, x.shape),
    onnx=lambda b, y, x: b.reshape(x, y.type.shape),
    canonical=lambda x, *, newshape: {"newshape": _known_shape(x, newshape)},
    view=True,
)
def reshape(x: Tensor, newshape: Any) -> Any:
    """Return the elements of `x` in C order in another shape; one size may be -1.

    Example:
        >>> reshape(np.arange(6), (2, -1)).shape
        (2, 3)
    """
    return np.reshape(x, newshape)


def _insert(shape: tuple, axis: Any) -> tuple:
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    rank = len(shape) + len(axes)
    places = {normalize_axis(a, rank) for a in axes}
    rest = iter(shape)
    return tuple(1 if i in places else next(rest) for i in range(rank))


@composite()
def expand_dims(x: Tensor, axis: Any) -> Any:
    """Return `x` with axes of size 1 inserted at `axis`."""
    return reshape(x, _insert(shape_of(x), axis))


@composite()
def squeeze(x: Tensor, axis: Any = None) -> Any:
    """Return `x` without its axes of size 1 (or without `axis`, which must be 1)."""
    sizes = shape_of(x)
    if axis is None:
        return reshape(x, tuple(s for s in sizes if s != 1))
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    gone = {normalize_axis(a, len(sizes)) for a in axes}
    for a in gone:
        require(sizes[a] == 1, f"squeeze: axis {a} has size {sizes[a]}, not 1")
    return reshape(x, tuple(s for i, s in enumerate(sizes) if i not in gone))


@composite()
def ravel(x: Tensor) -> Any:
    """Return the elements of `x` as a vector."""
    return reshape(x, (-1,))


# ---------------------------------------------------------------------- transpose


def _order(x: TensorType, axes: Any) -> dict[str, Any]:
    if axes is None:
        return {"axes": tuple(reversed(range(x.rank)))}
    found = tuple(normalize_axis(a, x.rank) for a in axes)
    require(
        sorted(found) == list(range(x.rank)), f"axes {axes} do not name each axis once"
    )
    return {"axes": found}


def _transpose_index(out: tuple, x: TensorType, *, axes: tuple) -> tuple:
    place = {axis: i for i, axis in enumerate(axes)}
    return tuple(out[place[i]] for i in range(x.rank))


def _inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.argsort(axes))


@movement(
    infer=lambda x, *, axes: x.with_shape(tuple(x.shape[a] for a in axes)),
    index=_transpose_index,
    vjp=lambda g, y, x: transpose(g, _inverse(y.axes)),
    onnx=lambda b, y, x: b.Transpose(x, perm=list(y.axes)),
    canonical=lambda x, *, axes: _order(x, axes),
)
def transpose(x: Tensor, axes: Any = None) -> Any:
    """Return `x` with its axes in another order (reversed by default)."""
    return np.transpose(x, axes)


@composite()
def swapaxes(x: Tensor, axis1: int, axis2: int) -> Any:
    """Return `x` with two axes exchanged."""
    order = list(range(ndim(x)))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return transpose(x, tuple(order))


@composite()
def moveaxis(x: Tensor, source: Any, destination: Any) -> Any:
    """Return `x` with axes moved to new positions, the others in their order."""
    rank = ndim(x)
    pair = [a if isinstance(a, (tuple, list)) else (a,) for a in (source, destination)]
    froms, tos = ([normalize_axis(a, rank) for a in axes] for axes in pair)
    order = [a for a in range(rank) if a not in froms]
    for to, origin in sorted(zip(tos, froms, strict=True)):
        order.insert(to, origin)
    return transpose(x, tuple(order))


# -------------------------------------------------------------- slice, pad, flip


def _slice_infer(
    x: TensorType, *, start: tuple, limit: tuple, step: tuple
) -> TensorType:
    sizes = []
    for low, high, stride in zip(start, limit, step, strict=True):
        sizes.append(dims.ceildiv(high - low, stride))
    for size, high in zip(x.shape, limit, strict=True):
        both = isinstance(size, int) and isinstance(high, int)
        require(not both or high <= size, f"slice limit {high} is past the size {size}")
    return x.with_shape(tuple(sizes))


def _slice_vjp(g: Any, y: Any, x: Any) -> Any:
    highs = []
    for size, low, n, stride in zip(x.shape, y.start, y.shape, y.step, strict=True):
        highs.append(size - low - ((n - 1) * stride + 1))
    return pad_interior(g, 0, y.start, tuple(highs), tuple(s - 1 for s in y.step))


def _slice_onnx(b: Any, y: Any, x: Any) -> Any:
    axes = tuple(range(len(y.start)))
    return b.Slice(x, b.shape(y.start), b.shape(y.limit), b.ints(axes), b.ints(y.step))


@movement(
    infer=_slice_infer,
    index=lambda out, x, *, start, limit, step: tuple(
        i * k + low for i, low, k in zip(out, start, step)
    ),
    vjp=_slice_vjp,
    onnx=_slice_onnx,
)
def slice_axes(x: Tensor, *, start: tuple, limit: tuple, step: tuple) -> Any:
    """Return ``x[start:limit:step]`` along every axis; steps are positive."""
    return x[tuple(builtins.slice(a, z, s) for a, z, s in zip(start, limit, step))]


def _pad_infer(
    x: TensorType, *, value: Any, low: tuple, high: tuple, interior: tuple
) -> TensorType:
    sizes = []
    for size, lo, hi, gap in zip(x.shape, low, high, interior, strict=True):
        sizes.append(lo + hi + (size if gap == 0 else (size - 1) * (gap + 1) + 1))
    return x.with_shape(tuple(sizes))


def _pad_index(out: tuple, x: TensorType, **a: Any) -> tuple:
    rows = zip(out, a["low"], a["interior"], strict=True)
    return tuple((i - lo) // (gap + 1) if gap else i - lo for i, lo, gap in rows)


def _pad_inside(out: tuple, x: TensorType, **a: Any) -> list:
    """An element exists in range and, with gaps, on the grid."""
    tests: list = []
    for i, lo, gap, size in zip(out, a["low"], a["interior"], x.shape, strict=True):
        tests.append((0, i - lo, size if gap == 0 else (size - 1) * (gap + 1) + 1))
        if gap:
            tests.append((i - lo, gap + 1))
    return tests


def _pad_vjp(g: Any, y: Any, x: Any) -> Any:
    limit = tuple(s - hi for s, hi in zip(y.shape, y.high))
    return slice_axes(
        g, start=y.low, limit=limit, step=tuple(gap + 1 for gap in y.interior)
    )


def _pad_onnx(b: Any, y: Any, x: Any) -> Any:
    """Gaps are made by reshape, pad and reshape: ONNX has no interior padding."""
    sizes = list(y.inputs[0].shape)
    for axis, gap in enumerate(y.interior):
        if gap:
            x = _spread_onnx(b, x, sizes, axis, gap, y.value, y.dtype)
            sizes[axis] = (sizes[axis] - 1) * (gap + 1) + 1
    if not builtins.any(y.low) and not builtins.any(y.high):
        return b.Identity(x)
    return b.Pad(x, b.shape((*y.low, *y.high)), b.scalar(y.value, y.dtype))


def _spread_onnx(
    b: Any, x: Any, sizes: list, axis: int, gap: int, value: Any, dtype: str
) -> Any:
    before, after = sizes[:axis], sizes[axis + 1 :]
    split = b.reshape(x, (*before, sizes[axis], 1, *after))
    pads = [0] * (2 * len(sizes) + 2)
    pads[len(sizes) + 1 + axis + 1] = gap
    wide = b.Pad(split, b.ints(pads), b.scalar(value, dtype))
    joined = b.reshape(wide, (*before, sizes[axis] * (gap + 1), *after))
    end = sizes[axis] * (gap + 1) - gap
    return b.Slice(joined, b.ints((0,)), b.shape((end,)), b.ints((axis,)))


@movement(
    infer=_pad_infer,
    index=_pad_index,
    inside=_pad_inside,
    vjp=_pad_vjp,
    onnx=_pad_onnx,
)
def pad_interior(
    x: Tensor, value: Any, low: tuple, high: tuple, interior: tuple
) -> Any:
    """Return `x` with `low`/`high` cells around and `interior` cells between elements.

    Sizes may not be negative. Source: the Pad operation of XLA.
    """
    out = x
    for axis, gap in enumerate(interior):
        if gap and out.shape[axis]:
            wide = [*out.shape]
            wide[axis] = (out.shape[axis] - 1) * (gap + 1) + 1
            grid = np.full(wide, value, out.dtype)
            place = [builtins.slice(None)] * out.ndim
            place[axis] = builtins.slice(None, None, gap + 1)
            grid[tuple(place)] = out
            out = grid
    return np.pad(out, list(zip(low, high)), constant_values=value)


def _flip_axes(x: TensorType, axis: Any) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(x.rank))
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    return tuple(sorted(normalize_axis(a, x.rank) for a in axes))


def _flip_onnx(b: Any, y: Any, x: Any) -> Any:
    axes, n = y.axis, len(y.axis)
    ends = b.ints([-(2**31)] * n)
    return b.Slice(x, b.ints([-1] * n), ends, b.ints(axes), b.ints([-1] * n))


@movement(
    infer=lambda x, *, axis: x,
    index=lambda out, x, *, axis: tuple(
        x.shape[i] - 1 - o if i in axis else o for i, o in enumerate(out)
    ),
    vjp=lambda g, y, x: flip(g, axis=y.axis),
    onnx=_flip_onnx,
    involution=True,
    canonical=lambda x, *, axis: {"axis": _flip_axes(x, axis)},
)
def flip(x: Tensor, axis: Any = None) -> Any:
    """Return `x` with the order of elements reversed along `axis`."""
    return np.flip(x, axis)


# ------------------------------------------------------------------- concatenate


def _concatenate_infer(*xs: TensorType, axis: int) -> TensorType:
    require(len(xs) > 0, "expected at least one tensor")
    first = xs[0]
    for x in xs:
        same = x.rank == first.rank and builtins.all(
            a == b for i, (a, b) in enumerate(zip(x.shape, first.shape)) if i != axis
        )
        require(same, f"sizes must agree on every axis but {axis}")
    sizes = list(first.shape)
    total: Dim = 0
    for x in xs:
        total = total + x.shape[axis]
    sizes[axis] = total
    return first.with_shape(tuple(sizes))


def _concatenate_vjp(g: Any, y: Any, *xs: Any) -> tuple:
    parts, at = [], 0
    for x in xs:
        start, limit = [0] * x.rank, list(g.shape)
        start[y.axis], limit[y.axis] = at, at + x.shape[y.axis]
        at = limit[y.axis]
        parts.append(
            slice_axes(g, start=tuple(start), limit=tuple(limit), step=(1,) * x.rank)
        )
    return tuple(parts)


@structured(
    infer=_concatenate_infer,
    kernel="move.concatenate",
    vjp=_concatenate_vjp,
    onnx=lambda b, y, *xs: b.Concat(*xs, axis=y.axis),
    promote="same",
    canonical=lambda *xs, axis: {"axis": normalize_axis(axis, xs[0].rank)},
)
def concatenate(xs: Sequence[Tensor], axis: int = 0) -> Any:
    """Return the tensors of a list joined along an axis they have."""
    return np.concatenate(xs, axis=axis)


@composite()
def stack(x: Sequence[Tensor], axis: int = 0) -> Any:
    """Return the tensors of a list joined along a new axis."""
    return concatenate([expand_dims(part, axis) for part in x], axis=axis)


# ----------------------------------------------------------------------- indexing


def _slice_bounds(key: builtins.slice, size: Dim) -> tuple[Dim, Dim, int]:
    """Return (start, limit, step) of a Python slice on an axis of `size`."""
    step = 1 if key.step is None else int(key.step)
    if isinstance(size, int):
        low, high = (None if k is None else int(k) for k in (key.start, key.stop))
        start, stop, step = builtins.slice(low, high, step).indices(size)
        if step < 0:  # the same elements in ascending order, to be flipped
            count = builtins.max(0, (start - stop - step - 1) // -step)
            first = start + (count - 1) * step if count else 0
            return first, (start + 1 if count else 0), -step
        return start, builtins.max(start, stop), step
    if step < 0:
        if (key.start, key.stop, step) != (None, None, -1):
            raise ShapeError("a free size is reversed by [::-1] only")
        return 0, size, 1
    ends = [key.start or 0, size if key.stop is None else key.stop]
    ends = [size + e if isinstance(e, int) and e < 0 else e for e in ends]
    return ends[0], ends[1], step


@composite(operator="[]")
def getitem(x: Tensor, key: Any) -> Any:
    """Return ``x[key]`` for ints, slices, None, Ellipsis and index tensors.

    The tensors are integers of rank 0, and one of rank 1 at most.
    """
    keys = list(key) if isinstance(key, tuple) else [key]
    if builtins.any(k is Ellipsis for k in keys):
        at = next(i for i, k in enumerate(keys) if k is Ellipsis)
        used = builtins.sum(k is not None and k is not Ellipsis for k in keys)
        keys[at : at + 1] = [builtins.slice(None)] * (ndim(x) - used)
    return _apply_keys(x, keys)


def _apply_keys(x: Any, keys: list) -> Any:
    sizes = shape_of(x)
    start: list[Dim] = [0] * len(sizes)
    limit, step = list(sizes), [1] * len(sizes)
    final: list[Any] = []  # None: drop the axis; int: keep; "new": insert
    backwards: list[int] = []
    axis, lookups = 0, []
    for key in keys:
        if key is None:
            final.append("new")
            continue
        require(axis < len(sizes), f"too many indices for rank {len(sizes)}")
        if isinstance(key, builtins.slice):
            start[axis], limit[axis], step[axis] = _slice_bounds(key, sizes[axis])
            backwards += [axis] if (key.step or 1) < 0 else []
            final.append(axis)
        elif isinstance(key, (int, np.integer)) and not isinstance(key, bool):
            at = _place(int(key), sizes[axis])
            start[axis], limit[axis] = at, at + 1
            final.append(None)
        else:
            lookups.append((axis, key))
            final.append(axis if ndim(key) else None)
        axis += 1
    final += list(range(axis, len(sizes)))
    whole = ([0] * len(sizes), list(sizes), [1] * len(sizes))
    moved = x
    if (start, limit, step) != whole:
        moved = slice_axes(x, start=tuple(start), limit=tuple(limit), step=tuple(step))
    moved = flip(moved, tuple(backwards)) if backwards else moved
    return _finish(moved, final, lookups)


def _place(key: int, size: Dim) -> Dim:
    at = key + (size if key < 0 else 0)
    if isinstance(at, int) and isinstance(size, int) and not 0 <= at < size:
        raise IndexError(f"index {key} is out of range for size {size}")
    return at


def _finish(moved: Any, final: list, lookups: list) -> Any:
    lines = builtins.sum(ndim(key) > 0 for _, key in lookups)
    require(lines < 2, "expected at most one tensor of rank 1 among the indices")
    for axis, key in lookups:
        from graphkeras.ir.op import OPS, call

        require(ndim(key) < 2, "expected index tensors of rank 0 or 1")
        line = key if ndim(key) else reshape(key, (1,))
        moved = call(OPS["take"], (moved, line), {"axis": axis})
    sizes = shape_of(moved)
    kept = tuple(1 if f == "new" else sizes[f] for f in final if f is not None)
    return moved if kept == sizes else reshape(moved, kept)
