"""Order statistics, counts, differences, and folds that skip NaN."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras import dtypes
from graphkeras.errors import ArgumentError, message
from graphkeras.ir import dims
from graphkeras.ir.definers import composite, require
from graphkeras.ir.types import normalize_axes, normalize_axis
from graphkeras.ops.arrange import along
from graphkeras.ops.compare import (
    equal,
    greater_equal,
    isnan,
    less,
    less_equal,
    logical_and,
    logical_not,
    not_equal,
    where,
)
from graphkeras.ops.creation import broadcast_to, cast, dtype_of, full_like
from graphkeras.ops.index import argmax, argmin, cumprod, cumsum, gather_along_axis
from graphkeras.ops.linalg import matmul
from graphkeras.ops.math import (
    add,
    ceil,
    divide,
    floor,
    isclose,
    maximum,
    minimum,
    multiply,
    sqrt,
    square,
    subtract,
)
from graphkeras.ops.reduce import all, any, max, mean, min, prod, sum
from graphkeras.ops.scatter import scatter_add
from graphkeras.ops.shape import (
    concatenate,
    expand_dims,
    ndim,
    ravel,
    reshape,
    shape_of,
    stack,
    transpose,
)
from graphkeras.ops.sort import searchsorted, sort

if TYPE_CHECKING:
    from graphkeras.ir.tensor import Tensor


# ------------------------------------------------------------------------ quantiles


def _axes_last(x: Any, axis: Any) -> tuple[Any, tuple[int, ...]]:
    """Return x with `axis` joined into one last axis, and those axes."""
    rank = ndim(x)
    axes = normalize_axes(axis, rank)
    rest = tuple(i for i in range(rank) if i not in axes)
    sizes = shape_of(x)
    lead = tuple(sizes[i] for i in rest)
    count = dims.product(sizes[i] for i in axes)
    return reshape(transpose(x, (*rest, *axes)), (*lead, count)), axes


def _between(place: Any, method: str) -> tuple[Any, Any, Any]:
    """Return (lower place, upper place, share of the upper)."""
    low, high = floor(place), ceil(place)
    if method == "linear":
        return low, high, subtract(place, low)
    if method == "lower":
        return low, low, 0.0
    if method == "higher":
        return high, high, 0.0
    if method == "midpoint":
        return low, high, 0.5
    if method == "nearest":
        half = less_equal(subtract(place, low), 0.5)
        even = equal(low - 2.0 * floor(low / 2.0), 0.0)
        tie = equal(subtract(place, low), 0.5)
        down = logical_and(half, logical_not(logical_and(tie, logical_not(even))))
        nearest = where(down, low, high)
        return nearest, nearest, 0.0
    known = "linear, lower, higher, midpoint, nearest"
    raise ArgumentError(message("quantile", f"expected method among {known}.", method))


def _quantile(
    x: Any, q: Any, axis: Any, method: str, keepdims: bool, skip: bool
) -> Any:
    """Quantiles along `axis`; with `skip` of what is not NaN."""
    kind = dtypes.as_float(dtype_of(x))
    line, axes = _axes_last(cast(x, kind), axis)
    ranked = sort(where(isnan(line), np.inf, line), axis=-1)
    size = shape_of(line)[-1]
    missing = sum(cast(isnan(line), kind), axis=-1, keepdims=True)
    count = subtract(cast(size, kind), missing) if skip else cast(size, kind)
    shares = cast(q, kind)
    place = multiply(reshape(shares, (-1,)), maximum(count - 1.0, 0.0))
    shape = (*shape_of(line)[:-1], dims.product(shape_of(shares)))
    place = broadcast_to(place, shape)
    low, high, share = _between(place, method)
    a, b = (
        gather_along_axis(ranked, cast(p, "int32"), axis=ndim(line) - 1)
        for p in (low, high)
    )
    out = add(a, multiply(subtract(b, a), share))
    if not skip:
        out = where(greater_equal(missing, 1.0), np.nan, out)
    return _shares_first(out, shape_of(shares), shape_of(x), axes, keepdims)


def _shares_first(
    out: Any, shares: tuple, sizes: tuple, axes: tuple[int, ...], keepdims: bool
) -> Any:
    """Move the axis of shares to the front and give reduced axes back."""
    rank = ndim(out)
    turned = transpose(out, (rank - 1, *range(rank - 1)))
    rest = [1 if i in axes else s for i, s in enumerate(sizes)]
    kept = rest if keepdims else [s for i, s in enumerate(sizes) if i not in axes]
    return reshape(turned, (*shares, *kept))


@composite()
def quantile(
    x: Tensor, q: Tensor, axis: Any = None, method: str = "linear",
    keepdims: bool = False,
) -> Any:  # fmt: skip
    """Return the numbers below which shares q of the elements over `axis` lie.

    Args:
        x: a tensor.
        q: shares within [0, 1], of any shape, which comes first in the result.
        axis: axes to look along, all by default.
        method: between two elements: "linear", "lower", "higher", "midpoint" or
            "nearest".
        keepdims: whether to keep the axes with size 1.

    Example:
        >>> quantile(np.array([1.0, 2.0, 3.0]), 0.25)
        array(1.5)
    """
    return _quantile(x, q, axis, method, keepdims, skip=False)


@composite()
def percentile(
    x: Tensor, q: Tensor, axis: Any = None, method: str = "linear",
    keepdims: bool = False,
) -> Any:  # fmt: skip
    """Return quantiles for shares given in percent."""
    return _quantile(x, divide(q, 100.0), axis, method, keepdims, skip=False)


@composite()
def median(x: Tensor, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the middle element over `axis`, or the mean of the two in the middle."""
    return _quantile(x, 0.5, axis, "linear", keepdims, skip=False)


