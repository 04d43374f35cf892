"""Cells over time: sequences of any length, masks, states, and what Keras gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras import layers, ops
from graphkeras.errors import TraceError
from graphkeras.models.tracing import trace_model

BATCH, TIME, FEATURES = 2, 11, 3


class Leaky(layers.Layer):
    """A cell of two states: a leaky sum, and how often it was added to."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.state_size = units, [units, 1]

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight((shape[-1], self.units), initializer="ones")

    def call(self, inputs: Any, states: Any) -> Any:
        total, count = states
        total = ops.elu(0.5 * total - ops.matmul(inputs, self.kernel) * 0.25)
        return total * (count + 1.0), [total, count + 1.0]


def features(*shape: int) -> np.ndarray:
    """Numbers that look random and are the same everywhere."""
    count = int(np.prod(shape))
    return np.sin(np.arange(count, dtype="float32")).reshape(shape)


MASK = np.ones((BATCH, TIME), bool)
MASK[0, 7:] = MASK[1, 0] = MASK[1, 4] = False

# Keras 3.15 on JAX: of each result the first unit, of each sample and step.
_FIRST = [-0.354475, 0.432828, -0.624787, 0.715368, -0.605699, 0.5351, -0.229716]
_LAST = [2.652035, -0.830705, 2.62172, -1.80372, 2.989521, -2.277117]
_START = [0.0, 0.334737, -0.395288, 1.00148]
KERAS: dict[str, tuple[dict[str, Any], list[list[float]]]] = {
    "last": ({}, [[-0.032817, -2.277117]]),
    "sequence": (
        {"return_sequences": True},
        [[*_FIRST, *[-0.032817] * 4, *_START, 0.333827, *_LAST]],
    ),
    "backwards": (
        {"return_sequences": True, "go_backwards": True},
        [[0.0, 0.0, 0.0, 0.0, -0.074997, 0.224509, -0.449756, 0.832056, -1.057904,
          1.727168, -1.78182, -0.38032, 0.624734, -0.907516, 1.475085, -1.401101,
          2.135913, 0.355985, 4.274489, -0.631673, 2.657318, 0.295258]],
    ),
    "zeros": (
        {"return_sequences": True, "zero_output_for_mask": True},
        [[*_FIRST, *[0.0] * 4, *_START, 0.0, *_LAST]],
    ),
    "states": (
        {"return_state": True},
        [[-0.032817, -2.277117], [-0.032817, -0.253013], [7.0, 9.0]],
    ),
    "unrolled": (
        {"return_sequences": True, "unroll": True},
        [[*_FIRST, *[-0.229716] * 4, *_START, 1.00148, *_LAST]],
    ),
}  # fmt: skip


def masked_model(arguments: dict[str, Any]) -> Any:
    """The cell over sequences of free length, where Keras allows it."""
    time = TIME if arguments.get("unroll") else None
    x = keras.Input((time, FEATURES))
    mask = keras.Input((time,), dtype="bool")
    return keras.Model([x, mask], layers.RNN(Leaky(2), **arguments)(x, mask=mask))


def first_units(results: Any) -> list[list[float]]:
    return [np.asarray(r)[..., 0].ravel().tolist() for r in keras.tree.flatten(results)]


@pytest.mark.parametrize("name", KERAS)
def test_a_cell_of_ones_own_with_masks_gives_what_keras_does(name: str) -> None:
    arguments, expected = KERAS[name]
    x = features(BATCH, TIME, FEATURES)
    eager = layers.RNN(Leaky(2), **arguments)(x, mask=MASK)
    found = masked_model(arguments).predict([x, MASK], verbose=0)
    for actual, wanted in zip(first_units(eager), expected, strict=True):
        assert actual == pytest.approx(wanted, abs=2e-6)
    for actual, wanted in zip(first_units(found), expected, strict=True):
        assert actual == pytest.approx(wanted, abs=2e-6)


# -------------------------------------------------------- free and step by step alike

