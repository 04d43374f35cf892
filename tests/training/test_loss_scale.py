"""Loss scaling: which steps are taken, how the scale finds itself, and files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras import layers, ops, optimizers
from graphkeras.errors import ArgumentError
from graphkeras.variables import Variable


def scaled(**options: Any) -> optimizers.LossScaleOptimizer:
    return optimizers.LossScaleOptimizer(optimizers.SGD(0.5), **options)


def test_gradients_are_scaled_back() -> None:
    weight = Variable(np.ones(2, "float32"))
    scaled(initial_scale=4.0).apply([np.full(2, 8.0, "float32")], [weight])
    assert weight.numpy().tolist() == [0.0, 0.0]


def test_a_step_that_is_not_finite_is_skipped_and_halves_the_scale() -> None:
    weight = Variable(np.ones(2, "float32"))
    optimizer = scaled(initial_scale=8.0)
    optimizer.apply([np.array([np.inf, 1.0], "float32")], [weight])
    assert weight.numpy().tolist() == [1.0, 1.0]
    assert float(optimizer.dynamic_scale) == 4.0
    assert int(optimizer.iterations) == 0


def test_finite_steps_in_a_row_double_the_scale() -> None:
    weight = Variable(np.ones(1, "float32"))
    optimizer = scaled(initial_scale=8.0, dynamic_growth_steps=3)
    found = []
    for _ in range(7):
        optimizer.apply([np.zeros(1, "float32")], [weight])
        found.append(float(optimizer.dynamic_scale))
    assert found == [8.0, 8.0, 16.0, 16.0, 16.0, 32.0, 32.0]
    assert int(optimizer.iterations) == 7


class Overflow(layers.Layer):
    """Gradients of these weights are infinite in float16 for a large scale."""

    def build(self, shape: Any) -> None:
        self.weight = self.add_weight((shape[-1],), "ones")

    def call(self, x: Any) -> Any:
        return ops.sum(x * self.weight, axis=-1, keepdims=True)


def test_a_compiled_step_finds_a_scale_that_fits(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((2,)), Overflow(dtype="mixed_float16")])
    model.compile(scaled(initial_scale=2.0**40), "mse")
    x = np.ones((8, 2), "float32")
    model.fit(x, x[:, :1], epochs=40, batch_size=8, verbose=0)
    optimizer = model.optimizer
    assert 1 < float(optimizer.dynamic_scale) < 2.0**40
    assert 0 < int(optimizer.iterations) < 40
    assert np.all(np.isfinite(model.layers[0].weight.numpy()))


def test_files_hold_the_scale_and_the_slots_inside(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((2,)), layers.Dense(1)])
    inner = optimizers.Adam(0.1)
    model.compile(optimizers.LossScaleOptimizer(inner, dynamic_growth_steps=2), "mse")
    x = np.ones((4, 2), "float32")
    model.fit(x, x[:, :1], epochs=3, verbose=0)
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras").optimizer
    assert type(again.inner_optimizer).__name__ == "Adam"
    pairs = zip(again.variables, model.optimizer.variables, strict=True)
    assert all(np.array_equal(a.numpy(), b.numpy()) for a, b in pairs)
    assert float(again.dynamic_scale) == 2.0**16


def test_options_belong_to_the_optimizer_inside() -> None:
    optimizer = scaled(weight_decay=None, use_ema=False, dynamic=True)
    optimizer.learning_rate = 0.25
    assert float(optimizer.inner_optimizer.learning_rate) == 0.25
    with pytest.raises(ArgumentError, match="clipnorm on the optimizer inside"):
        scaled(clipnorm=1.0)
