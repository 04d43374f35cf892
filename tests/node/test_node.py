"""Exported models answer in JavaScript as in Python: onnxruntime in Node and as wasm.

The packages are installed once, into pytest's own cache; without Node or without the
registry of npm there is nothing to test with.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras import layers
from tests.text.cases import TEXTS as ALL_TEXTS
from tests.text.cases import VOCABULARY
from tests.text.samples import texts

HERE = Path(__file__).parent
RUNTIMES = ("node", "web")
# JavaScript's onnxruntime hands texts over as C does: up to the first zero.
TEXTS = [text for text in ALL_TEXTS if "\0" not in text]
PATIENCE = 300  # seconds for the packages to come


@pytest.fixture(scope="session")
def packages(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder with run.mjs and what it imports."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        pytest.skip("Node or npm is not installed")
    digest = hashlib.sha256((HERE / "package.json").read_bytes()).hexdigest()[:12]
    kept = getattr(request.config, "cache", None)  # None: pytest is to keep nothing
    folder = kept.mkdir(f"node-{digest}") if kept else tmp_path_factory.mktemp("node")
    shutil.copy(HERE / "run.mjs", folder)
    if not (folder / "installed").exists():
        shutil.copy(HERE / "package.json", folder)
        _install(npm, folder)
        (folder / "installed").touch()
    return folder


def _install(npm: str, folder: Path) -> None:
    # Their scripts only fetch libraries for GPUs.
    command = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund"]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm brought no packages within {PATIENCE} s")
    if done.returncode:
        pytest.skip(f"npm brought no packages: {done.stderr.strip()[-300:]}")


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


CASES = (text_ids, text_counts, text_classes, table, image)


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
    return np.array(data, tensor["type"]).reshape(tensor["dims"])


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any]]:
    """A file of cases for run.mjs, and what `predict_on_batch` answers to each."""
    folder, listed, answers = tmp_path_factory.mktemp("js"), [], []
    keras.utils.set_random_seed(0)
    for make in CASES:
        model, feeds, options = make()
        path = folder / f"{make.__name__}.onnx"
        model.export(path, samples=feeds, **options)
        tensors = {name: as_json(array) for name, array in feeds.items()}
        listed.append({"model": str(path), "feeds": tensors})
        given = list(feeds.values())
        found = model.predict_on_batch(given if len(given) > 1 else given[0])
        answers.append(found if isinstance(found, list) else [found])
    (folder / "cases.json").write_text(json.dumps(listed), encoding="utf-8")
    return folder / "cases.json", answers


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_javascript_gives_the_same_answers(
    runtime: str, packages: Path, exported: tuple[Path, list[Any]], tmp_path: Path
) -> None:
    cases, expected = exported
    command = ["node", "run.mjs", runtime, str(cases), str(tmp_path / "answers.json")]
    done = subprocess.run(
        command, cwd=packages, capture_output=True, text=True, timeout=120,
        env={**os.environ, "NODE_OPTIONS": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    answers = json.loads((tmp_path / "answers.json").read_text(encoding="utf-8"))
    for case, found, wanted in zip(CASES, answers, expected, strict=True):
        for array, answer in zip(map(as_array, found.values()), wanted, strict=True):
            np.testing.assert_allclose(
                array, answer, rtol=1e-5, atol=1e-6, err_msg=case.__name__
            )
