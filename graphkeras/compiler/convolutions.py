"""Other ways to the same convolution, where they are cheaper.

* Half floats are convolved as the float32 they stand for, and rounded once.
* The gradient by the image of small groups is a convolution with their weights turned.
* Convolutions along lines, and others of stride 1, take the ways of fewer products: see
  `ops.combs` and `ops.winograd`.
"""

from __future__ import annotations

import math
from typing import Any

from graphkeras.ir.dims import Dim
from graphkeras.ir.op import rebuild
from graphkeras.ir.pattern import rewrite
from graphkeras.ir.value import Graph, Value
from graphkeras.ops.combs import (
    comb_backward_data,
    comb_backward_weights,
    comb_conv,
    comb_weights,
    comb_weights_gradient,
    comb_weights_turned,
    products,
)
from graphkeras.ops.conv import conv2d, conv2d_backward_data, conv2d_backward_weights
from graphkeras.ops.creation import cast
from graphkeras.ops.shape import flip, reshape, transpose
from graphkeras.ops.winograd import (
    MOST_TAPS,
    points_of,
    tile_size,
    winograd_backward_weights,
    winograd_conv2d,
    winograd_weights,
    winograd_weights_gradient,
)

HALVES = ("float16", "bfloat16")
CONVOLUTIONS: Any = (conv2d, conv2d_backward_data, conv2d_backward_weights)
LARGE_GROUP = 16  # inputs and outputs of a group that fills vectors by itself
FEWEST_CHANNELS = 8  # vectors run along the channels
MOST_COMBED = 32  # taps of a line that are worked on together
MOST_WEIGHTS = 65536  # inputs * outputs; beyond, the values of taps fill the caches
WORTH = 1.5  # times fewer products, or finding the values costs more than it saves


def save_products(graph: Graph) -> Graph:
    """Return the graph with every convolution done in the cheapest way."""
    return rewrite(graph, _change)


def by_points(value: Value) -> Value | None:
    """Return a convolution by values of its taps at points, None if it is none."""
    if value.op is not _op(conv2d) or value.dtype in HALVES:
        return None
    x, w = value.inputs
    found = _forward(value, x, w, w.shape[:2])
    return None if found is value else found


def _change(value: Value) -> Value:
    """Return another way to a convolution; it is looked at again."""
    if value.op not in (conv.op for conv in CONVOLUTIONS):
        return value
    if value.dtype in HALVES:
        return _widened(value)
    if value.op is _op(conv2d):
        x, w = value.inputs
        return _forward(value, x, w, w.shape[:2])
    if value.op is _op(conv2d_backward_data):
        g, w = value.inputs
        return _backward_data(value, g, w, w.shape[:2])
    x, g = value.inputs
    return _backward_weights(value, x, g)


def _widened(value: Value) -> Value:
    """Half floats are summed in float32 anyhow: so do it with whole vectors."""
    wide = rebuild(value, [cast(i, "float32") for i in value.inputs])
    rounded: Value = cast(wide, value.dtype)
    return rounded


def _op(function: Any) -> Any:
    return function.op


def _forward(value: Value, x: Value, w: Value, window: Any) -> Value:
    if comb := _comb_of(value, window, value.shape[1:3], x.shape[1:3], w.shape[2:]):
        u = comb_weights(w, stride=comb["stride"], teeth=comb["teeth"])
        sizes: Any = value.shape
        made: Value = comb_conv(x, u, size=sizes[2], channels=sizes[3], **comb)
        return made
    if not _gains(value, window, value.shape[1:3], w.shape[2:]):
        return value
    return _by_points(x, winograd_weights(w, turned=False), value.shape[1:3], window,
                      value.padding)  # fmt: skip


def _backward_data(value: Value, g: Value, w: Value, window: Any) -> Value:
    if _has_small_groups(value, w):
        turned: Value = conv2d(
            g, _turned(w, value.groups), strides=(1, 1), dilation=value.dilation,
            padding=_turned_padding(value, window), groups=value.groups,
        )  # fmt: skip
        return turned
    if comb := _comb_of(value, window, g.shape[1:3], value.size, w.shape[2:]):
        u = comb_weights_turned(w, stride=comb["stride"], teeth=comb["teeth"])
        sizes: Any = value.shape
        made: Value = comb_backward_data(g, u, size=sizes[2], channels=sizes[3], **comb)
        return made
    if not _gains(value, window, value.size, w.shape[2:]):
        return value
    return _by_points(g, winograd_weights(w, turned=True), value.size, window,
                      _turned_padding(value, window))  # fmt: skip


