"""The check that stands between a file and its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphkeras import ops
from graphkeras.errors import ExportError
from graphkeras.export import check, export_graph
from graphkeras.export.check import (
    arrays_by_order,
    check_file,
    compare,
    index_limits,
    random_array,
)
from graphkeras.ir.dims import symbol
from graphkeras.ir.types import TensorType
from tests.export.networks import BATCH, mlp, on, variable

NAMED: dict[str, Any] = {"input_names": ["x"], "output_names": ["y"]}
FLOATS = TensorType("float32", (BATCH, 3))


def floats(*numbers: float) -> np.ndarray:
    return np.array(numbers, "float32")


def test_difference_is_the_largest_absolute_one() -> None:
    found = compare("y", floats(1, 2.5), floats(1, 2), atol=1, rtol=0)
    assert found == 0.5


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_special_numbers_equal_themselves(number: float) -> None:
    assert compare("y", floats(number), floats(number), atol=0, rtol=0) == 0
    with pytest.raises(ExportError, match="output 'y'"):
        compare("y", floats(number), floats(1), atol=1, rtol=1)


@pytest.mark.parametrize(
    "found",
    [floats(1, 2.1), floats(1), floats(1, 2).astype("float64"), floats([1], [2])],
    ids=["number", "length", "dtype", "rank"],
)
def test_every_kind_of_difference_is_refused(found: np.ndarray) -> None:
    with pytest.raises(ExportError, match=r"expected onnxruntime to(.|\n)*Received"):
        compare("y", found, floats(1, 2), atol=1e-3, rtol=1e-3)


def test_integers_and_strings_must_be_equal() -> None:
    with pytest.raises(ExportError, match="1 of 2 that differ"):
        compare("y", np.array([1, 2]), np.array([1, 3]), atol=9, rtol=9)
    texts = np.array(["a", "b"], object)
    assert compare("y", texts, texts.copy(), atol=0, rtol=0) == 0


def test_nothing_at_all_differs_by_nothing() -> None:
    assert compare("y", floats(), floats(), atol=0, rtol=0) == 0


def test_file_of_other_weights_is_refused(tmp_path: Path) -> None:
    graph, state = mlp()
    export_graph(graph, state, tmp_path / "m.onnx", **NAMED)
    other = [array + 1 for array in state]
    with pytest.raises(ExportError, match=r"output 'y'(.|\n)*within atol=0.0001"):
        check_file(tmp_path / "m.onnx", graph, other)


def test_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"")
    graph, state = mlp()
    with pytest.raises(ExportError, match="expected a file that"):
        check_file(tmp_path / "m.onnx", graph, state)


def test_half_floats_may_differ_by_a_few_of_their_steps() -> None:
    one, next_one = np.float16([1]), np.float16([1.002])
    assert compare("y", one, next_one, atol=1e-6, rtol=1e-6) > 0
    with pytest.raises(ExportError, match="output 'y'"):
        compare("y", one, np.float16([1.01]), atol=1e-6, rtol=1e-6)


# ---------------------------------------------------------------------------- inputs


def test_samples_decide_what_is_compared(tmp_path: Path) -> None:
    graph, state = on(lambda x: ops.log(x), FLOATS)
    samples = [np.ones((100, 3), "float64")]  # cast to the input's dtype
    report = export_graph(graph, state, tmp_path / "m.onnx", samples=samples, **NAMED)
    assert report.difference == 0


def test_samples_go_by_order_or_by_name() -> None:
    assert arrays_by_order([1, 2], ["a", "b"]) == [1, 2]
    assert arrays_by_order({"b": 2, "a": 1}, ["a", "b"]) == [1, 2]
    assert arrays_by_order(5, ["a"]) == [5]


@pytest.mark.parametrize("samples", [[1], {"a": 1}, {"a": 1, "c": 2}], ids=str)
def test_samples_that_do_not_fit_the_inputs_are_refused(samples: Any) -> None:
    with pytest.raises(ExportError, match="expected samples for the inputs a, b"):
        arrays_by_order(samples, ["a", "b"])


def test_indices_stay_inside_their_table(tmp_path: Path) -> None:
    table = variable("embedding/table", 4, 2)
    ids = TensorType("int32", (BATCH, symbol("time")))
    graph, state = on(lambda x: ops.take(table, x, axis=0), ids)
    assert index_limits(graph) == {graph.inputs[0]: 4}
    assert export_graph(graph, state, tmp_path / "m.onnx", **NAMED).difference == 0


def test_indices_given_as_floats_are_whole_numbers(tmp_path: Path) -> None:
    table = variable("embedding/table", 1, 2)
    graph, state = on(lambda x: ops.take(table, ops.cast(x, "int32"), axis=0), FLOATS)
    assert export_graph(graph, state, tmp_path / "m.onnx", **NAMED).difference == 0


def test_free_sizes_grow_until_the_model_runs(tmp_path: Path) -> None:
    kernel = variable("kernel", 11, 1, 2)
    sound = TensorType("float32", (BATCH, symbol("time"), 1))
    graph, state = on(lambda x: ops.conv(x, kernel), sound)
    report = export_graph(graph, state, tmp_path / "m.onnx", **NAMED)
    assert report.difference is not None and report.difference < 1e-5


@pytest.mark.parametrize("dtype", ["float32", "int8", "uint8", "bool", "string"])
def test_random_arrays_have_their_type(dtype: str, rng: np.random.Generator) -> None:
    array = random_array(TensorType(dtype, (BATCH, 4)), {"batch": 3}, 1000, rng)
    assert array.shape == (3, 4)
    assert array.dtype == (object if dtype == "string" else dtype)


@pytest.mark.parametrize(("side", "batches"), [(4, [2, 5]), (300, [1, 2])])
def test_large_images_are_checked_in_small_batches(
    side: int, batches: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    run = check.run_session
    monkeypatch.setattr(
        check, "run_session", lambda s, f: seen.append(len(f["x"])) or run(s, f)
    )
    graph, state = on(ops.relu, TensorType("float32", (BATCH, side, side, 1)))
    export_graph(graph, state, tmp_path / "m.onnx", **NAMED)
    assert seen == batches
