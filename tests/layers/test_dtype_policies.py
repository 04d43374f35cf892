"""Policies: what a layer computes in, what its weights are, and training in halves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras import dtype_policies, layers, ops, optimizers, tree
from graphkeras.errors import ArgumentError, DTypeError
from graphkeras.layers import Layer
from tests.layers.samples import SAMPLES

POLICIES = ("mixed_float16",)
FLOATS = [n for n, s in SAMPLES.items() if s.dtype == "float32" and not s.ids]
OWN_DTYPE = ("Discretization", "ReversibleEmbedding, back")  # as in Keras
X = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")


@pytest.fixture
def policy(request: Any) -> Iterator[dtype_policies.DTypePolicy]:
    """The default policy of the test's parameter."""
    keras.config.set_dtype_policy(request.param)
    yield keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("name", [n for n in FLOATS if n not in OWN_DTYPE])
@pytest.mark.parametrize("policy", POLICIES, indirect=True)
def test_every_layer_keeps_to_its_policy(
    policy: Any, name: str, rng: np.random.Generator
) -> None:
    sample = SAMPLES[name]
    layer = sample.make()
    found = tree.flatten(sample.feed(layer, sample.arrays(rng, 2), **sample.call))
    assert {y.dtype for y in found} == {policy.compute_dtype}
    weights = [w for w in layer.weights if "int" not in w.dtype]
    assert {w.dtype for w in weights} <= {policy.variable_dtype}


def test_names_of_policies() -> None:
    mixed = keras.DTypePolicy("mixed_float16")
    assert (mixed.compute_dtype, mixed.variable_dtype) == ("float16", "float32")
    assert dtype_policies.get("int8_from_mixed_bfloat16").quantization_mode == "int8"
    assert keras.FloatDTypePolicy("float64") == keras.DTypePolicy("float64")
    with pytest.raises(DTypeError, match="mixed_float8"):
        keras.DTypePolicy("mixed_float8")
    with pytest.raises(ArgumentError, match="known mode"):
        dtype_policies.QuantizedDTypePolicy("int5")
    with pytest.raises(ArgumentError, match="range is too small"):
        dtype_policies.get("int8_from_mixed_float16")
    with pytest.raises(ArgumentError, match="policy of Keras's"):
        dtype_policies.deserialize({"class_name": "Sequential", "config": {}})


@pytest.mark.parametrize(
    "name", ["float32", "mixed_float16", "int8_from_float32", "int4/8_from_float32",
             "gptq/4/8_from_float32", "awq/4/-1_from_float32", "float8_from_float32"],
)  # fmt: skip
def test_configs_of_policies(name: str) -> None:
    policy = dtype_policies.get(name)
    again = dtype_policies.deserialize(dtype_policies.serialize(policy))
    assert (again, again.name) == (policy, name)


def test_policies_by_path() -> None:
    policies = dtype_policies.DTypePolicyMap("float32", {".*/second": "float16"})
    again = dtype_policies.deserialize(dtype_policies.serialize(policies))
    assert dict(again) == dict(policies)  # type: ignore[call-overload]

    class Two(Layer):
        def __init__(self) -> None:
            super().__init__(name="two")
            self.first = layers.Dense(2, name="first", dtype=policies)
            self.second = layers.Dense(2, name="second", dtype=policies)

        def call(self, x: Any) -> Any:
            return self.first(x), self.second(x)

    assert [y.dtype for y in Two()(X)] == ["float32", "float16"]
    policies["x/second"] = "float64"
    policies[".*ond"] = "float64"
    with pytest.raises(ArgumentError, match="one pattern"):
        policies["y/second"]


def test_weights_are_cast_where_they_are_read_and_gradients_come_back() -> None:
    class Twice(Layer):
        def build(self, shape: Any) -> None:
            self.cast = self.add_weight((4,), "ones", name="cast")
            self.kept = self.add_weight((4,), "ones", autocast=False, name="kept")
            inner = layers.Dense(3, dtype="float32")
            self.inner = inner

        def call(self, x: Any) -> Any:
            assert (self.cast.dtype, self.kept.dtype) == ("float16", "float32")
            assert self.inner(x).dtype == "float32"
            return x * self.cast * ops.cast(self.kept, "float16")

    layer = Twice(dtype="mixed_float16")
    with keras.GradientTape() as tape:
        loss = ops.sum(layer(X))
    assert loss.dtype == "float16"
    grads = tape.gradient(loss, [layer.cast, layer.kept])
    assert [g.dtype for g in grads] == ["float32", "float32"]
    assert layer.cast.dtype == "float32"


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"], indirect=True)
def test_a_model_of_mixed_precision_learns(policy: Any) -> None:
    keras.utils.set_random_seed(0)
    hidden = [layers.Dense(16, "relu"), layers.BatchNormalization()]
    model = keras.Sequential([keras.Input((4,)), *hidden, layers.Dense(1)])
    model.compile(optimizers.Adam(0.05), "mse")
    scaled = isinstance(model.optimizer, optimizers.LossScaleOptimizer)
    assert scaled == (policy.name == "mixed_float16")
    losses = model.fit(X, X[:, :1], epochs=40, verbose=0).history["loss"]
    assert losses[-1] < 0.1 * losses[0]
    assert model.predict(X, verbose=0).dtype == policy.compute_dtype


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"], indirect=True)
def test_a_model_of_mixed_precision_is_exported(policy: Any, tmp_path: Path) -> None:
    x = keras.Input((4,))
    parts = [layers.Dense(3, "gelu"), layers.LayerNormalization(), layers.Softmax()]
    model = keras.Model(x, keras.Sequential(parts)(x))
    report = model.export(tmp_path / "m.onnx", verbose=False)
    kind = {"float16": "f16"}.get(policy.compute_dtype, "f32")
    assert [of for _, of in report.outputs] == [f"{kind}[batch, 3]"]
