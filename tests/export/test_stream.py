"""Files written and read piece by piece, against protobuf's own words for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from graphkeras import dtypes
from graphkeras.export import proto, stream
from graphkeras.export.builder import Builder
from graphkeras.ir.types import TensorType
from tests.export.building import close

DTYPES = ["float32", "float64", "float16", "bfloat16", "int64", "uint8", "bool"]


def weights() -> dict[str, np.ndarray]:
    """Large and small, of all sorts and layouts."""
    numbers = np.random.default_rng(0).integers(0, 99, (70, 40))
    found = {name: numbers.astype(dtypes.to_numpy(name)) for name in DTYPES}
    found["turned"] = found["float32"].T
    found["reversed"] = found["float64"][::-1, ::2]
    found["small"] = np.ones(3, "float32")
    found["none"] = np.zeros((0, 5), "float32")
    found["words"] = np.array(["a", "bc"] * 300, object)
    return found


def made() -> tuple[Any, dict[str, np.ndarray]]:
    """A model that has them all as outputs, and the weights that are to be written."""
    b = Builder()
    b.input("x", TensorType("float32", (2,)))
    ends = {f"y_{n}": (b.weight(n, a), n) for n, a in weights().items()}
    types = {n: TensorType(dtypes.of_array(a), a.shape) for n, a in weights().items()}
    close(b, **{end: (ref, types[n]) for end, (ref, n) in ends.items()})
    metadata = {"by": "me", "for": "you"}
    return proto.to_model(
        b.body, b.initializers, opset=20, name="test", metadata=metadata
    )


def test_what_is_written_is_what_protobuf_writes(tmp_path: Path) -> None:
    model, apart = made()
    assert {*apart} == {*weights()} - {"small", "none", "words"}
    stream.write_model(model, apart, tmp_path / "m.onnx")
    for tensor in model.graph.initializer:
        if tensor.name in apart:
            array = apart[tensor.name]
            tensor.raw_data = onnx.numpy_helper.from_array(array).raw_data
    whole = model.SerializeToString(deterministic=True)
    assert (tmp_path / "m.onnx").read_bytes() == whole


def numbers_in(path: Path) -> dict[str, np.ndarray]:
    model = onnx.load(path)
    return {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}


@pytest.mark.parametrize("way", ["inside", "beside", "unpacked"])
def test_every_way_keeps_the_numbers(way: str, tmp_path: Path) -> None:
    model, apart = made()
    if way == "beside":
        stream.write_beside(model, apart, tmp_path / "m.onnx.data")
    inside = {} if way == "beside" else apart
    stream.write_model(model, inside, tmp_path / "m.onnx")
    if way == "unpacked":
        stream.unpack(tmp_path / "m.onnx", tmp_path / "o.onnx")
    found = numbers_in(tmp_path / ("o.onnx" if way == "unpacked" else "m.onnx"))
    assert {*found} == {*weights()}
    for name, array in weights().items():
        np.testing.assert_array_equal(found[name].astype(array.dtype), array)


def test_unpacked_weights_begin_at_pages(tmp_path: Path) -> None:
    model, apart = made()
    stream.write_model(model, apart, tmp_path / "m.onnx")
    stream.unpack(tmp_path / "m.onnx", tmp_path / "o.onnx")
    outline = onnx.load(tmp_path / "o.onnx", load_external_data=False)
    places = [
        {e.key: e.value for e in t.external_data} for t in outline.graph.initializer
    ]
    offsets = [int(place["offset"]) for place in places if place]
    assert len(offsets) == len(apart) and all(o % 4096 == 0 for o in offsets)


def test_large_weights_in_another_order_are_written_in_pieces(tmp_path: Path) -> None:
    array = np.arange(3 << 20, dtype="float32").reshape(1024, -1).T
    tensor = onnx.TensorProto(name="w", dims=array.shape, data_type=1)
    model = onnx.helper.make_model(
        onnx.helper.make_graph([], "g", [], [], initializer=[tensor])
    )
    stream.write_model(model, {"w": array}, tmp_path / "m.onnx")
    np.testing.assert_array_equal(numbers_in(tmp_path / "m.onnx")["w"], array)
