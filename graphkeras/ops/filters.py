"""Images blurred, differentiated, compared and bent: filters of small windows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras import config, dtypes
from graphkeras.errors import ArgumentError, DTypeError, ShapeError, message
from graphkeras.ir import dims
from graphkeras.ir.definers import composite
from graphkeras.ir.dims import Dim
from graphkeras.ops import random as draw
from graphkeras.ops.arrange import along, pad
from graphkeras.ops.compare import greater_equal, less, less_equal, logical_and, where
from graphkeras.ops.convolution import conv, depthwise_conv
from graphkeras.ops.creation import cast, dtype_of, iota_value, traced
from graphkeras.ops.frame import format_of, image_axes
from graphkeras.ops.math import (
    abs,
    add,
    clip,
    divide,
    exp,
    floor,
    mod,
    multiply,
    square,
    subtract,
)
from graphkeras.ops.reduce import mean, sum
from graphkeras.ops.resample import resample
from graphkeras.ops.shape import (
    concatenate,
    expand_dims,
    moveaxis,
    ndim,
    reshape,
    shape_of,
    squeeze,
    transpose,
)
from graphkeras.ops.warp import check_warp, reflected, sample

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor


def _line(count: Dim, dtype: str) -> Any:
    """0, 1, ... of `count` cells."""
    if isinstance(count, int):
        return np.arange(count, dtype=dtypes.to_numpy(dtype))
    return traced(iota_value((count,), 0, dtype))


def _bell(count: Dim, sigma: Any, dtype: str) -> Any:
    """`count` samples of a normal density around their middle, not normalized."""
    half = divide(cast(count, dtype) - 1, 2)
    x = divide(subtract(_line(count, dtype), half), sigma)
    return exp(multiply(-0.5, square(x)))


def blurred(x: Any, weights: Any, axis: int) -> Any:
    """Each cell the weighted sum of those around it; beyond the edge are zeros."""
    cells, taps = shape_of(x)[axis], shape_of(weights)[0]
    before = dims.floordiv(taps - 1, 2)
    row, tap = (
        expand_dims(_line(cells, "int32"), 1),
        expand_dims(_line(taps, "int32"), 0),
    )
    places = subtract(add(row, tap), before)
    inside = logical_and(greater_equal(places, 0), less(places, cells))
    table = where(inside, expand_dims(weights, 0), 0.0)
    return resample(x, clip(places, 0, cells - 1), table, axis=axis)


def _pair(who: str, name: str, given: Any) -> tuple[Any, Any]:
    size = shape_of(given)[0] if hasattr(given, "shape") else len(given)
    if size != 2:
        raise ArgumentError(message(who, f"expected two of {name}.", f"{given!r}"))
    return given[0], given[1]


@composite()
def gaussian_blur(
    images: Tensor, kernel_size: Any = (3, 3), sigma: Any = (1.0, 1.0),
    data_format: str | None = None,
) -> Any:  # fmt: skip
    """Return images blurred by a normal density; beyond the edge they are black.

    Args:
        images: one image or a batch, of floats.
        kernel_size: pixels (across, down) that are averaged.
        sigma: deviation (across, down), in pixels.
        data_format: None takes `config.image_data_format()`.

    Example:
        >>> dot = np.zeros((3, 3, 1), "float32")
        >>> dot[1, 1] = 16
        >>> gaussian_blur(dot, sigma=(0.85, 0.85))[1, :, 0].round(1)
        array([2., 4., 2.], dtype=float32)
    """
    who, kind = "gaussian_blur", dtype_of(images)
    rows, columns = image_axes(images, data_format, who)
    if not dtypes.is_float(kind):
        raise DTypeError(
            message(who, "expected images of a float dtype.", kind, "Cast them.")
        )
    counts = tuple(int(n) for n in _pair(who, "kernel_size", kernel_size))
    deviations = _pair(who, "sigma", sigma)
    across, down = (
        _normalized(_bell(n, cast(s, kind), kind)) for n, s in zip(counts, deviations)
    )
    if counts[0] == counts[1]:
        return cast(blurred(blurred(images, down, rows), across, columns), kind)
    # As TensorFlow lays out a window that is not square: its numbers in C order.
    window = reshape(multiply(expand_dims(down, 1), expand_dims(across, 0)), counts)
    return _windowed(images, window, data_format)


def _normalized(weights: Any) -> Any:
    return divide(weights, sum(weights))


def _windowed(images: Any, window: Any, data_format: str | None) -> Any:
    """Every channel convolved with one window."""
    single = ndim(images) == 3
    x = expand_dims(images, 0) if single else images
    name = format_of("gaussian_blur", data_format)
    channels = shape_of(x)[3 if name == "channels_last" else 1]
    kernel = multiply(
        reshape(window, (*shape_of(window), 1, 1)),
        np.ones((1, 1, channels, 1), dtypes.to_numpy(dtype_of(x))),
    )
    y = depthwise_conv(x, kernel, 1, "same", name)
    return squeeze(y, 0) if single else y


# --------------------------------------------------------------------------- elastic


def blurred_noise(noise: Any, sigma: Any, reach: Dim) -> Any:
    """Return (batch, width, height) noise blurred, as (batch, height, width).

    Args:
        noise: independent numbers.
        sigma: deviation of the blur; it ends 3 whole sigmas away.
        reach: cells to each side that are summed, at least so many.
    """
    kind = dtype_of(noise)
    sigma = cast(sigma, kind)
    taps = 2 * reach + 1
    offset = abs(subtract(_line(taps, kind), cast(reach, kind)))
    near = less_equal(offset, multiply(3.0, floor(sigma)))
    x = divide(offset, where(greater_equal(sigma, 1.0), sigma, 1.0))
    weights = _normalized(where(near, exp(multiply(-0.5, square(x))), 0.0))
    turned = transpose(blurred(noise, weights, 1), (0, 2, 1))
    return blurred(turned, weights, 1)


def _mirrored(at: Any, size: Any) -> Any:
    """d c b | a b c d | c b a"""
    period = dims.maximum(2 * size - 2, 1)
    phase = mod(at, cast(period, dtype_of(at)))
    return where(less_equal(phase, size - 1), phase, subtract(period, phase))


def _bent(x: Any, rows: Any, columns: Any, fill_mode: str, fill: Any, how: str) -> Any:
    """Read (batch, height, width, channels) images at places of their own size."""
    sizes, places = shape_of(x)[1:3], []
    for axis, (at, size) in enumerate(zip((rows, columns), sizes), 1):
        if fill_mode == "nearest":
            at = clip(at, 0.0, cast(size - 1, dtype_of(at)))
        elif fill_mode == "reflect":
            at = reflected(at, cast(size, dtype_of(at)))
        elif fill_mode == "mirror":
            at = _mirrored(at, size)
        elif fill_mode == "wrap":  # what lies behind the last cell is the first
            x = concatenate([x, along(x, axis, 0, 1)], axis=axis)
            at = mod(at, cast(size, dtype_of(at)))
        places.append(at)
    value = np.asarray(fill, dtypes.to_numpy(dtype_of(rows)))
    return sample(x, places[0], places[1], value, linear=how == "bilinear")


def bent(
    images: Any, field: Any, alpha: Any, interpolation: str, fill_mode: str,
    fill_value: Any, data_format: str | None,
) -> Any:  # fmt: skip
    """Return a batch of images whose pixels moved down and right by alpha * field."""
    first = format_of("elastic_transform", data_format) == "channels_first"
    x = transpose(images, (0, 2, 3, 1)) if first else images
    height, width = shape_of(x)[1:3]
    kind = dtype_of(field)
    shift = multiply(cast(alpha, kind), field)
    rows = add(reshape(_line(height, kind), (1, height, 1)), shift)
    columns = add(reshape(_line(width, kind), (1, 1, width)), shift)
    y = _bent(x, rows, columns, fill_mode, fill_value, interpolation)
    return transpose(y, (0, 3, 1, 2)) if first else y


def _key(seed: Any) -> Any:
    """A key of Threefry for a generator, an int, a key or nothing."""
    if hasattr(seed, "next"):
        return seed.next()
    if hasattr(seed, "shape"):
        return seed
    number = config.draw_seed() if seed is None else int(seed)
    return np.array([number & 0xFFFFFFFF, number >> 32 & 0xFFFFFFFF], "uint32")


@composite()
def elastic_transform(
    images: Tensor, alpha: float = 20.0, sigma: float = 5.0,
    interpolation: str = "bilinear", fill_mode: str = "reflect",
    fill_value: float = 0.0, seed: Any = None, data_format: str | None = None,
) -> Any:  # fmt: skip
    """Return images bent at random: pixels move along a blurred field of noise.

    One field moves them down and to the right alike, as in Keras.

    Args:
        images: one image or a batch, of floats.
        alpha: how far, as a factor of the field.
        sigma: deviation of the noise and of its blur.
        interpolation: "bilinear" or "nearest".
        fill_mode: what lies outside: "constant", "nearest", "wrap" or "reflect".
        fill_value: the constant.
        seed: an int, a `SeedGenerator`, or None.
        data_format: None takes `config.image_data_format()`.

    Source: Simard, Steinkraus and Platt, "Best practices for convolutional neural
    networks applied to visual document analysis" (2003).

    Example:
        >>> elastic_transform(np.ones((8, 9, 3), "float32"), seed=1).shape
        (8, 9, 3)
    """
    who = "elastic_transform"
    check_warp(who, interpolation, fill_mode)
    axes = image_axes(images, data_format, who)
    height, width = (shape_of(images)[a] for a in axes)
    single = ndim(images) == 3
    x = expand_dims(images, 0) if single else images
    kind = "float64" if dtype_of(x) == "float64" else "float32"
    shape = (shape_of(x)[0], width, height)
    noise = multiply(draw.standard_normal(_key(seed), shape, kind), float(sigma))
    field = blurred_noise(noise, float(sigma), 3 * int(sigma))
    y = bent(x, field, float(alpha), interpolation, fill_mode, fill_value, data_format)
    return squeeze(y, 0) if single else y


# ----------------------------------------------------------------- edges, similarity

_SOBEL = np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]], "float32")


@composite()
def sobel_edges(images: Tensor, data_format: str | None = None) -> Any:
    """Return how fast a batch of images changes downwards and to the right.

    Args:
        images: (batch, height, width, channels), or with the channels first.
        data_format: None takes `config.image_data_format()`.

    Returns:
        The shape of `images` with an axis of 2 behind.

    Source: Sobel and Feldman, "A 3x3 isotropic gradient operator for image
    processing" (1968).

    Example:
        >>> ramp = np.arange(3, dtype="float32").reshape(1, 1, 3, 1)
        >>> sobel_edges(ramp.repeat(3, 1))[0, 1, 1, 0]
        array([0., 8.], dtype=float32)
    """
    who = "sobel_edges"
    if ndim(images) != 4:
        raise ShapeError(
            message(who, "expected a batch of images (rank 4).",
                    f"shape {list(shape_of(images))}")
        )  # fmt: skip
    first = format_of(who, data_format) == "channels_first"
    x = transpose(images, (0, 2, 3, 1)) if first else images
    sizes = shape_of(x)
    kind = dtypes.to_numpy(dtypes.as_float(dtype_of(x)))
    window = np.stack([_SOBEL, _SOBEL.T], axis=-1)[:, :, None].astype(kind)
    kernel = np.repeat(window, sizes[3], axis=2)
    framed = pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), "reflect")
    edges = reshape(depthwise_conv(framed, kernel), (*sizes, 2))
    return transpose(edges, (0, 3, 1, 2, 4)) if first else edges


def _planes(images: Any, first: bool, kind: str) -> Any:
    """Every channel of every image as an image of its own."""
    x = cast(images, kind)
    x = x if first else moveaxis(x, -1, 1)
    n, c, height, width = shape_of(x)
    return reshape(x, (n * c, height, width, 1))


@composite()
def ssim(
    image1: Tensor, image2: Tensor, max_val: float = 1.0, filter_size: int = 11,
    filter_sigma: float = 1.5, k1: float = 0.01, k2: float = 0.03,
    data_format: str | None = None,
) -> Any:  # fmt: skip
    """Return how alike images look, 1 where they are equal.

    Args:
        image1: one image or a batch.
        image2: the same.
        max_val: span of the pixels.
        filter_size: side of the windows that are compared.
        filter_sigma: deviation of the weights in a window.
        k1: share of `max_val` that steadies the comparison of brightness.
        k2: the same for contrast.
        data_format: None takes `config.image_data_format()`.

    Returns:
        One number an image.

    Source: Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error
    visibility to structural similarity" (2004).

    Example:
        >>> image = np.eye(12, dtype="float32")[..., None]
        >>> float(ssim(image, image))
        1.0
    """
    first = format_of("ssim", data_format) == "channels_first"
    kind, single = dtype_of(image1), ndim(image1) == 3
    for image in (image1, image2):
        image_axes(image, data_format, "ssim")
    batches = [expand_dims(i, 0) if single else i for i in (image1, image2)]
    work = dtypes.as_float(kind)
    x, y = (_planes(i, first, work) for i in batches)
    line = _normalized(_bell(int(filter_size), float(filter_sigma), work))
    window = reshape(
        multiply(expand_dims(line, 1), expand_dims(line, 0)),
        (int(filter_size), int(filter_size), 1, 1),
    )

    def blur(z: Any) -> Any:
        return conv(z, window, data_format="channels_last")

    mx, my = blur(x), blur(y)
    vx, vy = blur(square(x)) - square(mx), blur(square(y)) - square(my)
    both = blur(multiply(x, y)) - multiply(mx, my)
    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    above = (2.0 * multiply(mx, my) + c1) * (2.0 * both + c2)
    below = (square(mx) + square(my) + c1) * (vx + vy + c2)
    plane = mean(divide(above, below), axis=(1, 2, 3))
    sizes = shape_of(batches[0])
    channels = sizes[1] if first else sizes[3]
    result = mean(reshape(plane, (sizes[0], channels)), axis=-1)
    return cast(squeeze(result, 0) if single else result, kind)
