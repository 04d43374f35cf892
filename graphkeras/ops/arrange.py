"""Splitting, repeating, padding, rolling: arrangements made of simpler movements."""

from __future__ import annotations

import builtins
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras.errors import ArgumentError, message
from graphkeras.ir import dims
from graphkeras.ir.definers import composite, require
from graphkeras.ir.types import normalize_axis
from graphkeras.ops.compare import equal, greater_equal, where
from graphkeras.ops.creation import broadcast_to, positions
from graphkeras.ops.index import gather
from graphkeras.ops.shape import (
    concatenate,
    expand_dims,
    flip,
    getitem,
    moveaxis,
    ndim,
    pad_interior,
    ravel,
    reshape,
    shape_of,
    slice_axes,
    squeeze,
    transpose,
)

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor


def along(x: Any, axis: int, start: Any, limit: Any) -> Any:
    """Return ``x[start:limit]`` along one axis."""
    sizes = shape_of(x)
    begin = tuple(start if i == axis else 0 for i in range(len(sizes)))
    end = tuple(limit if i == axis else s for i, s in enumerate(sizes))
    return slice_axes(x, start=begin, limit=end, step=(1,) * len(sizes))


# ------------------------------------------------------------------ split and join


def _cuts(size: Any, sections: Any, uneven: bool) -> list:
    """Return where the parts of an axis begin and end."""
    if not isinstance(sections, int):
        inner = [int(c) for c in sections]
        return [0, *inner, size]
    if not uneven:
        known = isinstance(size, int)
        fits = not known or size % sections == 0
        require(fits, f"split: size {size} does not divide into {sections} parts")
        return [size // sections * i for i in range(sections + 1)]
    small, larger = divmod(size, sections)
    lengths = [small + (i < larger) for i in range(sections)]
    return [builtins.sum(lengths[:i]) for i in range(sections + 1)]


def _parts(x: Any, sections: Any, axis: int, uneven: bool) -> list[Any]:
    axis = normalize_axis(axis, ndim(x))
    size = shape_of(x)[axis]
    cuts = _cuts(size, sections, uneven)
    if isinstance(size, int):
        cuts = [builtins.min(c + size if c < 0 else c, size) for c in cuts]
        cuts = [builtins.max(cuts[: i + 1]) for i in range(len(cuts))]
    return [along(x, axis, a, z) for a, z in itertools.pairwise(cuts)]


@composite()
def split(x: Tensor, indices_or_sections: Any, axis: int = 0) -> Any:
    """Return the list of equal parts of x along `axis`, or of parts cut at indices.

    Example:
        >>> split(np.arange(4), 2)
        [array([0, 1]), array([2, 3])]
    """
    return _parts(x, indices_or_sections, axis, uneven=False)


@composite()
def array_split(x: Tensor, indices_or_sections: Any, axis: int = 0) -> Any:
    """Return the list of nearly equal parts of x along `axis`."""
    return _parts(x, indices_or_sections, axis, uneven=True)


@composite()
def hsplit(x: Tensor, indices_or_sections: Any) -> Any:
    """Return the parts of x along axis 1 (axis 0 of a vector)."""
    return _parts(x, indices_or_sections, builtins.min(1, ndim(x) - 1), uneven=False)


@composite()
def vsplit(x: Tensor, indices_or_sections: Any) -> Any:
    """Return the parts of x along axis 0."""
    return _parts(x, indices_or_sections, 0, uneven=False)


@composite()
def dsplit(x: Tensor, indices_or_sections: Any) -> Any:
    """Return the parts of x along axis 2."""
    return _parts(x, indices_or_sections, 2, uneven=False)


@composite()
def unstack(x: Tensor, num: int | None = None, axis: int = 0) -> Any:
    """Return the list of slices of x along `axis`, which must have a known size."""
    axis = normalize_axis(axis, ndim(x))
    count = shape_of(x)[axis] if num is None else num
    return [squeeze(along(x, axis, i, i + 1), axis) for i in range(count)]


@composite()
def append(x1: Tensor, x2: Tensor, axis: int | None = None) -> Any:
    """Return x2 joined to the end of x1 along `axis` (both flat if None)."""
    if axis is None:
        return concatenate([ravel(x1), ravel(x2)], axis=0)
    return concatenate([x1, x2], axis=axis)


@composite()
def hstack(xs: Sequence[Tensor]) -> Any:
    """Return tensors joined along axis 1 (axis 0 of vectors)."""
    rows = [reshape(x, (1,)) if not ndim(x) else x for x in xs]
    return concatenate(rows, axis=0 if ndim(rows[0]) == 1 else 1)


@composite()
def vstack(xs: Sequence[Tensor]) -> Any:
    """Return tensors joined along axis 0, vectors as rows."""
    rows = [reshape(x, (1, -1)) if ndim(x) < 2 else x for x in xs]
    return concatenate(rows, axis=0)


@composite()
def dstack(xs: Sequence[Tensor]) -> Any:
    """Return tensors joined along axis 2."""
    deep = []
    for x in xs:
        sizes = shape_of(x)
        full = (1, -1, 1) if len(sizes) < 2 else (*sizes, 1)
        deep.append(x if len(sizes) > 2 else reshape(x, full))
    return concatenate(deep, axis=2)


# ------------------------------------------------------------------ repeat and roll


@composite()
def repeat(x: Tensor, repeats: Any, axis: int | None = None) -> Any:
    """Return each element of x repeated along `axis` (of the flat x if None).

    Args:
        x: a tensor.
        repeats: one number for all, or one for each element of the axis.
        axis: the axis that grows.

    Example:
        >>> repeat(np.array([1, 2]), 2)
        array([1, 1, 2, 2])
    """
    if axis is None:
        x, axis = ravel(x), 0
    axis = normalize_axis(axis, ndim(x))
    counts = [repeats] if _is_size(repeats) else [int(r) for r in np.ravel(repeats)]
    if len(counts) != 1:
        return gather(x, np.repeat(np.arange(len(counts)), counts), axis=axis)
    sizes = shape_of(x)
    before, size, after = sizes[:axis], sizes[axis], sizes[axis + 1 :]
    wide = broadcast_to(expand_dims(x, axis + 1), (*before, size, counts[0], *after))
    return reshape(wide, (*before, size * counts[0], *after))


def _is_size(number: Any) -> bool:
    return isinstance(number, (int, np.integer, dims.SymbolicDim))


@composite()
def tile(x: Tensor, repeats: Any) -> Any:
    """Return x laid out repeatedly along each axis.

    Example:
        >>> tile(np.array([1, 2]), 2)
        array([1, 2, 1, 2])
    """
    counts = [repeats] if _is_size(repeats) else list(repeats)
    rank = builtins.max(len(counts), ndim(x))
    counts = [1] * (rank - len(counts)) + counts
    sizes = (1,) * (rank - ndim(x)) + shape_of(x)
    split_sizes = tuple(d for s in sizes for d in (1, s))
    wide_sizes = tuple(d for n, s in zip(counts, sizes) for d in (n, s))
    wide = broadcast_to(reshape(x, split_sizes), wide_sizes)
    return reshape(wide, tuple(n * s for n, s in zip(counts, sizes)))


@composite()
def roll(x: Tensor, shift: Any, axis: Any = None) -> Any:
    """Return x with elements shifted along `axis`, those that fall off coming back.

    Example:
        >>> roll(np.array([1, 2, 3]), 1)
        array([3, 1, 2])
    """
    if axis is None:
        return reshape(roll(ravel(x), shift, axis=0), shape_of(x))
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    shifts = shift if isinstance(shift, (tuple, list)) else (shift,) * len(axes)
    for a, by in zip(axes, shifts, strict=True):
        a = normalize_axis(a, ndim(x))
        size = shape_of(x)[a]
        if size == 0:
            continue
        cut = (size - by) % size if isinstance(size, int) else size - by
        x = concatenate([along(x, a, cut, size), along(x, a, 0, cut)], axis=a)
    return x


@composite()
def rot90(array: Tensor, k: int = 1, axes: tuple = (0, 1)) -> Any:
    """Return x turned by 90 degrees k times in the plane of two axes."""
    first, second = (normalize_axis(a, ndim(array)) for a in axes)
    require(first != second, "rot90: expected two different axes")
    order = list(range(ndim(array)))
    order[first], order[second] = second, first
    if k % 4 == 0:
        return array
    if k % 4 == 1:
        return transpose(flip(array, second), tuple(order))
    if k % 4 == 2:
        return flip(array, (first, second))
    return flip(transpose(array, tuple(order)), second)


@composite()
def fliplr(x: Tensor) -> Any:
    """Return x reversed along axis 1."""
    return flip(x, 1)


@composite()
def flipud(x: Tensor) -> Any:
    """Return x reversed along axis 0."""
    return flip(x, 0)


# ----------------------------------------------------------------------------- pad


def _pad_pairs(pad_width: Any, rank: int) -> list[tuple]:
    """Return (low, high) of each axis, by NumPy's shorthands."""
    if _is_size(pad_width):
        return [(pad_width, pad_width)] * rank
    pairs = [
        (p, p) if _is_size(p) else tuple(p) if len(p) == 2 else (p[0], p[0])
        for p in pad_width
    ]
    if len(pad_width) == 2 and builtins.all(_is_size(p) for p in pad_width):
        pairs = [tuple(pad_width)]
    pairs = pairs * rank if len(pairs) == 1 else pairs
    require(len(pairs) == rank, f"pad: {len(pairs)} pairs for rank {rank}")
    return pairs


def _mirror_places(size: int, low: int, high: int, edge: bool) -> np.ndarray:
    """Return the source of each cell of an axis reflected as often as needed."""
    period = 2 * size if edge else 2 * (size - 1)
    places = np.arange(-low, size + high)
    if period == 0:
        return np.zeros_like(places)
    folded = places % period
    last = period - 1 if edge else period
    return np.where(folded < size, folded, last - folded).astype("int32")


@composite()
def pad(
    x: Tensor, pad_width: Any, mode: str = "constant", constant_values: Any = None
) -> Any:
    """Return x with cells added around it.

    Args:
        x: a tensor.
        pad_width: ((low, high), ...) for each axis, or one pair or number for all.
        mode: "constant", "reflect" (without the edge) or "symmetric" (with it).
        constant_values: the number used by mode "constant"; 0 if None.

    Example:
        >>> pad(np.array([1, 2, 3]), (1, 2), mode="reflect")
        array([2, 1, 2, 3, 2, 1])
    """
    pairs = _pad_pairs(pad_width, ndim(x))
    if mode == "constant":
        value = 0 if constant_values is None else constant_values
        low, high = zip(*pairs, strict=True) if pairs else ((), ())
        return pad_interior(
            x, value=value, low=low, high=high, interior=(0,) * len(pairs)
        )
    if mode not in ("reflect", "symmetric") or constant_values is not None:
        raise ArgumentError(
            message(
                "pad", "expected mode 'constant' (with constant_values), 'reflect' or"
                " 'symmetric'.", f"mode={mode!r}, constant_values={constant_values!r}",
            )
        )  # fmt: skip
    for axis, (low, high) in enumerate(pairs):
        if (low, high) != (0, 0):
            x = _mirrored(x, axis, low, high, mode == "symmetric")
    return x


def _mirrored(x: Any, axis: int, low: int, high: int, edge: bool) -> Any:
    size = shape_of(x)[axis]
    if isinstance(size, int):
        return gather(x, _mirror_places(size, low, high, edge), axis=axis)
    skip = 0 if edge else 1  # one reflection: the size is taken to be large enough
    before = flip(along(x, axis, skip, skip + low), axis)
    after = flip(along(x, axis, size - skip - high, size - skip), axis)
    return concatenate([before, x, after], axis=axis)


# ----------------------------------------------------------------------- triangles


def _below(x: Any, k: Any) -> Any:
    """Whether each cell of the last two axes lies on or below diagonal k."""
    rows, columns = shape_of(x)[-2:]
    row = positions(x, (rows, 1), 0)
    return greater_equal(row + k, positions(x, (1, columns), 1))


@composite()
def tril(x: Tensor, k: int = 0) -> Any:
    """Return x with zeros above the k-th diagonal of the last two axes."""
    return where(_below(x, k), x, 0)


@composite()
def triu(x: Tensor, k: int = 0) -> Any:
    """Return x with zeros below the k-th diagonal of the last two axes."""
    return where(_below(x, k - 1), 0, x)


def _diagonal_length(rows: int, columns: int, k: int) -> int:
    return builtins.max(0, builtins.min(rows + builtins.min(k, 0),
                                        columns - builtins.max(k, 0)))  # fmt: skip


@composite()
def diagonal(x: Tensor, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Return the elements on a diagonal of two axes, as a new last axis."""
    matrix = moveaxis(x, (axis1, axis2), (-2, -1))
    *lead, rows, columns = shape_of(matrix)
    count = _diagonal_length(rows, columns, offset)
    first = builtins.max(offset, 0) - builtins.min(offset, 0) * columns
    places = first + np.arange(count) * (columns + 1)
    return gather(reshape(matrix, (*lead, rows * columns)), places, axis=len(lead))


@composite()
def diag(x: Tensor, k: int = 0) -> Any:
    """Return the k-th diagonal of a matrix, or the matrix with a vector on it."""
    if ndim(x) == 2:
        return diagonal(x, offset=k)
    require(ndim(x) == 1, "diag: expected a vector or a matrix")
    (count,) = shape_of(x)
    wide = _shifted_row(x, builtins.max(k, 0), builtins.max(-k, 0))
    size = count + builtins.abs(k)
    on = equal(positions(x, (size, 1), 0) + k, positions(x, (1, size), 1))
    return where(on, reshape(wide, (1, size)), 0)


def _shifted_row(x: Any, low: int, high: int) -> Any:
    return pad_interior(x, value=0, low=(low,), high=(high,), interior=(0,))


@composite()
def diagflat(x: Tensor, k: int = 0) -> Any:
    """Return the matrix with the flat x on its k-th diagonal."""
    return diag(ravel(x), k)


get_item = getitem
