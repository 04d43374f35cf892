"""Every loss against its formula: values, weights, reductions, gradients, configs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphkeras import losses
from graphkeras.compiler.pipeline import compile_graph
from graphkeras.errors import ArgumentError, DataError
from graphkeras.ir import dims
from graphkeras.ir.tensor import Tensor
from graphkeras.ir.trace import Trace
from graphkeras.ir.types import TensorType
from graphkeras.variables import Variable
from tests.training.loss_samples import SAMPLES

ALL = pytest.mark.parametrize("name", SAMPLES)
NO_SAMPLE = {"Loss", "LossFunctionWrapper"}


def made(name: str, **more: Any) -> Any:
    sample = SAMPLES[name]
    cls = getattr(losses, sample.loss or name)
    return cls(**{**sample.arguments, **more})


def expected(name: str, rng: np.random.Generator) -> tuple[Any, Any, np.ndarray]:
    y_true, y_pred = SAMPLES[name].data(rng)
    wide = y_true if y_true.dtype.kind == "i" else y_true.astype("float64")
    return y_true, y_pred, SAMPLES[name].formula(wide, y_pred.astype("float64"))


def test_every_public_loss_has_a_sample() -> None:
    named = {SAMPLES[name].loss or name for name in SAMPLES}
    public = {c.__name__ for c in losses.CLASSES}
    assert public - NO_SAMPLE == named


@ALL
def test_values_are_those_of_the_formula(name: str, rng: np.random.Generator) -> None:
    y_true, y_pred, values = expected(name, rng)
    found = made(name, reduction=None)(y_true, y_pred)
    np.testing.assert_allclose(found, values, rtol=2e-5, atol=1e-6)


@ALL
def test_default_is_the_mean(name: str, rng: np.random.Generator) -> None:
    y_true, y_pred, values = expected(name, rng)
    np.testing.assert_allclose(made(name)(y_true, y_pred), values.mean(), rtol=2e-5)


@ALL
def test_weights_multiply_and_the_divisor_stays(
    name: str, rng: np.random.Generator
) -> None:
    y_true, y_pred, values = expected(name, rng)
    weights = rng.random(len(values)).astype("float32")
    found = made(name)(y_true, y_pred, sample_weight=weights)
    np.testing.assert_allclose(found, (values * weights).mean(), rtol=2e-5)


@ALL
def test_compiled_is_eager(name: str, rng: np.random.Generator) -> None:
    y_true, y_pred, values = expected(name, rng)
    batch = dims.symbol("batch")
    with Trace() as trace:
        arrays = (y_true.astype("int32") if y_true.ndim == 1 else y_true, y_pred)
        inputs = [
            trace.input(f"x{i}", TensorType(str(a.dtype), (batch, *a.shape[1:])))
            for i, a in enumerate(arrays)
        ]
        graph, _ = trace.graph([made(name)(*inputs)])
    (found,) = compile_graph(graph, name="loss").run(arrays)
    np.testing.assert_allclose(found, values.mean(), rtol=5e-5)


@ALL
def test_config_makes_the_same_loss(name: str, rng: np.random.Generator) -> None:
    y_true, y_pred, _ = expected(name, rng)
    loss = made(name, reduction="sum")
    again = losses.deserialize(losses.serialize(loss))
    assert again.get_config() == loss.get_config()
    assert float(again(y_true, y_pred)) == float(loss(y_true, y_pred))


REDUCTIONS = {
    "sum_over_batch_size": 2.5, "mean": 2.5, "sum": 5.0,
    "mean_with_sample_weight": 5.0 / 3.0,
}  # fmt: skip


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_reduction_with_weights(reduction: str) -> None:
    loss = losses.MeanAbsoluteError(reduction=reduction)
    found = loss([[0.0], [0.0]], [[1.0], [2.0]], sample_weight=[1.0, 2.0])
    assert float(found) == pytest.approx(REDUCTIONS[reduction])


def test_masked_samples_do_not_count() -> None:
    y_pred = Tensor.of(np.array([[1.0], [5.0], [3.0]], "float32"))
    y_pred._keras_mask = Tensor.of(np.array([True, False, True]))
    found = losses.MeanAbsoluteError()(np.zeros((3, 1), "float32"), y_pred)
    assert float(found) == 2.0


def test_ignored_class_costs_nothing() -> None:
    loss = losses.SparseCategoricalCrossentropy(ignore_class=-1)
    found = loss([0, -1], [[0.5, 0.5], [0.9, 0.1]])
    assert float(found) == pytest.approx(np.log(2.0))


def test_last_axis_of_one_is_no_difference() -> None:
    y_true, y_pred = np.zeros(3, "float32"), np.ones((3, 1), "float32")
    assert float(losses.MeanSquaredError()(y_true, y_pred)) == 1.0


def test_a_loss_of_ones_own_is_reduced(rng: np.random.Generator) -> None:
    class Half(losses.Loss):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            return (y_pred - y_true)[:, 0] * 0.5

    assert float(Half(name="half")([[0.0], [0.0]], [[2.0], [4.0]])) == 1.5


def test_loss_without_call_says_so() -> None:
    with pytest.raises(TypeError, match=r"must define call\(self, y_true, y_pred\)"):
        losses.Loss()([1.0], [1.0])


def test_unknown_reduction_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"reduction must be one of.*\n.*'average'"):
        losses.MeanSquaredError(reduction="average")


def test_unknown_loss_names_the_nearest() -> None:
    with pytest.raises(ArgumentError, match="Did you mean 'mean_squared_error'"):
        losses.get("mean_square_error")


@pytest.mark.parametrize("name", ["mse", "MSE", "kld", "bce", "logcosh", "hinge"])
def test_short_names_give_functions(name: str) -> None:
    assert callable(losses.get(name)) and losses.get(name) in losses.FUNCTIONS


def test_one_hot_against_labels_says_which_loss_to_use() -> None:
    with pytest.raises(ArgumentError, match="use sparse_categorical_crossentropy"):
        losses.CategoricalCrossentropy()([0, 1], [[0.5, 0.5], [0.5, 0.5]])


def test_labels_against_one_hot_say_which_loss_to_use() -> None:
    with pytest.raises(ArgumentError, match="use categorical_crossentropy"):
        losses.SparseCategoricalCrossentropy()(np.eye(2), np.full((2, 2), 0.5))


def test_label_out_of_range_is_named_in_an_eager_step() -> None:
    with Trace(eager=True), pytest.raises(DataError, match=r"label 7 at y\[1\]"):
        losses.sparse_categorical_crossentropy(
            Tensor.of(np.array([0, 7])), Tensor.of(np.full((2, 2), 0.5, "float32"))
        )


def test_a_loss_takes_a_variable() -> None:
    weight = Variable(np.ones((1, 1)), name="w")
    assert float(losses.MeanSquaredError()([[0.0]], weight)) == 1.0
