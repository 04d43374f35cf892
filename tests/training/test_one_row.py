"""One row has a program of its own, whose threads share what is done to a row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras import layers
from tests.compiler.turns import ORDERS, taking_turns
from tests.runtime.threaded import threads


def wide() -> Any:
    return keras.Sequential(
        [
            keras.Input((300,)),
            layers.Dense(333, activation="tanh"),
            layers.Dense(5, activation="softmax"),
        ]
    )


def long() -> Any:
    """Many weights, few columns: rows of weights are shared."""
    left, right = keras.Input((4000,)), keras.Input((2001,))
    x = layers.Concatenate()([left, right])
    x = layers.Dense(33, activation="relu")(x)
    return keras.Model([left, right], [layers.Dense(1)(x), layers.Dense(3)(x)])


def images() -> Any:
    return keras.Sequential(
        [
            keras.Input((33, 31, 3)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(32, 3, padding="same", strides=2),
            layers.BatchNormalization(),
            layers.Conv2D(24, 3, padding="same", activation="gelu"),
            layers.AveragePooling2D(3, padding="same"),
            layers.Conv2D(40, 1, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(4),
        ]
    )


def series() -> Any:
    return keras.Sequential(
        [keras.Input((20, 40)), layers.LSTM(24), layers.Dense(2, activation="sigmoid")]
    )


MODELS = {"wide": wide, "long": long, "images": images, "series": series}


def rows_of(model: Any, count: int) -> Any:
    rng = np.random.default_rng(3)
    made = [
        rng.standard_normal((count, *i.shape[1:])).astype("float32")
        for i in model.inputs
    ]
    return made[0] if len(made) == 1 else made


def bits(answer: Any) -> bytes:
    parts = answer if isinstance(answer, list) else [answer]
    return b"".join(part.tobytes() for part in parts)


@pytest.mark.parametrize("name", MODELS)
def test_one_row_is_the_same_on_any_number_of_threads(name: str) -> None:
    model = MODELS[name]()
    row, found = rows_of(model, 1), []
    for count in (1, 2):
        with threads(count):
            found.append(bits(model.predict_on_batch(row)))
    for order in ORDERS.values():
        with taking_turns(3, order):
            found.append(bits(model.predict_on_batch(row)))
    assert set(found) == {found[0]}


@pytest.mark.parametrize("name", MODELS)
def test_one_row_is_what_it_is_among_others(name: str) -> None:
    model = MODELS[name]()
    rows = rows_of(model, 5)
    among = model.predict(rows, batch_size=5, verbose=0)
    apart = model.predict(rows, batch_size=1, verbose=0)
    parts = [among, apart] if isinstance(among, list) else [[among], [apart]]
    for left, right in zip(*parts, strict=True):
        np.testing.assert_allclose(left, right, rtol=2e-5, atol=2e-6)


def test_rows_that_come_one_by_one_are_answered_in_order() -> None:
    model = images()
    rows = rows_of(model, 7)
    together = model.predict(rows, batch_size=1, verbose=0)
    single = [model.predict_on_batch(rows[i : i + 1]) for i in range(7)]
    assert bits(together) == bits(np.concatenate(single))


def test_only_one_row_is_compiled_apart() -> None:
    model = wide()
    step = model.make_predict_function()
    for count in (2, 3, 40, 1, 5, 1):
        model.predict_on_batch(rows_of(model, count))
    assert len(step._compiled) == 2


def test_weights_that_were_trained_between_are_those_that_answer() -> None:
    model = images()
    model.compile("sgd", "mse")
    rows = rows_of(model, 4)
    before = model.predict_on_batch(rows[:1])
    model.fit(rows, np.ones((4, 4), "float32"), verbose=0)
    after = model.predict_on_batch(rows[:1])
    assert not np.array_equal(before, after)
    np.testing.assert_allclose(after, model(rows[:1]), rtol=2e-5, atol=2e-6)