Maker = Callable[[], Any]
OVER_TIME: dict[str, tuple[Maker, tuple[int, ...]]] = {
    "own": (lambda: layers.RNN(Leaky(2), return_sequences=True), (3,)),
    "stacked": (
        lambda: layers.RNN([Leaky(4), layers.LSTMCell(3, "elu"), Leaky(2)]), (3,),
    ),
    "stacked, dropouts": (
        lambda: layers.RNN(
            [Leaky(4), layers.LSTMCell(3, "elu", dropout=0.3, recurrent_dropout=0.3,
                                       seed=1), layers.GRUCell(2, dropout=0.4, seed=2)]
        ), (3,),
    ),
    "LSTM of another activation": (
        lambda: layers.LSTM(3, activation="gelu", return_state=True), (3,),
    ),
    "both ways": (
        lambda: layers.Bidirectional(layers.GRU(3, "swish", return_sequences=True)),
        (3,),
    ),
    "ConvLSTM1D": (lambda: layers.ConvLSTM1D(2, 3, return_sequences=True), (6, 2)),
    "ConvLSTM2D, dropouts": (
        lambda: layers.ConvLSTM2D(2, 2, dropout=0.3, recurrent_dropout=0.3, seed=1,
                                  go_backwards=True), (4, 4, 1),
    ),
    "ConvLSTM3D": (lambda: layers.ConvLSTM3D(1, 2, padding="same"), (2, 3, 3, 1)),
}  # fmt: skip


def trained(make: Maker, time: int | None, x: np.ndarray) -> tuple[Any, list[Any]]:
    """The model after some steps, and its losses and predictions.

    Of known length it runs eagerly, step by step.
    """
    keras.utils.set_random_seed(5)
    given = keras.Input((time, *x.shape[2:]))
    outputs = keras.tree.flatten(make()(given))
    model = keras.Model(given, outputs)
    model.compile("sgd", ["mse"] * len(outputs), run_eagerly=time is not None)
    targets = [np.ones((len(x), *(n or 6 for n in o.shape[1:]))) for o in outputs]
    history = model.fit(x, targets, batch_size=2, epochs=2, verbose=0, shuffle=False)
    last = keras.tree.flatten(model.predict(x, verbose=0))
    return model, [*history.history["loss"], *last]


@pytest.mark.parametrize("name", OVER_TIME)
def test_a_loop_trains_like_steps_one_by_one(name: str, tmp_path: Path) -> None:
    make, shape = OVER_TIME[name]
    x = features(4, 6, *shape)
    model, found = trained(make, None, x)
    model.export(tmp_path / "free.onnx", samples=[x])
    _, expected = trained(make, 6, x)
    for actual, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=2e-5, atol=2e-6)


def test_one_model_takes_sequences_of_any_length() -> None:
    model = masked_model({})
    for time in (1, 2, 30):
        x, mask = features(3, time, FEATURES), np.ones((3, time), bool)
        found = model.predict([x, mask], verbose=0)
        wanted = layers.RNN(Leaky(2))(x)
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_many_steps_make_no_longer_program() -> None:
    sizes = []
    for time in (20, 2000):
        given = keras.Input((time, FEATURES))
        model = keras.Model(given, layers.RNN(Leaky(2))(given))
        sizes.append(len(trace_model(model).graph.walk()))
    assert sizes[0] == sizes[1]


def test_kept_states_go_on_with_the_next_batch() -> None:
    given = keras.Input(batch_shape=(BATCH, None, FEATURES))
    model = keras.Model(given, layers.RNN(Leaky(2), stateful=True)(given))
    x = features(BATCH, TIME, FEATURES)
    ends = (slice(0, 5), slice(5, None))
    parts = [model.predict(x[:, s], batch_size=BATCH, verbose=0) for s in ends]
    whole = layers.RNN(Leaky(2))(x)
    np.testing.assert_allclose(parts[-1], whole, rtol=1e-5, atol=1e-6)


def test_penalties_of_a_layer_inside_a_cell_add_up_over_time() -> None:
    class Penalized(Leaky):
        def call(self, inputs: Any, states: Any) -> Any:
            self.add_loss(ops.sum(inputs))
            return super().call(inputs, states)

    losses = []
    for time in (None, TIME):
        given = keras.Input((time, FEATURES))
        out = layers.RNN(Penalized(2), unroll=time is not None)(given)
        model = keras.Model(given, out)
        model.compile(loss="mse")
        x = features(BATCH, TIME, FEATURES)
        losses.append(model.evaluate(x, np.zeros((BATCH, 2)), verbose=0))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_unrolling_needs_a_known_number_of_steps() -> None:
    given = keras.Input((None, FEATURES))
    with pytest.raises(TraceError, match=r"unroll=True(?s:.*)leave unroll out"):
        layers.RNN(Leaky(2), unroll=True)(given)
