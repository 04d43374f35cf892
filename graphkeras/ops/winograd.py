"""Convolutions of stride 1 by values at points, which need fewer products.

The compiler puts these in the place of convolutions; users have no need of them. See
`kernels/cpu/winograd.py` for the method. Values of taps are laid out as
(points, inputs, outputs): 6 points for an axis of several taps, 1 for one tap.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras.ir import dims
from graphkeras.ir.definers import structured
from graphkeras.ir.op import nondifferentiable, unsupported
from graphkeras.ir.types import TensorType
from graphkeras.ops.window import Padding, Pair

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor

POINTS = (0.0, math.sqrt(0.5), -math.sqrt(0.5), math.sqrt(2.0), -math.sqrt(2.0))
MOST_TAPS = len(POINTS)


def tile_size(taps: int) -> int:
    """Return how many results an axis of a tile has."""
    return 1 if taps == 1 else len(POINTS) + 2 - taps


def points_of(window: Pair) -> int:
    """Return at how many points the taps of a window are evaluated."""
    return math.prod(1 if taps == 1 else len(POINTS) + 1 for taps in window)


# ------------------------------------------------------------------------ matrices


def powers(count: int, divide: bool = False) -> np.ndarray:
    """Return (points, count): each point's powers; of infinity only the last."""
    if count == 1:
        return np.ones((1, 1))
    rows = np.array([[p**k for k in range(count)] for p in POINTS])
    if divide:
        rows /= [[math.prod(p - q for q in POINTS if q != p)] for p in POINTS]
    return np.vstack([rows, np.eye(count)[-1:]])


def cells_matrix(taps: int) -> np.ndarray:
    """Return B^T: cells to values at the points."""
    if taps == 1:
        return np.ones((1, 1))
    rows = [np.poly([q for q in POINTS if q != p])[::-1] for p in POINTS]
    return np.vstack([[*row, 0.0] for row in rows] + [np.poly(POINTS)[::-1]])


def results_matrix(taps: int) -> np.ndarray:
    """Return A^T: values at the points to results."""
    return powers(tile_size(taps)).T


def _both_ways(down: np.ndarray, across: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return down @ x @ across^T over the first two axes of x."""
    return np.einsum("ai,bj,ij...->ab...", down, across, x.astype("float64"))


def _tiles(x: np.ndarray, size: Pair, window: Pair, padding: Padding) -> np.ndarray:
    """Return (rows, columns, n, tiles down, tiles across, c): cells under each tile."""
    steps = [tile_size(taps) for taps in window]
    counts = [-(-n // step) for n, step in zip(size, steps, strict=True)]
    (top, _), (left, _) = padding
    reach = [step + taps - 1 for step, taps in zip(steps, window, strict=True)]
    out = np.zeros((*reach, x.shape[0], *counts, x.shape[3]))
    for i, j, a, b in np.ndindex(*reach, *counts):
        y, z = a * steps[0] + i - top, b * steps[1] + j - left
        if 0 <= y < x.shape[1] and 0 <= z < x.shape[2]:
            out[i, j, :, a, b] = x[:, y, z]
    return out


def _values_of_cells(x: np.ndarray, size: Pair, window: Pair, padding: Padding) -> Any:
    down, across = (cells_matrix(taps) for taps in window)
    return _both_ways(down, across, _tiles(x, size, window, padding))


# ----------------------------------------------------------------------------- ops


def _operations(image: Any, window: Pair, inputs: Any, outputs: Any) -> Any:
    """Multiplications and additions of the products at the points."""
    count, *size = image.shape[:3]
    tiles = (dims.ceildiv(n, tile_size(taps)) for n, taps in zip(size, window))
    return 2 * points_of(window) * count * dims.product(tiles) * inputs * outputs


def _weights_type(w: TensorType, *, turned: bool) -> TensorType:
    *window, inputs, outputs = w.shape
    points = points_of(tuple(window))  # type: ignore[arg-type]
    channels = (outputs, inputs) if turned else (inputs, outputs)
    return w.with_shape((points, *channels))


@structured(
    infer=_weights_type,
    kernel="winograd.weights",
    vjp=nondifferentiable,
    onnx=unsupported("made by the compiler"),
)
def winograd_weights(w: Tensor, *, turned: bool) -> Any:
    """w[kh, kw, i, o] -> [p, i, o]; if turned, [p, o, i] of the reversed taps."""
    w = w[::-1, ::-1].swapaxes(2, 3) if turned else w
    down, across = (powers(taps, divide=True) for taps in w.shape[:2])
    values = _both_ways(down, across, w)
    return values.reshape(-1, *w.shape[2:])


@structured(
    infer=lambda x, u, *, size, **rest: x.with_shape((x.shape[0], *size, u.shape[2])),
    kernel="winograd.conv2d",
    vjp=nondifferentiable,
    onnx=unsupported("made by the compiler"),
    operations=lambda y: _operations(y, y.window, *y.inputs[1].shape[1:]),
)
def winograd_conv2d(
    x: Tensor, u: Tensor, *, size: Pair, window: Pair, padding: Padding
) -> Any:
    """x[n, h, w, i], u = winograd_weights(w) -> conv2d(x, w): [n, *size, o]."""
    values = _values_of_cells(x, size, window, padding)
    weights = u.reshape(*values.shape[:2], *u.shape[1:])
    products = np.einsum("abnyxi,abio->abnyxo", values, weights.astype("float64"))
    down, across = (results_matrix(taps) for taps in window)
    parts = _both_ways(down, across, products)
    i, j, n, y, z, channels = parts.shape
    whole = parts.transpose(2, 3, 0, 4, 1, 5).reshape(n, y * i, z * j, channels)
    return whole[:, : size[0], : size[1]]


@structured(
    infer=lambda x, g, *, window, **rest: x.with_shape(
        (points_of(window), x.shape[3], g.shape[3])
    ),
    kernel="winograd.backward_weights",
    vjp=nondifferentiable,
    onnx=unsupported("made by the compiler"),
    operations=lambda y: _operations(y.inputs[1], y.window, *y.shape[1:]),
)
def winograd_backward_weights(
    x: Tensor, g: Tensor, *, window: Pair, padding: Padding
) -> Any:
    """x[n, h, w, i], g[n, y, x, o] -> [p, i, o]: gradient of values of taps."""
    values = _values_of_cells(x, g.shape[1:3], window, padding)
    whole = [tile_size(taps) for taps in window]
    counts = values.shape[3:5]
    room = [n * step - size for n, step, size in zip(counts, whole, g.shape[1:3])]
    g = np.pad(g, [(0, 0), (0, room[0]), (0, room[1]), (0, 0)])
    n, _, _, channels = g.shape
    parts = g.reshape(n, counts[0], whole[0], counts[1], whole[1], channels)
    down, across = (powers(step) for step in whole)
    slopes = _both_ways(down, across, parts.transpose(2, 4, 0, 1, 3, 5))
    out = np.einsum("abnyxi,abnyxo->abio", values, slopes)
    return out.reshape(-1, *out.shape[2:])


@structured(
    infer=lambda u, *, window: u.with_shape((*window, *u.shape[1:])),
    kernel="winograd.weights_gradient",
    vjp=nondifferentiable,
    onnx=unsupported("made by the compiler"),
)
def winograd_weights_gradient(u: Tensor, *, window: Pair) -> Any:
    """u[p, i, o] -> [kh, kw, i, o]: winograd_backward_weights as taps."""
    down, across = (powers(taps, divide=True) for taps in window)
    values = u.reshape(len(down), len(across), *u.shape[1:])
    return _both_ways(down.T, across.T, values)
