"""Symbolic tensors, inputs and the calls between them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras import layers, ops
from graphkeras.errors import ArgumentError, ShapeError, TraceError


def test_input_says_its_shape_dtype_and_name() -> None:
    x = keras.Input((None, 3), name="points", dtype="int32")
    assert (x.shape, x.dtype, x.name) == ((None, None, 3), "int32", "points")
    assert keras.Input((4,), batch_size=8).shape == (8, 4)
    assert keras.Input(batch_shape=(None, 2)).shape == (None, 2)
    assert keras.Input(shape=()).shape == (None,)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({}, "either shape"),
        ({"shape": (3,), "batch_shape": (None, 3)}, "either shape"),
        ({"shape": ("a",)}, "positive ints and None"),
        ({"shape": (-3,)}, "positive ints and None"),
        ({"shape": (3,), "sparse": True}, "dense tensor"),
    ],
)
def test_wrong_inputs_are_refused(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        keras.Input(**arguments)


def test_ops_and_operators_on_symbolic_tensors_are_calls() -> None:
    x = keras.Input((4,))
    y = ops.concatenate([x[:, :2] * 2 - 1, ops.softmax(x, axis=-1)], axis=1)
    assert y.shape == (None, 6)
    model = keras.Model(x, y)
    names = [type(o).__name__ for o in model.operations]
    assert names == ["InputLayer"] + ["Operation"] * 5
    expected = [[1, 1, 0.25, 0.25, 0.25, 0.25]]
    np.testing.assert_allclose(model(np.ones((1, 4))), expected)


def test_array_plus_symbolic_tensor_is_an_op() -> None:
    x = keras.Input((2,))
    model = keras.Model(x, np.array([1.0, 2.0], "float32") + x)
    assert model(np.zeros((1, 2))).numpy().tolist() == [[1, 2]]


@pytest.mark.parametrize(
    "ask", [bool, float, int, np.asarray, len, lambda x: x.numpy()]
)
def test_asking_a_symbolic_tensor_for_data_names_the_line(ask: Any) -> None:
    with pytest.raises(TraceError, match=r"at .*test_graph\.py:\d+|Python asks"):
        ask(keras.Input((2,)))


def test_op_error_says_which_op_of_the_model() -> None:
    x, y = keras.Input((2,)), keras.Input((3,))
    with pytest.raises(ShapeError, match=r"add.*\[batch, 2\] and \[batch, 3\]"):
        x + y


def test_two_free_sizes_that_meet_are_taken_to_be_equal() -> None:
    a, b = keras.Input((None, 2), name="a"), keras.Input((None, 2), name="b")
    summed = layers.Add()([layers.Conv1D(2, 3)(a), layers.Conv1D(2, 3)(b)])
    model = keras.Model([a, b], summed)
    assert [str(t) for t in model.input_types] == ["f32[batch, a_dim1, 2]"] * 2
    assert model([np.ones((1, 5, 2))] * 2).shape == (1, 3, 2)


def test_free_sizes_that_need_not_be_equal_stay_apart() -> None:
    a, b = keras.Input((None, 2), name="a"), keras.Input((None, 2), name="b")
    model = keras.Model([a, b], ops.matmul(a, ops.transpose(b, (0, 2, 1))))
    assert [str(t.shape[1]) for t in model.input_types] == ["a_dim1", "b_dim1"]
    assert model.output_shape == (None, None, None)


def test_layer_remembers_its_first_input_and_output() -> None:
    x = keras.Input((2,))
    layer = layers.Dense(3)
    y = layer(x)
    layer(keras.Input((2,)))
    assert layer.input is x
    assert layer.output is y
    with pytest.raises(AttributeError, match="layer that was called"):
        _ = layers.Dense(1).output


def test_symbolic_tensor_of_a_users_own_leads_nowhere() -> None:
    x = keras.KerasTensor((None, 2))
    with pytest.raises(ArgumentError, match="comes from an Input"):
        keras.Model(x, layers.Dense(1)(x))
