"""Convolutions along lines by values at points: any stride, long windows.

The compiler puts these in the place of convolutions; users have no need of them. See
`kernels/cpu/combs.py` for the method. Every `stride`-th tap of a window, up to `teeth`
of them, is a comb, and each comb has its values at the points of `ops.winograd`. They
are laid out as (phases, blocks, points, combs, channels, BLOCK): the last two are what
is summed and what is made, BLOCK of it side by side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras.ir import dims
from graphkeras.ir.definers import structured
from graphkeras.ir.op import nondifferentiable, unsupported
from graphkeras.ir.types import TensorType
from graphkeras.ops.winograd import (
    POINTS,
    cells_matrix,
    powers,
    results_matrix,
    tile_size,
)

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor

BLOCK = 32
COUNT = len(POINTS) + 1


def first_taps(taps: int, stride: int, teeth: int) -> list[int]:
    """Return the first tap of each comb."""
    return [tap for tap in range(taps) if tap // stride % teeth == 0]


def members(first: int, taps: int, stride: int, teeth: int) -> list[int]:
    """Return the taps of a comb."""
    return [*range(first, min(taps, first + teeth * stride), stride)]


def _full(firsts: list[int], taps: int, stride: int, teeth: int) -> int:
    """Return how many of these combs have all teeth; they come first."""
    return sum(len(members(f, taps, stride, teeth)) == teeth for f in firsts)


def products(taps: int, stride: int, teeth: int) -> int:
    """Return how many products of channels a tile takes: none where a comb is 0."""
    firsts = first_taps(taps, stride, teeth)
    return (COUNT - 1) * len(firsts) + _full(firsts, taps, stride, teeth)


def _operations(image: Any, way: Any, inputs: Any, outputs: Any) -> Any:
    """Multiplications and additions of the products at the points."""
    n, height, width, _ = image.shape
    tiles = n * height * dims.ceildiv(width, tile_size(way[2]))
    return 2 * products(*way) * tiles * inputs * outputs


# ------------------------------------------------------------------------ reference


def _taps_of(w: np.ndarray, first: int, stride: int, teeth: int) -> np.ndarray:
    """Return [teeth, ...]: the taps of a comb, zeros where it has no more."""
    found = w[0, members(first, w.shape[1], stride, teeth)]
    return np.concatenate([found, np.zeros((teeth - len(found), *w.shape[2:]))])


def _blocks(values: np.ndarray) -> np.ndarray:
    """p, t, c, channels -> blocks, p, t, c, BLOCK"""
    *others, channels = values.shape
    count = -(-channels // BLOCK)
    values = np.pad(values, [(0, 0)] * 3 + [(0, count * BLOCK - channels)])
    return np.moveaxis(values.reshape(*others, count, BLOCK), 3, 0)


def _tiles(x: np.ndarray, first: int, step: int, count: int, teeth: int) -> np.ndarray:
    """Return (points, n, h, tiles, c): what tiles see of cells, at the points.

    `first` is the cell under the first place of the first tile, `step` the cells from
    one place to the next.
    """
    results, reach = tile_size(teeth), COUNT
    cells = np.zeros((reach, *x.shape[:2], count, x.shape[3]))
    for i, tile in np.ndindex(reach, count):
        cell = first + (tile * results + i) * step
        if 0 <= cell < x.shape[2]:
            cells[i, :, :, tile] = x[:, :, cell]
    return np.einsum("pi,inhtc->pnhtc", cells_matrix(teeth), cells)


def _lines(products: np.ndarray, teeth: int) -> np.ndarray:
    """points, n, h, tiles, o -> n, h, places, o"""
    parts = np.einsum("jp,pnhto->nhtjo", results_matrix(teeth), products)
    n, height, tiles, results, channels = parts.shape
    return parts.reshape(n, height, tiles * results, channels)


def _channels(
    u: np.ndarray, phase: int, count: int, full: int, skips: int
) -> np.ndarray:
    """Return [p, t, c, count] of a phase: blocks side by side.

    Combs beyond the first `full` ones are 0 at the point `skips`, whatever u says.
    """
    blocks = np.moveaxis(u[phase], 0, 3)
    found = blocks.reshape(*blocks.shape[:3], -1)[..., :count].astype("float64")
    found[skips, full:] = 0.0
    return found


# ----------------------------------------------------------------------------- ops


def _weights_type(
    w: TensorType, *, stride: int, teeth: int, turned: bool
) -> TensorType:
    _, taps, inputs, outputs = w.shape
    firsts = first_taps(taps, stride, teeth)  # type: ignore[arg-type]
    if not turned:
        blocks = dims.ceildiv(outputs, BLOCK)
        return w.with_shape((1, blocks, COUNT, len(firsts), inputs, BLOCK))
    steps = len({first // stride for first in firsts})
    blocks = dims.ceildiv(inputs, BLOCK)
    return w.with_shape((stride, blocks, COUNT, steps, outputs, BLOCK))


@structured(
    infer=lambda w, **how: _weights_type(w, turned=False, **how),
    kernel="comb_weights.weights",
    vjp=nondifferentiable,
    onnx=unsupported("made by the compiler"),
)
def comb_weights(w: Tensor, *, stride: int, teeth: int) -> Any:
    """w[1, k, i, o] -> [1, o / BLOCK, p, t, i, BLOCK]: taps at the points."""
    firsts = first_taps(w.shape[1], stride, teeth)
    taps = [_taps_of(w, first, stride, teeth) for first in firsts]
    values = np.einsum("pj,tjio->ptio", powers(teeth, divide=True), np.stack(taps))
    return _blocks(values)[None]


@structured(
    infer=lambda w, **how: _weights_type(w, turned=True, **how),
    kernel="comb_weights.turned",
    vjp=nondifferentiable,
    onnx=unsupported("made by the compiler"),
)
def comb_weights_turned(w: Tensor, *, stride: int, teeth: int) -> Any:
    """w[1, k, i, o] -> [stride, i / BLOCK, p, t, o, BLOCK]: as a gradient reads it."""
    firsts = first_taps(w.shape[1], stride, teeth)
    steps = len({first // stride for first in firsts})
    values = np.zeros((stride, COUNT, steps, w.shape[3], w.shape[2]))
    for first in firsts:
        step, phase = divmod(first, stride)
        taps = _taps_of(w, first, stride, teeth)[::-1]
        found = np.einsum("pj,jio->poi", powers(teeth, divide=True), taps)
        values[phase, :, step // teeth] = found
    return np.stack([_blocks(phase) for phase in values])


@structured(
    infer=lambda x, u, *, size, channels, **how: x.with_shape(
        (*x.shape[:2], size, channels)
    ),
    kernel="combs.conv",
    vjp=nondifferentiable,
    onnx=unsupported("made by the compiler"),
    operations=lambda y: _operations(
        y, (y.taps, y.stride, y.teeth), y.inputs[0].shape[3], y.shape[3]
    ),
)
def comb_conv(
    x: Tensor,
    u: Tensor,
    *,
    size: int,
    channels: int,
    taps: int,
    stride: int,
    teeth: int,
    before: int,
) -> Any:
    """x[n, h, w, i], u = comb_weights(w) -> [n, h, size, channels]: convolution."""
    count, firsts = -(-size // tile_size(teeth)), first_taps(taps, stride, teeth)
    full = _full(firsts, taps, stride, teeth)
    weights = _channels(u, 0, channels, full, skips=-1)
    total: Any = 0.0
    for number, first in enumerate(firsts):
        values = _tiles(x, first - before, stride, count, teeth)
        total = total + np.einsum("pnhti,pio->pnhto", values, weights[:, number])
    return _lines(total, teeth)[:, :, :size]


@structured(
    infer=lambda g, u, *, size, channels, **how: g.with_shape(
        (*g.shape[:2], size, channels)
    ),
    kernel="combs.backward_data",
    vjp=nondifferentiable,
    onnx=unsupported("made by the compiler"),
    operations=lambda y: _operations(
        y.inputs[0], (y.taps, y.stride, y.teeth), y.shape[3], y.inputs[0].shape[3]
    ),
)
def comb_backward_data(
    g: Tensor,
    u: Tensor,
    *,
    size: int,
    channels: int,
    taps: int,
    stride: int,
    teeth: int,
    before: int,
) -> Any:
    """g[n, h, y, o], u = comb_weights_turned(w) -> [n, h, size, channels]."""
    begin, last = before // stride, (size - 1 + before) // stride
    count = -(-(last + 1 - begin) // tile_size(teeth))
    out = np.zeros((*g.shape[:2], size, channels))
    for phase in range(stride):
        own = [f for f in first_taps(taps, stride, teeth) if f % stride == phase]
        full = _full(own, taps, stride, teeth)
        weights = _channels(u, phase, channels, full, skips=0)
        total: Any = 0.0
        for step in range(weights.shape[1]):
            first = begin - (step + 1) * teeth + 1
            values = _tiles(g, first, 1, count, teeth)
            total = total + np.einsum("pnhto,poi->pnhti", values, weights[:, step])
        found = _lines(total, teeth)
        for place in range(found.shape[2]):
            cell = (begin + place) * stride + phase - before
            if 0 <= cell < size:
                out[:, :, cell] = found[:, :, place]
    return out


def _gradient_type(
    x: TensorType, g: TensorType, *, taps: int, stride: int, teeth: int, before: int
) -> TensorType:
    combs = len(first_taps(taps, stride, teeth))
    return x.with_shape((COUNT, combs, x.shape[3], g.shape[3]))


@structured(
    infer=_gradient_type,
    kernel="combs.backward_weights",
    vjp=nondifferentiable,
    onnx=unsupported("made by the compiler"),
    operations=lambda y: _operations(
        y.inputs[1], (y.taps, y.stride, y.teeth), *y.shape[2:]
    ),
)
def comb_backward_weights(
    x: Tensor, g: Tensor, *, taps: int, stride: int, teeth: int, before: int
) -> Any:
    """x[n, h, w, i], g[n, h, y, o] -> [p, t, i, o]: gradient of values of taps."""
    results = tile_size(teeth)
    n, height, size, outputs = g.shape
    count = -(-size // results)
    g = np.pad(g, [(0, 0), (0, 0), (0, count * results - size), (0, 0)])
    parts = g.reshape(n, height, count, results, outputs).astype("float64")
    slopes = np.einsum("pj,nhtjo->pnhto", powers(results), parts)
    found = []
    for first in first_taps(taps, stride, teeth):
        values = _tiles(x, first - before, stride, count, teeth)
        total = np.einsum("pnhti,pnhto->pio", values, slopes)
        if len(members(first, taps, stride, teeth)) < teeth:
            total[-1] = 0.0
        found.append(total)
    return np.stack(found, axis=1)


@structured(
    infer=lambda u, *, taps, **how: u.with_shape((1, taps, *u.shape[2:])),
    kernel="comb_weights.weights_gradient",
    vjp=nondifferentiable,
    onnx=unsupported("made by the compiler"),
)
def comb_weights_gradient(u: Tensor, *, taps: int, stride: int, teeth: int) -> Any:
    """u[p, t, i, o] -> [1, taps, i, o]: comb_backward_weights as taps."""
    out = np.zeros((1, taps, *u.shape[2:]))
    for number, first in enumerate(first_taps(taps, stride, teeth)):
        values = u[:, number].astype("float64")
        found = np.einsum("pj,pio->jio", powers(teeth, divide=True), values)
        own = members(first, taps, stride, teeth)
        out[0, own] = found[: len(own)]
    return out
