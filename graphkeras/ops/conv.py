"""Convolutions: one image primitive, its two gradients, and Keras's faces of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras.errors import ArgumentError, ShapeError, message
from graphkeras.ir import dims
from graphkeras.ir.definers import composite, require, structured
from graphkeras.ir.op import unsupported
from graphkeras.ir.types import TensorType
from graphkeras.ops.shape import expand_dims, ndim, reshape, shape_of
from graphkeras.ops.window import (
    Padding,
    Pair,
    channels_first,
    channels_last,
    explicit_padding,
    from_image,
    meet,
    onnx_padding,
    padded,
    pair_of,
    reach,
    results,
    taps_of,
    to_image,
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


def _conv_onnx(b: Any, y: Any, x: Any, w: Any) -> Any:
    image, weights = (v.type.shape for v in y.inputs)
    out = b.Conv(
        channels_first(b, x),
        b.Transpose(w, perm=[3, 2, 0, 1]),
        kernel_shape=list(weights[:2]),
        strides=list(y.strides),
        dilations=list(y.dilation),
        group=y.groups,
        **onnx_padding(b, y, image[1:3], weights[:2], y.dilation),
    )
    return channels_last(b, out)


@structured(
    infer=_conv_type, kernel="conv.conv2d", vjp=_conv_vjp, onnx=_conv_onnx,
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


def _data_onnx(b: Any, y: Any, g: Any, w: Any) -> Any:
    """A transposed convolution; ONNX must be told of cells beyond the last window."""
    image, (kh, kw, inputs, outputs) = (v.type.shape for v in y.inputs)
    ends, extra = [], []
    rows = zip(image[1:3], (kh, kw), y.strides, y.padding, y.dilation, y.size)
    for n, taps, step, (low, high), gap, size in rows:
        natural = (n - 1) * step + reach(taps, gap) - low
        cut = high if not isinstance(high, int) else max(high, 0)
        ends.append((low, cut))
        extra.append(size - (natural - cut))
    if not dims.is_static((*extra, *(e for pair in ends for e in pair))):
        b.refuse("padding of a transposed convolution that depends on a free size")
    weights = b.reshape(w, (kh, kw, inputs, y.groups, outputs // y.groups))
    weights = b.Transpose(weights, perm=[3, 4, 2, 0, 1])
    out = b.ConvTranspose(
        channels_first(b, g),
        b.reshape(weights, (outputs, inputs, kh, kw)),
        kernel_shape=[kh, kw],
        strides=list(y.strides),
        dilations=list(y.dilation),
        group=y.groups,
        pads=[ends[0][0], ends[1][0], ends[0][1], ends[1][1]],
        output_padding=extra,
    )
    return channels_last(b, out)


@structured(
    infer=lambda g, w, *, size, groups, **rest: g.with_shape(
        (g.shape[0], *size, w.shape[2] * groups)
    ),
    kernel="conv.conv2d_backward_data",
    vjp=_data_vjp,
    onnx=_data_onnx,
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


# -------------------------------------------------------------------- Keras's faces


def _image_and_kernel(
    x: Any, kernel: Any, data_format: str | None, who: str
) -> tuple[Any, Any, int, bool]:
    """Return both as 2-D, and how to turn the result back."""
    image, rank, first = to_image(meet(x, kernel), data_format)
    if ndim(kernel) != rank + 2:
        raise ShapeError(
            message(who, f"expected a kernel of rank {rank + 2}.",
                    f"inputs: {list(shape_of(x))}, kernel: {list(shape_of(kernel))}")
        )  # fmt: skip
    return image, expand_dims(kernel, 0) if rank == 1 else kernel, rank, first


def _convolve(
    image: Any, kernel: Any, rank: int, strides: Any, padding: str, dilation: Any,
    groups: int,
) -> Any:  # fmt: skip
    steps = pair_of(strides, rank, "strides")
    gaps = pair_of(dilation, rank, "dilation_rate")
    taps = shape_of(kernel)[:2]
    if padding == "causal" and rank != 1:
        raise ArgumentError(
            message("conv", "expected padding 'valid' or 'same' in 2-D.", repr(padding))
        )
    ends = explicit_padding(padding, shape_of(image)[1:3], taps, steps, gaps)
    return conv2d(
        image, kernel, strides=steps, padding=ends, dilation=gaps, groups=groups
    )


@composite()
def conv(
    inputs: Tensor, kernel: Tensor, strides: Any = 1, padding: str = "valid",
    data_format: str | None = None, dilation_rate: Any = 1,
) -> Any:  # fmt: skip
    """Return the convolution (cross-correlation) of 1-D or 2-D inputs with a kernel.

    Args:
        inputs: (batch, *space, channels), or channels after batch if `data_format`
            is "channels_first".
        kernel: (*window, channels / groups, filters); the number of groups follows.
        strides: an int or one for each spatial axis.
        padding: "valid", "same" (ceil(size / stride) results), or in 1-D "causal".
        data_format: None takes `config.image_data_format()`.
        dilation_rate: distance of the kernel's taps.

    Returns:
        (batch, *space, filters), in the layout of `inputs`.

    Raises:
        ShapeError: if the channels do not divide into groups or nothing would be left.

    Example:
        >>> conv(np.ones((1, 3, 3, 1)), np.ones((2, 2, 1, 1)))[0, :, :, 0]
        array([[4., 4.],
               [4., 4.]])
    """
    image, weights, rank, first = _image_and_kernel(inputs, kernel, data_format, "conv")
    channels, expected = shape_of(image)[3], shape_of(weights)[2]
    if not expected or channels % expected:
        raise ShapeError(
            message(
                "conv", "expected channels that are a multiple of kernel.shape[-2].",
                f"inputs: {list(shape_of(inputs))}, kernel: {list(shape_of(kernel))}",
                "Build the layer for this number of channels.",
            )
        )  # fmt: skip
    groups = channels // expected
    out = _convolve(image, weights, rank, strides, padding, dilation_rate, groups)
    return from_image(out, rank, first)


@composite()
def depthwise_conv(
    inputs: Tensor, kernel: Tensor, strides: Any = 1, padding: str = "valid",
    data_format: str | None = None, dilation_rate: Any = 1,
) -> Any:  # fmt: skip
    """Return each channel convolved with kernels of its own.

    Args:
        inputs: as for `conv`.
        kernel: (*window, channels, multiplier).

    Returns:
        (batch, *space, channels * multiplier), in the layout of `inputs`.

    Example:
        >>> depthwise_conv(np.ones((1, 2, 2, 3)), np.ones((2, 2, 3, 1)))
        array([[[[4., 4., 4.]]]])
    """
    who = "depthwise_conv"
    image, weights, rank, first = _image_and_kernel(inputs, kernel, data_format, who)
    *window, channels, multiplier = shape_of(weights)
    grouped = reshape(weights, (*window, 1, channels * multiplier))
    out = _convolve(image, grouped, rank, strides, padding, dilation_rate, channels)
    return from_image(out, rank, first)


@composite()
def separable_conv(
    inputs: Tensor, depthwise_kernel: Tensor, pointwise_kernel: Tensor,
    strides: Any = 1, padding: str = "valid", data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:  # fmt: skip
    """Return a depthwise convolution followed by one of window 1.

    Args:
        inputs: as for `conv`.
        depthwise_kernel: (*window, channels, multiplier).
        pointwise_kernel: (1, ..., channels * multiplier, filters).
    """
    deep = depthwise_conv(
        inputs, depthwise_kernel, strides, padding, data_format, dilation_rate
    )
    return conv(deep, pointwise_kernel, data_format=data_format)


def _spread_padding(
    taps: int, stride: int, gap: int, padding: str, extra: int | None
) -> Any:
    """Return the padding around inputs spread out by `stride`, as Keras has it."""
    span = reach(taps, gap)
    if padding == "valid":
        more = max(span, stride) - span if extra is None else extra
        return span - 1, span - 1 + more
    total = stride + span - 2 if extra is None else span + span % 2 - 2 + extra
    before = min(total // 2 + total % 2, span - 1)
    return before, total - before


@composite()
def conv_transpose(
    inputs: Tensor, kernel: Tensor, strides: Any = 1, padding: str = "valid",
    output_padding: Any = None, data_format: str | None = None, dilation_rate: Any = 1,
) -> Any:  # fmt: skip
    """Return the transposed convolution: what `conv` does to a gradient.

    Args:
        inputs: as for `conv`.
        kernel: (*window, filters, channels).
        strides: how far inputs are spread out.
        padding: "valid" ((size - 1) * stride + window) or "same" (size * stride).
        output_padding: cells added at the end; chosen by `padding` if None.
        data_format: None takes `config.image_data_format()`.
        dilation_rate: distance of the kernel's taps.

    Example:
        >>> conv_transpose(np.ones((1, 2, 1)), np.ones((2, 1, 1)), strides=2)[0, :, 0]
        array([1., 1., 1., 1.])
    """
    if padding not in ("valid", "same"):
        raise ArgumentError(
            message("conv_transpose", "expected padding 'valid' or 'same'.", padding)
        )
    who = "conv_transpose"
    image, weights, rank, first = _image_and_kernel(inputs, kernel, data_format, who)
    steps, gaps = pair_of(strides, rank, "strides"), pair_of(dilation_rate, rank, "")
    extra = (output_padding,) * rank if _one(output_padding) else tuple(output_padding)
    extra = (0, *extra) if rank == 1 else extra
    ends: list[Any] = []
    size = []
    rows = zip(shape_of(image)[1:3], shape_of(weights)[:2], steps, gaps, extra)
    for n, taps, step, gap, more in rows:
        low, high = _spread_padding(taps, step, gap, padding, more)
        span = reach(taps, gap)
        ends.append((span - 1 - low, span - 1 - high))
        size.append((n - 1) * step + low + high - span + 2)
    out = conv2d_backward_data(
        image, weights, size=tuple(size), strides=steps, padding=(ends[0], ends[1]),
        dilation=gaps, groups=1,
    )  # fmt: skip
    return from_image(out, rank, first)


def _one(argument: Any) -> bool:
    return argument is None or isinstance(argument, int)
