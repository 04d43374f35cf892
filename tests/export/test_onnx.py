"""Whole graphs as files: names, sizes, weights, order, errors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from graphkeras import ops
from graphkeras.errors import ExportError
from graphkeras.export import Report, check, export_graph
from graphkeras.export.check import open_session, run_session
from graphkeras.ir.dims import symbol
from graphkeras.ir.interpret import interpret
from graphkeras.ir.types import TensorType
from tests.export.networks import BATCH, cnn, mlp, on, variable

FLOATS = TensorType("float32", (BATCH, 3))
NAMED = {"input_names": ["pixels"], "output_names": ["scores"]}


def exported(path: Path, network: Any = None, **options: Any) -> Report:
    graph, state = network or mlp()
    inputs = [f"x{i}" for i in range(len(graph.inputs))]
    outputs = [f"y{i}" for i in range(len(graph.outputs))]
    given = {"input_names": inputs, "output_names": outputs, **options}
    return export_graph(graph, state, path, **given)


def kinds(path: Path) -> list[str]:
    return [node.op_type for node in onnx.load(path).graph.node]


def test_mlp_is_the_file_a_hand_would_write(tmp_path: Path) -> None:
    report = exported(tmp_path / "m.onnx", **NAMED)
    expected = ["Cast", "Div", "Gemm", "Relu", "Gemm", "Softmax"]
    assert kinds(tmp_path / "m.onnx") == expected
    assert report.operators == dict.fromkeys(sorted(expected), 1) | {"Gemm": 2}
    assert report.difference is not None and report.difference < 1e-6


def test_cnn_is_the_file_a_hand_would_write(tmp_path: Path) -> None:
    exported(tmp_path / "m.onnx", cnn())
    assert kinds(tmp_path / "m.onnx") == [
        "Transpose", "Conv", "Relu", "MaxPool", "Conv", "BatchNormalization", "Relu",
        "Reshape", "Gemm",
    ]  # fmt: skip


def test_file_is_plain_onnx_with_names_and_free_batch(tmp_path: Path) -> None:
    exported(tmp_path / "m.onnx", metadata={"b": "2", "a": "1"}, name="digits", **NAMED)
    model = onnx.load(tmp_path / "m.onnx")
    assert (model.ir_version, model.graph.name) == (9, "digits")
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 20)]
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert [v.name for v in model.graph.output] == ["scores"]
    assert [(p.key, p.value) for p in model.metadata_props] == [("a", "1"), ("b", "2")]
    assert model.producer_name == "graphkeras" and model.producer_version


def test_weights_stand_once_under_their_paths(tmp_path: Path) -> None:
    exported(tmp_path / "m.onnx")
    names = [t.name for t in onnx.load(tmp_path / "m.onnx").graph.initializer]
    weights = [name for name in names if "/" in name]
    assert sorted(weights) == [
        "hidden/bias", "hidden/kernel", "scores/bias", "scores/kernel",
    ]  # fmt: skip


def test_a_weight_used_twice_is_stored_once(tmp_path: Path) -> None:
    w = variable("shared/kernel", 3, 3)
    exported(tmp_path / "m.onnx", on(lambda x: ops.tanh(x @ w) @ w, FLOATS))
    assert len(onnx.load(tmp_path / "m.onnx").graph.initializer) == 1


def test_a_weight_read_in_two_layouts_keeps_both(tmp_path: Path) -> None:
    w = variable("tied/table", 3, 4)
    network = on(lambda x: x @ w @ ops.transpose(w), FLOATS)
    exported(tmp_path / "m.onnx", network)
    assert kinds(tmp_path / "m.onnx") == ["MatMul", "MatMul"]


def test_what_depends_on_weights_alone_is_computed_before(tmp_path: Path) -> None:
    v = variable("norm/variance", 3)
    exported(tmp_path / "m.onnx", on(lambda x: x / ops.sqrt(ops.exp(v) + 1e-3), FLOATS))
    assert kinds(tmp_path / "m.onnx") == ["Div"]


def test_node_names_tell_the_layer(tmp_path: Path) -> None:
    exported(tmp_path / "m.onnx")
    names = [node.name for node in onnx.load(tmp_path / "m.onnx").graph.node]
    assert names[:4] == [
        "rescaling/Cast",
        "rescaling/Div",
        "hidden/Gemm",
        "hidden/Relu",
    ]


def test_equal_models_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a.onnx", "b.onnx"):
        exported(tmp_path / name, cnn())
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_dense_layer_on_sequences_is_one_matmul(tmp_path: Path) -> None:
    w, sequence = variable("w", 4, 5), TensorType("float32", (BATCH, symbol("time"), 4))
    exported(tmp_path / "m.onnx", on(lambda x: ops.matmul(x, w), sequence))
    assert kinds(tmp_path / "m.onnx") == ["MatMul"]


def test_sizes_derived_from_free_ones_are_right_in_the_file(tmp_path: Path) -> None:
    time = symbol("time")
    sequence = TensorType("float32", (BATCH, time, 4))
    graph, _ = on(
        lambda x: ops.reshape(ops.concatenate([x, x], 1), (-1, 8 * time)), sequence
    )
    exported(tmp_path / "m.onnx", (graph, []))
    session = open_session(tmp_path / "m.onnx")
    for sizes in ((0, 3), (2, 0), (2, 5)):
        x = np.ones((*sizes, 4), "float32")
        assert run_session(session, {"x0": x})[0].shape == (sizes[0], 8 * sizes[1])


def test_several_inputs_and_outputs_keep_names_and_order(tmp_path: Path) -> None:
    network = on(lambda a, b: (a - b, a, a - b, b), FLOATS, FLOATS)
    names = {"input_names": ["b", "a"], "output_names": ["p", "q", "r", "s"]}
    report = exported(tmp_path / "m.onnx", network, **names)
    assert [name for name, _ in report.inputs] == ["b", "a"]
    feeds = {"b": np.float32([[1, 2, 3]]), "a": np.float32([[0, 0, 1]])}
    found = run_session(open_session(tmp_path / "m.onnx"), feeds)
    assert [f[0].tolist() for f in found] == [
        [1, 2, 2], [1, 2, 3], [1, 2, 2], [0, 0, 1],
    ]  # fmt: skip


def test_output_called_like_an_input_gets_a_number(tmp_path: Path) -> None:
    names = {"input_names": ["x"], "output_names": ["x"]}
    report = exported(tmp_path / "m.onnx", on(ops.tanh, FLOATS), **names)
    assert report.outputs == (("x_1", "f32[batch, 3]"),)


def test_constant_and_weight_may_be_outputs(tmp_path: Path) -> None:
    w = variable("w", 3)
    network = on(lambda x: [x * 2.0, w.value, ops.ones((2,)) + w.value[0]], FLOATS)
    assert exported(tmp_path / "m.onnx", network).difference == 0


def test_unused_input_is_kept(tmp_path: Path) -> None:
    report = exported(tmp_path / "m.onnx", on(lambda a, b: a + 1.0, FLOATS, FLOATS))
    assert [name for name, _ in report.inputs] == ["x0", "x1"]


@pytest.mark.parametrize("opset", [18, 19, 20, 21, 22, 23])
def test_every_opset_offered_works(opset: int, tmp_path: Path) -> None:
    assert exported(tmp_path / "m.onnx", cnn(), opset=opset).opset == opset


SERVE = """
import sys, numpy as np, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
x = np.arange(12, dtype="uint8").reshape(2, 6)
np.save(sys.argv[2], session.run(["scores"], {"pixels": x})[0])
assert "graphkeras" not in sys.modules
"""


def test_file_gives_the_same_in_a_fresh_process(tmp_path: Path) -> None:
    graph, state = mlp()
    export_graph(graph, state, tmp_path / "m.onnx", **NAMED)
    command = [sys.executable, "-c", SERVE, tmp_path / "m.onnx", tmp_path / "y.npy"]
    subprocess.run(command, check=True, cwd=tmp_path)
    x = np.arange(12, dtype="uint8").reshape(2, 6)
    (expected,), _ = interpret(graph, [x], state)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), expected, atol=1e-6)


# ------------------------------------------------------------------------ large files


@pytest.mark.parametrize("how", [{"largest": 4096}, {"external_data": True}], ids=str)
def test_weights_may_stand_beside_the_model(how: Any, tmp_path: Path) -> None:
    report = exported(tmp_path / "m.onnx", cnn(), **how)
    data = tmp_path / "m.onnx.data"
    assert report.difference is not None and report.difference < 1e-4
    assert report.bytes == data.stat().st_size + (tmp_path / "m.onnx").stat().st_size
    assert data.stat().st_size > 15_000 > (tmp_path / "m.onnx").stat().st_size
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.onnx", "m.onnx.data"]


def test_weights_beside_the_model_are_those_inside(tmp_path: Path) -> None:
    exported(tmp_path / "in.onnx", cnn())
    exported(tmp_path / "out.onnx", cnn(), external_data=True)
    inside, outside = (onnx.load(tmp_path / f"{n}.onnx") for n in ("in", "out"))
    assert [*map(to_array_of, inside.graph.initializer)] == [
        *map(to_array_of, outside.graph.initializer)
    ]


def to_array_of(tensor: Any) -> tuple[str, list[Any]]:
    return tensor.name, onnx.numpy_helper.to_array(tensor).tolist()


def test_failed_check_leaves_both_old_files_alone(tmp_path: Path) -> None:
    exported(tmp_path / "m.onnx", cnn(), external_data=True)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    with pytest.raises(ExportError, match="expected onnxruntime to give"):
        exported(tmp_path / "m.onnx", external_data=True, atol=-1.0, rtol=0.0)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


@pytest.mark.parametrize("how", [{}, {"external_data": True}], ids=str)
def test_heavy_models_are_checked_in_little_memory(
    how: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lean: list[bool] = []
    monkeypatch.setattr(check, "_HEAVY", 4096)
    monkeypatch.setattr(
        check, "open_session", lambda *a: lean.append(a[1]) or open_session(*a)
    )
    report = exported(tmp_path / "m.onnx", cnn(), **how)
    assert all(lean) and len(lean) > 2 and report.difference is not None
    assert report.difference < 1e-4
    with pytest.raises(ExportError, match="expected onnxruntime to give"):
        exported(tmp_path / "m.onnx", cnn(), atol=-1.0, rtol=0.0, **how)
    left = {"m.onnx", "m.onnx.data"} if how else {"m.onnx"}
    assert {p.name for p in tmp_path.iterdir()} == left


# ----------------------------------------------------------------------------- errors


def left_over(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_failed_check_leaves_the_old_file_alone(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_text("old")
    with pytest.raises(ExportError, match="expected onnxruntime to give"):
        exported(tmp_path / "m.onnx", atol=-1.0, rtol=0.0)
    assert (tmp_path / "m.onnx").read_text() == "old"
    assert left_over(tmp_path) == ["m.onnx"]


def test_export_replaces_an_old_file(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_text("old")
    exported(tmp_path / "m.onnx")
    assert onnx.load(tmp_path / "m.onnx") and left_over(tmp_path) == ["m.onnx"]


@pytest.mark.parametrize("place", ["no/such/folder/m.onnx", "", "file.txt/m.onnx"])
def test_path_that_cannot_be_written_is_one_error(place: str, tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text("")
    with pytest.raises(ExportError, match=r"expected a path(.|\n)*Received(.|\n)*Make"):
        exported(tmp_path / place)
    assert left_over(tmp_path) == ["file.txt"]


@pytest.mark.parametrize("opset", [17, 1000, "20"])
def test_unknown_opset_names_the_range(opset: Any, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"an opset from 18 to \d+\.\n  Received"):
        exported(tmp_path / "m.onnx", opset=opset)


@pytest.mark.parametrize("names", [["a"], ["a", "a"], ["a", ""]], ids=str)
def test_names_must_be_there_and_differ(names: list[str], tmp_path: Path) -> None:
    network = on(lambda a, b: a + b, FLOATS, FLOATS)
    with pytest.raises(ExportError, match="a name of its own for each of 2 inputs"):
        exported(tmp_path / "m.onnx", network, input_names=names)


def test_op_that_onnx_lacks_names_op_reason_and_line(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"erfinv: (.|\n)*no inverse(.|\n)*networks"):
        exported(tmp_path / "m.onnx", on(ops.erfinv, FLOATS))
    assert left_over(tmp_path) == []


def test_dtype_without_kernels_says_what_onnxruntime_lacks(tmp_path: Path) -> None:
    network = on(lambda x: x @ x, TensorType("int16", (3, 3)))
    with pytest.raises(ExportError, match=r"int16(.|\n)*cast to float32"):
        exported(tmp_path / "m.onnx", network)
