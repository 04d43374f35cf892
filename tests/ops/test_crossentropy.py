"""A loss behind an activation is computed from what the activation was given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphkeras import ops
from graphkeras.autodiff import GradientTape
from graphkeras.ir.interpret import interpret
from graphkeras.ir.tensor import Tensor
from graphkeras.ir.trace import Trace, trace_function
from graphkeras.ir.types import TensorType, type_of

LOGITS = np.float32([[-200.0, 0.0, 200.0], [1.0, 2.0, 3.0]])
LABELS = np.int32([0, 2])


def one_hot(_: Any = None) -> np.ndarray:
    return np.eye(3, dtype="float32")[LABELS]


CASES = [
    (ops.softmax, lambda p: ops.sparse_categorical_crossentropy(LABELS, p)),
    (ops.softmax, lambda p: ops.categorical_crossentropy(one_hot(), p)),
    (ops.sigmoid, lambda p: ops.binary_crossentropy(one_hot(), p)),
]


@pytest.mark.parametrize(("activation", "loss"), CASES)
def test_large_logits_keep_their_loss_and_gradient(activation: Any, loss: Any) -> None:
    def step(x: Tensor) -> list[Tensor]:
        with GradientTape() as tape:
            total = ops.sum(loss(ops.cast(activation(x), "float32")))
        return [total, tape.gradient(total, x)]

    graph, _ = trace_function(step, [type_of(LOGITS)])
    total, slope = interpret(graph, [LOGITS])[0]
    assert total >= 400
    np.testing.assert_allclose(slope, np.asarray(activation(LOGITS)) - one_hot())


@pytest.mark.parametrize(("activation", "loss"), CASES)
def test_eagerly_the_same(activation: Any, loss: Any) -> None:
    with Trace(eager=True) as trace:
        x = trace.input("x", type_of(LOGITS), LOGITS)
        assert float(ops.sum(loss(activation(x)))) >= 400


def test_probabilities_of_unknown_origin_are_clipped() -> None:
    p = np.float32([[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    found = ops.sparse_categorical_crossentropy(LABELS, p)
    np.testing.assert_allclose(found, [-np.log(1e-7), 0], rtol=1e-2, atol=2e-7)


def test_a_softmax_over_another_axis_is_no_such_activation() -> None:
    def step(x: Tensor) -> Tensor:
        return ops.sparse_categorical_crossentropy(LABELS, ops.softmax(x, axis=0))

    graph, _ = trace_function(step, [TensorType("float32", (2, 3))])
    assert "clip" in {v.op.name for v in graph.walk()}
