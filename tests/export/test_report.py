"""What a report says of an ONNX file."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from graphkeras.errors import ExportError
from graphkeras.export import export_graph, inspect_file
from tests.export.networks import cnn, mlp

NAMED = {"input_names": ["pixels"], "output_names": ["scores"]}


def test_report_of_an_export_is_that_of_its_file(tmp_path: Path) -> None:
    graph, state = mlp()
    path = tmp_path / "m.onnx"
    made = export_graph(graph, state, path, metadata={"by": "me"}, check=False, **NAMED)
    assert inspect_file(path) == made
    assert made.inputs == (("pixels", "u8[batch, 6]"),)
    assert made.outputs == (("scores", "f32[batch, 3]"),)
    assert made.bytes == path.stat().st_size
    assert made.metadata == {"by": "me"}


def test_parameters_are_the_elements_of_float_weights(tmp_path: Path) -> None:
    graph, state = cnn()
    report = export_graph(graph, state, tmp_path / "m.onnx", **NAMED)
    assert report.parameters == sum(array.size for array in state)


def test_text_shows_everything_once(tmp_path: Path) -> None:
    graph, state = mlp()
    text = str(export_graph(graph, state, tmp_path / "m.onnx", **NAMED))
    assert text.count("Gemm x2") == 1 and "6 nodes" in text
    assert "onnxruntime differs by at most" in text


def test_weights_beside_the_model_count(tmp_path: Path) -> None:
    graph, state = cnn()
    path, how = tmp_path / "m.onnx", {"check": False, "external_data": True}
    made = export_graph(graph, state, path, **how, **NAMED)
    assert inspect_file(tmp_path / "m.onnx") == made


def test_a_file_of_others_is_told_too(tmp_path: Path) -> None:
    body = helper.make_graph(
        [helper.make_node("Relu", ["s"], ["r"])], "body",
        [], [helper.make_tensor_value_info("r", TensorProto.FLOAT, None)],
    )  # fmt: skip
    sequence = helper.make_tensor_sequence_value_info("q", TensorProto.FLOAT, None)
    graph = helper.make_graph(
        [helper.make_node("SequenceAt", ["q", "i"], ["s"]),
         helper.make_node("If", ["c"], ["y"], then_branch=body, else_branch=body)],
        "other", [sequence, helper.make_tensor_value_info("c", TensorProto.BOOL, [])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", None])],
        [helper.make_tensor("i", TensorProto.INT64, [], [0])],
    )  # fmt: skip
    onnx.save(helper.make_model(graph), tmp_path / "m.onnx")
    report = inspect_file(tmp_path / "m.onnx")
    assert report.inputs == (("q", "sequence_type"), ("c", "bool[]"))
    assert report.outputs == (("y", "f32[n, ?]"),)
    assert report.operators == {"If": 1, "Relu": 2, "SequenceAt": 1}


@pytest.mark.parametrize("content", [None, b"", b"not a model", b"\x00" * 99])
def test_what_is_no_model_is_one_error(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "m.onnx").write_bytes(content)
    with pytest.raises(
        ExportError, match=r"an ONNX file(.|\n)*Received(.|\n)*Make one"
    ):
        inspect_file(tmp_path / "m.onnx")


def test_weights_that_are_gone_are_one_error(tmp_path: Path) -> None:
    graph, state = cnn()
    path, how = tmp_path / "m.onnx", {"check": False, "external_data": True}
    export_graph(graph, state, path, **how, **NAMED)
    (tmp_path / "m.onnx.data").unlink()
    with pytest.raises(ExportError, match="No such file"):
        inspect_file(tmp_path / "m.onnx")
