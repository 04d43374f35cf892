"""KerasFileEditor: arrays of a file under new names, added and left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras.errors import SavingError
from graphkeras.saving import KerasFileEditor
from tests.saving import zoo


def small(*names: str) -> Any:
    layers = [keras.layers.Dense(3, name=name) for name in names]
    return keras.Sequential([keras.Input((3,)), *layers])


@pytest.fixture
def editor() -> KerasFileEditor:
    return KerasFileEditor(zoo.FOLDER / "sequential.keras")


def test_it_shows_what_is_in_a_file(editor: Any, capsys: Any) -> None:
    editor.summary()
    shown = capsys.readouterr().out
    assert "│  ├─ dense\n" in shown and "0: float32[4, 3]" in shown
    assert editor.metadata["keras_version"].startswith("3.")
    assert editor.config["class_name"] == "Sequential"
    assert editor.object_metadata["/layers/dense"] == {"name": "dense"}


def test_a_changed_file_goes_into_a_changed_model(editor: Any, tmp_path: Path) -> None:
    kernel = editor.weights_dict["layers"]["dense"]["0"]
    for name in ("optimizer", "batch_normalization", "layers/dense_1"):
        editor.delete_object(name)
    editor.rename_object("dense", "dense_1")
    editor.delete_weight("layers/dense_1", "1")
    editor.add_weights("dense_1", {"1": np.ones(3, "f")})
    editor.add_object(
        "layers/dense", {"0": np.eye(4, dtype="f"), "1": np.zeros(4, "f")}
    )
    editor.save(tmp_path / "m.weights.h5")
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(4), keras.layers.Dense(3)]
    )
    model.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(model.get_weights()[2], kernel)
    np.testing.assert_array_equal(model.get_weights()[3], np.ones(3))


def test_it_is_compared_with_a_model(tmp_path: Path, capsys: Any) -> None:
    small("a", "b").save_weights(tmp_path / "m.weights.h5")
    editor = KerasFileEditor(tmp_path / "m.weights.h5")
    same = {"status": "success", "error_count": 0, "match_count": 4}
    assert editor.compare(small("a", "b")) == same
    found = editor.compare(small("a"))
    assert found == {"status": "error", "error_count": 2, "match_count": 2}
    assert "/layers/dense_1/0 [3, 3]: only in the file" in capsys.readouterr().out


WRONG = {
    "no such": lambda e: e.delete_object("nobody"),
    "several": lambda e: (e.add_object("dense", {}), e.delete_object("dense")),
    "no path": lambda e: e.rename_object("nobody/dense", "x"),
    "path": lambda e: e.rename_object("dense", "a/b"),
    "array": lambda e: e.delete_weight("dense", "7"),
    "no dict": lambda e: e.add_weights("dense", [1]),
    "ending": lambda e: e.save("m.h5"),
    "above": lambda e: e.add_object("nobody/dense", {}),
    "file": lambda e: KerasFileEditor("none.keras"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_done_is_said(case: str, editor: Any) -> None:
    with pytest.raises(SavingError, match="expected"):
        WRONG[case](editor)
