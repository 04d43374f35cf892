"""Several optimizers in one: who changes what, and files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras import layers, optimizers
from graphkeras.errors import ArgumentError
from graphkeras.optimizers import SGD, Adam, LossScaleOptimizer, MultiOptimizer
from graphkeras.optimizers import OptimizerMap as Map


def model() -> Any:
    made = keras.Sequential([keras.Input((2,)), layers.Dense(2, name="a"),
                             layers.Dense(1, name="b")])  # fmt: skip
    chosen = Map(SGD(0.0), {".*b/.*": Adam(0.1), ".*a/bias": SGD(0.5)})
    made.compile(MultiOptimizer(chosen), "mse")
    return made


def test_each_variable_has_its_optimizer(tmp_path: Path) -> None:
    made = model()
    before = made.get_weights()
    x = np.ones((4, 2), "float32")
    made.fit(x, x[:, :1] + 1, epochs=2, verbose=0)
    changed = [not np.array_equal(a, b) for a, b in zip(before, made.get_weights())]
    assert changed == [False, True, True, True]
    made.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras").optimizer
    pairs = zip(again.variables, made.optimizer.variables, strict=True)
    assert all(np.array_equal(a.numpy(), b.numpy()) for a, b in pairs)
    assert int(again.iterations) == int(made.optimizer.iterations) == 2


def test_there_is_no_learning_rate_of_several() -> None:
    with pytest.raises(AttributeError, match="Use those in `optimizers`"):
        print(MultiOptimizer(Map(SGD())).learning_rate)
    with pytest.raises(AttributeError, match="Use those in `optimizers`"):
        MultiOptimizer(Map(SGD())).learning_rate = 0.1


REFUSED: list[tuple[Callable[[], Any], str]] = [
    (lambda: Map("sgd"), "holds no other"),  # type: ignore[arg-type]
    (lambda: Map(SGD(), {"a": LossScaleOptimizer(SGD())}), "holds no other"),
    (lambda: Map(SGD(), {"a.*": SGD(), ".*b": SGD()})["ab"], "one pattern"),
    (lambda: Map(SGD(), {"a": SGD()}).__setitem__("a", SGD()), "not there yet"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "named"), REFUSED)
def test_wrong_maps_are_refused(make: Callable[[], Any], named: str) -> None:
    with pytest.raises(ArgumentError, match=named):
        make()


def test_scales_of_losses_reach_the_optimizers_inside() -> None:
    inner = optimizers.SGD(1.0)
    optimizer = MultiOptimizer(Map(inner), loss_scale_factor=4.0)
    weight = keras.Variable(np.zeros(1, "float32"), name="w")
    optimizer.apply([np.full(1, -8.0, "float32")], [weight])
    assert (inner.loss_scale_factor, float(weight.numpy()[0])) == (4.0, 2.0)
