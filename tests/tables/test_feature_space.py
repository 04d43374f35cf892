"""FeatureSpace: what Keras gives, in one file from raw columns, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras.errors import ExportError
from graphkeras.export.check import open_session, run_session
from graphkeras.utils import FeatureSpace
from tests.tables.cases import COLUMNS, FED, SPACES, columns

with np.load(Path(__file__).parent / "recorded.npz") as _file:
    RECORDED = dict(_file)
STRING_HASHES = {"string_hashed", "hashes", "raw crosses"}


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


@pytest.mark.parametrize("name", [n for n in SPACES if n not in STRING_HASHES])
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
