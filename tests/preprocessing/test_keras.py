"""Every row of `cases.py`: layer and onnxruntime give what Keras gave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from graphkeras import layers, ops
from graphkeras.errors import ExportError
from graphkeras.export.onnx import export_graph
from graphkeras.ir import dims
from graphkeras.ir.trace import Trace
from graphkeras.ir.types import TensorType, type_of
from tests.preprocessing.cases import MORE
from tests.preprocessing.cases import ROWS as SHARED
from tests.preprocessing.record import as_array

RECORDED = json.loads(
    (Path(__file__).parent / "recorded.json").read_text(encoding="utf-8")
)
ROWS = SHARED + MORE
GROUPS: dict[str, list[int]] = {}
for number, (layer_name, *_) in enumerate(ROWS):
    size = 25 if number < len(SHARED) else 200
    GROUPS.setdefault(f"{layer_name}, {number // size * size}", []).append(number)
EXPORTED = {*range(len(SHARED)), *range(len(SHARED), len(ROWS), 11)}
# Strings have no bytes in ONNX, and no operator hashes with a key.
HASHED = ("salt", "num_oov_indices", "num_bins")


def made(number: int) -> tuple[layers.Layer, list[np.ndarray]]:
    """Return the layer of a row, adapted, and the arrays it is fed."""
    name, arguments, samples, inputs = ROWS[number]
    layer = getattr(layers, name)(**arguments)
    if samples is not None:
        layer.adapt(as_array(samples))
    several = name == "HashedCrossing"
    fed = [as_array(x) for x in inputs] if several else [as_array(inputs)]
    return layer, [x.astype(object) if x.dtype.kind == "U" else x for x in fed]


def given(arrays: list[Any]) -> Any:
    """A list of inputs, or the only one."""
    return arrays if len(arrays) > 1 else arrays[0]


def assert_recorded(actual: np.ndarray, number: int) -> None:
    """Dtype, shape and numbers are those that Keras gave."""
    wanted = RECORDED[number]
    kind = object if wanted["dtype"] == "string" else wanted["dtype"]
    data = np.array(wanted["data"], kind).reshape(wanted["shape"])
    assert (actual.dtype, actual.shape) == (data.dtype, data.shape), ROWS[number]
    if data.dtype.kind == "f":
        np.testing.assert_allclose(actual, data, rtol=1e-6, err_msg=str(ROWS[number]))
    else:
        assert actual.tolist() == data.tolist(), ROWS[number]


def served(layer: layers.Layer, arrays: list[np.ndarray], path: Path) -> np.ndarray:
    """Return what onnxruntime gives for the exported layer."""
    with Trace() as trace:
        types = [type_of(a) for a in arrays]
        free = [TensorType(t.dtype, _freed(t.shape)) for t in types]
        inputs = [trace.input(f"x{i}", t) for i, t in enumerate(free)]
        graph, state = trace.graph([ops.convert_to_tensor(layer(given(inputs)))])
    names = [f"x{i}" for i in range(len(arrays))]
    export_graph(
        graph, [v.array for v in state], path, input_names=names, output_names=["y"],
        samples=arrays,
    )  # fmt: skip
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, dict(zip(names, arrays)))[0])


def _freed(shape: tuple) -> tuple:
    """The first axis of free size, as a batch is."""
    return (dims.symbol("batch"), *shape[1:]) if shape else shape


def works(number: int) -> bool:
    """Whether Keras gave an answer."""
    return "error" not in RECORDED[number]


@pytest.mark.parametrize("group", GROUPS)
def test_answer_is_that_of_keras(group: str) -> None:
    for number in filter(works, GROUPS[group]):
        layer, arrays = made(number)
        assert_recorded(np.asarray(layer(given(arrays)).numpy()), number)


@pytest.mark.parametrize("group", GROUPS)
def test_exported_answer_is_that_of_keras_too(group: str, tmp_path: Path) -> None:
    for number in filter(works, EXPORTED.intersection(GROUPS[group])):
        layer, arrays = made(number)
        try:
            found = served(layer, arrays, tmp_path / "layer.onnx")
        except ExportError as error:
            hashed = any(name in ROWS[number][1] for name in HASHED)
            assert hashed and "no standard operator" in str(error), ROWS[number]
            continue
        assert_recorded(found, number)