def _turned_padding(value: Value, window: Any) -> Any:
    """Return the padding with which a gradient is convolved."""
    rows = zip(window, value.dilation, value.padding, strict=True)
    return tuple(
        tuple((taps - 1) * gap - end for end in ends) for taps, gap, ends in rows
    )


def _has_small_groups(value: Value, w: Value) -> bool:
    """Whether to let vectors run across the groups of a gradient by the image."""
    *_, inputs, outputs = w.shape
    if value.groups == 1 or value.strides != (1, 1) or not isinstance(outputs, int):
        return False
    return isinstance(inputs, int) and inputs + outputs // value.groups <= LARGE_GROUP


def _turned(w: Value, groups: int) -> Value:
    """w[kh, kw, i, g * o] -> [kh, kw, o, g * i], taps in reverse."""
    *window, inputs, outputs = w.shape
    each = outputs // groups
    split = reshape(flip(w, (0, 1)), (*window, inputs, groups, each))
    moved = transpose(split, (0, 1, 4, 3, 2))
    found: Value = reshape(moved, (*window, each, groups * inputs))
    return found


def _by_points(x: Value, u: Value, size: Any, window: Any, padding: Any) -> Value:
    made: Value = winograd_conv2d(x, u, size=size, window=window, padding=padding)
    return made


def _backward_weights(value: Value, x: Value, g: Value) -> Value:
    window = value.window
    if comb := _comb_of(value, window, g.shape[1:3], x.shape[1:3], value.shape[2:]):
        u = comb_backward_weights(x, g, **comb)
        del comb["before"]
        gradient: Value = comb_weights_gradient(u, **comb)
        return gradient
    if not _gains(value, window, g.shape[1:3], value.shape[2:]):
        return value
    found = winograd_backward_weights(x, g, window=window, padding=value.padding)
    made: Value = winograd_weights_gradient(found, window=window)
    return made


def _gains(value: Value, window: Any, size: tuple[Dim, ...], channels: Any) -> bool:
    """Whether a convolution can go by points, with enough fewer products.

    Only float32: float64 is asked for where each digit counts.
    """
    plain = value.strides == value.dilation == (1, 1) and value.groups == 1
    if not plain or value.dtype != "float32":
        return False
    if not all(isinstance(n, int) for n in (*window, *channels)):
        return False
    inputs, outputs = channels
    if min(channels) < FEWEST_CHANNELS or inputs * outputs > MOST_WEIGHTS:
        return False
    if max(window) > MOST_TAPS or max(window) == 1:
        return False
    before, after = 1.0, float(points_of(window))
    for taps, results in zip(window, size, strict=True):
        step = tile_size(taps)
        before *= taps * step
        if isinstance(results, int):  # tiles that hang over the edge gain less
            before *= results / (-(-results // step) * step)
    return before >= WORTH * after


def _comb_of(
    value: Value, window: Any, size: Any, cells: Any, channels: Any
) -> dict[str, int] | None:
    """Return how a convolution along lines is cut into combs, None if it should not be.

    Args:
        size: lines, and results of each.
        cells: lines, and cells of each.
        channels: of cells, and of results.
    """
    (high, taps), (rows, stride), padding = window, value.strides, value.padding
    lines = high == rows == 1 and size[0] == cells[0] and padding[0] == (0, 0)
    if not lines or value.dtype != "float32" or value.groups != 1:
        return None
    numbers = (taps, stride, padding[1][0], size[1], cells[1], *channels)
    if value.dilation[1] != 1 or not all(isinstance(n, int) for n in numbers):
        return None
    if min(channels) < FEWEST_CHANNELS or math.prod(channels) > MOST_WEIGHTS:
        return None
    most = min(MOST_TAPS, -(-taps // stride))
    costs = {teeth: _cost(taps, stride, teeth, size[1]) for teeth in range(2, most + 1)}
    teeth = min(costs, key=costs.__getitem__, default=0)
    if taps > MOST_COMBED or not teeth or costs[teeth] * WORTH > taps * size[1]:
        return None
    return {"taps": taps, "stride": stride, "teeth": teeth, "before": padding[1][0]}


def _cost(taps: int, stride: int, teeth: int, results: int) -> int:
    """Return the products of channels that a line takes."""
    return -(-results // tile_size(teeth)) * products(taps, stride, teeth)
