"""Models built from layers: the file answers as the model does, from raw input."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras import tree
from graphkeras.errors import ExportError
from graphkeras.export.check import open_session, run_session

layers = keras.layers
TEXTS = np.array(["The cat sat.", "", "a DOG, a cat!", "nobody knows\tthis"], object)


def mlp() -> keras.Model:
    x = keras.Input((28, 28), dtype="uint8", name="pixels")
    h = layers.Flatten()(layers.Rescaling(1 / 255)(x))
    h = layers.Dropout(0.5)(layers.Dense(16, activation="relu", name="hidden")(h))
    return keras.Model(x, layers.Dense(10, activation="softmax", name="digit")(h))


def cnn() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((14, 14, 1)),
            layers.Conv2D(4, 3, activation="relu", padding="same"),
            layers.MaxPooling2D(),
            layers.Conv2D(8, 3, strides=2),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.Flatten(),
            layers.Dense(5),
        ]
    )


def branched() -> keras.Model:
    """Free image size, a shared layer, two inputs, outputs in a dict."""
    image, extra = (
        keras.Input((None, None, 3), name="image"),
        keras.Input((4,), name="n"),
    )
    conv = layers.Conv2D(6, 3, padding="same", activation="gelu")
    pooled = layers.GlobalAveragePooling2D()(layers.Add()([conv(image), conv(image)]))
    joined = layers.Concatenate()([pooled, layers.LayerNormalization()(extra)])
    return keras.Model(
        [image, extra], {"joined": joined, "sum": layers.Dense(1)(joined)}
    )


def text() -> keras.Model:
    words = layers.TextVectorization(output_sequence_length=5, name="words")
    words.adapt(TEXTS)
    x = keras.Input((), dtype="string", name="text")
    h = layers.Embedding(words.vocabulary_size(), 3)(words(x))
    return keras.Model(x, layers.Dense(2, name="topic")(layers.Flatten()(h)))


class Twice(keras.Model):
    """Written in `call`, with Python's own control flow."""

    def __init__(self) -> None:
        super().__init__(name="twice")
        self.dense = layers.Dense(3)

    def call(self, x: Any, training: bool = False) -> Any:
        for _ in range(2):
            x = self.dense(x)
        return x * 10 if training else x


def subclassed() -> keras.Model:
    model = Twice()
    model(np.zeros((1, 3), "float32"))
    return model


def normal(*shapes: tuple[int, ...]) -> Callable[[Any], list[np.ndarray]]:
    return lambda rng: [rng.normal(size=shape).astype("float32") for shape in shapes]


MODELS: dict[str, tuple[Any, Callable[[Any], list[np.ndarray]]]] = {
    "mlp": (mlp, lambda rng: [rng.integers(0, 256, (7, 28, 28)).astype("uint8")]),
    "cnn": (cnn, normal((3, 14, 14, 1))),
    "branched": (branched, normal((2, 9, 7, 3), (2, 4))),
    "text": (text, lambda _: [TEXTS]),
    "subclassed": (subclassed, normal((4, 3))),
}


