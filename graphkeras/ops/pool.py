"""Pooling: the largest or the mean of each window, and the gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras import dtypes
from graphkeras.ir.definers import require, structured
from graphkeras.ir.op import nondifferentiable, unsupported
from graphkeras.ir.types import TensorType
from graphkeras.ops.window import (
    Padding,
    Pair,
    channels_first,
    channels_last,
    onnx_padding,
    padded,
    results,
    taps_of,
    unpadded,
    wide,
)

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor


def _pool_type(
    x: TensorType, *, window: Pair, strides: Pair, padding: Padding
) -> TensorType:
    require(x.rank == 4, "expected an image of rank 4")
    rows = zip(x.shape[1:3], window, strides, padding, strict=True)
    return x.with_shape((x.shape[0], *(results(*row) for row in rows), x.shape[3]))


def _attributes(y: Any) -> dict[str, Any]:
    return {"window": y.window, "strides": y.strides, "padding": y.padding}


def pool_rule(name: str, **more: int) -> Any:
    """MaxPool or AveragePool, of images and volumes."""

    def rule(b: Any, y: Any, x: Any) -> Any:
        sizes = y.inputs[0].shape[1:-1]
        out = getattr(b, name)(
            channels_first(b, y, x), kernel_shape=list(y.window),
            strides=list(y.strides), **onnx_padding(b, y, sizes, y.window), **more,
        )  # fmt: skip
        return channels_last(b, y, out)

    return rule


def _sizes(x: np.ndarray, window: Pair, strides: Pair, padding: Padding) -> Pair:
    rows = zip(x.shape[1:3], window, strides, padding, strict=True)
    return tuple(results(*row) for row in rows)  # type: ignore[return-value]


# ------------------------------------------------------------------------- maximum


def _lowest(x: np.ndarray) -> Any:
    kind = dtypes.of_array(x)
    return -np.inf if dtypes.is_float(kind) else np.iinfo(x.dtype).min


def _max_vjp(g: Any, y: Any, x: Any) -> Any:
    places = max_pool2d_places(x, **_attributes(y))[1]
    return max_unpool2d(places, g, size=x.shape[1:3], **_attributes(y))


@structured(
    infer=_pool_type, kernel="pool.max_pool2d", vjp=_max_vjp, onnx=pool_rule("MaxPool")
)
def max_pool2d(x: Tensor, *, window: Pair, strides: Pair, padding: Padding) -> Any:
    """x[n, h, w, c] -> [n, y, x, c]: largest cell of each window."""
    full, size = padded(x, padding, _lowest(x)), _sizes(x, window, strides, padding)
    views = [cells for _, _, cells in taps_of(full, window, size, strides)]
    return np.maximum.reduce(views)


def _places_type(x: TensorType, **attributes: Any) -> tuple[TensorType, TensorType]:
    most = _pool_type(x, **attributes)
    rows, columns = attributes["window"]
    taps = rows * columns
    few = isinstance(taps, int) and taps <= 256
    return most, TensorType("uint8" if few else "int32", most.shape)


@structured(
    infer=_places_type,
    kernel="pool.max_pool2d_places",
    vjp=nondifferentiable,
    onnx=unsupported("training only"),
)
def max_pool2d_places(
    x: Tensor, *, window: Pair, strides: Pair, padding: Padding
) -> Any:
    """x -> (max_pool2d(x), the tap of each window where its first maximum lies).

    Taps count row by row through the window. A gradient needs to know no more than
    them, so that x itself need not be kept.
    """
    full, size = padded(x, padding, _lowest(x)), _sizes(x, window, strides, padding)
    inside = padded(np.ones((1, *x.shape[1:3], 1), bool), padding, False)
    taps = zip(
        taps_of(full, window, size, strides), taps_of(inside, window, size, strides)
    )
    most = np.maximum.reduce([c for _, _, c in taps_of(full, window, size, strides)])
    kind = "uint8" if window[0] * window[1] <= 256 else "int32"
    places, free = np.zeros(most.shape, kind), np.ones(most.shape, bool)
    for (i, j, cells), (_, _, exists) in taps:
        same = (cells == most) | ((cells != cells) & (most != most))
        hit = free & same & exists
        places[hit] = i * window[1] + j
        free &= ~hit
    return most, places


def _unpool_type(places: TensorType, g: TensorType, **rest: Any) -> TensorType:
    return g.with_shape((g.shape[0], *rest["size"], g.shape[3]))


@structured(
    infer=_unpool_type,
    kernel="pool.max_unpool2d",
    vjp=lambda h, y, places, g: (None, pool_at_places2d(places, h, **_attributes(y))),
    onnx=unsupported("training only"),
)
def max_unpool2d(
    places: Tensor, g: Tensor, *, size: Pair, window: Pair, strides: Pair,
    padding: Padding,
) -> Any:  # fmt: skip
    """places, g[n, y, x, c] -> [n, *size, c]: g of each window at its place."""
    out = padded(np.zeros((g.shape[0], *size, g.shape[3]), wide(g).dtype), padding, 0)
    for i, j, cells in taps_of(out, window, g.shape[1:3], strides):
        cells += np.where(places == i * window[1] + j, g, 0)
    return unpadded(out, padding, size)


def _at_places_vjp(g: Any, y: Any, places: Any, x: Any) -> Any:
    return None, max_unpool2d(places, g, size=x.shape[1:3], **_attributes(y))


@structured(
    infer=lambda places, x, **rest: x.with_shape(places.shape),
    kernel="pool.pool_at_places2d",
    vjp=_at_places_vjp,
    onnx=unsupported("training only"),
)
def pool_at_places2d(
    places: Tensor, x: Tensor, *, window: Pair, strides: Pair, padding: Padding
) -> Any:
    """places[n, y, x, c], x[n, h, w, c] -> [n, y, x, c]: each window's cell there."""
    full, out = padded(x, padding, 0), np.zeros(places.shape, x.dtype)
    for i, j, cells in taps_of(full, window, places.shape[1:3], strides):
        out = np.where(places == i * window[1] + j, cells, out)
    return out


