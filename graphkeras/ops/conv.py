"""Convolution of images: one primitive and its two gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras.ir import dims
from graphkeras.ir.definers import require, structured
from graphkeras.ir.op import unsupported
from graphkeras.ir.types import TensorType
from graphkeras.ops.window import (
    Padding,
    Pair,
    channels_first,
    channels_last,
    onnx_padding,
    padded,
    reach,
    results,
    taps_of,
    unpadded,
    wide,
)

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor


def _product(x: np.ndarray, w: np.ndarray, groups: int) -> np.ndarray:
    """x[..., g*i], w[i, g*o] -> [..., g*o]: a product inside each group."""
    if groups == 1:
        return x @ w
    split = w.reshape(w.shape[0], groups, -1)
    cells = x.reshape(*x.shape[:-1], groups, w.shape[0])
    out = np.einsum("...gi,igo->...go", cells, split)
    return out.reshape(*x.shape[:-1], w.shape[1])


def _transposed(w: np.ndarray, groups: int) -> np.ndarray:
    """w[i, g*o] -> [o, g*i]: the weights as the gradient reads them."""
    inputs = w.shape[0]
    split = w.reshape(inputs, groups, -1)
    return split.transpose(2, 1, 0).reshape(-1, groups * inputs)


def _attributes(y: Any) -> dict[str, Any]:
    names = ("strides", "padding", "dilation", "groups")
    return {name: getattr(y, name) for name in names}


# ------------------------------------------------------------------------- forward


def _operations(image: Any, weights: Any) -> Any:
    """Multiplications and additions of all taps at all places of an image."""
    return 2 * dims.product(image.shape[:3]) * dims.product(weights.shape)


def _conv_type(
    x: TensorType, w: TensorType, *, strides: Pair, padding: Padding, dilation: Pair,
    groups: int,
) -> TensorType:  # fmt: skip
    require(x.rank == 4 and w.rank == 4, "expected an image and weights of rank 4")
    require(
        x.shape[3] == w.shape[2] * groups,
        f"expected x.shape[3] == {groups} * w.shape[2]",
    )
    rows = zip(x.shape[1:3], w.shape[:2], strides, padding, dilation, strict=True)
    sizes = tuple(results(*row) for row in rows)
    return x.with_shape((x.shape[0], *sizes, w.shape[3]))


def _conv_vjp(g: Any, y: Any, x: Any, w: Any) -> Any:
    same = _attributes(y)
    return (
        conv2d_backward_data(g, w, size=x.shape[1:3], **same),
        conv2d_backward_weights(x, g, window=w.shape[:2], **same),
    )


def conv_rule(b: Any, y: Any, x: Any, w: Any) -> Any:
    """Conv, of images and volumes."""
    rank = len(y.strides)
    image, weights = (v.type.shape for v in y.inputs)
    out = b.Conv(
        channels_first(b, y, x),
        b.Transpose(w, perm=[rank + 1, rank, *range(rank)]),
        kernel_shape=list(weights[:-2]),
        strides=list(y.strides),
        dilations=list(y.dilation),
        group=y.groups,
        **onnx_padding(b, y, image[1:-1], weights[:-2], y.dilation),
    )
    return channels_last(b, y, out)


@structured(
    infer=_conv_type, kernel="conv.conv2d", vjp=_conv_vjp, onnx=conv_rule,
    promote="float", operations=lambda y: _operations(y, y.inputs[1]),
)  # fmt: skip
def conv2d(
    x: Tensor, w: Tensor, *, strides: Pair, padding: Padding, dilation: Pair,
    groups: int,
) -> Any:  # fmt: skip
    """x[n, h, w, c], w[kh, kw, i, o] -> [n, y, x, o]: cross-correlation."""
    rows = zip(x.shape[1:3], w.shape[:2], strides, padding, dilation, strict=True)
    size: Any = tuple(results(*row) for row in rows)
    out = np.zeros((x.shape[0], *size, w.shape[3]), wide(x).dtype)
    full = padded(wide(x), padding, 0)
    for i, j, cells in taps_of(full, w.shape[:2], size, strides, dilation):
        out += _product(cells, wide(w)[i, j], groups)
    return out


# ----------------------------------------------------------------------- gradients


def _data_vjp(h: Any, y: Any, g: Any, w: Any) -> Any:
    same = _attributes(y)
    weights = conv2d_backward_weights(h, g, window=w.shape[:2], **same)
    return conv2d(h, w, **same), weights


def transposed_rule(b: Any, y: Any, g: Any, w: Any) -> Any:
    """ConvTranspose, which must be told of cells beyond the last window."""
    image, (*window, inputs, outputs) = (v.type.shape for v in y.inputs)
    lows, cuts, extra = [], [], []
    rows = zip(image[1:-1], window, y.strides, y.padding, y.dilation, y.size)
    for n, taps, step, (low, high), gap, size in rows:
        natural = (n - 1) * step + reach(taps, gap) - low
        cut = high if not isinstance(high, int) else max(high, 0)
        lows.append(low)
        cuts.append(cut)
        extra.append(size - (natural - cut))
    if not dims.is_static((*extra, *lows, *cuts)):
        b.refuse("padding of a transposed convolution that depends on a free size")
    rank, each = len(window), outputs // y.groups
    weights = b.reshape(w, (*window, inputs, y.groups, each))
    weights = b.Transpose(weights, perm=[rank + 1, rank + 2, rank, *range(rank)])
    out = b.ConvTranspose(
        channels_first(b, y, g),
        b.reshape(weights, (outputs, inputs, *window)),
        kernel_shape=window,
        strides=list(y.strides),
        dilations=list(y.dilation),
        group=y.groups,
        pads=[*lows, *cuts],
        output_padding=extra,
    )
    return channels_last(b, y, out)


@structured(
    infer=lambda g, w, *, size, groups, **rest: g.with_shape(
        (g.shape[0], *size, w.shape[2] * groups)
    ),
    kernel="conv.conv2d_backward_data",
    vjp=_data_vjp,
    onnx=transposed_rule,
    promote="float",
    operations=lambda y: _operations(*y.inputs),
)
def conv2d_backward_data(
    g: Tensor, w: Tensor, *, size: Pair, strides: Pair, padding: Padding,
    dilation: Pair, groups: int,
) -> Any:  # fmt: skip
    """g[n, y, x, o], w[kh, kw, i, o] -> [n, *size, c]: gradient of the image."""
    room = [
        max((o - 1) * s + reach(k, d), n + lo)
        for o, s, k, d, n, (lo, _) in zip(
            g.shape[1:3], strides, w.shape[:2], dilation, size, padding
        )
    ]
    channels = w.shape[2] * groups
    full = np.zeros((g.shape[0], *room, channels), wide(g).dtype)
    taps = taps_of(full, w.shape[:2], g.shape[1:3], strides, dilation)
    for i, j, cells in taps:
        cells += _product(wide(g), _transposed(wide(w)[i, j], groups), groups)
    return unpadded(full, padding, size)


def _weights_vjp(h: Any, y: Any, x: Any, g: Any) -> Any:
    same = _attributes(y)
    return conv2d_backward_data(g, h, size=x.shape[1:3], **same), conv2d(x, h, **same)


@structured(
    infer=lambda x, g, *, window, groups, **rest: x.with_shape(
        (*window, x.shape[3] // groups, g.shape[3])
    ),
    kernel="conv.conv2d_backward_weights",
    vjp=_weights_vjp,
    onnx=unsupported("training only"),
    promote="float",
    operations=lambda y: _operations(y.inputs[1], y),
)
def conv2d_backward_weights(
    x: Tensor, g: Tensor, *, window: Pair, strides: Pair, padding: Padding,
    dilation: Pair, groups: int,
) -> Any:  # fmt: skip
    """x[n, h, w, c], g[n, y, x, o] -> [kh, kw, i, o]: gradient of the weights."""
    full = padded(wide(x), padding, 0)
    split = wide(g).reshape(-1, groups, g.shape[3] // groups)
    out = np.zeros((*window, x.shape[3] // groups, g.shape[3]), split.dtype)
    for i, j, cells in taps_of(full, window, g.shape[1:3], strides, dilation):
        rows = cells.reshape(-1, groups, x.shape[3] // groups)
        out[i, j] = np.einsum("rgi,rgo->igo", rows, split).reshape(out[i, j].shape)
    return out