@pytest.mark.parametrize("name", MODELS)
def test_file_answers_as_predict_does(
    name: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    build, data = MODELS[name]
    model, arrays = build(), data(rng)
    report = model.export(tmp_path / "m.onnx")
    expected = model.predict(arrays if len(arrays) > 1 else arrays[0], verbose=0)
    feeds = {n: a for (n, _), a in zip(report.inputs, arrays, strict=True)}
    found = run_session(open_session(tmp_path / "m.onnx"), feeds)
    for got, want in zip(found, tree.flatten(expected), strict=True):
        np.testing.assert_allclose(got, want, atol=1e-5, rtol=1e-5)


def test_names_are_those_of_the_layers(tmp_path: Path) -> None:
    report = branched().export(tmp_path / "m.onnx")
    assert [name for name, _ in report.inputs] == ["image", "n"]
    assert dict(report.inputs)["n"] == "f32[batch, 4]"
    assert mlp().export(tmp_path / "m.onnx").outputs == (("digit", "f32[batch, 10]"),)


def test_dropout_vanishes_and_images_are_turned_once(tmp_path: Path) -> None:
    assert mlp().export(tmp_path / "m.onnx").operators == {
        "Cast": 1, "Gemm": 2, "Mul": 1, "Relu": 1, "Reshape": 1, "Softmax": 1,
    }  # fmt: skip
    assert cnn().export(tmp_path / "m.onnx").operators == {
        "BatchNormalization": 1, "Conv": 2, "Gemm": 1, "MaxPool": 1, "Relu": 2,
        "Reshape": 1, "Transpose": 1,
    }  # fmt: skip


SERVE = """
import sys, numpy as np, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
texts = np.array(["The cat sat.", "", "a DOG, a cat!", "nobody knows\\tthis"], object)
np.save(sys.argv[2], session.run(["topic"], {"text": texts})[0])
assert "graphkeras" not in sys.modules
"""


def test_raw_text_gives_the_same_in_a_fresh_process(tmp_path: Path) -> None:
    model = text()
    model.export(tmp_path / "m.onnx")
    command = [sys.executable, "-c", SERVE, tmp_path / "m.onnx", tmp_path / "y.npy"]
    subprocess.run(command, check=True, cwd=tmp_path)
    expected = model.predict(TEXTS, verbose=0)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), expected, atol=1e-6)


def test_trained_weights_are_the_ones_exported(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((3,), name="x"), layers.Dense(1)])
    model.set_weights([np.float32([[1], [2], [3]]), np.float32([1])])
    model.export(tmp_path / "m.onnx")
    x = np.float32([[1, 1, 1]])
    (found,) = run_session(open_session(tmp_path / "m.onnx"), {"x": x})
    assert found.tolist() == [[7.0]]


def test_model_that_never_saw_data_says_how_to_tell_its_inputs(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"twice: expected(.|\n)*input_signature"):
        Twice().export(tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_batch_size_seen_by_accident_is_free_in_the_file(tmp_path: Path) -> None:
    model = keras.Sequential([layers.Dense(2)])
    model(np.ones((1, 3), "float32"))
    model.save(tmp_path / "m.keras")
    report = keras.saving.load_model(tmp_path / "m.keras").export(tmp_path / "m.onnx")
    assert [type_ for _, type_ in report.inputs] == ["f32[batch, 3]"]


def test_a_batch_size_the_model_needs_stays_fixed(tmp_path: Path) -> None:
    x = keras.Input(batch_shape=(2, 3))
    model = keras.Model(x, keras.ops.reshape(x, (2, 3, 1)) * np.ones((2, 1, 1), "f"))
    report = model.export(tmp_path / "m.onnx")
    assert [type_ for _, type_ in report.inputs] == ["f32[2, 3]"]


def test_a_batch_size_that_states_have_stays_fixed(tmp_path: Path) -> None:
    x = keras.Input(batch_shape=(3, 4, 2))
    model = keras.Model(x, layers.GRU(2, stateful=True)(x))
    report = model.export(tmp_path / "m.onnx")
    assert [type_ for _, type_ in report.inputs] == ["f32[3, 4, 2]"]


def test_half_floats_inside_may_differ_by_some_of_their_steps(tmp_path: Path) -> None:
    half = layers.Dense(8, dtype="float16", bias_initializer="ones")
    model = keras.Sequential([keras.Input((5,)), half, layers.Dense(2)])
    assert 0 < model.export(tmp_path / "m.onnx", atol=1e-6).difference < 4e-3


def test_a_pad_before_a_pooling_may_be_as_wide_as_the_window(tmp_path: Path) -> None:
    pad, pool = layers.ZeroPadding2D(2), layers.AveragePooling2D(2)
    convolve = layers.Conv2D(2, 1)
    model = keras.Sequential([keras.Input((4, 4, 2)), convolve, pad, pool])
    assert model.export(tmp_path / "m.onnx").difference < 1e-6
