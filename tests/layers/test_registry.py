"""Objects to configs and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras.errors import SavingError
from graphkeras.saving import (
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)


@pytest.mark.parametrize(
    "value",
    [
        None, 3, 2.5, "text", True, [1, [2, 3]], {"a": 1, "b": [None]}, b"bytes",
        slice(1, None, 2), Ellipsis,
    ],
)  # fmt: skip
def test_plain_values_come_back(value: Any) -> None:
    assert deserialize_keras_object(serialize_keras_object(value)) == value


def test_arrays_and_numpy_numbers_come_back() -> None:
    array = np.arange(6, dtype="int16").reshape(2, 3)
    again = deserialize_keras_object(serialize_keras_object(array))
    np.testing.assert_array_equal(again, array)
    assert again.dtype == array.dtype
    assert serialize_keras_object(np.float32(0.5)) == 0.5


def test_registered_class_has_package_and_name() -> None:
    @register_keras_serializable(package="shop", name="Cart")
    class Basket:
        def __init__(self, size: int = 1) -> None:
            self.size = size

        def get_config(self) -> dict[str, Any]:
            return {"size": self.size}

        @classmethod
        def from_config(cls, config: dict[str, Any]) -> Basket:
            return cls(**config)

    config = serialize_keras_object(Basket(4))
    assert config["registered_name"] == get_registered_name(Basket) == "shop>Cart"
    assert get_registered_object("shop>Cart") is Basket
    assert "shop>Cart" in get_custom_objects()
    assert deserialize_keras_object(config).size == 4


def test_class_without_get_config_cannot_be_registered() -> None:
    with pytest.raises(SavingError, match=r"get_config\(\) method"):
        register_keras_serializable()(type("Bare", (), {}))


def test_custom_objects_are_known_inside_their_scope_only() -> None:
    class Mine(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return x

    config = serialize_keras_object(Mine())
    with pytest.raises(SavingError, match="Register it with"):
        deserialize_keras_object(config)
    with custom_object_scope({"Mine": Mine}):
        assert isinstance(deserialize_keras_object(config), Mine)
    assert isinstance(deserialize_keras_object(config, {"Mine": Mine}), Mine)


def test_lambdas_are_not_stored() -> None:
    with pytest.raises(SavingError, match="code is never stored"):
        serialize_keras_object(lambda x: x)


def test_objects_without_a_config_are_refused() -> None:
    with pytest.raises(SavingError, match=r"object with a get_config\(\)"):
        serialize_keras_object(object())
    with pytest.raises(SavingError, match="expected a config"):
        deserialize_keras_object(object())


def test_names_of_keras_stand_in_configs_of_ours() -> None:
    assert serialize_keras_object(keras.layers.Dense(1))["module"] == "keras.layers"
    model = keras.Sequential([keras.Input((2,))])
    assert serialize_keras_object(model)["module"] == "keras"
    assert serialize_keras_object(keras.ops.tanh)["module"] == "keras.ops"


def test_unknown_name_of_keras_gets_the_nearest_right_one() -> None:
    config = {"module": "keras.layers", "class_name": "Dens", "config": {}}
    with pytest.raises(SavingError, match="Did you mean 'Dense'"):
        deserialize_keras_object(config)
