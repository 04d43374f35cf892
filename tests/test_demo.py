"""The main job does and prints what the README says."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import pytest

from graphkeras import demo
from graphkeras.errors import GraphKerasError

SHOWN = (
    r"Handwritten digits", r"Docstrings of the standard library",
    r"test accuracy +│ \d\d\.\d%", r"steps a second", r"predict - onnxruntime",
    r"operators", r"Softmax", r"LabelEncoder", r"digits\.onnx \([\d,]+ bytes\)",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the files go."""
    return tmp_path_factory.mktemp("demo")


def test_demo_prints_the_figures_and_where_the_files_are(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    demo.main(folder)
    shown = capsys.readouterr().out
    assert not [text for text in SHOWN if not re.search(text, shown)], shown
    differences = re.findall(r"([\d.e+-]+) at most", shown)
    assert len(differences) == 2
    assert all(float(d) < 1e-5 for d in differences)


def test_text_model_is_one_file_that_takes_strings(folder: Path) -> None:
    (text,) = onnx.load(folder / "docstrings.onnx").graph.input
    assert text.name == "text"
    assert text.type.tensor_type.elem_type == onnx.TensorProto.STRING


def test_files_answer_in_a_process_without_graphkeras(folder: Path) -> None:
    texts = np.array(["Open a socket to the SMTP server.", ""], object)
    answers = demo.serve_elsewhere(folder / "docstrings.onnx", {"text": texts})
    assert answers["topic"].shape == (2, 5)
    np.testing.assert_allclose(answers["topic"].sum(axis=1), 1, rtol=1e-5)
    assert answers["topic"][0].argmax() == 0  # network


def test_missing_reference_model_is_named() -> None:
    with pytest.raises(GraphKerasError, match=r"demo: expected models/no_such\.py"):
        demo.reference_model("no_such")
