"""Windows laid side by side: patches of images, frames of signals, and back."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras import config, dtypes
from graphkeras.ir import dims
from graphkeras.ir.definers import composite, require
from graphkeras.ir.types import normalize_axis
from graphkeras.ops.conv import conv2d_backward_data
from graphkeras.ops.creation import cast, dtype_of, positions
from graphkeras.ops.index import gather
from graphkeras.ops.linalg import tensordot
from graphkeras.ops.math import add, multiply
from graphkeras.ops.reduce import max
from graphkeras.ops.shape import (
    expand_dims,
    moveaxis,
    ndim,
    pad_interior,
    reshape,
    shape_of,
    slice_axes,
    squeeze,
    stack,
    transpose,
)
from graphkeras.ops.window import Pair, explicit_padding, pair_of, results

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor


def _patches(
    x: Any, window: Sequence[int], strides: Sequence[int], dilation: Sequence[int],
    padding: Any,
) -> Any:  # fmt: skip
    """Return x[n, *space, c] as [n, *windows, taps, c]."""
    n, *space, c = shape_of(x)
    rank = len(space)
    rows = list(zip(space, window, strides, padding, dilation, strict=True))
    count = tuple(results(*row) for row in rows)
    low, high = (tuple(p[k] for p in padding) for k in (0, 1))
    full = pad_interior(
        x, value=0, low=(0, *low, 0), high=(0, *high, 0), interior=(0,) * (rank + 2)
    )
    taps = []
    for places in itertools.product(*map(range, window)):
        at = tuple(i * gap for i, gap in zip(places, dilation, strict=True))
        ends = (a + (k - 1) * s + 1 for a, k, s in zip(at, count, strides))
        taps.append(
            slice_axes(full, start=(0, *at, 0), limit=(n, *ends, c),
                       step=(1, *strides, 1))
        )  # fmt: skip
    return stack(taps, axis=rank + 1)


def _pair(argument: Any) -> Pair:
    """Return an int or a pair as a pair."""
    given = (argument,) * 2 if isinstance(argument, int) else tuple(argument)
    return int(given[0]), int(given[1])


@composite()
def unfold(
    x: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Any:
    """Return the windows of images (batch, channels, height, width) as columns.

    Returns:
        (batch, channels * window, windows).

    Example:
        >>> unfold(np.ones((1, 2, 4, 4)), 3).shape
        (1, 18, 4)
    """
    require(ndim(x) == 4, f"unfold: expected rank 4, not {ndim(x)}")
    n, c = shape_of(x)[:2]
    window, (top, left) = _pair(kernel_size), _pair(padding)
    image = transpose(x, (0, 2, 3, 1))
    ends = ((top, top), (left, left))
    found = _patches(image, window, _pair(stride), _pair(dilation), ends)
    rows, columns = shape_of(found)[1:3]
    turned = transpose(found, (0, 4, 3, 1, 2))
    return reshape(turned, (n, c * window[0] * window[1], rows * columns))


@composite()
def fold(
    x: Tensor, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0,
    stride: Any = 1,
) -> Any:  # fmt: skip
    """Return images as the sum of windows: `unfold` transposed.

    Args:
        x: (batch, channels * window, windows).
        output_size: (height, width) of the result.
        kernel_size: window.
        dilation: distance of taps.
        padding: cells around the image that windows may cover.
        stride: distance of windows.

    Example:
        >>> fold(np.ones((1, 4, 4)), (3, 3), 2)[0, 0]
        array([[1., 2., 1.],
               [2., 4., 2.],
               [1., 2., 1.]])
    """
    size, window, gaps = _pair(output_size), _pair(kernel_size), _pair(dilation)
    steps, pads = _pair(stride), _pair(padding)
    ends = ((pads[0], pads[0]), (pads[1], pads[1]))
    count = tuple(results(*row) for row in zip(size, window, steps, ends, gaps))
    n, columns, _ = shape_of(x)
    channels = columns // (window[0] * window[1])
    grid = transpose(reshape(x, (n, columns, *count)), (0, 2, 3, 1))
    unit = np.eye(columns, dtype=dtypes.to_numpy(dtypes.as_float(dtype_of(x))))
    weights = unit.reshape(columns, channels, *window).transpose(2, 3, 1, 0)
    image = conv2d_backward_data(
        grid, weights, size=size, strides=steps, padding=ends, dilation=gaps, groups=1
    )
    return transpose(image, (0, 3, 1, 2))


@composite()
def extract_patches(
    images: Tensor, size: Any, strides: Any = None, dilation_rate: Any = 1,
    padding: str = "valid", data_format: str | None = None,
) -> Any:  # fmt: skip
    """Return the patches of images or volumes, each flattened into the channels.

    Args:
        images: one image (or volume) or a batch.
        size: (height, width) or (depth, height, width) of a patch, or an int for
            images.
        strides: distance of patches; their size if None.
        dilation_rate: distance of cells within a patch.
        padding: "valid" or "same".
        data_format: None takes `config.image_data_format()`.

    Example:
        >>> extract_patches(np.ones((2, 20, 20, 3)), 5).shape
        (2, 4, 4, 75)
    """
    rank = 2 if isinstance(size, int) else len(size)
    single = ndim(images) == rank + 1
    require(rank in (2, 3), f"extract_patches: expected 2 or 3 sizes, not {size}")
    require(
        single or ndim(images) == rank + 2,
        f"extract_patches: rank {ndim(images)} is not {rank + 1} or {rank + 2}",
    )
    batch = expand_dims(images, 0) if single else images
    first = (data_format or config.image_data_format()) == "channels_first"
    space = tuple(range(1, rank + 1))
    image = transpose(batch, (0, *(a + 1 for a in space), 1)) if first else batch
    window = pair_of(size, rank, "size")
    gaps = pair_of(dilation_rate, rank, "dilation_rate")
    steps = pair_of(strides, rank, "strides") if strides else window
    ends = explicit_padding(padding, shape_of(image)[1:-1], window, steps, gaps)
    *grid, taps, c = shape_of(found := _patches(image, window, steps, gaps, ends))
    flat = reshape(found, (*grid, taps * c))
    flat = transpose(flat, (0, rank + 1, *space)) if first else flat
    return squeeze(flat, 0) if single else flat


def extract_patches_3d(
    volumes: Any, size: Any, strides: Any = None, dilation_rate: Any = 1,
    padding: str = "valid", data_format: str | None = None,
) -> Any:  # fmt: skip
    """Return the patches of volumes, each flattened into the channels.

    Args:
        volumes: one volume or a batch.
        size: (depth, height, width) of a patch, or an int.
        strides: distance of patches; their size if None.
        dilation_rate: distance of cells within a patch.
        padding: "valid" or "same".
        data_format: None takes `config.image_data_format()`.

    Example:
        >>> extract_patches_3d(np.ones((10, 10, 10, 3)), 3).shape
        (3, 3, 3, 81)
    """
    whole = (size,) * 3 if isinstance(size, int) else size
    return extract_patches(volumes, whole, strides, dilation_rate, padding, data_format)


@composite()
def extract_sequences(x: Tensor, sequence_length: int, sequence_stride: int) -> Any:
    """Return the frames of signals along the last axis: (..., frames, length).

    Example:
        >>> extract_sequences(np.arange(5), 3, 2)
        array([[0, 1, 2],
               [2, 3, 4]])
    """
    size = shape_of(x)[-1]
    count = dims.floordiv(size - sequence_length, sequence_stride) + 1
    starts = multiply(positions(x, (count, 1), 0), sequence_stride)
    places = add(starts, positions(x, (1, sequence_length), 1))
    return gather(x, places, axis=ndim(x) - 1)


# ------------------------------------------------------------------ adaptive pooling


def _bounds(size: Any, count: int) -> list[tuple[int, int]]:
    """Return where each of `count` windows begins and ends, covering the axis."""
    require(isinstance(size, int), f"adaptive pooling: the size {size} must be known")
    return [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]


def _adaptive(x: Any, output_size: Any, data_format: str | None, pool: Any) -> Any:
    rank = ndim(x) - 2
    sizes = (output_size,) * rank if isinstance(output_size, int) else output_size
    require(len(sizes) == rank, f"adaptive pooling: expected {rank} sizes")
    first = (data_format or config.image_data_format()) == "channels_first"
    for i, count in enumerate(sizes):
        x = pool(x, normalize_axis(i + (2 if first else 1), rank + 2), count)
    return x


def _mean_of_windows(x: Any, axis: int, count: int) -> Any:
    size = shape_of(x)[axis]
    kind = dtypes.as_float(dtype_of(x))
    shares = np.zeros((size, count), dtypes.to_numpy(kind))
    for i, (start, stop) in enumerate(_bounds(size, count)):
        shares[start:stop, i] = 1 / (stop - start)
    return moveaxis(tensordot(cast(x, kind), shares, axes=((axis,), (0,))), -1, axis)


def _largest_of_windows(x: Any, axis: int, count: int) -> Any:
    ends = _bounds(shape_of(x)[axis], count)
    widest = np.max([stop - start for start, stop in ends])
    cells = np.arange(widest)
    places = np.array([np.minimum(start + cells, stop - 1) for start, stop in ends])
    return max(gather(x, places.astype("int32"), axis=axis), axis=axis + 1)


@composite()
def adaptive_average_pool(
    inputs: Tensor, output_size: Any, data_format: str | None = None
) -> Any:
    """Return means over as many windows as asked for, which cover each axis evenly.

    Example:
        >>> adaptive_average_pool(np.arange(5.0).reshape(1, 5, 1), 2)[0, :, 0]
        array([1., 3.])
    """
    return _adaptive(inputs, output_size, data_format, _mean_of_windows)


@composite()
def adaptive_max_pool(
    inputs: Tensor, output_size: Any, data_format: str | None = None
) -> Any:
    """Return maxima over as many windows as asked for, which cover each axis evenly."""
    return _adaptive(inputs, output_size, data_format, _largest_of_windows)
