"""What is computed together: neighbours, tails of folds; and what stays apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphkeras import ops
from graphkeras.autodiff import gradient
from graphkeras.compiler.fuse import Plan, fuse
from graphkeras.compiler.pipeline import PASSES
from graphkeras.ir.trace import Trace
from graphkeras.ir.types import TensorType
from graphkeras.ir.value import Graph
from graphkeras.variables import Variable
from tests.compiler.machine import BATCH, floats, traced


def plan_of(function: Callable[..., Any], *types: TensorType) -> Plan:
    return planned(traced(function, *types))


def planned(graph: Graph) -> Plan:
    for _, run in PASSES:
        graph = run(graph)
    return fuse(graph)


def shape_of(plan: Plan) -> list[str]:
    """Return each group as the kinds of work in it."""
    found = []
    for group in plan.groups:
        parts = {"call": group.call, "loop": group.values, "fold": group.folds,
                 "tail": group.tail}  # fmt: skip
        found.append("+".join(name for name, part in parts.items() if part))
    return found


def test_a_chain_of_elementwise_ops_is_one_loop() -> None:
    plan = plan_of(lambda x: ops.exp(ops.tanh(x) * 2.0) + x, floats(BATCH, 4))
    assert shape_of(plan) == ["loop"]


def test_results_over_the_same_elements_share_a_loop() -> None:
    plan = plan_of(lambda x: (ops.exp(x), ops.tanh(x), x + 1.0), floats(BATCH, 4))
    assert shape_of(plan) == ["loop"]
    assert len(plan.groups[0].values) == 3


def test_labels_of_another_dtype_are_cast_where_they_are_compared() -> None:
    def compared(x: Any, y: Any) -> Any:
        labels = ops.cast(ops.cast(y, "float32"), "int32")
        hits = ops.sum(ops.cast(labels == ops.argmax(x, -1), "float32"))
        return hits, ops.sum(ops.where(ops.one_hot(labels, 9) == 1, x, 0.0), -1)

    plan = plan_of(compared, floats(BATCH, 9), TensorType("int64", (BATCH,)))
    assert "loop" not in shape_of(plan)
    assert all(not g.values for g in plan.groups)


def test_a_fold_takes_what_it_folds_and_what_follows() -> None:
    plan = plan_of(
        lambda x: ops.sqrt(ops.sum(ops.square(x), axis=0)), floats(BATCH, 64)
    )
    assert shape_of(plan) == ["fold+tail"]


def test_folds_of_the_same_elements_share_a_loop() -> None:
    plan = plan_of(lambda x: (ops.sum(x, 0), ops.sum(x * x, 0)), floats(BATCH, 64))
    assert shape_of(plan) == ["fold"]


def test_a_result_and_its_fold_share_a_loop() -> None:
    def both(x: Any) -> Any:
        e = ops.exp(x)
        return e, ops.sum(e, axis=1)

    assert shape_of(plan_of(both, floats(BATCH, 64))) == ["loop+fold"]


def test_what_needs_the_whole_fold_waits_for_it() -> None:
    plan = plan_of(lambda x: ops.exp(x) / ops.sum(ops.exp(x)), floats(BATCH, 64))
    assert shape_of(plan) == ["loop+fold", "loop"]


def test_costly_work_is_not_done_twice() -> None:
    plan = plan_of(lambda x: (ops.transpose(ops.exp(x)), ops.exp(x)), floats(BATCH, 8))
    stored = [v.op.name for g in plan.groups for v in g.values if v in plan.wanted]
    assert stored.count("exp") == 1


def test_cheap_work_is_done_again_rather_than_stored() -> None:
    plan = plan_of(
        lambda x: (ops.transpose(x + 1.0), ops.sum(x + 1.0)), floats(BATCH, 8)
    )
    assert [v.op.name for g in plan.groups for v in g.values] == ["transpose"]


def test_costly_work_is_not_repeated_along_a_stretched_axis() -> None:
    plan = plan_of(lambda x, b: x * ops.exp(b), floats(BATCH, 64), floats(64))
    assert [v.op.name for g in plan.groups for v in g.values] == ["exp", "multiply"]


def test_a_product_finishes_its_own_results() -> None:
    dense = (floats(BATCH, 4), floats(4, 5), floats(5))
    plan = plan_of(lambda x, w, b: ops.relu(x @ w + b), *dense)
    assert shape_of(plan) == ["call+tail"]


def test_a_product_stores_what_everybody_wants_instead_of_itself() -> None:
    dense = (floats(BATCH, 4), floats(4, 5), floats(5))
    plan = plan_of(lambda x, w, b: ops.softmax(x @ w + b), *dense)
    first = plan.groups[0]
    assert [v.op.name for v in first.tail] == ["add"]
    assert first.call not in plan.wanted


def test_a_product_leaves_alone_what_does_not_follow_its_rows() -> None:
    plan = plan_of(lambda x, y, m: x @ y * m, floats(2, 3, 4), floats(2, 4, 5),
                   floats(1, 3, 1))  # fmt: skip
    assert shape_of(plan) == ["call", "loop"]


def test_a_turned_operand_of_a_product_is_not_copied() -> None:
    plan = plan_of(
        lambda x, y: ops.transpose(x) @ y, floats(BATCH, 4), floats(BATCH, 5)
    )
    assert shape_of(plan) == ["call"]


def test_a_reshape_costs_nothing() -> None:
    plan = plan_of(
        lambda x: ops.sum(ops.reshape(ops.exp(x), (-1, 2)), 0), floats(BATCH, 6)
    )
    assert len(plan.groups) == 1


def test_groups_over_the_same_elements_stay_apart_if_work_lies_between() -> None:
    def crossed(x: Any) -> Any:
        a = ops.exp(x)
        return a, a * ops.sum(a)

    plan = plan_of(crossed, floats(BATCH, 64))
    assert shape_of(plan) == ["loop+fold", "loop"]


def test_what_is_compared_for_equality_is_computed_once() -> None:
    def winner(x: Any, y: Any) -> Any:
        z = x * y + 1.0
        return ops.equal(z, ops.max(z, axis=1, keepdims=True))

    plan = plan_of(winner, floats(BATCH, 64), floats(BATCH, 64))
    assert next(v.op.name for g in plan.groups for v in g.values) == "add"


def test_the_updates_of_an_optimizer_are_one_loop_a_variable() -> None:
    w, m = (Variable(np.zeros((4, 3), np.float32), name=n) for n in "wm")
    with Trace() as trace:
        x = trace.input("x", floats(BATCH, 4))
        loss = ops.sum(ops.square(x @ w))
        (g,) = gradient(loss.value, [w.value.value])
        m.assign(m * 0.9 + trace.tensor(g))
        w.assign_sub(m.value * 0.1)
        graph, _ = trace.graph([loss])
    last = planned(graph).groups[-1]
    assert len(last.values) == 2


def test_readers_of_a_variable_run_before_its_writer() -> None:
    w = Variable(np.ones((4, 4), np.float32), name="w")
    with Trace() as trace:
        old = w.value
        w.assign(w * 2.0)
        graph, _ = trace.graph([ops.exp(w.value), old @ old])
    assert shape_of(planned(graph)) == ["call", "loop"]


def test_bias_and_activation_of_rows_counted_by_two_axes_end_their_product() -> None:
    def dense(x: Any, w: Any, b: Any) -> Any:
        return ops.tanh(ops.matmul(x, w) + b) * ops.cast(x.shape[0], "float32")

    plan = plan_of(dense, floats(BATCH, 5, 8), floats(8, 6), floats(6))
    assert shape_of(plan) == ["call+tail"]


def test_what_differs_from_row_to_row_of_one_axis_waits_for_the_product() -> None:
    def dense(x: Any, w: Any, b: Any) -> Any:
        return ops.matmul(x, w) + b

    plan = plan_of(dense, floats(BATCH, 5, 8), floats(8, 6), floats(5, 1))
    assert shape_of(plan) == ["call", "loop"]


def test_a_product_with_one_column_leaves_its_results_to_vectors() -> None:
    dense = (floats(BATCH, 4), floats(4, 1), floats(1))
    plan = plan_of(lambda x, w, b: ops.sigmoid(x @ w + b), *dense)
    assert shape_of(plan) == ["call", "loop"]


def test_the_rows_of_a_table_are_updated_as_their_gradient_is_summed() -> None:
    table = Variable(np.ones((30, 4), np.float32), name="table")
    with Trace() as trace:
        x = trace.input("x", TensorType("int32", (BATCH,)))
        loss = ops.sum(ops.square(ops.take(table.value, x, axis=0)))
        (part,) = gradient(loss.value, [table.value.value])
        table.assign_sub(trace.tensor(part) * 0.1)
        graph, _ = trace.graph([loss])
    plan = planned(graph)
    ((_, update),) = plan.graph.changed
    made = next(g for g in plan.groups if update in g.made)
    assert made.call is not None and made.call.op.name == "sum_chains"
