"""The public face: lazy names, `keras.utils`, `keras.backend`, policies."""

from __future__ import annotations

import numpy as np
import pytest

import graphkeras as keras
from graphkeras.errors import ArgumentError


def test_every_public_name_exists() -> None:
    for name in keras.__all__:
        assert getattr(keras, name) is not None
    assert set(keras.__all__) <= set(dir(keras))
    with pytest.raises(AttributeError, match="no attribute 'Modle'"):
        _ = keras.Modle


def test_to_categorical_makes_one_hot_rows() -> None:
    assert keras.utils.to_categorical([[1], [0]], 3).tolist() == [[0, 1, 0], [1, 0, 0]]


def test_normalize_leaves_zero_alone() -> None:
    rows = keras.utils.normalize(np.array([[3.0, 4.0], [0.0, 0.0]]))
    assert rows.tolist() == [[0.6, 0.8], [0, 0]]


def test_random_seed_must_be_an_int() -> None:
    with pytest.raises(ArgumentError, match="expected an int"):
        keras.utils.set_random_seed("7")  # type: ignore[arg-type]


def test_random_seed_reaches_python_numpy_and_keras() -> None:
    def drawn() -> list[float]:
        import random

        keras.utils.set_random_seed(11)
        return [random.random(), np.random.rand(), float(keras.random.uniform(()))]

    assert drawn() == drawn()


def test_backend_has_a_few_settings() -> None:
    assert keras.backend.backend() == "graphkeras"
    assert keras.backend.floatx() == "float32"
    assert keras.backend.is_keras_tensor(keras.Input((2,)))
    keras.backend.clear_session()
    assert keras.backend.get_uid("thing") == 1
    assert keras.backend.get_uid("thing") == 2


def test_dtype_policy_is_one_dtype() -> None:
    policy = keras.DTypePolicy("float64")
    layer = keras.layers.Dense(2, dtype=policy)
    assert layer(np.ones((1, 3), "float32")).dtype == "float64"
    assert layer.kernel.dtype == "float64"
    assert keras.layers.Dense.from_config(layer.get_config()).dtype_policy == policy
