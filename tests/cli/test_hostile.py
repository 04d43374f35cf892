"""Files of strangers on the command line: bad ones are one line, never a trace."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import graphkeras as keras
from graphkeras import cli
from tests.saving import test_hostile_files, test_hostile_h5, test_hostile_models

Shown = pytest.CaptureFixture[str]


def model(nodes: list[Any], weights: list[Any] = (), size: Any = "n") -> bytes:
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "g", [info("x", TensorProto.FLOAT, [size])],
        [info("y", TensorProto.FLOAT, None)], list(weights),
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("their.own", 1)]
    return helper.make_model(graph, opset_imports=opsets).SerializeToString()


def node(kind: str, inputs: list[str], output: str = "y", **how: Any) -> Any:
    return helper.make_node(kind, inputs, [output], **how)


def beside(place: str) -> Any:
    """A weight that lies in another file."""
    tensor = TensorProto(name="w", dims=[4], data_type=TensorProto.FLOAT)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=place)
    return tensor


def sizes(*numbers: int) -> Any:
    return helper.make_tensor("s", TensorProto.INT64, [len(numbers)], numbers)


def empty() -> Any:
    return TensorProto(name="s", dims=[1000], data_type=TensorProto.INT64)


def inside(depth: int) -> Any:
    """Branches in branches."""
    info = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    found = node("Identity", ["x"])
    for _ in range(depth):
        graph = helper.make_graph([found], "b", [], [info])
        found = node("If", ["c"], then_branch=graph, else_branch=graph)
    return found


ADD = [node("Add", ["x", "w"])]
ONNX: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "text": lambda: b"hello",
    "no graph": lambda: onnx.ModelProto().SerializeToString(),
    "weights above": lambda: model(ADD, [beside("../../etc/passwd")]),
    "weights of root": lambda: model(ADD, [beside("/etc/passwd")]),
    "weights gone": lambda: model(ADD, [beside("gone.data")]),
    "a loop": lambda: model([node("Add", ["x", "b"], "a"), node("Add", ["a", "x"], "b"),
                             node("Add", ["a", "b"])]),
    "a name of nothing": lambda: model([node("Add", ["x", "nothing"])]),
    "an operator of others": lambda: model([node("Own", ["x"], domain="their.own")]),
    "no operator": lambda: model([node("Nothing", ["x"])]),
    "a huge tensor": lambda: model(
        [node("ConstantOfShape", ["s"])], [sizes(10**6, 10**6)]
    ),
    "a huge input": lambda: model([node("Add", ["x", "x"])], size=10**13),
    "negative sizes": lambda: model([node("ConstantOfShape", ["s"])], [sizes(-5)]),
    "a weight without numbers": lambda: model([node("Reshape", ["x", "s"])], [empty()]),
    "twice": lambda: model([node("Abs", ["x"]), node("Neg", ["x"])]),
    "deep": lambda: model([inside(12)]),
}  # fmt: skip


@pytest.mark.parametrize("case", ONNX)
def test_verify_refuses_a_bad_onnx_file(
    case: str, tmp_path: Path, capsys: Shown
) -> None:
    (tmp_path / "m.onnx").write_bytes(ONNX[case]())
    path = str(tmp_path / "m.onnx")
    assert cli.main(["verify", path, path]) == 1
    shown = capsys.readouterr()
    assert shown.err.startswith("error: ") and shown.err.count("error: ") == 1
    assert "not expected" not in shown.err and shown.out == ""


@pytest.mark.parametrize("case", ONNX)
@pytest.mark.parametrize("plot", [[], ["--plot"]])
def test_inspect_of_a_bad_onnx_file_only_reads_it(
    case: str, plot: list[str], tmp_path: Path, capsys: Shown
) -> None:
    (tmp_path / "m.onnx").write_bytes(ONNX[case]())
    drawing = [*plot, str(tmp_path / "m.svg")] if plot else []
    assert cli.main(["inspect", str(tmp_path / "m.onnx"), *drawing]) in (0, 1)
    assert "not expected" not in capsys.readouterr().err


def flips(content: bytes, count: int) -> list[bytes]:
    """Copies of a file with bits flipped or its end cut off."""
    rng = np.random.default_rng(0)
    found = []
    for number in range(count):
        copy = bytearray(content)
        copy[int(rng.integers(len(copy)))] ^= 1 << int(rng.integers(8))
        cut = int(rng.integers(len(copy))) if number % 4 == 0 else len(copy)
        found.append(bytes(copy[:cut]))
    return found


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("command", ["inspect", "verify"])
def test_a_damaged_onnx_file_gives_no_trace(
    command: str, tmp_path: Path, capsys: Shown
) -> None:
    x = keras.Input((4,))
    keras.Model(x, keras.layers.Dense(2)(x)).export(tmp_path / "m.onnx")
    path = tmp_path / "n.onnx"
    for content in flips((tmp_path / "m.onnx").read_bytes(), 60):
        path.write_bytes(content)
        twice = [str(path)] * (2 if command == "verify" else 1)
        assert cli.main([command, *twice]) in (0, 1)
        assert "not expected" not in capsys.readouterr().err


BAD = {"m.keras": {**test_hostile_files.CASES, **test_hostile_models.CASES},
       "m.h5": test_hostile_h5.CASES}  # fmt: skip
PICKED = [(name, case) for name in BAD for case in list(BAD[name])[::9]]


@pytest.mark.parametrize(("name", "case"), PICKED)
@pytest.mark.parametrize("command", ["export", "inspect"])
def test_a_bad_model_is_one_line(
    command: str, name: str, case: str, tmp_path: Path, capsys: Shown
) -> None:
    (tmp_path / name).write_bytes(BAD[name][case][0]())
    output = ["-o", str(tmp_path / "o.onnx")] if command == "export" else []
    assert cli.main([command, str(tmp_path / name), *output]) == 1
    shown = capsys.readouterr()
    assert shown.err.startswith(f"error: {tmp_path / name}: ")
    assert shown.err.count("\n") == 1 and shown.out == ""
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_little_memory_is_enough_to_refuse(tmp_path: Path) -> None:
    """A process that may not take more than one GiB refuses bombs of many."""
    pytest.importorskip("resource")
    for number, case in enumerate(
        ("bomb of JSON", "huge array", "wide", "virtual array")
    ):
        (tmp_path / f"{number}.keras").write_bytes(test_hostile_files.CASES[case][0]())
    (tmp_path / "m.h5").write_bytes(test_hostile_h5.CASES["long text"][0]())
    code = (
        "import resource, sys; from graphkeras import saving\n"
        "resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 30))\n"
        "for path in sys.argv[1:]:\n"
        "    try: saving.load_model(path)\n"
        "    except ValueError as error: print(error)\n"
    )
    paths = sorted(map(str, tmp_path.iterdir()))
    done = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True,
                          text=True, check=False)  # fmt: skip
    assert done.returncode == 0 and done.stdout.count("\n") == len(paths)
