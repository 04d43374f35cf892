"""How a Python step becomes programs, and tapes differentiate in and out of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphkeras import ops
from graphkeras.autodiff import GradientTape
from graphkeras.errors import GradientError
from graphkeras.ir import dims
from graphkeras.ir.tensor import Tensor
from graphkeras.ir.trace import Trace
from graphkeras.training.outputs import OutputNames
from graphkeras.training.step import Sizes, Step
from graphkeras.variables import Variable


def test_sizes_that_vary_become_symbols_and_stay_together() -> None:
    sizes = Sizes.of((5, 3, 5, 5))
    assert sizes.dims() == (5, 3, 5, 5)
    sizes = sizes.widened((7, 3, 7, 5))
    symbol = dims.symbol("size_0")
    assert sizes.dims() == (symbol, 3, symbol, 5)


def test_axes_that_were_equal_by_chance_come_apart() -> None:
    sizes = Sizes.of((4, 4), (True, True))
    assert len(set(sizes.dims())) == 1
    assert len(set(sizes.widened((4, 6)).dims())) == 2


def test_a_step_returns_what_its_python_returns() -> None:
    scale = Variable(2.0, name="scale")

    def step(data: Any) -> Any:
        return {"a": [data * scale, 3], "b": scale, "c": None, "d": "text"}

    found = Step(step, "step").run(np.ones(2, "float32"))
    np.testing.assert_array_equal(found["a"][0], [2.0, 2.0])
    assert found["a"][1:] == [3] and float(found["b"]) == 2.0
    assert found["c"] is None and found["d"] == "text"


def test_what_a_step_assigns_stays() -> None:
    total = Variable(0.0, name="total")

    def step(data: Any) -> Any:
        total.assign_add(ops.sum(data))
        return total

    runs = Step(step, "step")
    assert [float(runs.run(np.ones(n, "float32"))) for n in (2, 3)] == [2.0, 5.0]
    assert float(total) == 5.0


def test_python_runs_once_a_kind_of_batch() -> None:
    runs: list[Any] = []
    step = Step(lambda data: runs.append(1) or ops.sum(data), "step")
    for array in (np.ones(2), np.ones(3), np.ones(2, "int32"), np.ones((2, 2))):
        step.run(array)
    assert len(runs) == 3


def test_an_eager_step_runs_python_each_time() -> None:
    runs: list[Any] = []
    step = Step(lambda data: runs.append(float(ops.sum(data))), "step", eager=True)
    step.run(np.ones(2))
    step.run(np.ones(3))
    assert runs == [2.0, 3.0]


def test_a_model_that_needs_fixed_sizes_gets_them() -> None:
    def step(data: Any) -> Any:
        return ops.reshape(data, (-1,)) * float(int(data.shape[1]))

    runs = Step(step, "step")
    for size in (2, 3, 4):
        found = runs.run(np.ones((2, size), "float32"))
        np.testing.assert_array_equal(found, np.full(2 * size, float(size)))


def test_structures_of_batches_are_kept_apart() -> None:
    step = Step(lambda data: {"n": len(data)}, "step")
    ones = np.ones(2)
    assert step.run((ones, ones))["n"] == 2 and step.run((ones, ones, ones))["n"] == 3


# ------------------------------------------------------------------------- outputs

PAIRS = {"a": 1, "b": 2}


def names(as_dict: bool = False) -> OutputNames:
    return OutputNames(PAIRS if as_dict else [1, 2], ["a", "b"])


SPREADS: dict[str, tuple[Any, list[list[Any]]]] = {
    "one for all": ("mse", [["mse"], ["mse"]]),
    "by list": (["mse", None], [["mse"], []]),
    "by name": ({"b": "mse"}, [[], ["mse"]]),
    "several each": ([["x", "y"], "z"], [["x", "y"], ["z"]]),
    "none": (None, [[], []]),
}


@pytest.mark.parametrize("as_dict", [False, True])
@pytest.mark.parametrize("name", SPREADS)
def test_what_is_given_reaches_its_output(name: str, as_dict: bool) -> None:
    given, wanted = SPREADS[name]
    assert names(as_dict).spread(given, "loss") == wanted


TARGETS: dict[str, tuple[Any, list[Any]]] = {
    "list": ([3, 4], [3, 4]),
    "dict": ({"b": 4, "a": 3}, [3, 4]),
    "part of a dict": ({"b": 4}, [None, 4]),
    "those with a loss": ([4], [None, 4]),
}


@pytest.mark.parametrize("as_dict", [False, True])
@pytest.mark.parametrize("name", TARGETS)
def test_targets_reach_their_output(name: str, as_dict: bool) -> None:
    given, wanted = TARGETS[name]
    assert names(as_dict).flat(given, "targets", [False, True]) == wanted


def test_nested_outputs_are_matched_by_structure() -> None:
    outputs = OutputNames({"a": [1, 2], "b": 3}, None)
    assert outputs.spread({"a": ["x", "y"], "b": "z"}, "loss") == [["x"], ["y"], ["z"]]
    assert outputs.flat({"a": [4, 5], "b": 6}, "targets") == [4, 5, 6]


# ---------------------------------------------------------------------------- tape


def test_tape_works_outside_of_a_step() -> None:
    weight = Variable([1.0, 2.0], name="w")
    with GradientTape() as tape:
        loss = ops.sum(ops.square(weight * np.array([3.0, 1.0], "float32")))
    np.testing.assert_allclose(tape.gradient(loss, weight), [18.0, 4.0])


def test_tapes_nest_for_second_derivatives() -> None:
    x = Tensor.of(np.array([1.0, 2.0], "float32"))
    with GradientTape() as outer:
        with GradientTape() as inner:
            y = ops.sum(x * x * x)
        first = inner.gradient(y, x)
        total = ops.sum(first)
    np.testing.assert_allclose(outer.gradient(total, [x])[0], [6.0, 12.0])


def test_tape_answers_in_the_structure_of_the_sources() -> None:
    a, b, c = (Variable(2.0, name=n) for n in "abc")
    with GradientTape() as tape:
        loss = a * b
    found = tape.gradient(loss, {"x": a, "y": [b, c]})
    assert float(found["x"]) == 2.0 and float(found["y"][0]) == 2.0
    assert found["y"][1] is None


def test_unconnected_gradients_can_be_zero() -> None:
    a, b = Variable(2.0, name="a"), Variable(2.0, name="b")
    with GradientTape() as tape:
        loss = a * 3.0
    assert float(tape.gradient(loss, b, unconnected_gradients="zero")) == 0.0


def test_gradient_is_by_the_value_before_an_assignment() -> None:
    weight = Variable(3.0, name="w")
    with Trace() as trace:
        with GradientTape() as tape:
            loss = weight * weight
            weight.assign(0.0)
        found = tape.gradient(loss, weight)
        graph, variables = trace.graph([found])
    assert variables == [weight] and graph.outputs[0].dtype == "float32"


def test_a_tape_is_asked_once_unless_persistent() -> None:
    weight = Variable(3.0, name="w")
    with GradientTape() as tape, GradientTape(persistent=True) as other:
        loss = weight * 2.0
    other.gradient(loss, weight), other.gradient(loss, weight)
    tape.gradient(loss, weight)
    with pytest.raises(GradientError, match="Use GradientTape\\(persistent=True\\)"):
        tape.gradient(loss, weight)


def test_a_tape_needs_a_scope() -> None:
    with pytest.raises(GradientError, match="no scope"):
        GradientTape().gradient(Tensor.of(1.0), [])
