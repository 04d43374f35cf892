"""Files run part by part give what they give in one piece."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from graphkeras import ops
from graphkeras.export import check, export_graph, proto, stream
from graphkeras.export.builder import Builder
from graphkeras.export.check import open_session
from graphkeras.export.parted import PartedSession, cut
from graphkeras.ir.types import TensorType
from tests.export.building import close
from tests.export.networks import BATCH, cnn, on, variable

FLOATS = TensorType("float32", (BATCH, 30))
NAMED = {"input_names": ["x"], "output_names": ["y"]}


def skipping() -> Any:
    """A value that is read far behind where it is made."""
    first, second = variable("first", 30, 30), variable("second", 30, 30)
    third = variable("third", 30, 30)

    def network(x: Any) -> Any:
        early = x @ first
        return (ops.tanh(ops.tanh(early) @ second) + early) @ third

    return on(network, FLOATS)


def wide() -> Any:
    """Two inputs of different dtypes, one of them words, and two outputs."""
    first, second = variable("first", 30, 30), variable("second", 30, 30)

    def network(x: Any, word: Any) -> Any:
        return ops.relu(x @ first) @ second, ops.equal(word, "a")

    return on(network, FLOATS, TensorType("string", (BATCH,)))


def named(graph: Any) -> dict[str, list[str]]:
    return {
        "input_names": [f"x{i}" for i in range(len(graph.inputs))],
        "output_names": [f"y{i}" for i in range(len(graph.outputs))],
    }


def feeds_for(graph: Any) -> dict[str, np.ndarray]:
    rng, types = np.random.default_rng(0), check._input_types(graph)
    drawn = (check.random_array(t, {"batch": 3}, 9, rng) for t in types)
    return dict(zip(named(graph)["input_names"], drawn))


@pytest.mark.parametrize("network", [cnn, skipping, wide])
@pytest.mark.parametrize("bytes_each", [0, 3000, 1 << 30])
def test_parts_give_what_the_whole_gives(
    network: Callable[[], Any], bytes_each: int, tmp_path: Path
) -> None:
    (graph, state), path = network(), tmp_path / "m.onnx"
    how: dict[str, Any] = {"external_data": True, "check": False, **named(graph)}
    export_graph(graph, state, path, **how)
    parted = PartedSession(path, bytes_each, partial(open_session, lean=True))
    parted.load()
    assert (len(parted.parts) > 1) == (bytes_each < 1 << 30)
    feeds = feeds_for(graph)
    whole = open_session(path, lean=True).run(None, feeds)
    for found, expected in zip(parted.run(None, feeds), whole, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_parts_share_the_weights_out(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    export_graph(*skipping(), path, external_data=True, check=False, **NAMED)
    graph = onnx.load(path, load_external_data=False).graph
    large = [
        [w.name for w in part.weights if w.external_data] for part in cut(graph, 4000)
    ]
    assert large == [["first"], ["second"], ["third"]]


def test_a_network_of_bfloat16_stays_in_one_piece(tmp_path: Path) -> None:
    weights = variable("weights", 30, 30)
    half = on(lambda x: ops.cast(ops.cast(x, "bfloat16"), "float32") @ weights, FLOATS)
    export_graph(*half, tmp_path / "m.onnx", check=False, **NAMED)
    assert len(cut(onnx.load(tmp_path / "m.onnx").graph, 0)) == 1


def branching(path: Path) -> None:
    """Write a graph whose branches read values and weights of the graph around them."""
    b, kind = Builder(), TensorType("float32", (2, 30))
    x = b.input("x", kind)
    one, two, three = (
        b.weight(n, variable(n, 30, 30).numpy() * k) for k, n in enumerate("abc", 1)
    )
    early = b.MatMul(x, one)
    late = b.MatMul(early, two)
    y = b.If(
        b.Greater(b.ReduceMax(late, keepdims=0), b.scalar(0, "float32")),
        lambda: b.MatMul(early, three), lambda: b.Add(late, early),
    )  # fmt: skip
    close(b, y=(y, kind))
    model, weights = proto.to_model(
        b.body, b.initializers, opset=20, name="test", metadata={}
    )
    stream.write_beside(model, weights, stream.beside(path))
    stream.write_model(model, {}, path)


@pytest.mark.parametrize("sign", [1, -1])
def test_inner_graphs_find_what_they_read_of_other_parts(
    sign: int, tmp_path: Path
) -> None:
    branching(tmp_path / "m.onnx")
    parted = PartedSession(tmp_path / "m.onnx", 0, partial(open_session, lean=True))
    parted.load()
    feeds = {"x": np.full((2, 30), sign, "float32")}
    (expected,) = open_session(tmp_path / "m.onnx", lean=True).run(None, feeds)
    np.testing.assert_array_equal(parted.run(None, feeds)[0], expected)
    assert len(parted.parts) == 3
