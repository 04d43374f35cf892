"""Sizes of images changed: Keras's `ops.image.resize` and `scale_and_translate`.

A method is a table: for each cell of the result the places it is read from and their
weights. The tables follow TensorFlow's kernels step by step in float32, so that even
ties of rounded bytes fall the same way. Sizes may be symbolic: the same steps are then
part of the graph.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras import dtypes
from graphkeras.errors import ArgumentError, message
from graphkeras.ir import dims
from graphkeras.ir.definers import composite
from graphkeras.ir.dims import Dim
from graphkeras.ir.types import normalize_axis
from graphkeras.ops.arrange import along
from graphkeras.ops.compare import greater_equal, less, less_equal, logical_and, where
from graphkeras.ops.creation import cast, dtype_of, iota, iota_value, traced
from graphkeras.ops.frame import image_axes
from graphkeras.ops.index import cumsum, gather
from graphkeras.ops.linalg import tensordot
from graphkeras.ops.math import (
    abs,
    add,
    ceil,
    clip,
    divide,
    floor,
    maximum,
    minimum,
    multiply,
    round,
    saturate_cast,
    subtract,
    times,
)
from graphkeras.ops.reduce import max, min, sum
from graphkeras.ops.resample import bilinear, resample
from graphkeras.ops.shape import expand_dims, moveaxis, pad_interior, shape_of, stack
from graphkeras.ops.trigonometry import sin

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor

Table = tuple[Any, Any]  # places[m, t] and weights, one a place or one a pair


# ---------------------------------------------------------------------------- tables


def _number(size: Dim) -> Any:
    """A size as a float32 scalar."""
    return np.float32(size) if isinstance(size, int) else cast(size, "float32")


def _cells(count: Dim) -> Any:
    """0, 1, ... of `count` cells, as float32."""
    if isinstance(count, int):
        return iota(shape=(count,), axis=0, dtype="float32")
    return traced(iota_value((count,), 0, "float32"))


def _sampled(size: Dim, count: Dim) -> Any:
    """Where the middles of `count` cells lie among `size` cells."""
    scale = divide(_number(size), _number(count))
    return subtract(times(add(_cells(count), 0.5), scale), 0.5)


def _once_a_size(make: Callable[..., Any]) -> Callable[..., Any]:
    """Keep the tables of known sizes."""
    kept = functools.lru_cache(maxsize=256)(make)

    @functools.wraps(make)
    def made(*arguments: Any) -> Any:
        free = any(isinstance(a, dims.SymbolicDim) for a in arguments)
        return (make if free else kept)(*arguments)

    return made


@_once_a_size
def nearest_places(size: Dim, count: Dim) -> Any:
    """The cell in which the middle of each new cell lies."""
    scale = divide(_number(size), _number(count))
    at = floor(times(add(_cells(count), 0.5), scale))
    return minimum(cast(at, "int32"), size - 1)


@_once_a_size
def linear_table(size: Dim, count: Dim) -> Table:
    """The cells before and after each new middle, and how far it is from the first."""
    at = _sampled(size, count)
    before = floor(at)
    low = maximum(cast(before, "int32"), 0)
    high = minimum(cast(ceil(at), "int32"), size - 1)
    return stack([low, high], axis=1), subtract(at, before)


_STEPS = 1024  # TensorFlow rounds cubic offsets to this share of a cell


def _cubic_shares() -> tuple[np.ndarray, np.ndarray]:
    """Weights of the nearer and the farther cell at each step (Keys, 1981)."""
    x = np.arange(_STEPS + 1) / _STEPS
    near = (1.5 * x - 2.5) * x * x + 1
    x = x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return near.astype("float32"), far.astype("float32")


_NEAR, _FAR = _cubic_shares()
# A sum of weights below this is no sum to divide by.
_LEAST_SUM = float(1000 * np.finfo(np.float32).tiny)


@_once_a_size
def cubic_table(size: Dim, count: Dim) -> Table:
    """Four cells around each new middle; cells outside count for nothing."""
    at = _sampled(size, count)
    before = floor(at)
    step = cast(round(times(subtract(at, before), float(_STEPS))), "int32")
    rest = subtract(_STEPS, step)
    weights = [
        gather(table, offset, axis=0)
        for table, offset in ((_FAR, step), (_NEAR, step), (_NEAR, rest), (_FAR, rest))
    ]
    first = subtract(cast(before, "int32"), 1)
    places = stack([add(first, i) for i in range(4)], axis=1)
    return _inside(places, stack(weights, axis=1), size)


def _inside(places: Any, weights: Any, size: Dim) -> Table:
    """Cells outside get weight 0, and the weights the sum 1."""
    inside = logical_and(greater_equal(places, 0), less(places, size))
    weights = where(inside, weights, 0.0)
    taps = shape_of(weights)[1]
    total = along(cumsum(weights, axis=1), 1, taps - 1, taps)  # one by one, in order
    small = less(abs(total), _LEAST_SUM)
    weights = where(small, weights, times(weights, divide(1.0, total)))
    return clip(places, 0, size - 1), weights


def _triangle(x: Any) -> Any:
    return maximum(subtract(1.0, x), 0.0)


def _keys(x: Any) -> Any:
    near = add(
        times(times(subtract(times(1.5, x), 2.5), x), x),
        1.0,
    )
    far = times(subtract(times(add(times(-0.5, x), 2.5), x), 4.0), x)
    return where(less(x, 1.0), near, where(less(x, 2.0), add(far, 2.0), 0.0))


_PI = np.float32(np.pi)


def _sine(x: Any) -> Any:
    """The sine, exact to the last bit of float32."""
    return cast(sin(cast(x, "float64")), dtype_of(x))


def _lanczos(radius: int, x: Any) -> Any:
    """Source: Duchon, "Lanczos filtering in one and two dimensions" (1979)."""
    turn, middle = times(x, _PI), less_equal(x, 1e-3)
    waves = times(times(float(radius), _sine(turn)), _sine(divide(turn, radius)))
    below = times(times(_PI * _PI, x), x)
    bell = where(middle, 1.0, divide(waves, where(middle, 1.0, below)))
    return where(less_equal(x, float(radius)), bell, 0.0)


KERNELS: dict[str, tuple[int, Callable[[Any], Any]]] = {
    "bilinear": (1, _triangle),
    "bicubic": (2, _keys),
    "lanczos3": (3, functools.partial(_lanczos, 3)),
    "lanczos5": (5, functools.partial(_lanczos, 5)),
}


def _reach(radius: int, size: Dim, count: Dim, antialias: bool) -> Dim:
    """Cells to each side that a kernel may touch."""
    return dims.maximum(radius, dims.ceildiv(radius * size, count)) if antialias else (
        radius
    )  # fmt: skip


@_once_a_size
def kernel_table(method: str, antialias: bool, size: Dim, count: Dim) -> Table:
    """Cells weighted by a kernel, stretched when it shrinks the image."""
    radius, kernel = KERNELS[method]
    inverse = divide(1.0, divide(_number(count), _number(size)))
    stretch = maximum(inverse, 1.0) if antialias else np.float32(1.0)
    middle = expand_dims(times(add(_cells(count), 0.5), inverse), 1)
    first = ceil(subtract(subtract(middle, times(float(radius), stretch)), 0.5))
    taps = 2 * _reach(radius, size, count, antialias) + 1
    places = add(first, expand_dims(_cells(taps), 0))
    distance = times(subtract(add(places, 0.5), middle), divide(1.0, stretch))
    return _inside(cast(places, "int32"), kernel(abs(distance)), size)


@_once_a_size
def area_table(size: Dim, count: Dim) -> Table:
    """Cells weighted by how much of each the new cell covers."""
    scale = divide(_number(size), _number(count))
    start = expand_dims(times(_cells(count), scale), 1)
    end = expand_dims(times(add(_cells(count), 1.0), scale), 1)
    taps = dims.ceildiv(size, count) + 2
    cell = add(floor(start), expand_dims(_cells(taps), 0))
    after = add(cell, 1.0)
    past = less(end, after)
    begun = where(past, scale, subtract(after, start))
    whole = where(past, subtract(end, cell), 1.0)
    covered = where(less(cell, start), begun, whole)
    weights = where(less(cell, ceil(end)), covered, 0.0)
    return clip(cast(cell, "int32"), 0, size - 1), weights


# --------------------------------------------------------------------------- methods


def _nearest(x: Any, axes: tuple[int, int], size: tuple[Dim, Dim]) -> Any:
    for axis, count in zip(axes, size):
        cells = shape_of(x)[axis]
        if cells != count:
            x = gather(x, nearest_places(cells, count), axis=axis)
    return x


def _bilinear(x: Any, axes: tuple[int, int], size: tuple[Dim, Dim]) -> Any:
    tables = [linear_table(shape_of(x)[a], n) for a, n in zip(axes, size)]
    return bilinear(x, *tables[0], *tables[1], axis=axes[0])


def _tabled(
    x: Any, axes: tuple[int, int], size: tuple[Dim, Dim], table: Callable[..., Table]
) -> Any:
    for axis, count in zip(axes, size):
        x = resample(x, *table(shape_of(x)[axis], count), axis=axis)
    return x


def _area(x: Any, axes: tuple[int, int], size: tuple[Dim, Dim]) -> Any:
    sizes = shape_of(x)
    scales = [
        divide(_number(sizes[axis]), _number(count)) for axis, count in zip(axes, size)
    ]
    total = _tabled(x, axes[::-1], size[::-1], area_table)
    return multiply(total, divide(1.0, multiply(*scales)))


METHODS = ("bilinear", "nearest", "lanczos3", "lanczos5", "bicubic", "area")


def resized(
    x: Any, axes: tuple[int, int], size: tuple[Dim, Dim], method: str, antialias: bool
) -> Any:
    """Return images with `axes` of `size`: floats but for "nearest"."""
    sizes = shape_of(x)
    if tuple(sizes[a] for a in axes) == tuple(size):
        return x
    if method == "nearest":
        return _nearest(x, axes, size)
    if method == "area":
        return _area(x, axes, size)
    if method == "bilinear" and not antialias:
        return _bilinear(x, axes, size)
    if method == "bicubic" and not antialias:
        return _tabled(x, axes, size, cubic_table)
    return _tabled(x, axes, size, functools.partial(kernel_table, method, antialias))


# ---------------------------------------------------------------------- aspect ratio


def aspect_crop(
    height: Dim, width: Dim, target: tuple[Dim, Dim]
) -> tuple[tuple[Dim, Dim], tuple[Dim, Dim]]:
    """Return (start, size) along both axes of the largest middle part of an aspect."""
    rows = dims.minimum(height, dims.floordiv(width * target[0], target[1]))
    columns = dims.minimum(width, dims.floordiv(height * target[1], target[0]))
    rows, columns = dims.maximum(rows, 1), dims.maximum(columns, 1)
    return (
        (dims.floordiv(height - rows, 2), rows),
        (dims.floordiv(width - columns, 2), columns),
    )


def cropped_to_aspect(x: Any, axes: tuple[int, int], target: tuple[Dim, Dim]) -> Any:
    """Return the largest middle part of images that has the aspect of `target`."""
    height, width = (shape_of(x)[a] for a in axes)
    for axis, (start, size) in zip(axes, aspect_crop(height, width, target)):
        x = along(x, axis, start, start + size)
    return x


def smart_resized(
    x: Any, axes: tuple[int, int], target: tuple[Dim, Dim], method: str = "bilinear"
) -> Any:
    """Return the largest middle part of the aspect of `target`, in that size."""
    return resized(cropped_to_aspect(x, axes, target), axes, target, method, False)


def padded_to_aspect(
    x: Any, axes: tuple[int, int], target: tuple[Dim, Dim], value: Any
) -> Any:
    """Return images in a frame of `value` that brings them to the aspect of `target`.

    Both sides get as much; where one more cell is needed there is one too few.
    """
    height, width = (shape_of(x)[a] for a in axes)
    wanted = (
        dims.maximum(height, dims.floordiv(width * target[0], target[1])),
        dims.maximum(width, dims.floordiv(height * target[1], target[0])),
    )
    frame: list[Dim] = [0] * len(shape_of(x))
    for axis, size, want in zip(axes, (height, width), wanted):
        frame[axis] = dims.floordiv(want - size, 2)
    none = (0,) * len(frame)
    return pad_interior(
        x, value=value, low=tuple(frame), high=tuple(frame), interior=none
    )


# -------------------------------------------------------------------------- public


def _refuse(who: str, expected: str, received: str, remedy: str = "") -> None:
    raise ArgumentError(message(who, expected, received, remedy))


def checked_size(who: str, size: Any) -> tuple[int, int]:
    """Return (height, width).

    Raises:
        ArgumentError: unless they are two positive ints.
    """
    pair = tuple(size) if isinstance(size, (tuple, list, np.ndarray)) else ()
    whole = [hasattr(n, "__index__") and not isinstance(n, bool) for n in pair]
    if len(pair) != 2 or not (whole[0] and whole[1]):
        _refuse(who, "expected size to be two ints, (height, width).", f"size={size!r}")
    if pair[0] <= 0 or pair[1] <= 0:
        _refuse(who, "expected a positive height and width.", f"size={size!r}")
    return int(pair[0]), int(pair[1])


def check_resize(
    who: str, interpolation: Any, crop: Any, pad: Any, fill_mode: Any
) -> None:
    """Check what `resize` is asked for.

    Raises:
        ArgumentError: if it cannot be done.
    """
    if interpolation not in METHODS:
        _refuse(who, f"expected interpolation in {METHODS}.",
                f"interpolation={interpolation!r}")  # fmt: skip
    if fill_mode != "constant":
        _refuse(who, "expected fill_mode='constant'.", f"fill_mode={fill_mode!r}")
    if crop and pad:
        _refuse(who, "expected at most one of crop_to_aspect_ratio and "
                "pad_to_aspect_ratio.", "both True")  # fmt: skip


@composite()
def resize(
    images: Tensor, size: Any, interpolation: str = "bilinear",
    antialias: bool = False, crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False, fill_mode: str = "constant",
    fill_value: float = 0.0, data_format: str | None = None,
) -> Any:  # fmt: skip
    """Return images of another height and width, of the dtype they had.

    Args:
        images: one image or a batch.
        size: (height, width).
        interpolation: "bilinear", "nearest", "bicubic", "lanczos3", "lanczos5" or
            "area".
        antialias: whether a smaller image averages over all it is made of.
        crop_to_aspect_ratio: whether to keep proportions by cutting the edges off.
        pad_to_aspect_ratio: whether to keep proportions by a frame of `fill_value`.
        fill_mode: "constant".
        fill_value: colour of the frame.
        data_format: None takes `config.image_data_format()`.

    Raises:
        ArgumentError: if an argument is none of these.
        ShapeError: if `images` has another rank.

    Example:
        >>> resize(np.array([[[0], [3]]], "uint8"), (1, 4))[0, :, 0]
        array([0, 1, 2, 3], dtype=uint8)
    """
    pair = checked_size("resize", size)
    check_resize(
        "resize", interpolation, crop_to_aspect_ratio, pad_to_aspect_ratio, fill_mode
    )
    axes, kind = image_axes(images, data_format, "resize"), dtype_of(images)
    x = images
    if crop_to_aspect_ratio:
        x = cropped_to_aspect(x, axes, pair)
    if pad_to_aspect_ratio:
        x = padded_to_aspect(x, axes, pair, fill_value)
    x = resized(x, axes, pair, interpolation, bool(antialias))
    if dtype_of(x) == kind:
        return x
    return saturate_cast(x if dtypes.is_float(kind) else round(x), kind)


_LINEAR = ("linear", "bilinear", "trilinear", "triangle")
_CUBIC = ("cubic", "bicubic", "tricubic")


def _kernel_named(method: Any) -> Callable[[Any], Any]:
    known = (*_LINEAR, *_CUBIC, "lanczos3", "lanczos5")
    if method not in known:
        _refuse("scale_and_translate", f"expected method in {known}.",
                f"method={method!r}")  # fmt: skip
    name = "bilinear" if method in _LINEAR else method
    return KERNELS["bicubic" if method in _CUBIC else name][1]


def _matrix(
    size: Dim, count: Dim, scale: Any, translation: Any, kernel: Any, antialias: bool
) -> Any:
    """The weight of each of `size` cells (rows) in each of `count` (columns)."""
    inverse = divide(1.0, scale)
    stretch = maximum(inverse, 1.0) if antialias else 1.0
    middle = subtract(
        subtract(multiply(add(_cells(count), 0.5), inverse),
                 multiply(translation, inverse)), 0.5
    )  # fmt: skip
    cells = expand_dims(_cells(size), 1)
    weights = kernel(divide(abs(subtract(expand_dims(middle, 0), cells)), stretch))
    total = sum(weights, axis=0, keepdims=True)
    enough = greater_equal(abs(total), 1000 * float(np.finfo(np.float32).eps))
    weights = where(enough, divide(weights, where(enough, total, 1.0)), 0.0)
    limit = subtract(_number(size), 0.5)
    seen = logical_and(greater_equal(middle, -0.5), less_equal(middle, limit))
    return where(seen, weights, 0.0)


@composite(operands=("images", "scale", "translation"))
def scale_and_translate(
    images: Tensor, output_shape: Any, scale: Tensor, translation: Tensor,
    spatial_dims: Any, method: str, antialias: bool = True,
) -> Any:  # fmt: skip
    """Return images stretched by `scale` and moved by `translation` cells.

    Args:
        images: a tensor of any rank.
        output_shape: shape of the result.
        scale: factor along each of `spatial_dims`.
        translation: cells by which the result moves along each of them.
        spatial_dims: the axes that change.
        method: "linear", "cubic", "lanczos3" or "lanczos5".
        antialias: whether a smaller image averages over all it is made of.

    Example:
        >>> scale_and_translate(
        ...     np.arange(4.0, dtype="float32"), (2,), [0.5], [0.0], (0,), "linear",
        ...     antialias=False,
        ... )
        array([0.5, 2.5], dtype=float32)
    """
    kernel, kind = _kernel_named(method), dtype_of(images)
    x = images if dtypes.is_float(kind) else cast(images, "float32")
    rank = len(shape_of(x))
    for i, axis in enumerate(spatial_dims):
        axis = normalize_axis(int(axis), rank)
        table = _matrix(shape_of(x)[axis], output_shape[axis], scale[i],
                        translation[i], kernel, antialias)  # fmt: skip
        x = moveaxis(tensordot(x, cast(table, dtype_of(x)), axes=((axis,), (0,))), -1,
                     axis)  # fmt: skip
    if dtypes.is_float(kind):
        return x
    low, high = (cast(f(images), "float32") for f in (min, max))
    return cast(clip(round(x), low, high), kind)
