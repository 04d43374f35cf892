"""Steps over values that are handed in and out, as functions of them."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras.errors import ArgumentError, ShapeError

X = np.arange(12, dtype="float32").reshape(4, 3) / 10
Y = X[:, :1]


def compiled() -> Any:
    dense = keras.layers.Dense(1, name="dense")
    model = keras.Sequential([keras.Input((3,)), dense], name="whole")
    model.compile("adam", "mse", metrics=["mae"])
    return model


def values(variables: Any) -> list[np.ndarray]:
    return [np.asarray(v) for v in variables]


def test_a_scope_leaves_every_variable_as_it_was() -> None:
    a, b = keras.Variable(1.0), keras.Variable([2.0])
    with keras.StatelessScope([(a, 5.0)]) as scope:
        b.assign(b + a)
        scope.add_update((a, 6.0))
        scope.add_loss(3.0)
        assert float(scope.get_current_value(a)) == 6
    assert [float(a), float(b[0])] == [1, 2]
    assert [float(scope.get_current_value(v)) for v in (a, b)] == [6, 7]
    assert scope.get_current_value(keras.Variable(0.0)) is None
    assert scope.losses == [3.0]


def test_variables_count_when_nothing_else_was_imported() -> None:
    code = "import graphkeras as keras; assert keras.Variable(1.0) + 1 == 2"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_scopes_nest_and_end_with_an_error() -> None:
    a = keras.Variable(1.0)
    with keras.StatelessScope([(a, 2.0)]):
        with pytest.raises(ShapeError), keras.StatelessScope([(a, 3.0), (a, [1.0])]):
            pass
        assert float(a) == 2
    assert float(a) == 1
    with pytest.raises(ArgumentError, match="pairs of a variable and value"):
        keras.StatelessScope([(1.0, a)])


def test_an_optimizer_steps_over_values() -> None:
    model, same = compiled(), compiled()
    same.set_weights(model.get_weights())
    grads = [np.ones(v.shape, "float32") for v in model.trainable_variables]
    optimizer = model.optimizer
    optimizer.build(model.trainable_variables)
    before = values([*model.trainable_variables, *optimizer.variables])
    trained, own = optimizer.stateless_apply(
        optimizer.variables, grads, model.trainable_variables
    )
    after = values([*model.trainable_variables, *optimizer.variables])
    same.optimizer.apply(grads, same.trainable_variables)
    for found, kept in zip(after, before, strict=True):
        np.testing.assert_array_equal(found, kept)
    expected = values([*same.trainable_variables, *same.optimizer.variables])
    for got, wanted in zip([*trained, *own], expected, strict=True):
        np.testing.assert_array_equal(got, wanted)
    with pytest.raises(ArgumentError, match="2 trainable_variables"):
        optimizer.stateless_apply(optimizer.variables, grads, [])
    with pytest.raises(ArgumentError, match="a built optimizer"):
        keras.optimizers.SGD().stateless_apply([], [], [])


def test_a_metric_gathers_in_values() -> None:
    metric = keras.metrics.Mean()
    metric.update_state([1.0, 3.0])
    found = metric.stateless_update_state([10.0, 2.0], [4.0])
    assert values(found) == [14, 3]
    assert float(metric.stateless_result([9.0, 3.0])) == 3
    assert values(metric.stateless_reset_state()) == [0, 0]
    assert float(metric.result()) == 2
    with pytest.raises(ArgumentError, match="2 metric_variables"):
        metric.stateless_result([1.0])


def test_a_state_tree_puts_a_model_back_where_it_was() -> None:
    model = compiled()
    model.fit(X, Y, verbose=0)
    tree = model.get_state_tree("numpy_array")
    assert set(tree["trainable_variables"]["whole"]["dense"]) == {"kernel", "bias"}
    losses = [model.fit(X, Y, epochs=2, shuffle=False, verbose=0).history["loss"]]
    model.set_state_tree(tree)
    losses += [model.fit(X, Y, epochs=2, shuffle=False, verbose=0).history["loss"]]
    assert losses[0] == losses[1]
    with pytest.raises(ArgumentError, match="set_state_tree expected paths of train"):
        model.set_state_tree({"trainable_variables": {"strange": 0.0}})


def test_paths_of_a_state_tree_must_differ() -> None:
    twins = [keras.layers.Dense(1, name=f"d{i}") for i in range(2)]
    model = keras.Sequential([keras.Input((1,)), *twins])
    model.compile("sgd", "mse")
    for weight in model.weights:
        weight.path = "one"
    with pytest.raises(ArgumentError, match="each path of a variable once"):
        model.get_state_tree()
