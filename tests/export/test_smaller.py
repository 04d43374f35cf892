"""Files in float16 and int8: close to float32, smaller, and of the same form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import graphkeras as keras
from graphkeras.errors import ExportError
from graphkeras.export.check import open_session, run_session
from graphkeras.export.smaller import write_smaller

layers = keras.layers


def pictures() -> Any:
    """Branches, a normalization, an activation apart, and integers at the door."""
    x = keras.Input((8, 8, 3), dtype="uint8", name="image")
    y = layers.Rescaling(1 / 255)(x)
    y = layers.Conv2D(8, 3, padding="same", activation="relu")(y)
    z = layers.BatchNormalization()(layers.Conv2D(8, 3, padding="same")(y))
    y = layers.MaxPooling2D()(layers.Add()([y, z]))
    y = layers.Dense(32, activation="gelu")(layers.Flatten()(y))
    return keras.Model(x, layers.Dense(4, activation="softmax", name="scores")(y))


def words() -> Any:
    """A table of words, a scan with a body, and products of rank 3."""
    x = keras.Input((6,), dtype="int32", name="ids")
    y = layers.Embedding(50, 32, mask_zero=True)(x)
    y = layers.LSTM(8, return_sequences=True)(y)
    y = layers.MultiHeadAttention(2, 8)(y, y)
    y = layers.LayerNormalization()(layers.Dense(8)(y))
    return keras.Model(x, layers.Dense(3, name="topic")(y)[:, 0])


def columns() -> Any:
    """Two inputs of large numbers, two outputs."""
    x, y = keras.Input((3,), name="x"), keras.Input((2,), name="y")
    scaled = layers.Normalization(mean=[5e4] * 3, variance=[1e8] * 3)(x)
    both = layers.Concatenate()([scaled, y])
    hidden = layers.Dense(16, activation="relu")(both)
    return keras.Model([x, y], [layers.Dense(1, name="price")(hidden), hidden])


def inputs(model: Any, rows: int = 40) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    made = {
        "image": lambda: rng.integers(0, 256, (rows, 8, 8, 3)).astype("uint8"),
        "ids": lambda: rng.integers(1, 50, (rows, 6)).astype("int32"),
        "text": lambda: np.array([f"w{i} w{2 * i}" for i in range(rows)], object),
        "x": lambda: rng.normal(5e4, 1e4, (rows, 3)).astype("float32"),
        "y": lambda: rng.normal(size=(rows, 2)).astype("float32"),
    }
    return {tensor.name: made[tensor.name]() for tensor in model.inputs}


def texts() -> Any:
    """Strings, which float16 leaves alone, before a table."""
    x = keras.Input((), dtype="string", name="text")
    vocabulary = [f"w{i}" for i in range(60)]
    y = layers.TextVectorization(vocabulary=vocabulary, output_sequence_length=5)(x)
    y = layers.GlobalAveragePooling1D()(layers.Embedding(62, 24)(y))
    return keras.Model(x, layers.Dense(3, name="mood")(y))


MODELS = {"pictures": pictures, "words": words, "columns": columns, "texts": texts}
MOST = {"float16": 0.003, "int8": 0.08}  # of the largest number


@pytest.mark.parametrize("kind", MOST)
@pytest.mark.parametrize("name", MODELS)
def test_a_smaller_file_is_close_to_float32(
    name: str, kind: str, tmp_path: Path
) -> None:
    model = MODELS[name]()
    whole, small = tmp_path / "whole.onnx", tmp_path / "small.onnx"
    model.export(whole)
    feeds = inputs(model)
    report = write_smaller(whole, small, kind, feeds)
    sessions = [open_session(path) for path in (whole, small)]
    for expected, found in zip(*(run_session(s, feeds) for s in sessions)):
        assert found.dtype == expected.dtype
        limit = MOST[kind] * np.abs(expected).max()
        assert np.abs(found - expected).max() <= limit
    assert report.bytes == small.stat().st_size
    assert dict(report.rows())["precision"] == kind
    assert sorted(p.name for p in tmp_path.iterdir()) == ["small.onnx", "whole.onnx"]


def kinds_of(path: Path, code: int) -> set[str]:
    return {t.name for t in onnx.load(path).graph.initializer if t.data_type == code}


def test_weights_are_stored_in_fewer_bits(tmp_path: Path) -> None:
    model = pictures()
    model.export(tmp_path / "m.onnx")
    write_smaller(tmp_path / "m.onnx", tmp_path / "h.onnx", "float16")
    write_smaller(tmp_path / "m.onnx", tmp_path / "q.onnx", "int8", inputs(model))
    assert len(kinds_of(tmp_path / "h.onnx", onnx.TensorProto.FLOAT16)) >= 8
    eights = kinds_of(tmp_path / "q.onnx", onnx.TensorProto.INT8)
    assert len([n for n in eights if n.endswith("quantized")]) == 4


def test_eight_bits_have_a_scale_for_each_channel(tmp_path: Path) -> None:
    model = pictures()
    model.export(tmp_path / "m.onnx")
    write_smaller(tmp_path / "m.onnx", tmp_path / "q.onnx", "int8", inputs(model))
    graph = onnx.load(tmp_path / "q.onnx").graph
    scales = [t for t in graph.initializer if t.name.endswith("/scale") and t.dims]
    assert sorted({t.dims[0] for t in scales}) == [4, 8, 32]


def test_large_numbers_before_the_first_product_stay_float32(tmp_path: Path) -> None:
    model = columns()
    model.export(tmp_path / "m.onnx")
    feeds = {"x": np.full((2, 3), 1e6, "float32"), "y": np.ones((2, 2), "float32")}
    write_smaller(tmp_path / "m.onnx", tmp_path / "h.onnx", "float16", feeds)
    (price, _) = run_session(open_session(tmp_path / "h.onnx"), feeds)
    assert np.isfinite(price).all()


BAD = {
    "no such input": ({"z": np.ones((2, 3))}, "expected samples for the inputs x, y"),
    "rank": ({"x": np.ones(3), "y": np.ones((2, 2))}, "expected an array f32"),
    "size": ({"x": np.ones((2, 4)), "y": np.ones((2, 2))}, "expected an array f32"),
    "words": ({"x": [["a"] * 3], "y": np.ones((1, 2))}, "expected an array f32"),
    "empty": ({"x": np.ones((0, 3)), "y": np.ones((0, 2))}, "expected an array f32"),
}


@pytest.mark.parametrize("case", BAD)
def test_data_that_does_not_fit_is_refused(case: str, tmp_path: Path) -> None:
    samples, text = BAD[case]
    columns().export(tmp_path / "m.onnx", check=False)
    with pytest.raises(ExportError, match=text):
        write_smaller(tmp_path / "m.onnx", tmp_path / "q.onnx", "int8", samples)
    assert not (tmp_path / "q.onnx").exists()


def test_a_difference_that_is_too_large_leaves_no_file(tmp_path: Path) -> None:
    model = pictures()
    model.export(tmp_path / "m.onnx", check=False)
    source, target = tmp_path / "m.onnx", tmp_path / "q.onnx"
    with pytest.raises(ExportError, match="of at most atol=1e-12"):
        write_smaller(source, target, "int8", inputs(model), atol=1e-12)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.onnx"]


def test_a_model_without_weights_has_nothing_for_eight_bits(tmp_path: Path) -> None:
    x = keras.Input((2,), name="x")
    keras.Model(x, x * 2.0).export(tmp_path / "m.onnx")
    with pytest.raises(ExportError, match="products or tables"):
        write_smaller(tmp_path / "m.onnx", tmp_path / "q.onnx", "int8")
