"""Tracing: Python runs once, reads become state, assignments become updates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphkeras import ops
from graphkeras.errors import ShapeError, TraceError
from graphkeras.ir import dims
from graphkeras.ir.interpret import interpret
from graphkeras.ir.tensor import Tensor
from graphkeras.ir.trace import Trace, current_trace, trace_function
from graphkeras.ir.types import TensorType
from graphkeras.variables import Variable

SCALAR = TensorType("float32", ())
BATCH = TensorType("float32", (dims.symbol("batch"), 3))


@pytest.fixture
def count() -> Variable:
    return Variable(1.0, name="count")


def test_assigned_variables_are_updates(count: Variable) -> None:
    def step(x: Tensor) -> Tensor:
        count.assign_add(x)
        return count * 2

    graph, variables = trace_function(step, [SCALAR])
    outputs, state = interpret(graph, [5.0], [v.array for v in variables])
    assert (outputs, state) == ([12], [6])
    assert count.numpy() == 1


def test_a_variable_that_is_only_read_has_no_update(count: Variable) -> None:
    graph, _ = trace_function(lambda x: x * count, [SCALAR])
    assert graph.state and not graph.changed


def test_eagerly_every_tensor_has_its_number(count: Variable) -> None:
    with Trace(eager=True) as trace:
        x = trace.input("x", SCALAR, np.float32(3))
        count.assign_add(x)
        y = count * x
        assert float(y) == 12 and y.numpy() == 12 and f"{y:.1f}" == "12.0"
        assert bool(y > 3)
    assert count.numpy() == 4


def test_a_trace_ends_with_its_scope() -> None:
    with Trace():
        assert current_trace() is not None
    assert current_trace() is None


@pytest.mark.parametrize("ask", [bool, float, int, np.asarray, list, len])
def test_a_number_asked_for_too_early_names_the_line_and_ways_out(ask: Any) -> None:
    with pytest.raises(TypeError) as caught:
        trace_function(lambda x: ask(ops.sum(x, axis=0)[0]), [BATCH])
    if ask not in (list, len):
        assert isinstance(caught.value, TraceError)
        assert "test_trace.py" in str(caught.value)
        assert "run_eagerly=True" in str(caught.value)


def test_a_python_condition_over_sizes_is_decided_while_tracing() -> None:
    def step(x: Tensor) -> Tensor:
        return x * 2 if x.shape[1] == 3 else x

    graph, _ = trace_function(step, [BATCH])
    assert graph.outputs[0].op.name == "multiply"


def test_numpys_functions_on_a_tensor_are_the_ops() -> None:
    graph, _ = trace_function(lambda x: np.tanh(x) + np.float32(1), [BATCH])
    assert [v.op.name for v in graph.walk()] == ["input", "tanh", "constant", "add"]
    graph, _ = trace_function(lambda x: np.ones(3, "float32") * x, [BATCH])
    assert graph.outputs[0].op.name == "multiply"


def test_a_size_is_a_number_of_the_graph() -> None:
    graph, _ = trace_function(lambda x: ops.sum(x) / ops.shape(x)[0], [BATCH])
    assert interpret(graph, [np.ones((4, 3))])[0] == [3]


def test_python_numbers_are_weak(count: Variable) -> None:
    half = TensorType("float16", (2,))
    graph, _ = trace_function(lambda x: x * 2.5 + 1, [half])
    assert graph.outputs[0].dtype == "float16"
    graph, _ = trace_function(lambda x: x * count, [half])
    assert graph.outputs[0].dtype == "float32"


def test_an_assignment_keeps_shape_and_dtype(count: Variable) -> None:
    with pytest.raises(ShapeError, match="never changes its shape"):
        count.assign(np.ones(2))
    count.assign(np.float64(7))
    assert count.dtype == "float32" and count.numpy() == 7


def test_comparison_with_none_is_python() -> None:
    x = ops.convert_to_tensor([1.0])
    assert (x == None) is False and (x != None) is True  # noqa: E711


def test_tensors_without_a_trace_compute_at_once() -> None:
    x = ops.convert_to_tensor([1.0, 2.0])
    y = ops.exp(x) + 1
    assert isinstance(y, Tensor) and y.dtype == "float32"
    np.testing.assert_allclose(y.numpy(), np.exp([1, 2]) + 1, rtol=1e-6)
