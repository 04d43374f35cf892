"""Where results go: into variables, over operands that end, or into a shared arena."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from graphkeras import ops
from graphkeras.autodiff import gradient
from graphkeras.compiler.binding import place_blocks
from graphkeras.compiler.fuse import fuse
from graphkeras.compiler.lower import Call, writes_of
from graphkeras.compiler.memory import Memory, plan_memory
from graphkeras.compiler.pipeline import PASSES, compile_graph
from graphkeras.ir.trace import Trace
from graphkeras.ir.value import Graph
from graphkeras.ops.recurrent import gru_loop_backward
from graphkeras.variables import Variable
from tests.compiler.machine import BATCH, assert_agrees, floats, traced

GRU: dict[str, Any] = {
    "activation": "tanh", "recurrent_activation": "sigmoid", "reset_after": True,
    "reverse": False,
}  # fmt: skip


def memory_of(graph: Graph) -> Memory:
    for _, run in PASSES:
        graph = run(graph)
    return plan_memory(fuse(graph))


def stateful(
    step: Callable[[Trace, list[Variable]], Any], *arrays: Any
) -> tuple[Graph, list[np.ndarray]]:
    """Return the graph of a step on variables, and their arrays."""
    variables = [
        Variable(np.asarray(a, np.float32), name=f"v{i}") for i, a in enumerate(arrays)
    ]
    with Trace() as trace:
        outputs = step(trace, variables)
        graph, used = trace.graph(outputs)
    return graph, [v.array for v in used]


def test_an_update_is_written_straight_into_the_variable() -> None:
    def step(trace: Trace, v: list[Variable]) -> Any:
        v[0].assign(ops.exp(v[0].value) + 1.0)
        return []

    graph, _ = stateful(step, np.ones(5))
    memory = memory_of(graph)
    assert len(memory.steps) == 1
    assert not memory.blocks


def test_variables_that_change_places_do_so_at_once() -> None:
    def step(trace: Trace, v: list[Variable]) -> Any:
        first, second = v[0].value, v[1].value
        v[0].assign(second)
        v[1].assign(first)
        return []

    graph, state = stateful(step, [1.0, 2.0], [3.0, 4.0])
    compile_graph(graph, name="swap").run([], state)
    assert [s.tolist() for s in state] == [[3.0, 4.0], [1.0, 2.0]]


def test_a_variable_turned_in_place_reads_its_old_self() -> None:
    def step(trace: Trace, v: list[Variable]) -> Any:
        v[0].assign(ops.transpose(v[0].value) * 2.0)
        return []

    graph, state = stateful(step, np.arange(9).reshape(3, 3))
    assert_agrees(graph, [], state)


def test_a_product_does_not_overwrite_its_operand() -> None:
    def step(trace: Trace, v: list[Variable]) -> Any:
        v[0].assign(v[0].value @ v[0].value)
        return []

    graph, state = stateful(step, np.eye(3) + 1.0)
    assert_agrees(graph, [], state)


def test_an_output_may_be_the_old_value_and_another_the_new() -> None:
    def step(trace: Trace, v: list[Variable]) -> Any:
        old = v[0].value
        v[0].assign(old + 1.0)
        return [old, v[0].value, v[0].value]

    graph, state = stateful(step, np.ones(5))
    assert_agrees(graph, [], state)


def test_one_result_may_go_to_two_variables() -> None:
    def step(trace: Trace, v: list[Variable]) -> Any:
        new = ops.tanh(v[0].value)
        v[0].assign(new)
        v[1].assign(new)
        return [new]

    graph, state = stateful(step, np.ones(5), np.zeros(5))
    assert_agrees(graph, [], state)


def test_a_variable_may_take_an_input_or_a_number() -> None:
    def step(trace: Trace, v: list[Variable]) -> Any:
        x = trace.input("x", floats(5))
        v[0].assign(x)
        v[1].assign(ops.zeros_like(v[1].value))
        return []

    graph, state = stateful(step, np.ones(5), np.ones(5))
    assert_agrees(graph, [np.arange(5, dtype=np.float32)], state)


def test_a_result_takes_over_an_operand_that_ends() -> None:
    def chain(x: Any, w: Any) -> Any:
        return ops.tanh(ops.exp(x @ w) @ w) @ w

    memory = memory_of(traced(chain, floats(BATCH, 8), floats(8, 8)))
    assert len(memory.blocks) == 2  # two products; the loops work in place


def test_blocks_in_use_at_different_times_share_memory() -> None:
    arena = place_blocks([(0, 1), (2, 3), (1, 2)], [1000, 1000, 1000])
    assert arena.offsets[0] == arena.offsets[1] != arena.offsets[2]
    assert arena.size == 2048


LIVES = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 5), st.integers(0, 300)), max_size=12
)


@given(LIVES)
def test_no_two_blocks_in_use_together_overlap(
    rows: list[tuple[int, int, int]],
) -> None:
    lives = [(first, first + length) for first, length, _ in rows]
    sizes = [size for *_, size in rows]
    arena = place_blocks(lives, sizes)
    taken: dict[tuple[int, int], int] = {}
    for i, (first, last) in enumerate(lives):
        assert arena.offsets[i] % 64 == 0
        for step in range(first, last + 1):
            for byte in range(arena.offsets[i], arena.offsets[i] + sizes[i]):
                assert taken.setdefault((step, byte), i) == i
                assert byte < arena.size


def test_a_kernel_writes_over_an_operand_that_it_names() -> None:
    def slopes(gates: Any, h: Any, back: Any) -> Any:
        none, mask = np.zeros(0, np.float32), np.zeros(0, bool)
        made = ops.exp(gates)
        states, inner = (ops.reshape(made[..., k::3], (-1, 7, 4)) for k in (0, 1))
        rest = inner, states, back, mask, none, none, h
        dx, *_ = gru_loop_backward(made, *rest, **GRU)
        return dx @ back

    graph = traced(slopes, floats(BATCH, 7, 12), floats(BATCH, 4), floats(12, 4))
    memory = memory_of(graph)
    (call,) = (s for s in memory.steps if isinstance(s, Call) and s.results[2:])
    assert memory.buffer(call.results[0]) == memory.buffer(call.operands[0].source)


def test_a_table_is_updated_where_it_lies() -> None:
    def step(trace: Trace, v: list[Variable]) -> Any:
        table, moved = v[0].value, v[1].value
        rows = ops.take(table, np.arange(40, dtype=np.int32) % 7, axis=0)
        (slope,) = gradient(ops.sum(rows * rows).value, [table.value])
        v[1].assign(moved * 0.9 + slope)
        v[0].assign(table - (moved * 0.9 + slope))
        return []

    memory = memory_of(stateful(step, np.ones((900, 32)), np.ones((900, 32)))[0])
    (call,) = (s for s in memory.steps if isinstance(s, Call) and s.finish)
    assert {memory.buffer(place).kind for place in writes_of(call)} == {"state"}
