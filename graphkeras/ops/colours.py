"""Colours of images: RGB, brightness, and hue, saturation and value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras import dtypes
from graphkeras.errors import DTypeError, ShapeError, message
from graphkeras.ir.definers import composite
from graphkeras.ops.arrange import unstack
from graphkeras.ops.compare import equal, greater, less, less_equal, where
from graphkeras.ops.creation import cast, dtype_of
from graphkeras.ops.frame import format_of, image_axes
from graphkeras.ops.linalg import tensordot
from graphkeras.ops.math import abs, add, clip, divide, multiply, subtract
from graphkeras.ops.reduce import max, min
from graphkeras.ops.shape import moveaxis, ndim, shape_of, stack

if TYPE_CHECKING:
    from graphkeras.ir.tensor import Tensor


def channel_axis(
    images: Any, data_format: str | None, who: str, counts: tuple[int, ...] = (3,)
) -> int:
    """Return the axis of the channels.

    Raises:
        ShapeError: unless it has one of the `counts`.
    """
    image_axes(images, data_format, who)
    last = format_of(who, data_format) == "channels_last"
    axis = ndim(images) - (1 if last else 3)
    if shape_of(images)[axis] not in counts:
        wanted = " or ".join(map(str, counts))
        raise ShapeError(
            message(who, f"expected {wanted} channels on axis {axis}.",
                    f"shape {list(shape_of(images))}",
                    "Say data_format if the channels come first.")
        )  # fmt: skip
    return axis


def _float_colours(images: Any, data_format: str | None, who: str) -> int:
    axis = channel_axis(images, data_format, who)
    if not dtypes.is_float(dtype_of(images)):
        raise DTypeError(
            message(who, "expected images of a float dtype.", dtype_of(images),
                    "Cast them, and bring them to [0, 1].")
        )  # fmt: skip
    return axis


# Luma of ITU-R BT.601, as TensorFlow rounds it.
_GRAY = (0.2989, 0.5870, 0.1140)


@composite()
def rgb_to_grayscale(images: Tensor, data_format: str | None = None) -> Any:
    """Return the brightness of RGB images, as one channel; one channel stays.

    Example:
        >>> rgb_to_grayscale(np.ones((1, 1, 3), "float32"))
        array([[[0.99990004]]], dtype=float32)
    """
    axis = channel_axis(images, data_format, "rgb_to_grayscale", (1, 3))
    if shape_of(images)[axis] == 1:
        return images
    kind = dtype_of(images)
    work = dtypes.as_float(kind)
    weights = np.asarray(_GRAY, "float32")[:, None]
    gray = tensordot(cast(images, work), cast(weights, work), axes=((axis,), (0,)))
    return cast(moveaxis(gray, -1, axis), kind)


@composite()
def rgb_to_hsv(images: Tensor, data_format: str | None = None) -> Any:
    """Return RGB images within [0, 1] as hue, saturation and value.

    Source: Smith, "Color gamut transform pairs" (1978).

    Example:
        >>> rgb_to_hsv(np.array([[[0.0, 0.0, 0.5]]], "float32"))
        array([[[0.6666667, 1.       , 0.5      ]]], dtype=float32)
    """
    axis = _float_colours(images, data_format, "rgb_to_hsv")
    red, green, blue = unstack(images, axis=axis)
    value = max(images, axis=axis)
    span = subtract(value, min(images, axis=axis))
    flat = less_equal(span, 0)
    bright = greater(value, 0)
    saturation = where(bright, divide(span, where(bright, value, 1)), 0)
    unit = divide(1 / 6, where(flat, 1, span))
    by_red = multiply(subtract(green, blue), unit)
    by_green = add(multiply(subtract(blue, red), unit), 2 / 6)
    by_blue = add(multiply(subtract(red, green), unit), 4 / 6)
    hue = where(
        equal(red, value), by_red, where(equal(green, value), by_green, by_blue)
    )
    hue = where(flat, 0, where(less(hue, 0), add(hue, 1), hue))
    return cast(stack([hue, saturation, value], axis=axis), dtype_of(images))


@composite()
def hsv_to_rgb(images: Tensor, data_format: str | None = None) -> Any:
    """Return images of hue, saturation and value as RGB.

    Example:
        >>> hsv_to_rgb(np.array([[[0.5, 1.0, 0.25]]], "float32"))
        array([[[0.  , 0.25, 0.25]]], dtype=float32)
    """
    axis = _float_colours(images, data_format, "hsv_to_rgb")
    hue, saturation, value = unstack(images, axis=axis)
    turn = multiply(hue, 6.0)
    red = clip(subtract(abs(subtract(turn, 3.0)), 1.0), 0.0, 1.0)
    green = clip(subtract(2.0, abs(subtract(turn, 2.0))), 0.0, 1.0)
    blue = clip(subtract(2.0, abs(subtract(turn, 4.0))), 0.0, 1.0)
    dull = subtract(1.0, saturation)
    parts = [
        multiply(add(dull, multiply(saturation, c)), value) for c in (red, green, blue)
    ]
    return cast(stack(parts, axis=axis), dtype_of(images))
