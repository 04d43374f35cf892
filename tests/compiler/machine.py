"""Runs a graph both ways, compiled and by the references, and compares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphkeras.compiler.agree import agree
from graphkeras.compiler.pipeline import compile_graph
from graphkeras.ir import dims
from graphkeras.ir.interpret import interpret
from graphkeras.ir.trace import trace_function
from graphkeras.ir.types import TensorType
from graphkeras.ir.value import Graph
from graphkeras.runtime.program import Program

BATCH = dims.symbol("batch")


def floats(*shape: Any) -> TensorType:
    """Return a float32 type."""
    return TensorType("float32", shape)


def traced(function: Callable[..., Any], *types: TensorType) -> Graph:
    """Return the graph of a function of tensors."""
    return trace_function(function, types)[0]


def compiled(function: Callable[..., Any], *types: TensorType) -> Program:
    """Return the program of a function of tensors."""
    return compile_graph(traced(function, *types), name="test")


def assert_agrees(
    graph: Graph, inputs: Sequence[np.ndarray], state: Sequence[np.ndarray] = ()
) -> None:
    """Run the graph compiled and by the references; results and new state agree."""
    expected, expected_state = interpret(graph, inputs, state)
    own = [np.array(s, order="C") for s in state]
    results = compile_graph(graph, name="test").run(inputs, own)
    for actual, wanted in zip([*results, *own], [*expected, *expected_state]):
        assert actual.dtype == wanted.dtype
        np.testing.assert_equal(actual.shape, wanted.shape)
        if not agree(wanted, actual):
            np.testing.assert_allclose(actual, wanted, rtol=1e-4, atol=1e-5)
