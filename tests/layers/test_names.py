"""Names and paths of layers and variables, and small things of Keras's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras.errors import ArgumentError


class Named(keras.layers.Layer):
    """A layer whose weights are made in scopes."""

    def build(self, shape: Any) -> None:
        self.plain = self.add_weight((1,), name="plain")
        with keras.name_scope("deep"):
            self.inner = keras.layers.Dense(1, name="inner")
            self.inner.build(shape)
            self.held = self.add_weight((1,), name="held")

    def call(self, x: Any) -> Any:
        return self.inner(x) * self.held + self.plain


def test_scopes_are_part_of_paths() -> None:
    layer = Named(name="outer")
    layer(np.ones((2, 3), "float32"))
    paths = {v.path for v in layer.weights}
    inner = {f"outer/deep/inner/{n}" for n in ("kernel", "bias")}
    assert paths == {"outer/plain", "outer/held", *inner}


def test_a_scope_may_say_where_it_is() -> None:
    with keras.name_scope("a"), keras.name_scope("b", override_parent="top"):
        dense = keras.layers.Dense(1, name="d")
        dense.build((None, 1))
    assert dense.kernel.path == "top/b/d/kernel"
    with pytest.raises(ArgumentError, match="a name without slash"):
        keras.name_scope("a/b")


def test_small_things_of_keras_are_there() -> None:
    x = keras.Input((1, 3))
    assert x.squeeze(1).shape == (None, 3)
    assert x.reshape((-1, 1)).shape == (None, 1)
    assert keras.layers.Dense(2).symbolic_call(x).shape == (None, 1, 2)
    model = keras.Model(x, keras.layers.Dense(2)(x))
    assert model.jit_compile
    model.run_eagerly = True
    assert not model.jit_compile
    assert model.layers[1].kernel.aggregation == "none"
    with pytest.raises(NotImplementedError, match="add_metric is not part of Keras 3"):
        model.layers[1].add_metric(1.0)
