"""Convolutions along lines: which way they take, and that it gives the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphkeras.compiler.pipeline import compile_graph, passed
from graphkeras.ir.trace import trace_function
from graphkeras.ir.types import TensorType
from graphkeras.ops.conv import conv2d, conv2d_backward_data, conv2d_backward_weights

# cells, taps, stride, padding, channels -> teeth of a comb, None: the plain way
LINES = [
    ((50, 7, 3, (0, 0), (16, 32)), 3),
    ((40, 3, 1, (1, 1), (16, 16)), 3),
    ((48, 5, 1, (2, 2), (8, 8)), 3),
    ((48, 7, 1, (6, 0), (16, 16)), 4),
    ((64, 9, 2, (3, 4), (16, 16)), 3),
    ((40, 3, 3, (0, 0), (16, 16)), None),  # taps that share no cell
    ((7, 7, 3, (0, 0), (16, 16)), None),  # a tile for one result
    ((40, 3, 1, (1, 1), (4, 16)), None),  # channels that fill no vector
]
PLAIN = {"dilation": (1, 1), "groups": 1}


def traced(function: Any, *arrays: np.ndarray) -> Any:
    types = [TensorType(str(a.dtype), a.shape) for a in arrays]
    return trace_function(function, types)[0]


def ways(line: Any) -> list[tuple[Any, list[np.ndarray]]]:
    """A convolution and its gradients, each with operands."""
    cells, taps, stride, padding, (inputs, outputs) = line
    how: Any = {"strides": (1, stride), "padding": ((0, 0), padding), **PLAIN}
    rng = np.random.default_rng(0)
    size = (cells + sum(padding) - taps) // stride + 1
    shapes = (2, 1, cells, inputs), (1, taps, inputs, outputs), (2, 1, size, outputs)
    x, w, g = (rng.standard_normal(shape).astype("float32") for shape in shapes)

    def data(g: Any, w: Any) -> Any:
        return conv2d_backward_data(g, w, size=(1, cells), **how)

    def weights(x: Any, g: Any) -> Any:
        return conv2d_backward_weights(x, g, window=(1, taps), **how)

    return [
        (lambda x, w: conv2d(x, w, **how), [x, w]), (data, [g, w]), (weights, [x, g])
    ]  # fmt: skip


@pytest.mark.parametrize(("line", "teeth"), LINES)
def test_lines_go_by_the_combs_that_take_fewest_products(line: Any, teeth: Any) -> None:
    for function, arrays in ways(line):
        graph = passed(traced(function, *arrays))
        found = [v.teeth for v in graph.walk() if "teeth" in v.attributes]
        assert found == ([teeth] * 2 if teeth else [])


@pytest.mark.parametrize("line", [line for line, teeth in LINES[:4]])
def test_combs_lose_few_digits(line: Any) -> None:
    for function, arrays in ways(line):
        graph = traced(function, *arrays)
        exact = traced(function, *(a.astype("float64") for a in arrays))
        found = compile_graph(graph, name="line").run(arrays)[0]
        wide = [a.astype("float64") for a in arrays]
        expected = compile_graph(exact, name="exact").run(wide)[0]
        assert np.abs(found - expected).max() < 1e-6 * np.abs(expected).max()
