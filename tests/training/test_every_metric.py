"""Every metric over several batches against its formula over all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphkeras import metrics
from graphkeras.compiler.pipeline import compile_graph
from graphkeras.errors import ArgumentError, GraphKerasError, ShapeError
from graphkeras.ir import dims
from graphkeras.ir.trace import Trace
from graphkeras.ir.types import TensorType
from tests.training.loss_samples import make
from tests.training.metric_samples import SAMPLES

ALL = pytest.mark.parametrize("name", SAMPLES)
BATCHES = (16, 17, 1, 30)
OF_VALUES = ("Sum", "Mean")  # these take values, not targets and outputs


def made(name: str) -> Any:
    sample = SAMPLES[name]
    return getattr(metrics, sample.metric or name)(**sample.arguments)


def batches(name: str, rng: np.random.Generator) -> list[tuple[Any, Any, Any]]:
    sample = SAMPLES[name]
    return [
        (
            make(sample.targets, rng, rows), make(sample.outputs, rng, rows),
            rng.random(rows).astype("float32") + 0.5,
        )
        for rows in BATCHES
    ]  # fmt: skip


def fed(name: str, y_true: Any, y_pred: Any, *weight: Any) -> tuple[Any, ...]:
    """The arguments of update_state."""
    return (y_true, *weight) if name in OF_VALUES else (y_true, y_pred, *weight)


def wanted(name: str, data: list[Any], weighted: bool) -> Any:
    t, p, w = (np.concatenate(parts) for parts in zip(*data))
    t, p = (x if x.dtype.kind == "i" else x.astype("float64") for x in (t, p))
    return SAMPLES[name].formula(t, p, w if weighted else np.ones_like(w))


def test_every_public_metric_has_a_sample() -> None:
    named = {SAMPLES[name].metric or name for name in SAMPLES}
    assert {c.__name__ for c in metrics.CLASSES} == named


@ALL
def test_result_over_batches_is_the_formula(
    name: str, rng: np.random.Generator
) -> None:
    metric, data = made(name), batches(name, rng)
    for y_true, y_pred, _ in data:
        metric.update_state(*fed(name, y_true, y_pred))
    found = np.asarray(metric.result())
    np.testing.assert_allclose(found, wanted(name, data, False), rtol=2e-3, atol=1e-5)


@pytest.mark.parametrize("name", [n for n, s in SAMPLES.items() if s.weighted])
def test_sample_weights_count(name: str, rng: np.random.Generator) -> None:
    metric, data = made(name), batches(name, rng)
    for y_true, y_pred, weight in data:
        metric.update_state(*fed(name, y_true, y_pred, weight))
    found = np.asarray(metric.result())
    np.testing.assert_allclose(found, wanted(name, data, True), rtol=2e-3, atol=1e-5)


@ALL
def test_compiled_is_eager(name: str, rng: np.random.Generator) -> None:
    metric, other, data = made(name), made(name), batches(name, rng)
    batch = dims.symbol("batch")
    with Trace() as trace:
        inputs = [
            trace.input(f"x{i}", TensorType(str(a.dtype), (batch, *a.shape[1:])))
            for i, a in enumerate(data[0])
        ]
        metric.update_state(*fed(name, *inputs[:2]))
        graph, variables = trace.graph([metric.result()])
    program = compile_graph(graph, name="metric")
    for arrays in data:
        (found,) = program.run(arrays, [v.array for v in variables])
        other.update_state(*fed(name, *arrays[:2]))
    np.testing.assert_allclose(found, np.asarray(other.result()), rtol=1e-4, atol=1e-6)


@ALL
def test_reset_forgets_everything(name: str, rng: np.random.Generator) -> None:
    metric, data = made(name), batches(name, rng)
    results = []
    for _ in range(2):
        metric.reset_state()
        metric.update_state(*fed(name, *data[1][:2]))
        results.append(np.asarray(metric.result()))
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("name", [n for n in SAMPLES if n != "MeanMetricWrapper"])
def test_config_makes_the_same_metric(name: str) -> None:
    metric = made(name)
    again = metrics.deserialize(metrics.serialize(metric))
    assert again.get_config() == metric.get_config()


def test_a_metric_of_ones_own_gathers(rng: np.random.Generator) -> None:
    class Count(metrics.Metric):
        def __init__(self, name: str = "count") -> None:
            super().__init__(name=name)
            self.seen = self.add_weight(name="seen", initializer="zeros", dtype="int32")

        def update_state(
            self, y_true: Any, y_pred: Any, sample_weight: Any = None
        ) -> None:
            self.seen.assign_add(y_pred.shape[0])

        def result(self) -> Any:
            return self.seen.value

    metric = Count()
    assert int(metric(None, np.ones(3))) == 3 and int(metric(None, np.ones(4))) == 7
    metric.reset_state()
    assert int(metric.result()) == 0


def test_inner_metrics_are_reset_too() -> None:
    class Outer(metrics.Metric):
        def __init__(self) -> None:
            super().__init__()
            self.parts = [metrics.Mean(), metrics.Sum()]

    outer = Outer()
    outer.parts[1].update_state([3.0])
    outer.reset_state()
    assert len(outer.variables) == 3 and float(outer.parts[1].result()) == 0.0


def test_forgotten_super_is_named() -> None:
    class Bare(metrics.Metric):
        def __init__(self) -> None:
            pass

    with pytest.raises(GraphKerasError, match=r"super\(\).__init__\(\) must be"):
        Bare().add_weight(name="x")


def test_names_count_up_and_can_be_given() -> None:
    first, second = metrics.AUC().name, metrics.AUC().name
    assert first != second and first.startswith("auc") and second.startswith("auc")
    assert metrics.AUC(name="mine").name == "mine"


@pytest.mark.parametrize(
    "name", ["mse", "MSE", "mean_squared_error", "MeanSquaredError"]
)
def test_names_of_one_metric(name: str) -> None:
    assert isinstance(metrics.get(name), metrics.MeanSquaredError)


def test_unknown_metric_names_the_nearest() -> None:
    with pytest.raises(ArgumentError, match="Did you mean 'accuracy'"):
        metrics.get("acuracy")


REFUSED = {
    "thresholds must be from 0 to 1|thresholds: must be from 0 to 1": lambda: (
        metrics.Precision(thresholds=[0.5, 1.5])
    ),
    "curve must be one of ROC, PR, PRGAIN": lambda: metrics.AUC(curve="ROCK"),
    "num_thresholds must be at least 2": lambda: metrics.AUC(num_thresholds=1),
    "num_labels is for multi_label": lambda: metrics.AUC(num_labels=3),
    "recall must be from 0 to 1": lambda: metrics.PrecisionAtRecall(2.0),
    "average must be one of": lambda: metrics.F1Score(average="mean"),
    "class_aggregation must be one of": lambda: metrics.R2Score("mean"),
    "there are 2 classes": lambda: metrics.IoU(2, [2]),
}


@pytest.mark.parametrize("text", REFUSED)
def test_wrong_arguments_are_refused(text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        REFUSED[text]()


def test_class_id_needs_columns() -> None:
    with pytest.raises(ShapeError, match="expected scores of shape"):
        metrics.Recall(class_id=1).update_state([1, 0], [0.3, 0.4])


def test_the_middle_of_two_sums_lies_between(rng: np.random.Generator) -> None:
    labels, scores = make("binary", rng, 40), make("unit", rng, 40)
    areas = []
    for method in ("minoring", "interpolation", "majoring"):
        metric = metrics.AUC(summation_method=method, num_thresholds=20)
        metric.update_state(labels, scores)
        areas.append(float(metric.result()))
    assert areas == sorted(areas) and areas[0] < areas[2]
