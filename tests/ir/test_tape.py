"""GradientTape: TensorFlow's scope over a graph that is traced anyway."""

from __future__ import annotations

import numpy as np
import pytest

from graphkeras import ops
from graphkeras.autodiff import GradientTape
from graphkeras.errors import GradientError
from graphkeras.ir.interpret import interpret
from graphkeras.ir.tensor import Tensor
from graphkeras.ir.trace import trace_function
from graphkeras.ir.types import TensorType
from graphkeras.ops.recurrent import lstm
from graphkeras.variables import Variable


@pytest.fixture
def weight() -> Variable:
    return Variable(3.0, name="w")


def test_an_array_is_watched_as_a_tensor() -> None:
    with GradientTape() as tape:
        x = tape.watch(np.float32(2))
        y = x * x
    assert float(tape.gradient(y, x)) == 4


def test_the_second_call_needs_a_persistent_tape(weight: Variable) -> None:
    with GradientTape() as tape:
        y = weight * 2
    tape.gradient(y, weight)
    with pytest.raises(GradientError, match="persistent=True"):
        tape.gradient(y, weight)


def test_a_persistent_tape_answers_again(weight: Variable) -> None:
    with GradientTape(persistent=True) as tape:
        y = weight * weight
    assert [float(tape.gradient(y, weight)) for _ in range(2)] == [6, 6]


def test_sources_keep_their_structure(weight: Variable) -> None:
    other = Variable(1.0, name="other")
    with GradientTape() as tape:
        y = weight * other
    found = tape.gradient(y, {"a": [weight], "b": other})
    assert float(found["a"][0]) == 1 and float(found["b"]) == 3


def test_an_unconnected_source_gives_none_or_zero(weight: Variable) -> None:
    with GradientTape(persistent=True) as tape:
        y = Variable(1.0, name="other") * 2
    assert tape.gradient(y, weight) is None
    zero = tape.gradient(y, weight, unconnected_gradients="zero")
    assert float(zero) == 0


def test_only_watched_variables_count_if_asked(weight: Variable) -> None:
    with GradientTape(watch_accessed_variables=False, persistent=True) as tape:
        tape.watch(weight)
        other = Variable(1.0, name="other")
        y = weight * other
    assert tape.gradient(y, other) is None
    assert float(tape.gradient(y, weight)) == 1


def test_output_gradients_weigh_the_targets(weight: Variable) -> None:
    with GradientTape() as tape:
        targets = [weight * 2, weight * weight]
    found = tape.gradient(targets, weight, output_gradients=[10.0, 1.0])
    assert float(found) == 26


def test_a_tape_inside_a_tape_gives_the_second_derivative(weight: Variable) -> None:
    with GradientTape() as outer:
        with GradientTape() as inner:
            y = weight * weight * weight
        first = inner.gradient(y, weight)
    assert float(first) == 27
    assert float(outer.gradient(first, weight)) == 18


def test_every_value_a_variable_had_is_differentiated(weight: Variable) -> None:
    with GradientTape() as tape:
        y = weight * 2
        weight.assign(weight * 10)
        y = y + weight * 5
    assert float(tape.gradient(y, weight)) == 7


def test_what_another_scope_computed_is_constant(weight: Variable) -> None:
    with GradientTape():
        earlier = weight * weight
    with GradientTape() as tape:
        y = earlier * weight
    assert float(tape.gradient(y, weight)) == 9


def test_a_jacobian_has_both_shapes() -> None:
    with GradientTape() as tape:
        x = tape.watch(np.array([1.0, 2.0]))
        y = x * x
    np.testing.assert_array_equal(tape.jacobian(y, x), [[2, 0], [0, 4]])


def test_a_loss_of_integers_is_refused() -> None:
    with GradientTape() as tape:
        x = tape.watch(np.array([1, 2]))
        y = ops.sum(x)
    with pytest.raises(GradientError, match="expected a float"):
        tape.gradient(y, x)


def test_inside_a_trace_the_gradient_is_part_of_the_graph(weight: Variable) -> None:
    def step(x: Tensor) -> Tensor:
        with GradientTape() as tape:
            loss = ops.sum(weight * x)
        return tape.gradient(loss, weight)

    graph, variables = trace_function(step, [TensorType("float32", (3,))])
    state = [v.array for v in variables]
    assert interpret(graph, [np.ones(3)], state)[0] == [3]


def test_stopped_recording_leaves_no_history(weight: Variable) -> None:
    with GradientTape() as tape:
        y = weight * weight
        with tape.stop_recording():
            z = weight * y.numpy()
        total = y + z
    assert float(tape.gradient(total, weight)) == 6


def test_temporary_tensors_do_not_take_each_others_place() -> None:
    with GradientTape() as tape:
        x = tape.watch(np.float32(1))
        y = x * 0
        for k in range(20):
            y = y + x * ops.convert_to_tensor(np.float32(k))
    assert float(tape.gradient(y, x)) == sum(range(20))


def test_what_several_results_share_is_walked_back_once() -> None:
    def slope(x: Tensor, w: Tensor, bias: Tensor, h: Tensor) -> Tensor:
        mask = ops.ones((0,), "bool")
        with GradientTape() as tape:
            states, last, carry = lstm(
                x, w, w, bias, h, h, mask, activation="tanh",
                recurrent_activation="sigmoid", reverse=False,
            )  # fmt: skip
            y = ops.sum(states) + ops.sum(last) + ops.sum(carry)
        return tape.gradient(y, x)

    shapes = [(2, 3, 4), (4, 16), (16,), (2, 4)]
    graph, _ = trace_function(slope, [TensorType("float32", s) for s in shapes])
    loops = [v for v in graph.walk() if v.op.name == "lstm_loop_backward"]
    assert len(loops) == 1
