"""FeatureSpace: what Keras gives, in one file from raw columns, and what is refused."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras.data import Dataset
from graphkeras.errors import (
    ArgumentError,
    DataError,
    DTypeError,
    ExportError,
    ShapeError,
)
from graphkeras.export.check import open_session, run_session
from graphkeras.utils import FeatureSpace
from tests.tables.cases import COLUMNS, FED, KINDS, MIXED, SPACES, columns

with np.load(Path(__file__).parent / "recorded.npz") as _file:
    RECORDED = dict(_file)
STRING_HASHES = {"string_hashed", "hashes", "raw crosses"}
# Others are of these parts, and programs of hashes take seconds to compile.
EXPORTED = [*KINDS, "two", "crosses", "rescaled", "discretized", "categories", "layers"]


@functools.cache
def adapted(name: str) -> Any:
    """Return a space that learned from the table."""
    space = SPACES[name](FeatureSpace)
    space.adapt(columns(COLUMNS, space.features))
    return space


def assert_recorded(name: str, found: Any) -> None:
    """Structure, dtypes, shapes and numbers are those of Keras."""
    parts = found if isinstance(found, dict) else {"": found}
    keys = {k for k in RECORDED if k == name or k.startswith(f"{name}/")}
    assert keys == {f"{name}/{k}".rstrip("/") for k in parts}
    for key, part in parts.items():
        expected, actual = RECORDED[f"{name}/{key}".rstrip("/")], np.asarray(part)
        assert actual.shape == expected.shape, (name, key)
        if expected.dtype.kind == "U":
            assert actual.tolist() == expected.tolist()
            continue
        assert actual.dtype == expected.dtype, (name, key)
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", SPACES)
def test_answers_are_those_of_keras(name: str) -> None:
    space = adapted(name)
    assert_recorded(f"{name}/learned", space(columns(COLUMNS, space.features)))
    assert_recorded(f"{name}/fed", space(columns(FED, space.features)))
    assert_recorded(f"{name}/row", space({n: FED[n][1] for n in space.features}))


def model_of(space: Any) -> Any:
    """Return a model from raw columns to encoded features."""
    return keras.Model(space.get_inputs(), space.get_encoded_features())


@pytest.mark.parametrize("name", [n for n in EXPORTED if n not in STRING_HASHES])
def test_model_and_file_take_raw_columns(name: str, tmp_path: Path) -> None:
    space = adapted(name)
    model = model_of(space)
    rows = {k: v[:, None] for k, v in columns(FED, space.features).items()}
    found = model.predict(rows, verbose=0)
    assert_recorded(f"{name}/fed", found)
    kinds = {"i": "int32", "U": object}
    rows = {k: v.astype(kinds.get(v.dtype.kind, v.dtype)) for k, v in rows.items()}
    model.export(tmp_path / "table.onnx", samples=rows, atol=1e-5)
    session = open_session(tmp_path / "table.onnx")
    given = run_session(session, rows)
    parts = isinstance(found, dict)
    assert_recorded(f"{name}/fed", dict(zip(found, given)) if parts else given[0])
    nothing = {k: v[:0] for k, v in rows.items()}
    assert run_session(session, nothing)[0].shape[0] == 0


@pytest.mark.parametrize("name", sorted(STRING_HASHES))
def test_hashes_of_strings_are_refused_with_the_way_out(
    name: str, tmp_path: Path
) -> None:
    with pytest.raises(ExportError, match="bytes"):
        model_of(adapted(name)).export(tmp_path / "table.onnx")


@pytest.mark.parametrize("name", SPACES)
def test_a_file_keeps_what_was_learned(name: str, tmp_path: Path) -> None:
    space = adapted(name)
    space.save(tmp_path / "space.keras")
    again = keras.saving.load_model(tmp_path / "space.keras")
    assert type(again) is FeatureSpace
    assert again.get_config() == space.get_config()
    assert_recorded(f"{name}/fed", again(columns(FED, again.features)))


# ---------------------------------------------------------------------------- adapting

ROWS = columns(COLUMNS, MIXED)
DATA: dict[str, Any] = {
    "rows": Dataset.from_tensor_slices(ROWS),
    "batches": Dataset.from_tensor_slices(ROWS).batch(3),
    "rows with targets": Dataset.from_tensor_slices((ROWS, np.arange(7))).batch(4),
    "list of batches": [
        {k: v[part] for k, v in ROWS.items()} for part in (slice(4), slice(4, 7))
    ],
    "lists": {k: v.tolist() for k, v in ROWS.items()},
    "columns of tables": {k: v[:, None] for k, v in ROWS.items()},
}  # fmt: skip


@pytest.mark.parametrize("name", DATA)
def test_every_kind_of_data_teaches_the_same(name: str) -> None:
    space = SPACES["crosses"](FeatureSpace)
    space.adapt(DATA[name])
    assert_recorded("crosses/fed", space(columns(FED, MIXED)))


def test_rows_are_encoded_beside_a_model_or_in_it() -> None:
    space = adapted("two")
    beside = Dataset.from_tensor_slices(ROWS).batch(3).map(space, 2).prefetch(2)
    model = model_of(space)
    for batch, row in zip(beside, range(0, 7, 3), strict=True):
        rows = {k: v[row : row + 3] for k, v in ROWS.items()}
        np.testing.assert_allclose(batch, model.predict(rows, verbose=0), rtol=1e-6)


def test_training_beside_then_joined_answers_from_raw_rows(tmp_path: Path) -> None:
    space = adapted("two")
    targets = np.arange(7, dtype="float32") / 7
    encoded = space.get_encoded_features()
    head = keras.Sequential([keras.Input(encoded.shape[1:]), keras.layers.Dense(1)])
    head.compile("sgd", "mse")
    space_rows = np.asarray(space(ROWS))
    head.fit(space_rows, targets, verbose=0)
    whole = keras.Model(space.get_inputs(), head(encoded))
    np.testing.assert_allclose(
        whole.predict(ROWS, verbose=0), head.predict(space_rows, verbose=0), rtol=1e-6
    )
    whole.save(tmp_path / "whole.keras")
    again = keras.saving.load_model(tmp_path / "whole.keras")
    assert np.array_equal(
        again.predict(ROWS, verbose=0), whole.predict(ROWS, verbose=0)
    )


def test_a_space_is_a_layer_of_a_model_that_trains() -> None:
    space, kinds = adapted("two"), ("age", "town")
    inputs = {name: keras.Input((1,), dtype=space.inputs[name].dtype, name=name)
              for name in kinds}  # fmt: skip
    model = keras.Model(inputs, keras.layers.Dense(1)(space(inputs)))
    model.compile("sgd", "mse")
    rows = {name: ROWS[name] for name in kinds}
    losses = model.fit(rows, np.ones(7), epochs=3, verbose=0).history["loss"]
    assert losses[2] < losses[0]
    direct = np.asarray(space(rows)) @ model.layers[-1].kernel.numpy()
    direct = direct + model.layers[-1].bias.numpy()
    np.testing.assert_allclose(model.predict(rows, verbose=0), direct, rtol=1e-5)


# --------------------------------------------------------------------------- bad input

GAPS = np.array(["a", None, *"bcdef"], object)
MADE: list[tuple[Any, Any, str]] = [
    (lambda: FeatureSpace({}), ArgumentError, "dict of features"),
    (lambda: FeatureSpace(["age"]), ArgumentError, "dict of features"),
    (lambda: FeatureSpace({"age": "floats"}), ArgumentError, "Did you mean"),
    (lambda: FeatureSpace({"age": "float"}, output_mode="list"), ArgumentError, "mode"),
    (lambda: FeatureSpace({"age": "float"}, crosses=[("age", "town")]), ArgumentError,
     "known features"),
    (lambda: FeatureSpace(MIXED, crosses=[("code", "town")], crossing_dim=0),
     ArgumentError, "crossing_dim"),
    (lambda: FeatureSpace.cross(("a", "b"), 3, "multi_hot"), ArgumentError, "mode"),
    (lambda: FeatureSpace.feature("float32", keras.layers.Identity(), "sum"),
     ArgumentError, "output_mode"),
    (lambda: FeatureSpace({"age": FeatureSpace.feature(
        "float32", keras.layers.Identity(), "one_hot")}).get_inputs(), ArgumentError,
     "integers for 'one_hot'"),
    (lambda: FeatureSpace({"code": FeatureSpace.feature(
        "int32", keras.layers.Identity(), "one_hot")}).get_inputs(), ArgumentError,
     "how many values"),
    (lambda: FeatureSpace({"code": FeatureSpace.integer_hashed(3, "int")}).get_inputs(),
     ArgumentError, "output_mode='dict'"),
]  # fmt: skip
TAUGHT: list[tuple[Any, Any, str]] = [
    (iter([ROWS]), DataError, "several times"),
    (ROWS["age"], DataError, "dict of columns"),
    ([], DataError, "data to adapt to"),
    ({"age": ROWS["age"]}, DataError, "a column"),
    ({**ROWS, "town": GAPS}, DataError, "town: .* strings"),
    ({**ROWS, "age": ROWS["town"]}, DTypeError, "age: expected a column of float32"),
    ({**ROWS, "town": ROWS["age"]}, DTypeError, "town: expected a column of string"),
    ({**ROWS, "age": ROWS["age"][:2]}, ShapeError, "as many rows"),
    ({k: v[:0] for k, v in ROWS.items()}, DataError, "data to adapt to"),
]
ASKED: list[tuple[Any, Any, str]] = [
    (ROWS["age"], ArgumentError, "dict of columns"),
    ({"age": 1.0}, DataError, "no code, kids, pay, town|no pay"),
    ({**ROWS, "town": GAPS}, DataError, "town: .* strings"),
    ({**ROWS, "age": np.array([None] * 7)}, DataError, "age: .* numbers"),
    ({**ROWS, "age": ROWS["town"]}, DTypeError, "age: expected a column of float32"),
    ({**ROWS, "town": ROWS["code"]}, DTypeError, "town: expected a column of string"),
    ({**ROWS, "age": ROWS["age"][:2]}, ShapeError, "as many rows"),
    ({**ROWS, "age": 3.0}, ShapeError, "as many rows"),
]


@pytest.mark.parametrize("number", range(len(MADE)))
def test_spaces_that_make_no_sense_are_refused(number: int) -> None:
    make, error, text = MADE[number]
    with pytest.raises(error, match=text):
        make()


@pytest.mark.parametrize("number", range(len(TAUGHT)))
def test_data_that_teaches_nothing_is_refused(number: int) -> None:
    data, error, text = TAUGHT[number]
    with pytest.raises(error, match=text):
        FeatureSpace(MIXED).adapt(data)


@pytest.mark.parametrize("number", range(len(ASKED)))
def test_columns_that_do_not_fit_are_refused(number: int) -> None:
    data, error, text = ASKED[number]
    with pytest.raises(error, match=text):
        adapted("dict")(data)


def test_a_space_is_to_learn_first() -> None:
    for ask in (lambda s: s(ROWS), lambda s: s.get_inputs()):
        with pytest.raises(ArgumentError, match=r"adapt\(\) to have run"):
            ask(FeatureSpace(MIXED))


def test_missing_numbers_are_nan_and_unknown_codes_everywhere(tmp_path: Path) -> None:
    kinds = {k: v for k, v in MIXED.items() if k != "kids"}
    space, nan = FeatureSpace(kinds), np.full((2, 1), np.nan, "float32")
    space.adapt(ROWS)
    model = model_of(space)
    rows = {k: ROWS[k][:2, None] for k in kinds} | {"age": nan, "pay": nan}
    found = model.predict(rows | {"code": nan}, verbose=0)
    np.testing.assert_array_equal(found, space(rows | {"code": nan}))
    rows["code"] = np.array([[-(2**31)]] * 2, "int32")  # what NaN is as an integer
    model.export(tmp_path / "m.onnx", check=False)
    rows["town"] = rows["town"].astype(object)
    (given,) = run_session(open_session(tmp_path / "m.onnx"), rows)
    np.testing.assert_array_equal(given, found)
