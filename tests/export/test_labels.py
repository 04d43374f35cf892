"""Names of classes: the file says the winner's name, whatever the numbers are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras.errors import ExportError
from graphkeras.export import inspect_file
from graphkeras.export.check import open_session, run_session

layers = keras.layers
THREE = ["Katze", "Hund", "Tür"]


def passed_on(size: int | None, activation: str, dtype: str = "float32") -> Any:
    """Return a model that gives an activation of its input."""
    x = keras.Input(() if size is None else (size,), dtype=dtype, name="x")
    y = layers.Activation(activation, name="kind")(x) if activation else x * 1
    return keras.Model(x, y)


def names_of(model: Any, folder: Path, x: Any, **options: Any) -> list[list[Any]]:
    """Return what the file of a model gives for x, strings only."""
    model.export(folder / "m.onnx", samples=[x], **options)
    given = run_session(open_session(folder / "m.onnx"), {"x": x})
    return [found.tolist() for found in given if found.dtype == object]


NAN = float("nan")
CASES: dict[str, tuple[Any, list, list[str], list[str]]] = {
    "largest": (passed_on(3, "softmax"), [[0, 2, 1], [3, 2, 1], [0, 0, 1]], THREE,
                ["Hund", "Katze", "Tür"]),
    "first of equals": (passed_on(3, "linear"), [[2, 2, 1]], THREE, ["Katze"]),
    "no number": (passed_on(3, "linear"), [[NAN, 2, 1], [1, NAN, 5]], THREE, ["", ""]),
    "probability": (passed_on(1, "sigmoid"), [[-1], [0], [1], [NAN]], ["no", "yes"],
                    ["no", "no", "yes", ""]),
    "one number a row": (passed_on(None, "sigmoid"), [-1, 1], ["no", "yes"],
                         ["no", "yes"]),
    "two classes": (passed_on(2, "softmax"), [[0, 1], [1, 0]], ["no", "yes"],
                    ["yes", "no"]),
    "nothing": (passed_on(3, "softmax"), np.zeros((0, 3)), THREE, []),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_file_names_the_winner(case: str, tmp_path: Path) -> None:
    model, x, labels, expected = CASES[case]
    given = names_of(model, tmp_path, np.asarray(x, "float32"), labels=labels)
    assert given == [expected]


def test_numbers_of_classes_have_names_too(tmp_path: Path) -> None:
    x = keras.Input((2,), dtype="int32", name="x")
    given = names_of(
        keras.Model(x, x + 1), tmp_path, np.int32([[0, 1], [-1, 2]]), labels=THREE
    )
    assert given == [[["Hund", "Tür"], ["Katze", ""]]]


def test_half_floats_have_names(tmp_path: Path) -> None:
    model = passed_on(3, "linear", "float16")
    x = np.float16([[0, 2, 1]])
    assert names_of(model, tmp_path, x, labels=THREE, atol=1e-2) == [["Hund"]]


def test_a_logit_between_two_classes_is_cut_at_zero(tmp_path: Path) -> None:
    model = passed_on(1, "linear")
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    x = np.float32([[0.4], [-0.4]])
    for given, expected in ((None, ["no", "no"]), (loss, ["yes", "no"])):
        model.compile(loss=given)
        assert names_of(model, tmp_path, x, labels=["no", "yes"]) == [expected]


def two() -> Any:
    """Return a model of two outputs."""
    x = keras.Input((3,), name="x")
    first = layers.Activation("softmax", name="animal")(x)
    return keras.Model(x, [first, layers.Activation("sigmoid", name="old")(x[:, :1])])


def test_labels_by_output_name_some_of_them(tmp_path: Path) -> None:
    x = np.float32([[3, 2, 1], [-1, 2, 5]])
    labels = {"old": ["no", "yes"], "animal": THREE}
    given = names_of(two(), tmp_path, x, labels=labels)
    assert given == [["Katze", "Tür"], ["yes", "no"]]
    report = inspect_file(tmp_path / "m.onnx")
    assert [n for n, _ in report.outputs][2:] == ["animal_label", "old_label"]
    assert report.outputs[2][1] == "str[batch]"
    assert json.loads(report.metadata["labels"]) == labels
    assert names_of(two(), tmp_path, x, labels={"old": ["a", "b"]}) == [["b", "a"]]


def test_a_name_that_is_taken_gets_a_number(tmp_path: Path) -> None:
    x = keras.Input((3,), name="x")
    model = keras.Model(x, {"kind": x * 2, "kind_label": x + 1})
    report = model.export(tmp_path / "m.onnx", labels={"kind": THREE})
    assert [n for n, _ in report.outputs] == ["kind", "kind_label", "kind_label_1"]


def test_a_file_says_names_versions_and_results_of_its_model(tmp_path: Path) -> None:
    y = np.arange(3)
    x = keras.Input((3,), name="x")
    model = keras.Model(x, layers.Dense(3, activation="softmax")(x), name="kinds")
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    rows = np.eye(3, dtype="float32")
    model.fit(rows, y, validation_data=(rows, y), verbose=0)
    about = model.export(tmp_path / "m.onnx", check=False).metadata
    assert about["graphkeras"] == keras.__version__ and about["opset"] == "20"
    assert about["model"] == "kinds" and "evaluation" not in about
    assert {*json.loads(about["metrics"])} == {
        "accuracy", "loss", "val_accuracy", "val_loss",
    }  # fmt: skip
    model.evaluate(rows, y, verbose=0)
    about = model.export(tmp_path / "m.onnx", check=False).metadata
    assert {*json.loads(about["evaluation"])} == {"accuracy", "loss"}


WRONG: list[tuple[Any, Any, str]] = [
    (passed_on(3, "softmax"), ["a", "b"], "as many labels as the output has classes"),
    (passed_on(1, "sigmoid"), ["a"], "1 labels for f32"),
    (passed_on(3, "softmax"), "abc", "a list of strings"),
    (passed_on(3, "softmax"), [1, 2, 3], "a list of strings"),
    (passed_on(3, "softmax"), [], "a list of strings"),
    (passed_on(3, "softmax"), 3, "a list of strings"),
    (passed_on(3, "softmax"), {"kind": None}, "a list of strings"),
    (passed_on(3, "softmax"), {"kin": THREE}, "Did you mean"),
    (two(), THREE, "labels by output"),
]


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_labels_that_do_not_fit_are_refused(number: int, tmp_path: Path) -> None:
    model, labels, text = WRONG[number]
    with pytest.raises(ExportError, match=text):
        model.export(tmp_path / "m.onnx", labels=labels)
    assert not list(tmp_path.iterdir())


def test_metadata_is_text(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="metadata of strings"):
        passed_on(3, "softmax").export(tmp_path / "m.onnx", metadata={"score": 1})
