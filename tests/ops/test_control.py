"""Choices and loops: eagerly Python's own, traced into selections and copies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphkeras import ops
from graphkeras.autodiff import GradientTape
from graphkeras.errors import ArgumentError
from graphkeras.ir.interpret import interpret
from graphkeras.ir.tensor import Tensor
from graphkeras.ir.trace import trace_function
from graphkeras.ir.types import TensorType
from graphkeras.variables import Variable

F32 = TensorType("float32", ())


def run(function: Any, *arrays: Any) -> Any:
    """Trace a function of scalars or arrays, and interpret the graph."""
    arrays = tuple(np.asarray(a, "float32") for a in arrays)
    types = [TensorType("float32", a.shape) for a in arrays]
    graph, variables = trace_function(function, types)
    outputs, state = interpret(graph, arrays, [v.array for v in variables])
    for variable, new in zip(variables, state):
        variable.set_array(new)
    return outputs[0] if len(outputs) == 1 else outputs


@pytest.mark.parametrize(("number", "expected"), [(1, 10), (-1, 20)])
def test_cond_selects_a_branch_while_tracing(number: float, expected: float) -> None:
    def choose(x: Tensor) -> Tensor:
        return ops.cond(x > 0, lambda: ops.ones(()) * 10, lambda: ops.ones(()) * 20)

    assert run(choose, number) == expected


def test_cond_assigns_only_what_the_chosen_branch_does() -> None:
    counter = Variable(0.0, name="counter")

    def step(x: Tensor) -> Tensor:
        return ops.cond(x > 0, lambda: counter.assign_add(1.0).value * 1, lambda: x)

    run(step, -5)
    assert counter.numpy() == 0
    run(step, 5)
    assert counter.numpy() == 1


def test_cond_runs_one_branch_eagerly() -> None:
    assert ops.cond(np.array(False), lambda: 1 / 0, lambda: 3) == 3


def test_branches_must_return_one_structure() -> None:
    with pytest.raises(ArgumentError, match="one structure"):
        run(lambda x: ops.cond(x > 0, lambda: (x, x), lambda: x), 1)


@pytest.mark.parametrize("index", [-1, 0, 1, 2, 7])
def test_switch_takes_the_nearest_branch(index: int) -> None:
    branches = [lambda x: x, lambda x: x * 10, lambda x: x * 100]
    expected = branches[min(max(index, 0), 2)](3)
    assert run(lambda i, x: ops.switch(i, branches, x), index, 3) == expected
    assert ops.switch(index, branches, 3) == expected


def test_while_loop_unrolls_a_count_of_its_own() -> None:
    def twice(x: Tensor) -> Tensor:
        count = ops.convert_to_tensor(0)
        body = lambda i, y: (i + 1, y * 2)  # noqa: E731
        return ops.while_loop(lambda i, y: i < 5, body, (count, x))[1]

    assert run(twice, 1) == 32


def test_while_loop_over_computed_numbers_ends_where_they_say() -> None:
    assert run(lambda x: ops.while_loop(lambda y: y < 5, lambda y: y + 1, x), 1) == 5


def test_fori_loop_counts_in_python() -> None:
    assert run(lambda x: ops.fori_loop(1, 4, lambda i, y: y * i, x), 2) == 12


def test_scan_stacks_in_the_order_of_its_input() -> None:
    def sums(x: Tensor) -> Tensor:
        return ops.scan(lambda s, e: (s + e, s + e), ops.zeros(()), x, reverse=True)

    last, rows = run(sums, [1, 2, 3])
    assert last == 6
    np.testing.assert_array_equal(rows, [6, 5, 3])


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8])
@pytest.mark.parametrize("reverse", [False, True])
def test_associative_scan_is_a_running_fold(count: int, reverse: bool) -> None:
    x = np.arange(count * 2, dtype="float32").reshape(2, count)
    found = run(
        lambda t: ops.associative_scan(lambda a, b: a + b, t, reverse, axis=1), x
    )
    line = x[:, ::-1].cumsum(1)[:, ::-1] if reverse else x.cumsum(1)
    np.testing.assert_allclose(found, line)


def test_custom_gradient_replaces_the_gradient() -> None:
    @ops.custom_gradient
    def tripled(x: Tensor) -> Any:
        return x * 3, lambda upstream: upstream * 100

    def slope(x: Tensor) -> Tensor:
        with GradientTape() as tape:
            y = tripled(x) * 2
        return tape.gradient(y, x)

    assert run(slope, 1) == 200
    with GradientTape() as tape:
        x = tape.watch(np.float32(1))
        y = tripled(x)
    assert float(tape.gradient(y, x)) == 100
    assert tripled(2) == 6
