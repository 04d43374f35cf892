"""Images read at computed coordinates: affine, perspective and elastic transforms.

Coordinates are mapped back into the image step by step as TensorFlow's kernel does it,
in float32; what is between pixels is read by `sample`, or by `map_coordinates` in any
number of dimensions.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras import dtypes
from graphkeras.errors import ArgumentError, ShapeError, message
from graphkeras.ir import dims
from graphkeras.ir.definers import composite, require, structured
from graphkeras.ir.types import TensorType
from graphkeras.ops.arrange import unstack
from graphkeras.ops.compare import (
    equal,
    greater,
    greater_equal,
    less,
    logical_and,
    where,
)
from graphkeras.ops.creation import broadcast_to, cast, dtype_of, positions
from graphkeras.ops.frame import format_of, image_axes
from graphkeras.ops.index import gather, scatter_add
from graphkeras.ops.math import (
    abs,
    add,
    clip,
    divide,
    floor,
    mod,
    multiply,
    negative,
    round,
    sign,
    subtract,
    times,
    trunc,
)
from graphkeras.ops.reduce import sum
from graphkeras.ops.shape import (
    expand_dims,
    ndim,
    ravel,
    reshape,
    shape_of,
    squeeze,
    stack,
    transpose,
)

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor

# ---------------------------------------------------------------------------- sample


def _sample_type(
    x: TensorType, rows: TensorType, columns: TensorType, fill: TensorType, *,
    linear: bool,
) -> TensorType:  # fmt: skip
    require(x.rank == 4 and rows.rank == 3, "expected a batch of images and of places")
    require(rows.shape == columns.shape, "rows and columns must have one shape")
    require(rows.shape[0] == x.shape[0], "expected places for each image")
    require(fill.rank == 0, "fill must be a scalar")
    return x.with_shape((*rows.shape, x.shape[3]))


def _places_as(kinds: Any) -> list[str]:
    work = "float64" if kinds[1] == "float64" else "float32"
    return [dtypes.resolve(kinds[0]), work, work, work]


Corner = tuple[Any, Any]  # row and column of a pixel, as whole floats


def _corners(rows: Any, columns: Any, linear: bool) -> list[Corner]:
    """The pixels around each place, row by row; or the nearest alone."""
    if not linear:
        return [(_nearest(rows), _nearest(columns))]
    pairs = ((first, add(first, 1.0)) for first in (floor(rows), floor(columns)))
    return list(itertools.product(*pairs))


def _nearest(at: Any) -> Any:
    """Rounded; halves go away from zero."""
    size = abs(at)
    whole = floor(size)
    up = greater_equal(subtract(size, whole), 0.5)
    return multiply(sign(at), where(up, add(whole, 1.0), whole))


def _shares(at: Any) -> tuple[Any, Any]:
    """How much of the pixel before a coordinate, and of the one after."""
    first = floor(at)
    return subtract(add(first, 1.0), at), subtract(at, first)


def _mixed(values: list[Any], rows: Any, columns: Any) -> Any:
    """One value of those of the corners: along rows first, then across."""
    if len(values) == 1:
        return values[0]
    down, across = _shares(rows), _shares(columns)
    lines = [_mix(across, values[k : k + 2]) for k in (0, 2)]
    return _mix(down, lines)


def _mix(shares: tuple[Any, Any], values: list[Any]) -> Any:
    return add(multiply(shares[0], values[0]), multiply(shares[1], values[1]))


def _inside(y: Any, x: Any, height: Any, width: Any) -> Any:
    down = logical_and(greater_equal(y, 0.0), less(y, height))
    return logical_and(down, logical_and(greater_equal(x, 0.0), less(x, width)))


def _flat(y: Any, x: Any, sizes: tuple) -> Any:
    """Where a pixel lies among those of all images."""
    n, height, width = sizes[:3]
    down = cast(clip(y, 0.0, height - 1), "int32")
    across = cast(clip(x, 0.0, width - 1), "int32")
    image = positions(y, (n, 1, 1), 0)
    return add(multiply(add(multiply(image, height), down), width), across)


def _sample_vjp(g: Any, y: Any, x: Any, rows: Any, columns: Any, fill: Any) -> Any:
    sizes, work = shape_of(x), dtype_of(rows)
    count = dims.product(sizes[:3])
    pixels = reshape(cast(x, work), (count, sizes[3]))
    g = cast(g, work)
    total: Any = 0.0
    dots, insides = [], []
    for k, (down, across) in enumerate(_corners(rows, columns, y.linear)):
        inside = _inside(down, across, *sizes[1:3])
        place = _flat(down, across, sizes)
        kept = where(inside, _share_of(k, rows, columns, y.linear), 0.0)
        part = scatter_add(place, multiply(g, expand_dims(kept, -1)), size=count)
        total = add(total, part)
        value = where(expand_dims(inside, -1), gather(pixels, place, axis=0), fill)
        dots.append(sum(multiply(g, value), axis=-1))
        insides.append(where(inside, 1.0, 0.0))
    slopes = _slopes(rows, columns, dots) if y.linear else (None, None)
    outside = subtract(1.0, _mixed(insides, rows, columns))
    filled = sum(multiply(g, expand_dims(outside, -1)))
    whole = dtypes.is_float(x.dtype)
    return cast(reshape(total, sizes), x.dtype) if whole else None, *slopes, filled


def _share_of(corner: int, rows: Any, columns: Any, linear: bool) -> Any:
    if not linear:
        return 1.0
    return multiply(_shares(rows)[corner // 2], _shares(columns)[corner % 2])


def _slopes(rows: Any, columns: Any, values: list[Any]) -> tuple[Any, Any]:
    """Gradients of the coordinates, from the values of the corners."""
    first, right, below, last = values
    down, across = _shares(rows), _shares(columns)
    steps_down = [subtract(below, first), subtract(last, right)]
    steps_across = [subtract(right, first), subtract(last, below)]
    return _mix(across, steps_down), _mix(down, steps_across)


def _sample_onnx(b: Any, y: Any, x: Any, rows: Any, columns: Any, fill: Any) -> Any:
    sizes, work = y.inputs[0].shape, y.inputs[1].dtype
    shape = b.shape((dims.product(sizes[:3]), sizes[3]))
    pixels = b.Reshape(b.cast_to(x, work), shape, allowzero=1)
    said = _Said(b, sizes, work)
    if not y.linear:
        corner = (said.nearest(rows), said.nearest(columns))
        return b.cast_to(said.read(pixels, corner, fill), y.dtype)
    (tops, down), (lefts, across) = said.around(rows), said.around(columns)
    lines = []
    for top in tops:
        values = [said.read(pixels, (top, left), fill) for left in lefts]
        lines.append(said.mix(across, values))
    total = said.mix(down, lines)
    return total if y.dtype == work else b.Cast(total, to=b.dtype(y.dtype))


class _Said:
    """The steps of `sample` as nodes of ONNX."""

    def __init__(self, b: Any, sizes: tuple, work: str) -> None:
        self.b, self.sizes, self.work = b, sizes, work

    def nearest(self, at: str) -> str:
        """Rounded; halves go away from zero."""
        b = self.b
        size = b.Abs(at)
        whole = b.Floor(size)
        up = b.GreaterOrEqual(b.Sub(size, whole), b.scalar(0.5, self.work))
        return b.Mul(b.Sign(at), b.Add(whole, b.Cast(up, to=b.dtype(self.work))))

    def around(self, at: str) -> tuple[list[str], list[str]]:
        """The whole numbers before and after, and the share of each."""
        b = self.b
        first = b.Floor(at)
        second = b.Add(first, b.scalar(1.0, self.work))
        shares = (b.Sub(second, at), b.Sub(at, first))
        return [first, second], [b.Unsqueeze(s, b.ints((-1,))) for s in shares]

    def mix(self, shares: list[str], values: list[str]) -> str:
        """Two values by their shares."""
        b = self.b
        return b.Add(b.Mul(shares[0], values[0]), b.Mul(shares[1], values[1]))

    def read(self, pixels: str, corner: Corner, fill: str) -> str:
        """The pixel at a corner, or the fill outside its image."""
        b, zero = self.b, self.b.scalar(0.0, self.work)
        found, tests = [], []
        for at, size in zip(corner, self.sizes[1:3]):
            limit = b.size(size, self.work)
            tests.append(b.And(b.GreaterOrEqual(at, zero), b.Less(at, limit)))
            top = b.Sub(limit, b.scalar(1.0, self.work))
            found.append(b.Cast(b.Clip(at, zero, top), to=b.dtype("int64")))
        image = b.iota(TensorType("int64", (self.sizes[0], 1, 1)), 0)
        line = b.Add(b.Mul(image, b.size(self.sizes[1])), found[0])
        place = b.Add(b.Mul(line, b.size(self.sizes[2])), found[1])
        inside = b.Unsqueeze(b.And(*tests), b.ints((-1,)))
        return b.Where(inside, b.Gather(pixels, place, axis=0), fill)


@structured(
    infer=_sample_type, kernel="image.sample", vjp=_sample_vjp, onnx=_sample_onnx,
    promote=_places_as,
)  # fmt: skip
def sample(
    x: Tensor, rows: Tensor, columns: Tensor, fill: Tensor, *, linear: bool
) -> Any:
    """Pixels at (row, column) of each image: the nearest, or between the four around.

    x: (batch, height, width, channels); rows, columns: (batch, any, any).
    """
    sizes = x.shape
    if not x.size:
        return np.full((*rows.shape, sizes[3]), fill)
    pixels = x.reshape(-1, sizes[3])
    values = []
    for down, across in _corners(rows, columns, linear):
        inside = _inside(down, across, sizes[1], sizes[2])[..., None]
        value = pixels[_flat(down, across, sizes)].astype(rows.dtype)
        values.append(np.where(inside, value, fill))
    return _mixed(values, rows[..., None], columns[..., None])


# ------------------------------------------------------------- coordinates and modes


def reflected(at: Any, size: Any) -> Any:
    """d c b a | a b c d | d c b a"""
    twice = times(2.0, size)
    turns = trunc(divide(negative(at), twice))
    low = add(times(twice, turns), at)
    low = where(
        less(low, negative(size)), add(low, twice), subtract(negative(low), 1.0)
    )
    high = subtract(at, times(twice, trunc(divide(at, twice))))
    high = where(greater_equal(high, size), subtract(subtract(twice, high), 1.0), high)
    return _ends(at, size, low, high)


def _wrapped(at: Any, size: Any) -> Any:
    """a b c d | a b c d | a b c d"""
    last = subtract(size, 1.0)
    span = where(greater(last, 0.0), last, 1.0)
    turns = add(trunc(divide(negative(at), span)), 1.0)
    low = add(at, times(size, turns))
    high = subtract(at, times(size, trunc(divide(at, span))))
    return _ends(at, size, low, high)


def _ends(at: Any, size: Any, low: Any, high: Any) -> Any:
    """What lies before the first or behind the last pixel, brought inside."""
    last = subtract(size, 1.0)
    moved = where(less(at, 0.0), low, where(greater(at, last), high, at))
    return where(greater(size, 1.0), clip(moved, 0.0, last), 0.0)


_MAPS = {
    "constant": lambda at, size: at,
    "nearest": lambda at, size: clip(at, 0.0, subtract(size, 1.0)),
    "reflect": reflected,
    "wrap": _wrapped,
}
INTERPOLATIONS = ("nearest", "bilinear")
FILL_MODES = tuple(_MAPS)
_OUTSIDE = -2.0  # a coordinate no pixel is near to


def check_warp(who: str, interpolation: Any, fill_mode: Any = "constant") -> None:
    """Check the ways to read between and beyond pixels.

    Raises:
        ArgumentError: if there is none of that name.
    """
    for name, given, known in (
        ("interpolation", interpolation, INTERPOLATIONS),
        ("fill_mode", fill_mode, FILL_MODES),
    ):
        if given not in known:
            raise ArgumentError(
                message(who, f"expected {name} in {known}.", f"{name}={given!r}")
            )


def _working(*operands: Any) -> str:
    """float32, as TensorFlow computes coordinates, unless all is float64."""
    wide = {dtype_of(operand) for operand in operands} == {"float64"}
    return "float64" if wide else "float32"


def _number(number: Any, kind: str) -> Any:
    known = isinstance(number, (int, float))
    return np.asarray(number, kind) if known else cast(number, kind)


def _projected(
    x: Any, transforms: Any, interpolation: str, fill_mode: str, fill_value: Any
) -> Any:
    """Read (batch, height, width, channels) images where `transforms` point to."""
    (n, height, width), kind = shape_of(x)[:3], _working(x, transforms)
    a = [reshape(t, (-1, 1, 1)) for t in unstack(cast(transforms, kind), axis=1)]
    down = positions(a[0], (1, height, 1), 1, kind)
    across = positions(a[0], (1, 1, width), 2, kind)

    def line(k: int) -> Any:
        return add(times(a[k], across), times(a[k + 1], down))

    scale = add(line(6), 1.0)
    places = []
    for k, size in ((3, height), (0, width)):
        at = divide(add(line(k), a[k + 2]), scale)
        at = _MAPS[fill_mode](at, _number(size, kind))
        at = where(equal(scale, 0.0), _OUTSIDE, at)
        places.append(broadcast_to(at, (n, height, width)))
    fill = _number(fill_value, kind)
    return sample(x, places[0], places[1], fill, linear=interpolation == "bilinear")


def _as_batch(images: Any, data_format: str | None, who: str) -> tuple[Any, Any]:
    """Return images as (batch, height, width, channels), and the way back."""
    image_axes(images, data_format, who)
    first = format_of(who, data_format) == "channels_first"
    single = ndim(images) == 3
    x = expand_dims(images, 0) if single else images
    x = transpose(x, (0, 2, 3, 1)) if first else x

    def back(y: Any) -> Any:
        y = transpose(y, (0, 3, 1, 2)) if first else y
        return squeeze(y, 0) if single else y

    return x, back


@composite(operands=("images", "transform"))
def affine_transform(
    images: Tensor, transform: Tensor, interpolation: str = "bilinear",
    fill_mode: str = "constant", fill_value: float = 0,
    data_format: str | None = None,
) -> Any:  # fmt: skip
    """Return images whose pixel (x, y) is that of another place of the operand.

    Args:
        images: one image or a batch.
        transform: (8,), or (batch, 8): a0, a1, a2, b0, b1, b2, c0, c1, which read
            x' = (a0 x + a1 y + a2) / k and y' = (b0 x + b1 y + b2) / k with
            k = c0 x + c1 y + 1.
        interpolation: "bilinear" or "nearest".
        fill_mode: what lies outside: "constant", "nearest", "wrap" or "reflect".
        fill_value: the constant.
        data_format: None takes `config.image_data_format()`.

    Example:
        >>> image = np.arange(3, dtype="float32").reshape(1, 3, 1)
        >>> shift = np.array([1, 0, 1, 0, 1, 0, 0, 0], "float32")
        >>> affine_transform(image, shift)[0, :, 0]
        array([1., 2., 0.], dtype=float32)
    """
    who = "affine_transform"
    check_warp(who, interpolation, fill_mode)
    x, back = _as_batch(images, data_format, who)
    rank = ndim(transform)
    if rank not in (1, 2) or shape_of(transform)[-1] != 8:
        raise ShapeError(
            message(who, "expected transform of shape (8,) or (batch, 8).",
                    f"shape {list(shape_of(transform))}")
        )  # fmt: skip
    rows = expand_dims(transform, 0) if rank == 1 else transform
    return back(_projected(x, rows, interpolation, fill_mode, fill_value))


# -------------------------------------------------------------------------- perspective


def _from_square(points: Any) -> list[Any]:
    """The projection of the unit square onto four points, as nine numbers a row.

    Source: Heckbert, "Fundamentals of texture mapping and image warping" (1989).
    """
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = (
        unstack(corner, axis=-1) for corner in unstack(points, axis=1)
    )
    sx, sy = x0 - x1 - x2 + x3, y0 - y1 - y2 + y3
    ax, ay, bx, by = x1 - x3, y1 - y3, x2 - x3, y2 - y3
    area = ax * by - bx * ay
    g, h = (sx * by - bx * sy) / area, (ax * sy - sx * ay) / area
    return [
        x1 - x0 + g * x1, x2 - x0 + h * x2, x0,
        y1 - y0 + g * y1, y2 - y0 + h * y2, y0, g, h, g * 0.0 + 1.0,
    ]  # fmt: skip


def _adjugate(m: list[Any]) -> list[Any]:
    """The inverse of a 3 x 3 matrix times its determinant."""
    a, b, c, d, e, f, g, h, i = m
    return [
        e * i - f * h, c * h - b * i, b * f - c * e,
        f * g - d * i, a * i - c * g, c * d - a * f,
        d * h - e * g, b * g - a * h, a * e - b * d,
    ]  # fmt: skip


def homography(start_points: Any, end_points: Any) -> Any:
    """Return (batch, 8) transforms that read the start points at the end points."""
    first, second = (_from_square(p) for p in (start_points, end_points))
    second = _adjugate(second)
    product = [
        first[3 * r] * second[c] + first[3 * r + 1] * second[3 + c]
        + first[3 * r + 2] * second[6 + c]
        for r in range(3) for c in range(3)
    ]  # fmt: skip
    return stack([p / product[8] for p in product[:8]], axis=1)


def _quads(points: Any, name: str) -> Any:
    sizes = shape_of(points)
    if len(sizes) not in (2, 3) or tuple(sizes[-2:]) != (4, 2):
        raise ShapeError(
            message("perspective_transform", f"expected {name} of shape (4, 2) or "
                    "(batch, 4, 2).", f"shape {list(sizes)}")
        )  # fmt: skip
    return points if len(sizes) == 3 else expand_dims(points, 0)


@composite(operands=("images", "start_points", "end_points"))
def perspective_transform(
    images: Tensor, start_points: Tensor, end_points: Tensor,
    interpolation: str = "bilinear", fill_value: float = 0,
    data_format: str | None = None,
) -> Any:  # fmt: skip
    """Return images drawn so that four points move to four others.

    Args:
        images: one image or a batch.
        start_points: (4, 2) or (batch, 4, 2): x and y of top left, top right, bottom
            left and bottom right.
        end_points: where they go.
        interpolation: "bilinear" or "nearest".
        fill_value: colour of what lies outside.
        data_format: None takes `config.image_data_format()`.

    Example:
        >>> corners = np.array([[0, 0], [2, 0], [0, 2], [2, 2]], "float32")
        >>> image = np.arange(9, dtype="float32").reshape(3, 3, 1)
        >>> bool((perspective_transform(image, corners, corners) == image).all())
        True
    """
    who = "perspective_transform"
    check_warp(who, interpolation)
    x, back = _as_batch(images, data_format, who)
    starts, ends = (
        _quads(start_points, "start_points"),
        _quads(end_points, "end_points"),
    )
    if shape_of(starts) != shape_of(ends):
        raise ShapeError(
            message(who, "expected start_points and end_points of one shape.",
                    f"{list(shape_of(starts))} and {list(shape_of(ends))}")
        )  # fmt: skip
    kind = _working(x, starts, ends)
    rows = homography(cast(starts, kind), cast(ends, kind))
    return back(_projected(x, rows, interpolation, "constant", fill_value))


# --------------------------------------------------------------------- any dimensions


def _mapped(index: Any, size: Any, fill_mode: str) -> Any:
    """A cell for each whole coordinate, wherever it lies."""
    if fill_mode == "wrap":
        return mod(index, size)
    if fill_mode == "reflect":
        phase = mod(index, 2 * size)
        return where(less(phase, size), phase, subtract(2 * size - 1, phase))
    if fill_mode == "mirror":
        period = dims.maximum(2 * size - 2, 1)
        phase = mod(index, period)
        return where(less(phase, size), phase, subtract(period, phase))
    return clip(index, 0, size - 1)


_INDEX_MODES = ("constant", "nearest", "wrap", "mirror", "reflect")


def _check_coordinates(
    inputs: Any, coordinates: Any, order: Any, fill_mode: Any
) -> None:
    who = "map_coordinates"
    sizes = shape_of(coordinates)
    if len(sizes) < 2 or sizes[0] != ndim(inputs):
        raise ShapeError(
            message(who, f"expected coordinates of rank 2 or more that begin with "
                    f"{ndim(inputs)} lines, one for each axis of inputs.",
                    f"shape {list(sizes)}")
        )  # fmt: skip
    if order not in (0, 1):
        raise ArgumentError(message(who, "expected order 0 or 1.", f"order={order!r}"))
    if fill_mode not in _INDEX_MODES:
        raise ArgumentError(
            message(who, f"expected fill_mode in {_INDEX_MODES}.",
                    f"fill_mode={fill_mode!r}")
        )  # fmt: skip


@composite(operands=("inputs", "coordinates"))
def map_coordinates(
    inputs: Tensor, coordinates: Tensor, order: int, fill_mode: str = "constant",
    fill_value: float = 0,
) -> Any:  # fmt: skip
    """Return the cells of a tensor at coordinates between them.

    Args:
        inputs: a tensor of any rank.
        coordinates: (rank, ...): one line for each axis of `inputs`.
        order: 0 for the nearest cell, 1 for linear interpolation.
        fill_mode: what lies outside: "constant", "nearest", "wrap", "mirror" (c b | a
            b c | b a) or "reflect" (b a | a b c | c b).
        fill_value: the constant.

    Example:
        >>> map_coordinates(np.array([0.0, 10.0, 20.0]), np.array([[0.5, 1.0]]), 1)
        array([ 5., 10.])
    """
    _check_coordinates(inputs, coordinates, order, fill_mode)
    sizes, kind = shape_of(inputs), dtype_of(inputs)
    work = dtypes.as_float(dtype_of(coordinates))
    lines = []
    for at in unstack(cast(coordinates, work), axis=0):
        first = round(at) if order == 0 else floor(at)
        share = subtract(at, first)
        lines.append(
            [(first, None)] if order == 0 else
            [(first, subtract(1.0, share)), (add(first, 1.0), share)]
        )  # fmt: skip
    flat, total = ravel(inputs), None
    for corner in itertools.product(*lines):
        value = _cell(
            flat, sizes, [at for at, _ in corner], work, fill_mode, fill_value
        )
        for _, share in corner:
            value = value if share is None else multiply(value, share)
        total = value if total is None else add(total, value)
    return cast(total if dtypes.is_float(kind) else round(total), kind)


def _cell(
    flat: Any, sizes: tuple, corner: list[Any], work: str, fill_mode: str, fill: Any
) -> Any:
    """The cell at a whole coordinate of each axis, or the fill outside."""
    place: Any = 0
    inside: Any = None
    for at, size in zip(corner, sizes):
        index = cast(at, "int32")
        place = add(multiply(place, size), _mapped(index, size, fill_mode))
        here = logical_and(greater_equal(at, 0.0), less(at, size))
        inside = here if inside is None else logical_and(inside, here)
    value = cast(gather(flat, place, axis=0), work)
    return where(inside, value, fill) if fill_mode == "constant" else value
