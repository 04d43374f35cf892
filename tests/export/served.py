"""Models that other runtimes are to answer as we do, and what they are fed.

Each case is a function without arguments; the reference models are among them, built
on a little data and not trained.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import graphkeras as keras
from graphkeras import layers
from models import (
    adult,
    digits,
    docstrings,
    housing,
    image_folder,
    mnist_cnn,
    mnist_mlp,
    served,
    sms_spam,
    tickets,
)
from tests.text.cases import TEXTS as ALL_TEXTS
from tests.text.cases import VOCABULARY
from tests.text.samples import texts

# Runtimes hand texts over as C does: up to the first zero.
TEXTS = [text for text in ALL_TEXTS if "\0" not in text]

EXCERPTS = Path(__file__).parent.parent / "models" / "data"
Case = tuple[keras.Model, dict[str, np.ndarray], dict[str, Any]]


def text_ids() -> Case:
    """Every way texts are standardized, on all the nasty texts."""
    text = keras.Input((), dtype="string", name="text")
    ways = ("lower_and_strip_punctuation", "lower", "strip_punctuation", None)
    found = [
        layers.TextVectorization(vocabulary=VOCABULARY, standardize=way)(text)
        for way in ways
    ]
    return keras.Model(text, found), {"text": texts(TEXTS)}, {}


def text_counts() -> Case:
    """Counts of words and pairs of them; and of characters, by onnxruntime's own op."""
    text = keras.Input((1,), dtype="string", name="text")
    given = {"vocabulary": VOCABULARY, "output_mode": "count"}
    pairs = layers.TextVectorization(ngrams=2, **given)(text)
    characters = layers.TextVectorization(split="character", **given)(text)
    feeds = {"text": texts(TEXTS)[:, None]}
    return keras.Model(text, [pairs, characters]), feeds, {"ops": "contrib"}


def text_classes() -> Case:
    """A classifier of raw texts."""
    text = keras.Input((), dtype="string", name="text")
    vectorize = layers.TextVectorization(output_sequence_length=9)
    vectorize.adapt(TEXTS)
    x = layers.Embedding(vectorize.vocabulary_size(), 8)(vectorize(text))
    x = layers.LSTM(5)(x)
    x = layers.Dense(3, activation="softmax", name="kind")(x)
    return keras.Model(text, x), {"text": texts(TEXTS)}, {}


def table() -> Case:
    """Words, whole numbers and measures of a table."""
    rng = np.random.default_rng(0)
    feeds = {
        "town": texts(["Kyiv", "Łódź", "", "Kyiv", "x", "東京"])[:, None],
        "code": np.array([5, -7, 2**60, 0, 5, 11])[:, None],
        "size": rng.normal(size=(6, 2)).astype("float32"),
    }
    town, code, size = (
        keras.Input(v.shape[1:], dtype="string" if v.dtype == object else v.dtype.name,
                    name=k) for k, v in feeds.items()
    )  # fmt: skip
    scale = layers.Normalization()
    scale.adapt(feeds["size"])
    words = layers.StringLookup(vocabulary=["Kyiv", "東京"], output_mode="one_hot")
    parts = [
        words(town), layers.Hashing(4, output_mode="one_hot")(code),
        layers.IntegerLookup(vocabulary=[5, -7], num_oov_indices=3,
                             output_mode="multi_hot")(code),
        layers.Discretization([-0.5, 0.5], output_mode="count")(size),
    ]  # fmt: skip
    known = [layers.Dense(3)(part) for part in (*parts, scale(size))]
    model = keras.Model([town, code, size], layers.Add(name="score")(known))
    return model, feeds, {}


def image() -> Case:
    """Pixels of free size."""
    pixels = keras.Input((None, None, 3), dtype="uint8", name="pixels")
    x = layers.Rescaling(1 / 255)(pixels)
    x = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.MaxPooling2D(padding="same")(x)
    x = layers.GlobalAveragePooling2D()(x)
    rng = np.random.default_rng(0)
    feeds = {"pixels": rng.integers(0, 256, (2, 17, 12, 3)).astype("uint8")}
    return keras.Model(pixels, layers.Dense(5, name="kind")(x)), feeds, {}


def census() -> Case:
    """The reference model of a table; it answers in words, too."""
    model, feeds = _table_model(adult)
    return model, feeds, {"labels": adult.CLASSES}


def _table_model(of: Any) -> tuple[keras.Model, dict[str, np.ndarray]]:
    """Return a reference model built on its excerpt, and what its file is fed."""
    name = {"adult": "adult.csv", "housing": "california_housing.csv"}
    train, test = of.load(str(EXCERPTS / name[of.__name__.rpartition(".")[2]]))
    columns, targets = of.parts(train)
    model = of.build(columns, *([targets] if of is housing else []))
    rows, _ = of.parts(test)
    few = {key: column[:9] for key, column in rows.items()}
    return model, served.shaped(few, model.inputs)


def references() -> dict[str, tuple[keras.Model, dict[str, np.ndarray]]]:
    """Return the reference models by name, each with inputs."""
    rng = np.random.default_rng(0)
    messages, table = texts(TEXTS), tickets.made_up(40)
    columns, _ = tickets.parts(table)
    pixels = rng.integers(0, 256, (3, 28, 28)).astype("uint8")
    small = rng.integers(0, 17, (3, 8, 8)).astype("uint8")
    picture = rng.integers(0, 256, (2, 32, 32, 3)).astype("uint8")
    made: dict[str, tuple[keras.Model, Any]] = {
        "adult": _table_model(adult),
        "digits": (digits.build(small), small),
        "docstrings": (docstrings.build(messages), messages),
        "housing": _table_model(housing),
        "image_folder": (image_folder.build(3), picture),
        "mnist_cnn": (mnist_cnn.build(), pixels),
        "mnist_mlp": (mnist_mlp.build(), pixels),
        "sms_spam": (sms_spam.build(messages), messages),
        "tickets": (tickets.build(table), columns),
    }
    return {
        name: (model, x if isinstance(x, dict) else {model.input_names[0]: x})
        for name, (model, x) in made.items()
    }


def answers(
    model: keras.Model, feeds: dict[str, np.ndarray], labels: Any = None
) -> list[np.ndarray]:
    """Return what the model itself answers, output after output, names last."""
    given = [feeds[name] for name in model.input_names]
    found = model.predict_on_batch(given if len(given) > 1 else given[0])
    flat = keras.tree.flatten(found)
    if labels:
        flat.append(texts([labels[int(share > 0.5)] for share in flat[0].ravel()]))
    return flat


def as_json(array: np.ndarray) -> dict[str, Any]:
    """A tensor as run.mjs reads and writes it."""
    wide = array.dtype in (np.int64, np.uint64)
    flat = array.ravel().tolist()
    kind = "string" if array.dtype == object else array.dtype.name
    data = [*map(str, flat)] if wide else flat
    return {"type": kind, "dims": [*array.shape], "data": data}


def as_array(tensor: dict[str, Any]) -> np.ndarray:
    """And back."""
    wide = tensor["type"] in ("int64", "uint64")
    data = [int(v) for v in tensor["data"]] if wide else tensor["data"]
    kind = object if tensor["type"] == "string" else tensor["type"]
    return np.array(data, kind).reshape(tensor["dims"])


CASES = (text_ids, text_counts, text_classes, table, census, image)