# ---------------------------------------------------------------------------- mean


def _average_vjp(g: Any, y: Any, x: Any) -> Any:
    return average_pool2d_backward(g, size=x.shape[1:3], **_attributes(y))


@structured(
    infer=_pool_type, kernel="pool.average_pool2d", vjp=_average_vjp,
    onnx=pool_rule("AveragePool", count_include_pad=0), promote="float",
)  # fmt: skip
def average_pool2d(x: Tensor, *, window: Pair, strides: Pair, padding: Padding) -> Any:
    """x[n, h, w, c] -> [n, y, x, c]: mean of the cells of x inside each window."""
    size = _sizes(x, window, strides, padding)
    full = padded(wide(x), padding, 0)
    total = sum(cells for _, _, cells in taps_of(full, window, size, strides))
    return total / _counts(x.shape, window, strides, padding, size, full.dtype)


def _counts(
    shape: tuple, window: Pair, strides: Pair, padding: Padding, size: Pair, dtype: Any
) -> np.ndarray:
    """How many cells of the image lie inside each window."""
    ones = padded(np.ones((1, *shape[1:3], 1), dtype), padding, 0)
    return np.asarray(
        sum(cells for _, _, cells in taps_of(ones, window, size, strides))
    )


@structured(
    infer=lambda g, *, size, **rest: g.with_shape((g.shape[0], *size, g.shape[3])),
    kernel="pool.average_pool2d_backward",
    vjp=lambda h, y, g: average_pool2d(h, **_attributes(y)),
    onnx=unsupported("training only"),
    promote="float",
)
def average_pool2d_backward(
    g: Tensor, *, size: Pair, window: Pair, strides: Pair, padding: Padding
) -> Any:
    """g[n, y, x, c] -> [n, *size, c]: each cell's shares of its windows' gradients."""
    count, out = g.shape[0], g.shape[1:3]
    shape = (count, *size, g.shape[3])
    share = wide(g) / _counts(shape, window, strides, padding, out, wide(g).dtype)
    full = padded(np.zeros(shape, share.dtype), padding, 0)
    for _, _, cells in taps_of(full, window, out, strides):
        cells += share
    return unpadded(full, padding, size)
