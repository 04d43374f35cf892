"""Models as estimators of scikit-learn, held to its own checks."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import graphkeras as keras
from graphkeras.errors import ArgumentError
from graphkeras.wrappers import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer

# Checks no network passes, and why; Keras's own wrappers leave them out too.
_RANDOM = "weights are drawn anew, and learnt in a few epochs"
LEFT_OUT = {
    "check_classifiers_classes": "two classes give two outputs",
    "check_classifiers_train": "two classes give two outputs",
    "check_classifier_data_not_an_array": _RANDOM,
    "check_regressor_data_not_an_array": _RANDOM,
    "check_regressors_int": _RANDOM,
    "check_fit_idempotent": _RANDOM,
    "check_supervised_y_2d": _RANDOM,
    "check_regressor_multioutput": "predictions are float32",
    "check_classifiers_regression_target": "labels may be numbers",
    "check_classifiers_one_label_sample_weights": _RANDOM,
}


def dense(
    loss: str,
    activation: str | None,
    X: Any,
    y: Any,
    units: int = 8,
    eager: bool = True,
) -> Any:
    """Return a small compiled network."""
    last = keras.layers.Dense(y.shape[1], activation=activation)
    model = keras.Sequential([keras.layers.Dense(units, activation="relu"), last])
    model.compile("adam", loss, run_eagerly=eager)
    return model


def classifier(**options: Any) -> SKLearnClassifier:
    made = partial(dense, "categorical_crossentropy", "softmax")
    return SKLearnClassifier(made, fit_kwargs={"verbose": 0, **options})


def regressor(cls: Any = SKLearnRegressor, **options: Any) -> Any:
    return cls(partial(dense, "mse", None), fit_kwargs={"verbose": 0, **options})


ESTIMATORS = [classifier(), regressor(), regressor(SKLearnTransformer)]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
@pytest.mark.filterwarnings("ignore")  # of checks that say they were skipped
def test_estimators_are_what_scikit_learn_expects(estimator: Any) -> None:
    keras.utils.set_random_seed(0)
    found = check_estimator(estimator, expected_failed_checks=LEFT_OUT, on_fail=None)
    failed = {r["check_name"]: r["exception"] for r in found if r["status"] == "failed"}
    assert failed == {}
    assert sum(r["status"] == "passed" for r in found) > 30


def two_moons() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    x = random.normal(size=(200, 2))
    return x, np.where(x[:, 0] * 2 > x[:, 1], "right", "left")


def test_a_classifier_learns_in_a_pipeline_and_a_search() -> None:
    keras.utils.set_random_seed(1)
    x, y = two_moons()
    compiled = classifier(epochs=30).set_params(model_kwargs={"eager": False})
    pipe = make_pipeline(StandardScaler(), compiled)
    assert pipe.fit(x, y).score(x, y) > 0.9
    assert set(pipe.predict(x)) == {"left", "right"}
    grid = GridSearchCV(
        classifier(), {"model_kwargs": [{"units": 2}, {"units": 4}]}, cv=2
    )
    assert grid.fit(x, y).best_params_["model_kwargs"]["units"] in (2, 4)


def test_a_model_is_cloned_for_each_fit_unless_warm() -> None:
    x, y = np.ones((8, 2)), np.ones(8)
    model = dense("mse", None, x, y[:, None])
    model.build((None, 2))
    before = model.get_weights()[0]
    fitted = SKLearnRegressor(model, fit_kwargs={"verbose": 0}).fit(x, y)
    assert fitted.model_ is not model
    np.testing.assert_array_equal(model.get_weights()[0], before)
    warm = SKLearnRegressor(model, True, fit_kwargs={"verbose": 0}).fit(x, y)
    assert warm.model_ is model
    assert warm.fit(x, y).model_.optimizer.iterations.numpy() == 2
    assert clone(warm).warm_start
    assert clone(warm).model is not model


def test_targets_of_several_columns_are_regressed() -> None:
    x, y = np.ones((8, 2)), np.ones((8, 3))
    assert regressor().fit(x, y).predict(x).shape == (8, 3)
    assert regressor().fit(x, y[:, 0]).predict(x).shape == (8,)


def test_a_model_that_is_not_compiled_is_refused() -> None:
    with pytest.raises(ArgumentError, match="SKLearnRegressor: expected a model comp"):
        SKLearnRegressor(keras.Sequential([keras.layers.Dense(1)])).fit([[1.0]], [1.0])


def test_without_scikit_learn_the_extra_is_named() -> None:
    code = "import sys; sys.modules['sklearn'] = None; import graphkeras.wrappers"
    run = [sys.executable, "-c", code]
    ended = subprocess.run(run, capture_output=True, text=True, check=False)
    assert 'pip install "graphkeras[sklearn]"' in ended.stderr
