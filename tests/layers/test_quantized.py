"""Layers in eight bits and with LoRA: how near they stay, how they train, files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras import layers, ops, quantizers
from graphkeras.errors import ArgumentError
from graphkeras.layers import Layer

rng = np.random.default_rng(0)
X = rng.normal(size=(4, 5, 6)).astype("float32")
IDS = rng.integers(0, 10, (4, 5)).astype("int32")
WEIGHT_ONLY = quantizers.Int8QuantizationConfig(activation_quantizer=None)
Case = tuple[Callable[[], Layer], Any, dict[str, Any]]
CASES: dict[str, Case] = {
    "Dense": (lambda: layers.Dense(3), X, {}),
    "Dense without bias": (lambda: layers.Dense(3, use_bias=False), X[:, 0], {}),
    "EinsumDense": (lambda: layers.EinsumDense("abc,bcde->aed", (4, 3), "relu", "d"),
                    X, {}),
    "EinsumDense with dots": (lambda: layers.EinsumDense("...x,xyz->...zy", (2, 3)),
                              X, {}),
    "Embedding": (lambda: layers.Embedding(10, 4, mask_zero=True), IDS, {}),
    "back": (lambda: layers.ReversibleEmbedding(9, 6), X, {"reverse": True}),
    "untied back": (lambda: layers.ReversibleEmbedding(9, 6, tie_weights=False), X,
                    {"reverse": True}),
}  # fmt: skip
CONVOLUTIONS: dict[str, Case] = {  # which are tuned, but never in eight bits
    "Conv1D": (lambda: layers.Conv1D(4, 3), X, {}),
    "Conv2D in groups": (lambda: layers.Conv2D(4, 2, strides=2, groups=2),
                         X[..., None] * np.ones(4, "float32"), {}),
    "Conv3D": (lambda: layers.Conv3D(3, 2, activation="tanh"),
               X[..., None, None] * np.ones((2, 1), "float32"), {}),
}  # fmt: skip
TUNABLE = {**CASES, **CONVOLUTIONS}
EVERY = pytest.mark.parametrize("name", CASES)


def built(name: str) -> tuple[Layer, Callable[[], np.ndarray]]:
    """A layer with random weights, and what it gives."""
    make, inputs, call = TUNABLE[name]
    layer = make()
    layer(inputs, **call)
    for weight in layer.weights:
        weight.assign(rng.normal(size=weight.shape))
    return layer, lambda: layer(inputs, **call).numpy()


def tuned(layer: Any) -> None:
    """Give a layer LoRA that is not zero."""
    layer.enable_lora(2, lora_alpha=3)
    layer._lora_b.assign(rng.normal(size=layer._lora_b.shape))


@EVERY
@pytest.mark.parametrize("config", [None, WEIGHT_ONLY])
def test_eight_bits_stay_near_the_floats(name: str, config: Any) -> None:
    layer, output = built(name)
    exact = output()
    layer.quantize("int8", config=config)
    assert {w.dtype for w in layer.weights if "scale" not in w.name} >= {"int8"}
    assert np.abs(output() - exact).max() < 0.03 * np.abs(exact).max()
    assert layer.dtype_policy.name == "int8_from_float32"


@pytest.mark.parametrize("name", TUNABLE)
def test_a_tuning_is_a_product_added_to_the_matrix(name: str) -> None:
    layer, output = built(name)
    plain = output()
    layer.enable_lora(2)
    np.testing.assert_allclose(output(), plain, atol=1e-5)
    layer._lora_b.assign(np.ones(layer._lora_b.shape))
    assert np.abs(output() - plain).max() > 0.1 or name == "untied back"
    trained = {w.name for w in layer.trainable_weights} - {"bias", "reverse_embeddings"}
    assert {n.split("_")[0] for n in trained} == {"lora"}


@pytest.mark.parametrize(
    ("name", "quantized"), [*((n, False) for n in TUNABLE), *((n, True) for n in CASES)]
)
def test_files_hold_the_matrix_with_its_tuning(
    name: str, quantized: bool, tmp_path: Path
) -> None:
    _, inputs, call = TUNABLE[name]
    layer, output = built(name)
    if quantized:
        layer.quantize("int8", config=WEIGHT_ONLY)
    tuned(layer)
    x = keras.Input(inputs.shape[1:], dtype=inputs.dtype)
    keras.Model(x, layer(x, **call)).save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    found = again.predict(inputs, verbose=0)
    near = 0.03 * np.abs(output()).max() if quantized else 1e-5
    assert np.abs(found - output()).max() < near


def test_only_the_tuning_trains_and_gradients_pass_eight_bits() -> None:
    model = keras.Sequential([keras.Input((6,)), layers.Dense(8, "tanh"),
                              layers.Dense(1)])  # fmt: skip
    model.layers[1].enable_lora(2)
    model.quantize("int8", filters="nothing")
    model.layers[1].quantize("int8")
    before = model.layers[1]._matrix.numpy()
    model.compile(keras.optimizers.Adam(0.05), "mse")
    y = X[:, 0, :1]
    losses = model.fit(X[:, 0], y, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < 0.2 * losses[0]
    np.testing.assert_array_equal(model.layers[1]._matrix.numpy(), before)


def test_a_model_is_quantized_layer_by_layer_and_exported(tmp_path: Path) -> None:
    x = keras.Input((5, 6))
    y = layers.MultiHeadAttention(2, 3)(x, x)
    model = keras.Model(x, layers.Dense(2, name="last")(layers.Flatten()(y)))
    exact = model.predict(X, verbose=0)
    model.quantize(config=quantizers.Int8QuantizationConfig())
    found = model.predict(X, verbose=0)
    assert 0 < np.abs(found - exact).max() < 0.05 * np.abs(exact).max()
    model.export(tmp_path / "m.onnx", atol=0.05)


def test_the_gradient_is_that_of_the_product_without_rounding() -> None:
    layer, _ = built("EinsumDense with dots")
    layer.quantize("int8")
    with keras.GradientTape() as tape:
        x = tape.watch(X)
        loss = ops.sum(ops.sin(layer(x)))
    found = tape.gradient(loss, x).numpy()
    layer.quantization_config = WEIGHT_ONLY
    with keras.GradientTape() as tape:
        x = tape.watch(X)
        loss = ops.sum(ops.sin(layer(x)))
    np.testing.assert_allclose(found, tape.gradient(loss, x).numpy(), atol=0.1)


REFUSED: list[tuple[Callable[[], Any], str]] = [
    (lambda: layers.Dense(3).quantize("int8"), "built layer of floats"),
    (lambda: built("Dense")[0].quantize("int4"), "quantization to int8"),
    (lambda: layers.Dense(3, dtype="gptq/4/8_from_float32"), "quantization to int8"),
    (lambda: layers.Dense(3).enable_lora(2), "a built layer"),
    (lambda: layers.Dense(3, lora_rank=0), "lora_rank"),
    (lambda: layers.Conv2D(3, 2, lora_rank=0), "lora_rank"),
    (lambda: quantizers.AbsMaxQuantizer(value_range=(-200, 200)), "value_range"),
    (lambda: quantizers.Int8QuantizationConfig(
        quantizers.AbsMaxQuantizer(output_dtype="int16")), "weights of int8"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "named"), REFUSED)
def test_what_cannot_be_is_refused(make: Callable[[], Any], named: str) -> None:
    with pytest.raises(ArgumentError, match=named):
        make()


def test_lora_wants_a_layer_without_constraint_and_is_made_once() -> None:
    layer = layers.Dense(3, kernel_constraint="max_norm")
    layer.build((None, 2))
    with pytest.raises(ArgumentError, match="without constraint"):
        layer.enable_lora(2)
    again, _ = built("Dense")
    again.enable_lora(2)  # type: ignore[attr-defined]
    with pytest.raises(ArgumentError, match="without LoRA"):
        again.enable_lora(2)  # type: ignore[attr-defined]


class Own(layers.Dense):
    """A layer of a user's, which may compute otherwise."""


def test_a_users_subclass_is_quantized_only_when_asked() -> None:
    layer = Own(3)
    layer.build((None, 2))
    with pytest.raises(ArgumentError, match="type_check=False"):
        layer.quantize("int8")
    layer.quantize("int8", type_check=False)
    assert layer.quantization_mode == "int8"