@composite()
def nanquantile(
    x: Tensor, q: Tensor, axis: Any = None, method: str = "linear",
    keepdims: bool = False,
) -> Any:  # fmt: skip
    """Return quantiles of what is not NaN."""
    return _quantile(x, q, axis, method, keepdims, skip=True)


@composite()
def nanpercentile(
    x: Tensor, q: Tensor, axis: Any = None, method: str = "linear",
    keepdims: bool = False,
) -> Any:  # fmt: skip
    """Return percentiles of what is not NaN."""
    return _quantile(x, divide(q, 100.0), axis, method, keepdims, skip=True)


@composite()
def nanmedian(x: Tensor, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the middle of what is not NaN."""
    return _quantile(x, 0.5, axis, "linear", keepdims, skip=True)


# --------------------------------------------------------------------- skipping NaN


def _filled(x: Any, number: Any) -> Any:
    return where(isnan(x), number, x)


@composite()
def nansum(x: Tensor, axis: Any = None, keepdims: bool = False) -> Any:
    """Sum of what is not NaN."""
    return sum(_filled(x, 0), axis=axis, keepdims=keepdims)


@composite()
def nanprod(x: Tensor, axis: Any = None, keepdims: bool = False) -> Any:
    """Product of what is not NaN."""
    return prod(_filled(x, 1), axis=axis, keepdims=keepdims)


@composite()
def nanmean(x: Tensor, axis: Any = None, keepdims: bool = False) -> Any:
    """Mean of what is not NaN."""
    total = sum(_filled(multiply(x, 1.0), 0.0), axis=axis, keepdims=keepdims)
    return total / _present(x, axis, keepdims)


def _present(x: Any, axis: Any, keepdims: bool) -> Any:
    kind = dtypes.as_float(dtype_of(x))
    return sum(cast(logical_not(isnan(x)), kind), axis=axis, keepdims=keepdims)


@composite()
def nanvar(x: Tensor, axis: Any = None, keepdims: bool = False) -> Any:
    """Variance of what is not NaN."""
    gone = isnan(x)
    center = nanmean(x, axis, keepdims=True)
    away = where(gone, 0.0, subtract(where(gone, 0, x), center))
    return sum(square(away), axis=axis, keepdims=keepdims) / _present(x, axis, keepdims)


@composite()
def nanstd(x: Tensor, axis: Any = None, keepdims: bool = False) -> Any:
    """Standard deviation of what is not NaN."""
    return sqrt(nanvar(x, axis, keepdims))


@composite()
def nanmax(x: Tensor, axis: Any = None, keepdims: bool = False) -> Any:
    """Largest of what is not NaN; NaN if nothing is."""
    return _nan_extreme(x, axis, keepdims, max, -np.inf)


@composite()
def nanmin(x: Tensor, axis: Any = None, keepdims: bool = False) -> Any:
    """Smallest of what is not NaN; NaN if nothing is."""
    return _nan_extreme(x, axis, keepdims, min, np.inf)


def _nan_extreme(x: Any, axis: Any, keepdims: bool, fold: Any, loser: float) -> Any:
    if not dtypes.is_float(dtype_of(x)):
        return fold(x, axis=axis, keepdims=keepdims)
    found = fold(_filled(x, loser), axis=axis, keepdims=keepdims)
    return where(all(isnan(x), axis=axis, keepdims=keepdims), np.nan, found)


@composite()
def nanargmax(x: Tensor, axis: Any = None, keepdims: bool = False) -> Any:
    """Place of the largest of what is not NaN; -1 if nothing is."""
    return _nan_place(x, axis, keepdims, argmax, -np.inf)


@composite()
def nanargmin(x: Tensor, axis: Any = None, keepdims: bool = False) -> Any:
    """Place of the smallest of what is not NaN; -1 if nothing is."""
    return _nan_place(x, axis, keepdims, argmin, np.inf)


def _nan_place(x: Any, axis: Any, keepdims: bool, find: Any, loser: float) -> Any:
    if not dtypes.is_float(dtype_of(x)):
        return find(x, axis=axis, keepdims=keepdims)
    found = find(_filled(x, loser), axis=axis, keepdims=keepdims)
    return where(all(isnan(x), axis=axis, keepdims=keepdims), -1, found)


@composite()
def nancumsum(x: Tensor, axis: Any = None, dtype: Any = None) -> Any:
    """Running sum in which NaN counts as 0."""
    return cumsum(_filled(x, 0), axis=axis, dtype=dtype)


@composite()
def nancumprod(x: Tensor, axis: Any = None, dtype: Any = None) -> Any:
    """Running product in which NaN counts as 1."""
    return cumprod(_filled(x, 1), axis=axis, dtype=dtype)


# --------------------------------------------------------------------------- counts


@composite()
def histogram(x: Tensor, bins: int = 10, range: Any = None) -> Any:
    """Return (counts, edges) of equal bins.

    Args:
        x: a tensor.
        bins: number of bins.
        range: (low, high) of the bins; the extremes of x if None.

    Example:
        >>> histogram(np.array([1.0, 2.0, 2.5, 4.0]), bins=3)[0]
        array([1, 2, 1], dtype=int32)
    """
    flat = cast(ravel(x), dtypes.as_float(dtype_of(x)))
    low, high = (min(flat), max(flat)) if range is None else range
    low, high = (cast(end, flat.dtype) for end in (low, high))
    flatness = equal(low, high)
    low, high = where(flatness, low - 0.5, low), where(flatness, high + 0.5, high)
    line = np.arange(bins + 1, dtype=dtypes.to_numpy(dtype_of(flat)))
    edges = add(low, multiply(line / bins, subtract(high, low)))
    place = subtract(searchsorted(edges, flat, side="right"), 1)
    place = where(equal(flat, high), bins - 1, place)
    inside = logical_and(greater_equal(place, 0), less(place, bins))
    place = where(inside, place, 0)
    counts = scatter_add(place, cast(inside, "int32"), size=bins)
    return counts, edges


@composite()
def isin(
    x1: Tensor, x2: Tensor, assume_unique: bool = False, invert: bool = False
) -> Any:
    """Return whether each element of x1 is among those of x2.

    Example:
        >>> isin(np.array([1, 2]), np.array([2, 5]))
        array([False,  True])
    """
    found = any(equal(expand_dims(x1, -1), ravel(x2)), axis=-1)
    return logical_not(found) if invert else found


@composite()
def allclose(
    x1: Tensor, x2: Tensor, rtol: float = 1e-5, atol: float = 1e-8,
    equal_nan: bool = False,
) -> Any:  # fmt: skip
    """Return whether all elements of x1 and x2 are close."""
    return all(isclose(x1, x2, rtol=rtol, atol=atol, equal_nan=equal_nan))


# ---------------------------------------------------------------------- differences


@composite()
def diff(a: Tensor, n: int = 1, axis: int = -1) -> Any:
    """Return the n-th differences of neighbours along `axis`.

    Example:
        >>> diff(np.array([1, 4, 9]))
        array([3, 5])
    """
    axis = normalize_axis(axis, ndim(a))
    for _ in builtins.range(n):
        size = shape_of(a)[axis]
        first, second = along(a, axis, 0, size - 1), along(a, axis, 1, size)
        unlike = dtype_of(a) == "bool"
        a = not_equal(second, first) if unlike else subtract(second, first)
    return a


@composite()
def trapezoid(
    y: Tensor, x: Tensor | None = None, dx: float = 1.0, axis: int = -1
) -> Any:
    """Return the integral along `axis` by the trapezoidal rule.

    Example:
        >>> trapezoid(np.array([1.0, 2.0, 3.0]))
        array(4.)
    """
    axis = normalize_axis(axis, ndim(y))
    size = shape_of(y)[axis]
    middle = add(along(y, axis, 1, size), along(y, axis, 0, size - 1)) * 0.5
    if x is None:
        return sum(multiply(middle, dx), axis=axis)
    line = x
    if ndim(x) == 1:
        line = reshape(x, tuple(-1 if i == axis else 1 for i in range(ndim(y))))
    return sum(multiply(middle, diff(line, axis=axis)), axis=axis)


@composite()
def corrcoef(x: Tensor) -> Any:
    """Return the correlations of the rows of a matrix.

    Example:
        >>> corrcoef(np.array([[1.0, 2.0], [2.0, 4.0]]))
        array([[1., 1.],
               [1., 1.]])
    """
    rows = x if ndim(x) == 2 else reshape(x, (1, -1))
    centered = subtract(rows, mean(rows, axis=1, keepdims=True))
    products = matmul(centered, transpose(centered))
    count = shape_of(rows)[0]
    variances = sum(square(centered), axis=1)
    scale = sqrt(multiply(reshape(variances, (count, 1)), variances))
    out = minimum(maximum(products / scale, -1.0), 1.0)
    return out if ndim(x) == 2 else reshape(out, ())


@composite()
def correlate(x1: Tensor, x2: Tensor, mode: str = "valid") -> Any:
    """Return the cross-correlation of two vectors.

    Args:
        x1: (m,).
        x2: (n,).
        mode: "valid" (whole overlap), "same" (m or n, the larger) or "full".

    Example:
        >>> correlate(np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0]))
        array([2., 3.])
    """
    m, n = shape_of(x1)[0], shape_of(x2)[0]
    require(isinstance(m, int) and isinstance(n, int), "correlate: sizes must be known")
    if m < n:
        return correlate(x2, x1, mode=mode)[::-1]
    low = {"valid": 0, "same": n // 2, "full": n - 1}[mode]
    high = {"valid": 0, "same": (n - 1) // 2, "full": n - 1}[mode]
    padded = concatenate([full_like(x1[:1], 0)] * low + [x1]
                         + [full_like(x1[:1], 0)] * high)  # fmt: skip
    count = m + low + high - n + 1
    windows = stack([padded[i : i + count] for i in builtins.range(n)], axis=-1)
    return sum(multiply(windows, x2), axis=-1)
