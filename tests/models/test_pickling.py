"""Models in pickles and as deep copies."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras.errors import SavingError
from graphkeras.models.pickling import reduced, revived

X, Y = np.arange(12, dtype="float32").reshape(4, 3), np.ones((4, 2), "float32")


class Doubled(keras.layers.Layer):
    """A layer of the user's own, which nobody has registered."""

    def call(self, x: Any) -> Any:
        return x * 2


def halved(x: Any) -> Any:
    return x / 2


def distance(y_true: Any, y_pred: Any) -> Any:
    return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1)


def trained() -> Any:
    x = keras.Input((3,))
    y = keras.layers.Dense(2, activation=halved)(Doubled()(x))
    model = keras.Model(x, y)
    model.compile("adam", distance, metrics=["mae"])
    model.fit(X, Y, verbose=0)
    return model


def again(model: Any) -> Any:
    return pickle.loads(pickle.dumps(model))


@pytest.mark.parametrize("copied", [again, copy.deepcopy, copy.copy])
def test_a_copy_predicts_and_trains_on_alike(copied: Any) -> None:
    model = trained()
    other = copied(model)
    assert other is not model
    np.testing.assert_array_equal(
        other.predict(X, verbose=0), model.predict(X, verbose=0)
    )
    losses = [m.fit(X, Y, verbose=0, epochs=3).history["loss"] for m in (model, other)]
    assert losses[0] == losses[1]


def test_a_model_without_weights_or_compiling_is_pickled_too() -> None:
    model = again(keras.Sequential([keras.layers.Dense(2)]))
    assert not model.compiled
    assert not model.built
    assert model.predict(X, verbose=0).shape == (4, 2)


def test_what_is_the_users_own_travels_by_name() -> None:
    _, (data, own) = reduced(trained())
    assert own == {"Doubled": Doubled, "halved": halved, "distance": distance}
    with pytest.raises(SavingError, match="registered"):
        revived(data, {})
