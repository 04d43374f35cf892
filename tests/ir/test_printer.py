"""Graphs as text: stable, so that changes of passes can be read as differences."""

from __future__ import annotations

from graphkeras import ops
from graphkeras.ir import dims
from graphkeras.ir.printer import graph_text
from graphkeras.ir.tensor import Tensor
from graphkeras.ir.trace import trace_function
from graphkeras.ir.types import TensorType
from graphkeras.variables import Variable

BATCH = dims.symbol("batch")


def test_a_graph_prints_its_values_and_its_state() -> None:
    weight = Variable([[1.0], [2.0]], name="weight")
    steps = Variable(0, name="steps")

    def step(x: Tensor) -> Tensor:
        steps.assign_add(1)
        return ops.tanh(x @ weight)

    graph, _ = trace_function(step, [TensorType("float32", (BATCH, 2))], ["x"])
    assert "\n".join(line for line in str(graph).splitlines()) == (
        "graph(%x: f32[batch, 2], %steps: i32[], %weight: f32[2, 1]):\n"
        "  %0: f32[batch, 1] = gemm(%x, %weight)\n"
        "  %1: f32[batch, 1] = tanh(%0)\n"
        "  %2: i32[] = add(%steps, 1:i32[])\n"
        "  %3: i32[] = cast(%2, dtype=int32)\n"
        "  return %1, %steps <- %3"
    )


def test_results_of_one_op_print_as_its_items() -> None:
    graph, _ = trace_function(lambda x: ops.top_k(x, 2), [TensorType("float32", (5,))])
    assert "%0: (f32[2], i32[2]) = top_k_pair(%x0, k=2)" in str(graph)
    assert "return %0.0, %0.1" in str(graph)


def test_inputs_of_one_name_are_told_apart() -> None:
    types = [TensorType("float32", ())] * 2
    graph, _ = trace_function(lambda a, b: a + b, types, ["x", "x"])
    assert "add(%x, %x.2)" in str(graph)


def test_sizes_are_literals() -> None:
    types = [TensorType("float32", (BATCH,))]
    graph, _ = trace_function(lambda x: ops.mean(x, axis=0) * 1 / x.shape[0], types)
    assert "size(batch)" in str(graph)


def test_origins_name_the_users_line() -> None:
    graph, _ = trace_function(lambda x: ops.exp(x), [TensorType("float32", ())])
    assert "test_printer.py:" in graph_text(graph, origins=True)
