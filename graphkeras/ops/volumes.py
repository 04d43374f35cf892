"""Convolutions and pools of volumes, made of those of images.

A convolution of a volume is one of images, whose channels are the slices in depth that
a window reads, side by side::

    x[n, d, h, w, c]  --slices-->  [n * depths, h, w, taps * c]  --conv2d-->

A pool folds height and width of each slice, and then depth by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphkeras.ir.definers import composite, require
from graphkeras.ir.dims import Dim
from graphkeras.ops.conv import (
    conv2d,
    conv2d_backward_data,
    conv_rule,
    transposed_rule,
)
from graphkeras.ops.math import add
from graphkeras.ops.pool import average_pool2d, max_pool2d, pool_rule
from graphkeras.ops.shape import (
    ndim,
    pad_interior,
    reshape,
    shape_of,
    slice_axes,
    stack,
    transpose,
)
from graphkeras.ops.window import results

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor

Triple = tuple[int, int, int]


# ------------------------------------------------------------------------- one axis


def _around(axis: int, rank: int, number: Any) -> tuple:
    return tuple(number if i == axis else 0 for i in range(rank))


def _padded(x: Any, axis: int, low: Dim, high: Dim, gap: int = 0) -> Any:
    """Put zeros around and between the cells of an axis; negative ends are cut off."""
    rank = ndim(x)
    more, cut = zip(*(_parts(end) for end in (low, high)))
    ends = [_around(axis, rank, end) for end in (*more, gap)]
    x = pad_interior(x, value=0, low=ends[0], high=ends[1], interior=ends[2])
    limit = [s - c for s, c in zip(shape_of(x), _around(axis, rank, cut[1]))]
    start = _around(axis, rank, cut[0])
    return slice_axes(x, start=start, limit=tuple(limit), step=(1,) * rank)


def _parts(end: Dim) -> tuple[Dim, Dim]:
    """Return (cells added, cells cut off); a size that is free is never negative."""
    return (0, -end) if isinstance(end, int) and end < 0 else (end, 0)


def _every(x: Any, axis: int, first: int, count: Dim, step: int) -> Any:
    """Return `count` cells of an axis from `first` on, `step` apart."""
    sizes = shape_of(x)
    limit = [first + (count - 1) * step + 1 if i == axis else s
             for i, s in enumerate(sizes)]  # fmt: skip
    steps = tuple(step if i == axis else 1 for i in range(len(sizes)))
    return slice_axes(
        x, start=_around(axis, len(sizes), first), limit=tuple(limit), step=steps
    )


# ----------------------------------------------------------------------- convolution


def _flat_weights(w: Any) -> Any:
    """w[kd, kh, kw, i, o] -> [kh, kw, kd * i, o]."""
    kd, kh, kw, i, o = shape_of(w)
    return reshape(transpose(w, (1, 2, 0, 3, 4)), (kh, kw, kd * i, o))


def _flat(attributes: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes without those of the depth."""
    return {k: v if k == "groups" else tuple(v[1:]) for k, v in attributes.items()}


@composite(onnx=conv_rule, promote="float")
def conv3d(
    x: Tensor, w: Tensor, *, strides: Triple, padding: Any, dilation: Triple,
    groups: int,
) -> Any:  # fmt: skip
    """x[n, d, h, w, c], w[kd, kh, kw, i, o] -> [n, z, y, x, o]: cross-correlation."""
    require(ndim(x) == ndim(w) == 5, "expected a volume and weights of rank 5")
    n, d, h, wide, c = shape_of(x)
    taps, step, gap = shape_of(w)[0], strides[0], dilation[0]
    count = results(d, taps, step, padding[0], gap)
    full = _padded(x, 1, *padding[0])
    cells = [_every(full, 1, j * gap, count, step) for j in range(taps)]
    grouped = [reshape(t, (n * count, h, wide, groups, c // groups)) for t in cells]
    image = reshape(stack(grouped, axis=4), (n * count, h, wide, taps * c))
    attributes = {"strides": strides, "padding": padding, "dilation": dilation}
    out = conv2d(image, _flat_weights(w), groups=groups, **_flat(attributes))
    return reshape(out, (n, count, *shape_of(out)[1:]))


@composite(onnx=transposed_rule, promote="float")
def conv3d_backward_data(
    g: Tensor, w: Tensor, *, size: Triple, strides: Triple, padding: Any,
    dilation: Triple, groups: int,
) -> Any:  # fmt: skip
    """g[n, z, y, x, o], w[kd, kh, kw, i, o] -> [n, *size, c]: gradient of conv3d."""
    require(ndim(g) == ndim(w) == 5, "expected a volume and weights of rank 5")
    n, count, rows, columns, o = shape_of(g)
    taps, each, step = shape_of(w)[0], shape_of(w)[3], strides[0]
    attributes = {
        "size": size, "strides": strides, "padding": padding, "dilation": dilation,
    }  # fmt: skip
    image = conv2d_backward_data(
        reshape(g, (n * count, rows, columns, o)), _flat_weights(w), groups=groups,
        **_flat(attributes),
    )  # fmt: skip
    split = reshape(image, (n, count, *size[1:], groups, taps, each))
    total = None
    for j in range(taps):
        part = reshape(_every(split, 5, j, 1, 1), (n, count, *size[1:], groups * each))
        low = j * dilation[0] - padding[0][0]
        high = size[0] - (low + (count - 1) * step + 1)
        placed = _padded(part, 1, low, high, step - 1)
        total = placed if total is None else add(total, placed)
    return total


# -------------------------------------------------------------------------- pooling


def _by_axes(pool: Any, x: Any, window: Triple, strides: Triple, padding: Any) -> Any:
    n, d, h, w, c = shape_of(x)
    slices = pool(
        reshape(x, (n * d, h, w, c)), window=window[1:], strides=strides[1:],
        padding=tuple(padding[1:]),
    )  # fmt: skip
    _, rows, columns, _ = shape_of(slices)
    out = pool(
        reshape(slices, (n, d, rows * columns, c)), window=(window[0], 1),
        strides=(strides[0], 1), padding=(padding[0], (0, 0)),
    )  # fmt: skip
    return reshape(out, (n, shape_of(out)[1], rows, columns, c))


@composite(onnx=pool_rule("MaxPool"))
def max_pool3d(x: Tensor, *, window: Triple, strides: Triple, padding: Any) -> Any:
    """x[n, d, h, w, c] -> [n, z, y, x, c]: largest cell of each window."""
    return _by_axes(max_pool2d, x, window, strides, padding)


@composite(onnx=pool_rule("AveragePool", count_include_pad=0), promote="float")
def average_pool3d(x: Tensor, *, window: Triple, strides: Triple, padding: Any) -> Any:
    """x[n, d, h, w, c] -> [n, z, y, x, c]: mean of the cells of x in each window."""
    return _by_axes(average_pool2d, x, window, strides, padding)
