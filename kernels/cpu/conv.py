"""Convolutions of images in NHWC with kernels in HWIO.

    out[n, y, x, o] = sum over (kh, kw, i) of
        x[n, y * s - p + kh * d, x * s - p + kw * d, i] * w[kh, kw, i, o]

One shape of each of the three products a training step needs, by five ways:

    matmul          one tap that covers every cell: a plain product
    conv_tile       float32 and float64: the register tile, without im2col
    conv_thin       few results a pixel: vectors run along what is summed
    conv_lanes      small groups: vectors run along the channels of many
    conv_plain      everything else
"""

from graphkeras.kernels.cpu import conv_lanes, conv_plain, conv_thin, conv_tile
from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.cut import cut, summed
from graphkeras.kernels.cpu.emit import Emit, kernel
from graphkeras.kernels.cpu.loop import zero
from graphkeras.kernels.cpu.matmul import multiply_tiled
from graphkeras.kernels.cpu.tile import DTYPES, Epilogue
from graphkeras.kernels.cpu.value import Index, known
from graphkeras.kernels.cpu.window import ROWS, Geometry, Padding, axes

Pair = tuple[Index, Index]


@cut(x=0, out=0)
@cut(out=1, moves=ROWS)
@cut(w=3, out=3, grain=32, where={"groups": 1})
@kernel
def conv2d(
    e: Emit,
    x: Array,
    w: Array,
    out: Array,
    *,
    strides: Pair,
    padding: Padding,
    dilation: Pair = (1, 1),
    groups: Index = 1,
    epilogue: Epilogue | None = None,
) -> None:
    """x[n, h, w, c], w[kh, kw, i, o] -> out[n, y, x, o]: convolution.

    `epilogue(e, value, row, column, lanes)` is applied to each result before it is
    stored; row counts pixels through the batch, column is the channel.
    """
    shape = _geometry(e, x, w, out, strides, padding, dilation, groups)
    if _is_product(shape, padding, x, w, out):
        left, right = _matrix(e, x), _matrix(e, w)
        multiply_tiled(e, left, right, _matrix(e, out), epilogue, 0)
    elif conv_lanes.fits(x, w, out, shape):
        conv_lanes.forward(e, x, w, out, shape, epilogue)
    elif conv_thin.pays(x, w, out, shape):
        conv_thin.forward(e, x, w, out, shape, epilogue)
    elif conv_tile.fits(x, w, out) and conv_tile.patch_rows(x, out, shape):
        conv_tile.forward(e, x, w, out, shape, epilogue)
    else:
        conv_plain.forward(e, x, w, out, shape, epilogue)


@cut(g=0, out=0)
@kernel
def conv2d_backward_data(
    e: Emit,
    g: Array,
    w: Array,
    out: Array,
    *,
    strides: Pair,
    padding: Padding,
    dilation: Pair = (1, 1),
    groups: Index = 1,
) -> None:
    """g[n, y, x, o], w[kh, kw, i, o] -> out[n, h, w, c]: gradient of the input."""
    shape = _geometry(e, out, w, g, strides, padding, dilation, groups)
    if _is_product(shape, padding, g, w, out):
        right = _turned(_matrix(e, w))
        multiply_tiled(e, _matrix(e, g), right, _matrix(e, out), None, 0)
    elif conv_lanes.fits(g, w, out, shape) and _is_depthwise(shape):
        conv_lanes.backward_data(e, g, w, out, shape)
    elif conv_thin.data_pays(g, w, out, shape):
        conv_thin.backward_data(e, g, w, out, shape)
    elif conv_tile.fits(g, w, out):
        zero(e, out)
        conv_tile.backward_data(e, g, w, out, shape)
    else:
        conv_plain.backward_data(e, g, w, out, shape)


@cut(g=3, out=3, grain=32, where={"groups": 1})
@summed(x=0, g=0)
@kernel
def conv2d_backward_weights(
    e: Emit,
    x: Array,
    g: Array,
    out: Array,
    *,
    strides: Pair,
    padding: Padding,
    dilation: Pair = (1, 1),
    groups: Index = 1,
) -> None:
    """x[n, h, w, c], g[n, y, x, o] -> out[kh, kw, i, o]: gradient of the kernel."""
    shape = _geometry(e, x, out, g, strides, padding, dilation, groups)
    if _is_product(shape, padding, x, g, out):
        left = _turned(_matrix(e, x))
        multiply_tiled(e, left, _matrix(e, g), _matrix(e, out), None, 0)
    elif conv_lanes.fits(x, out, g, shape):
        conv_lanes.backward_weights(e, x, g, out, shape)
    elif conv_thin.weights_pays(x, g, out, shape):
        conv_thin.backward_weights(e, x, g, out, shape)
    elif conv_tile.fits(x, g, out):
        zero(e, out)
        conv_tile.backward_weights(e, x, g, out, shape)
    else:
        conv_plain.backward_weights(e, x, g, out, shape)


def _geometry(
    e: Emit,
    image: Array,
    weights: Array,
    result: Array,
    strides: Pair,
    padding: Padding,
    dilation: Pair,
    groups: Index,
) -> Geometry:
    """The convolution that maps `image` to `result`."""
    down, across = axes(image.shape[1:3], weights.shape[:2], strides, padding, dilation)
    outputs = e.floordiv(result.shape[3], groups)
    return Geometry(down, across, weights.shape[2], outputs, groups)


def _is_product(shape: Geometry, padding: Padding, *arrays: Array) -> bool:
    """Whether the one tap of the kernel lies on every cell of dense images."""
    taps = [
        known(axis.taps) == known(axis.stride) == 1
        for axis in (shape.down, shape.across)
    ]
    ends = [known(end) == 0 for side in padding for end in side]
    one_group = known(shape.groups) == 1
    dense = all(a.dtype in DTYPES and known(a.strides[3]) == 1 for a in arrays)
    same = len({a.dtype for a in arrays}) == 1
    packed = all(_rows_touch(a) for a in arrays)
    return all(taps) and all(ends) and one_group and dense and same and packed


def _rows_touch(array: Array) -> bool:
    """Whether every pixel follows the one before: the image is one long matrix."""
    images, height, width, channels = (known(size) for size in array.shape)
    image, line, pixel = (known(step) for step in array.strides[:3])
    if width is None or pixel is None:
        return False
    lines_touch = pixel == channels and line == width * pixel
    if images == 1:
        return lines_touch
    return height is not None and lines_touch and image == height * width * pixel


def _is_depthwise(shape: Geometry) -> bool:
    """Whether groups have one channel, and windows no gaps."""
    gaps = (known(axis.dilation) for axis in (shape.down, shape.across))
    return known(shape.inputs) == known(shape.outputs) == 1 and {*gaps} == {1}


def _matrix(e: Emit, array: Array) -> Array:
    """[..., c] as [pixels, c]."""
    rows = e.product(array.shape[:3])
    shape, strides = (rows, array.shape[3]), array.strides[2:]
    return Array(array.pointer, array.dtype, shape, strides)


def _turned(matrix: Array) -> Array:
    """The transposed view."""
    shape, strides = matrix.shape[::-1], matrix.strides[::-1]
    return Array(matrix.pointer, matrix.dtype, shape, strides)
