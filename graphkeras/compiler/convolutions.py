"""Which convolutions take the way of fewer products, see `ops.winograd`."""

from __future__ import annotations

from typing import Any

from graphkeras.ir.dims import Dim
from graphkeras.ir.pattern import rewrite
from graphkeras.ir.value import Graph, Value
from graphkeras.ops.conv import conv2d, conv2d_backward_data, conv2d_backward_weights
from graphkeras.ops.winograd import (
    MOST_TAPS,
    points_of,
    tile_size,
    winograd_backward_weights,
    winograd_conv2d,
    winograd_weights,
    winograd_weights_gradient,
)

FEWEST_CHANNELS = 8  # vectors run along the channels
MOST_WEIGHTS = 65536  # inputs * outputs; beyond, the values of taps fill the caches
WORTH = 1.5  # times fewer products, or finding the values costs more than it saves


def save_products(graph: Graph) -> Graph:
    """Return the graph with every convolution that gains from it by values at points.

    Only float32: float64 is asked for where each digit counts.
    """
    return rewrite(graph, _change)


def _change(value: Value) -> Value:
    if value.op is _op(conv2d):
        x, w = value.inputs
        return _forward(value, x, w, w.shape[:2])
    if value.op is _op(conv2d_backward_data):
        g, w = value.inputs
        return _backward_data(value, g, w, w.shape[:2])
    if value.op is _op(conv2d_backward_weights):
        x, g = value.inputs
        return _backward_weights(value, x, g)
    return value


def _op(function: Any) -> Any:
    return function.op


def _forward(value: Value, x: Value, w: Value, window: Any) -> Value:
    if not _gains(value, window, value.shape[1:3], w.shape[2:]):
        return value
    return _by_points(x, winograd_weights(w, turned=False), value.shape[1:3], window,
                      value.padding)  # fmt: skip


def _backward_data(value: Value, g: Value, w: Value, window: Any) -> Value:
    if not _gains(value, window, value.size, w.shape[2:]):
        return value
    ends = [
        tuple(taps - 1 - end for end in pair)
        for taps, pair in zip(window, value.padding, strict=True)
    ]
    return _by_points(g, winograd_weights(w, turned=True), value.size, window,
                      tuple(ends))  # fmt: skip


def _by_points(x: Value, u: Value, size: Any, window: Any, padding: Any) -> Value:
    made: Value = winograd_conv2d(x, u, size=size, window=window, padding=padding)
    return made


def _backward_weights(value: Value, x: Value, g: Value) -> Value:
    window = value.window
    if not _gains(value, window, g.shape[1:3], value.shape[2:]):
        return value
    found = winograd_backward_weights(x, g, window=window, padding=value.padding)
    made: Value = winograd_weights_gradient(found, window=window)
    return made


def _gains(value: Value, window: Any, size: tuple[Dim, ...], channels: Any) -> bool:
    """Whether a convolution can go that way, with enough fewer products."""
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
