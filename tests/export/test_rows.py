"""Convolutions and pools of sequences are written as such."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from graphkeras import ops
from graphkeras.export import export_graph
from graphkeras.ir.dims import symbol
from graphkeras.ir.types import TensorType
from tests.export.networks import BATCH, on, variable

FREE = TensorType("float32", (BATCH, symbol("time"), 4))
FIXED = TensorType("float32", (BATCH, 12, 4))
KERNEL, BIAS = variable("conv/kernel", 3, 4, 5), variable("conv/bias", 5)


def conv(x: Any, **options: Any) -> Any:
    return ops.relu(ops.conv(x, KERNEL, **options) + BIAS)


SEQUENCES: dict[str, tuple[Callable[[Any], Any], list[str]]] = {
    "valid": (conv, ["Transpose", "Conv", "Relu", "Transpose"]),
    "causal": (
        lambda x: conv(x, padding="causal", dilation_rate=2),
        ["Transpose", "Conv", "Relu", "Transpose"],
    ),
    "same": (
        lambda x: conv(x, padding="same", strides=2),
        ["Transpose", "Conv", "Relu", "Transpose"],
    ),
    "pooled": (
        lambda x: ops.average_pool(ops.max_pool(conv(x), 2), 3, 2, "same"),
        ["Transpose", "Conv", "Relu", "MaxPool", "AveragePool", "Transpose"],
    ),
    "averaged": (
        lambda x: ops.mean(conv(x), axis=1), ["Transpose", "Conv", "Relu", "ReduceMean"]
    ),
    "read twice": (
        lambda x: ops.concatenate([conv(x), ops.max_pool(x, 3, 1)], 2),
        ["Transpose", "Conv", "Relu", "MaxPool", "Concat", "Transpose"],
    ),
    "channels first": (
        lambda x: ops.conv(
            ops.transpose(x, (0, 2, 1)), KERNEL, data_format="channels_first"
        ),
        ["Transpose", "Conv"],
    ),
}  # fmt: skip


def kinds(path: Path) -> list[str]:
    return [node.op_type for node in onnx.load(path).graph.node]


@pytest.mark.parametrize("name", SEQUENCES)
@pytest.mark.parametrize("type_", [FREE, FIXED], ids=str)
def test_sequences_have_no_row(name: str, type_: TensorType, tmp_path: Path) -> None:
    function, expected = SEQUENCES[name]
    graph, state = on(function, type_)
    names = {"input_names": ["x"], "output_names": ["y"]}
    export_graph(graph, state, tmp_path / "m.onnx", **names)
    assert kinds(tmp_path / "m.onnx") == expected
    weights = {t.name: t.dims for t in onnx.load(tmp_path / "m.onnx").graph.initializer}
    assert [*weights["conv/kernel"]] == [5, 4, 3]


def test_images_of_one_row_that_stay_images_are_left_alone(tmp_path: Path) -> None:
    kernel = variable("kernel", 1, 3, 4, 5)
    graph, state = on(
        lambda x: ops.conv(ops.expand_dims(x, 1), kernel, padding="same"), FIXED
    )
    names = {"input_names": ["x"], "output_names": ["y"]}
    report = export_graph(graph, state, tmp_path / "m.onnx", **names)
    assert report.operators["Conv"] == 1 and report.outputs[0][1].count(",") == 3


def test_window_over_several_rows_keeps_its_rows(tmp_path: Path) -> None:
    kernel = variable("kernel", 2, 3, 4, 5)

    def function(x: Any) -> Any:
        image = ops.pad(ops.expand_dims(x, 1), [[0, 0], [1, 0], [0, 0], [0, 0]])
        return ops.squeeze(ops.conv(image, kernel), 1)

    graph, state = on(function, FIXED)
    names = {"input_names": ["x"], "output_names": ["y"]}
    export_graph(graph, state, tmp_path / "m.onnx", **names)
    loaded = onnx.load(tmp_path / "m.onnx").graph.initializer
    assert np.prod(next(t for t in loaded if t.name == "kernel").dims) == 120
