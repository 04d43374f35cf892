"""Images: padding, cropping, and colours; the public `keras.ops.image`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras import config
from graphkeras.errors import ArgumentError, ShapeError, message
from graphkeras.ir.definers import composite, require
from graphkeras.ir.dims import Dim, SymbolicDim
from graphkeras.ops.arrange import along, unstack
from graphkeras.ops.compare import equal, where
from graphkeras.ops.creation import cast, dtype_of
from graphkeras.ops.linalg import tensordot
from graphkeras.ops.math import abs, add, clip, divide, floor, multiply, subtract
from graphkeras.ops.patches import extract_patches  # noqa: F401  a public name
from graphkeras.ops.reduce import max, min
from graphkeras.ops.shape import moveaxis, ndim, pad_interior, shape_of, stack

if TYPE_CHECKING:
    from graphkeras.ir.tensor import Tensor


def _space(images: Any, data_format: str | None, who: str) -> tuple[int, int]:
    """Return the axes of height and width.

    Raises:
        ShapeError: unless `images` is one image or a batch of them.
    """
    rank = ndim(images)
    if rank not in (3, 4):
        raise ShapeError(
            message(who, "expected an image (rank 3) or a batch of them (rank 4).",
                    f"shape {list(shape_of(images))}")
        )  # fmt: skip
    last = (data_format or config.image_data_format()) == "channels_last"
    return (rank - 3, rank - 2) if last else (rank - 2, rank - 1)


def _ends(
    who: str, names: tuple[str, str, str], size: Dim, low: Any, high: Any, total: Any,
    sign: int,
) -> tuple[Dim, Dim]:  # fmt: skip
    """Work out which two of (low, high, target) are given; none may be negative."""
    if [low, high, total].count(None) != 1:
        raise ArgumentError(
            message(who, f"expected exactly two of {', '.join(names)}.",
                    f"{low}, {high}, {total}")
        )  # fmt: skip
    if total is not None:
        rest = (total - size) * sign
        low = rest - high if low is None else low
        high = rest - low if high is None else high
    for name, number in zip(names, (low, high)):
        if not isinstance(number, SymbolicDim) and number < 0:
            raise ArgumentError(
                message(who, f"expected {name} of at least 0.", f"{name}={number}",
                        f"The image has {size} cells there.")
            )  # fmt: skip
    return low, high


_HEIGHT = ("top", "bottom", "target_height")
_WIDTH = ("left", "right", "target_width")


@composite()
def pad_images(
    images: Tensor, top_padding: Any = None, left_padding: Any = None,
    bottom_padding: Any = None, right_padding: Any = None, target_height: Any = None,
    target_width: Any = None, data_format: str | None = None,
) -> Any:  # fmt: skip
    """Return images with zeros around them.

    Args:
        images: one image or a batch.
        top_padding: rows above; two of top, bottom and target are given.
        left_padding: columns before; two of left, right and target are given.
        bottom_padding: rows below.
        right_padding: columns after.
        target_height: height of the result.
        target_width: width of the result.
        data_format: None takes `config.image_data_format()`.

    Example:
        >>> pad_images(np.ones((2, 2, 1)), 1, 0, target_height=4, target_width=3).shape
        (4, 3, 1)
    """
    who, sizes = "pad_images", shape_of(images)
    rows, columns = _space(images, data_format, who)
    low: list[Dim] = [0] * len(sizes)
    high = list(low)
    low[rows], high[rows] = _ends(
        who, _HEIGHT, sizes[rows], top_padding, bottom_padding, target_height, 1
    )
    low[columns], high[columns] = _ends(
        who, _WIDTH, sizes[columns], left_padding, right_padding, target_width, 1
    )
    return pad_interior(images, value=0, low=tuple(low), high=tuple(high),
                        interior=(0,) * len(sizes))  # fmt: skip


@composite()
def crop_images(
    images: Tensor, top_cropping: Any = None, left_cropping: Any = None,
    bottom_cropping: Any = None, right_cropping: Any = None, target_height: Any = None,
    target_width: Any = None, data_format: str | None = None,
) -> Any:  # fmt: skip
    """Return a window of images; the arguments are as for `pad_images`.

    Example:
        >>> crop_images(np.ones((4, 4, 1)), 1, 0, target_height=2, target_width=3).shape
        (2, 3, 1)
    """
    who, sizes = "crop_images", shape_of(images)
    rows, columns = _space(images, data_format, who)
    top, bottom = _ends(
        who, _HEIGHT, sizes[rows], top_cropping, bottom_cropping, target_height, -1
    )
    left, right = _ends(
        who, _WIDTH, sizes[columns], left_cropping, right_cropping, target_width, -1
    )
    cut = along(images, rows, top, sizes[rows] - bottom)
    return along(cut, columns, left, sizes[columns] - right)


# -------------------------------------------------------------------------- colours


def _channels(images: Any, data_format: str | None, who: str) -> tuple[Any, int]:
    """Return the float image and its axis of three channels."""
    _space(images, data_format, who)
    last = (data_format or config.image_data_format()) == "channels_last"
    axis = ndim(images) - 1 if last else ndim(images) - 3
    require(shape_of(images)[axis] == 3, f"{who}: expected 3 channels on axis {axis}")
    return images, axis


# Luma of ITU-R BT.601, as TensorFlow rounds it.
_GRAY = (0.2989, 0.5870, 0.1140)


@composite()
def rgb_to_grayscale(images: Tensor, data_format: str | None = None) -> Any:
    """Return the brightness of RGB images, as one channel.

    Example:
        >>> rgb_to_grayscale(np.ones((1, 1, 3), "float32"))
        array([[[0.99990004]]], dtype=float32)
    """
    x, axis = _channels(images, data_format, "rgb_to_grayscale")
    kind = dtype_of(x)
    work = kind if kind.startswith(("float", "bfloat")) else "float32"
    weights = np.asarray(_GRAY, "float32")[:, None]
    gray = tensordot(cast(x, work), cast(weights, work), axes=((axis,), (0,)))
    return cast(moveaxis(gray, -1, axis), kind)


@composite()
def rgb_to_hsv(images: Tensor, data_format: str | None = None) -> Any:
    """Return RGB images within [0, 1] as hue, saturation and value.

    Source: Smith, "Color gamut transform pairs" (1978).
    """
    x, axis = _channels(images, data_format, "rgb_to_hsv")
    red, green, blue = unstack(x, axis=axis)
    value = max(x, axis=axis)
    span = subtract(value, min(x, axis=axis))
    flat = equal(span, 0)
    saturation = where(
        equal(value, 0), 0, divide(span, where(equal(value, 0), 1, value))
    )
    unit = divide(1 / 6, where(flat, 1, span))
    by_red = multiply(subtract(green, blue), unit)
    by_green = add(multiply(subtract(blue, red), unit), 2 / 6)
    by_blue = add(multiply(subtract(red, green), unit), 4 / 6)
    hue = where(
        equal(red, value), by_red, where(equal(green, value), by_green, by_blue)
    )
    hue = where(flat, 0, where(hue < 0, hue + 1, hue))
    return cast(stack([hue, saturation, value], axis=axis), dtype_of(x))


@composite()
def hsv_to_rgb(images: Tensor, data_format: str | None = None) -> Any:
    """Return images of hue, saturation and value as RGB."""
    x, axis = _channels(images, data_format, "hsv_to_rgb")
    hue, saturation, value = unstack(x, axis=axis)
    turn = multiply(subtract(hue, floor(hue)), 6.0)
    red = clip(subtract(abs(subtract(turn, 3.0)), 1.0), 0.0, 1.0)
    green = clip(subtract(2.0, abs(subtract(turn, 2.0))), 0.0, 1.0)
    blue = clip(subtract(2.0, abs(subtract(turn, 4.0))), 0.0, 1.0)
    parts = [
        multiply(add(multiply(subtract(c, 1.0), saturation), 1.0), value)
        for c in (red, green, blue)
    ]
    return cast(stack(parts, axis=axis), dtype_of(x))
