"""Keras's convolutions of signals, images and volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphkeras.errors import ArgumentError, ShapeError, message
from graphkeras.ir.definers import composite
from graphkeras.ops.conv import conv2d, conv2d_backward_data
from graphkeras.ops.shape import expand_dims, ndim, reshape, shape_of
from graphkeras.ops.volumes import conv3d, conv3d_backward_data
from graphkeras.ops.window import (
    explicit_padding,
    from_image,
    meet,
    pair_of,
    reach,
    to_image,
)

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor


def _image_and_kernel(
    x: Any, kernel: Any, data_format: str | None, who: str
) -> tuple[Any, Any, int, bool]:
    """Return both as images or volumes, and how to turn the result back."""
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
    taps = shape_of(kernel)[:-2]
    if padding == "causal" and rank != 1:
        raise ArgumentError(
            message("conv", f"expected padding 'valid' or 'same' in {rank}-D.",
                    repr(padding))
        )  # fmt: skip
    ends = explicit_padding(padding, shape_of(image)[1:-1], taps, steps, gaps)
    primitive = conv3d if rank == 3 else conv2d
    return primitive(
        image, kernel, strides=steps, padding=ends, dilation=gaps, groups=groups
    )


@composite()
def conv(
    inputs: Tensor, kernel: Tensor, strides: Any = 1, padding: str = "valid",
    data_format: str | None = None, dilation_rate: Any = 1,
) -> Any:  # fmt: skip
    """Return the convolution (cross-correlation) of inputs with a kernel.

    Args:
        inputs: (batch, *space, channels), or channels after batch if `data_format`
            is "channels_first"; one to three axes of space.
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
    channels, expected = shape_of(image)[-1], shape_of(weights)[-2]
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
    rows = zip(shape_of(image)[1:-1], shape_of(weights)[:-2], steps, gaps, extra)
    for n, taps, step, gap, more in rows:
        low, high = _spread_padding(taps, step, gap, padding, more)
        span = reach(taps, gap)
        ends.append((span - 1 - low, span - 1 - high))
        size.append((n - 1) * step + low + high - span + 2)
    primitive = conv3d_backward_data if rank == 3 else conv2d_backward_data
    out = primitive(
        image, weights, size=tuple(size), strides=steps, padding=tuple(ends),
        dilation=gaps, groups=1,
    )  # fmt: skip
    return from_image(out, rank, first)


def _one(argument: Any) -> bool:
    return argument is None or isinstance(argument, int)
