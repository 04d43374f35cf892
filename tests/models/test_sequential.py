"""Sequential models, built at once or when they first see data."""

from __future__ import annotations

import numpy as np
import pytest

import graphkeras as keras
from graphkeras import layers
from graphkeras.errors import ArgumentError

ONES = np.ones((2, 3), "float32")


def test_model_without_input_is_built_by_its_first_data() -> None:
    model = keras.Sequential([layers.Dense(4), layers.Dense(1)])
    assert not model.built
    assert model.weights == []
    with pytest.raises(AttributeError, match="expected a built model"):
        _ = model.inputs
    assert model(ONES).shape == (2, 1)
    assert (model.built, model.output_shape) == (True, (None, 1))


def test_model_with_input_is_built_at_once() -> None:
    model = keras.Sequential()
    model.add(keras.Input((3,)))
    model.add(layers.Dense(4))
    assert model.output_shape == (None, 4)
    model.add(layers.Dense(2))
    assert model.output_shape == (None, 2)
    assert len(model.layers) == 2


def test_build_by_shape_makes_the_weights() -> None:
    model = keras.Sequential([layers.Flatten(), layers.Dense(2)])
    model.build((None, 28, 28))
    assert model.count_params() == 784 * 2 + 2


def test_pop_takes_the_last_layer_off() -> None:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(4), layers.Dense(1)])
    popped = model.pop()
    assert popped.name.startswith("dense")
    assert model.output_shape == (None, 4)
    assert model(ONES).shape == (2, 4)
    model.pop()
    with pytest.raises(ArgumentError, match="expected a layer to pop"):
        model.pop()


def test_weights_survive_adding_a_layer() -> None:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(4)])
    before = model.get_weights()
    model.add(layers.Dense(1))
    assert (model.get_weights()[0] == before[0]).all()


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("dense", "expected a layer to add"),
        (layers.Dense, "Make an instance first"),
        (layers.Dense(2, name="taken"), "a second 'taken'"),
        (keras.Input((3,)), "its one Input in front"),
    ],
)
def test_what_cannot_be_added_is_refused(what: object, text: str) -> None:
    model = keras.Sequential([layers.Dense(2, name="taken")])
    with pytest.raises(ArgumentError, match=text):
        model.add(what)


def test_old_input_shape_argument_still_builds() -> None:
    with pytest.warns(UserWarning, match="Do not pass input_shape"):
        first = layers.Dense(4, input_shape=(3,))
    assert keras.Sequential([first]).output_shape == (None, 4)


def test_functional_model_in_front_gives_the_shape() -> None:
    x = keras.Input((3,))
    model = keras.Sequential([keras.Model(x, x * 2), layers.Dense(1)])
    assert model.output_shape == (None, 1)


def test_sequential_takes_lists_of_inputs_layer_by_layer() -> None:
    model = keras.Sequential([layers.Add(), layers.Dense(1)])
    assert model([ONES, ONES]).shape == (2, 1)


def test_other_shape_than_the_inputs_is_refused() -> None:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
    with pytest.raises(ArgumentError, match=r"input shape \(None, 3\)"):
        model.build((None, 5))
    with pytest.raises(ValueError, match="to have value 3"):
        model(np.ones((2, 5)))


def test_outputs_of_its_layers_make_a_feature_extractor() -> None:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(4), layers.Dense(1)])
    features = keras.Model(model.inputs, [x.output for x in model.layers])
    assert [f.shape for f in features(ONES)] == [(2, 4), (2, 1)]


def test_config_round_trip_keeps_layers_and_shape() -> None:
    model = keras.Sequential([layers.Dense(4), layers.Dense(1)], name="stack")
    model(ONES)
    again = keras.Sequential.from_config(model.get_config())
    assert (again.name, again.output_shape) == ("stack", (None, 1))
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again(ONES), model(ONES))


def test_frozen_layers_stay_frozen_in_the_stack() -> None:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(4), layers.Dense(1)])
    model.layers[0].trainable = False
    assert [w.path for w in model.trainable_weights] == [
        w.path for w in model.layers[1].weights
    ]
