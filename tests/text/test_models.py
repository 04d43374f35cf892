"""Models that take raw strings: trained, compiled and served alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

import graphkeras as keras
from graphkeras import layers, ops
from tests.text.samples import NASTY, texts

BATCH = 4
X = texts(["good good film", "bad", "a very good one", "", "so bad so bad", "fine"] * 5)
Y = np.array([1, 0, 1, 0, 0, 1] * 5, "float32")[:, None]


def model_of(length: int | None, shape: tuple[int, ...] = ()) -> keras.Model:
    """Return a compiled classifier of texts of `length` words (None: as they come)."""
    keras.utils.set_random_seed(0)
    vectorize = layers.TextVectorization(output_sequence_length=length)
    vectorize.adapt(X)
    text = keras.Input(shape, dtype="string", name="text")
    x = layers.Embedding(vectorize.vocabulary_size(), 8)(vectorize(text))
    x = layers.GlobalAveragePooling1D()(x)
    model = keras.Model(text, layers.Dense(1, name="score")(x))
    model.compile("sgd", "mse", metrics=["mae"])
    return model


def batches(data: np.ndarray) -> list[np.ndarray]:
    """Return the data in batches."""
    return [data[i : i + BATCH] for i in range(0, len(data), BATCH)]


@pytest.mark.parametrize("length", [None, 3])
def test_training_is_the_same_compiled_and_step_by_step(length: int | None) -> None:
    compiled, eager = model_of(length), model_of(length)
    eager.run_eagerly = True
    for model in (compiled, eager):
        model.fit(X, Y, batch_size=BATCH, epochs=2, shuffle=False, verbose=0)
    for a, b in zip(compiled.get_weights(), eager.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_model_learns_which_words_matter() -> None:
    losses = model_of(5).fit(X, Y, epochs=60, verbose=0).history["loss"]
    assert losses[-1] < losses[0] / 2


@pytest.mark.parametrize("length", [None, 3])
@pytest.mark.parametrize("shape", [(), (1,)])
def test_onnxruntime_answers_as_predict_does(
    length: int | None, shape: tuple[int, ...], tmp_path: Path
) -> None:
    model, data = model_of(length, shape), np.concatenate([X, texts(NASTY)])
    data = data.reshape(-1, *shape)
    path = model.export(tmp_path / "m.onnx", samples=[data]).path
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    parts = [session.run(None, {"text": part})[0] for part in batches(data)]
    predicted = model.predict(data, batch_size=BATCH, verbose=0)
    np.testing.assert_allclose(np.concatenate(parts), predicted, atol=1e-6)


@pytest.mark.parametrize("length", [None, 3])
def test_batch_is_padded_by_itself_alone(length: int | None) -> None:
    model = model_of(length)
    parts = [np.asarray(model.predict_on_batch(part)) for part in batches(X)]
    predicted = model.predict(X, batch_size=BATCH, verbose=0)
    np.testing.assert_allclose(np.concatenate(parts), predicted, atol=1e-7)


def test_two_texts_have_widths_of_their_own() -> None:
    vectorize = layers.TextVectorization(vocabulary=["a", "b", "c"])
    inputs = [keras.Input((), dtype="string", name=n) for n in ("title", "body")]
    longest = [ops.max(vectorize(x), axis=1, keepdims=True) for x in inputs]
    model = keras.Model(inputs, ops.concatenate(longest, axis=1))
    given = [texts(["a", "b"]), texts(["b c a", "x"])]
    assert np.asarray(model.predict(given, verbose=0)).tolist() == [[2, 4], [3, 1]]


def test_predict_gives_ids_that_no_compiled_part_makes() -> None:
    x = keras.Input((), dtype="string")
    table = keras.layers.TextVectorization(vocabulary=["a", "b"], output_mode="int")
    model = keras.Model(x, table(x))
    words = np.array(["a b", "b", "c a b", ""], object)
    assert_equal = np.testing.assert_array_equal
    assert_equal(model.predict(words, verbose=0), model(words).numpy())
