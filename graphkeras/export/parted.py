"""A large ONNX file run part by part, so that few of its weights are in memory at once.

The nodes are cut into stretches, each with about as many bytes of weights. What later
stretches read, or the caller, are the outputs of a stretch::

    x -> [ Conv Relu Conv ] -> a -> [ Conv Add(a) ] -> b -> [ Gemm Softmax ] -> y
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

_BFLOAT16 = 16  # of `onnx.TensorProto.DataType`; NumPy knows it by name only


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of nodes, what it reads, and what others read of it."""

    nodes: Sequence[Any]
    weights: Sequence[Any]
    inputs: Sequence[str]
    outputs: Sequence[str]


class PartedSession:
    """Runs a file as a session of onnxruntime does, but part by part.

    Args:
        path: a file whose larger weights lie in another beside it.
        bytes_each: how many bytes of weights a part has, about.
        open_session: opens a file.
    """

    def __init__(
        self, path: Path, bytes_each: int, open_session: Callable[[Path], Any]
    ) -> None:
        self._path, self._open, self._bytes_each = path, open_session, bytes_each
        self.part_path = path.with_name(f"{path.stem}.part.onnx")

    def load(self) -> None:
        """Read the file, all but its weights."""
        import onnx

        self._model = onnx.load(self._path, load_external_data=False)
        self.parts = cut(self._model.graph, self._bytes_each)

    def get_inputs(self) -> list[Any]:
        """Return what the model takes; each has a `name`."""
        return list(self._model.graph.input)

    def get_outputs(self) -> list[Any]:
        """Return what the model gives; each has a `name`."""
        return list(self._model.graph.output)

    def run(self, names: None, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Return all outputs."""
        values = dict(feeds)
        for number, part in enumerate(self.parts):
            session = self._open(self._written(part, values))
            found = session.run(list(part.outputs), {n: values[n] for n in part.inputs})
            values.update(zip(part.outputs, found, strict=True))
            later = {n for rest in self.parts[number + 1 :] for n in rest.inputs}
            later.update(o.name for o in self.get_outputs())
            values = {name: array for name, array in values.items() if name in later}
        return [values[o.name] for o in self.get_outputs()]

    def _written(self, part: Part, values: Mapping[str, np.ndarray]) -> Path:
        """Write a part as a model, its inputs typed as the arrays at hand."""
        from onnx import helper

        inputs = [
            helper.make_tensor_value_info(name, _code(values[name]), None)
            for name in part.inputs
        ]
        outputs = [helper.make_empty_tensor_value_info(name) for name in part.outputs]
        graph = helper.make_graph(part.nodes, "part", inputs, outputs, part.weights)
        model = helper.make_model(
            graph, opset_imports=self._model.opset_import,
            ir_version=self._model.ir_version,
        )  # fmt: skip
        self.part_path.write_bytes(model.SerializeToString())
        return self.part_path


def cut(graph: Any, bytes_each: int) -> list[Part]:
    """Return the parts of an `onnx.GraphProto`."""
    weights = {tensor.name: tensor for tensor in graph.initializer}
    outputs = {o.name for o in graph.output}
    stretches = [list(graph.node)]
    if not _has_bfloat16(graph):  # no array of it can be handed on
        stretches = _stretches(graph.node, weights, bytes_each)
    reads = [dict.fromkeys(n for node in s for n in _reads(node)) for s in stretches]
    parts = []
    for number, stretch in enumerate(stretches):
        made = [name for node in stretch for name in node.output if name]
        wanted = outputs.union(*reads[number + 1 :])
        known = {*made, *weights}
        inner = _inner_names(stretch)
        parts.append(
            Part(
                stretch,
                [weights[n] for n in reads[number] if n in weights],
                [n for n in reads[number] if n not in known and n not in inner],
                [n for n in made if n in wanted],
            )
        )
    return parts


def _stretches(
    nodes: Sequence[Any], weights: Mapping[str, Any], bytes_each: int
) -> list[list[Any]]:
    """Cut nodes where enough weights have come together."""
    stretches: list[list[Any]] = [[]]
    held: dict[str, int] = {}
    for node in nodes:
        new = {n: _bytes(weights[n]) for n in _reads(node) if n in weights}
        more = sum(size for name, size in new.items() if name not in held)
        if more and held and more + sum(held.values()) > bytes_each:
            stretches.append([])
            held = {}
        stretches[-1].append(node)
        held |= {name: size for name, size in new.items() if size}
    return stretches


def _reads(node: Any) -> Iterator[str]:
    """Yield what a node reads, itself or through the graphs inside it."""
    yield from (name for name in node.input if name)
    for graph in _graphs(node):
        for inner in graph.node:
            yield from _reads(inner)
        yield from (o.name for o in graph.output)


def _inner_names(nodes: Sequence[Any]) -> set[str]:
    """Return the names that exist in the graphs inside of nodes only."""
    found: set[str] = set()
    for graph in (graph for node in nodes for graph in _graphs(node)):
        found.update(i.name for i in (*graph.input, *graph.initializer))
        found.update(name for inner in graph.node for name in inner.output)
        found |= _inner_names(graph.node)
    return found


def _graphs(node: Any) -> Iterator[Any]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _bytes(tensor: Any) -> int:
    """Return the bytes of a weight that lies in another file, 0 for others."""
    return sum(int(e.value) for e in tensor.external_data if e.key == "length")


def _has_bfloat16(graph: Any) -> bool:
    casts = (a.i for n in graph.node if n.op_type == "Cast" for a in n.attribute)
    kinds = {tensor.data_type for tensor in graph.initializer}
    return _BFLOAT16 in kinds.union(casts)


def _code(array: np.ndarray) -> int:
    """Return ONNX's number for an array's dtype."""
    from onnx import TensorProto, helper

    words = array.dtype.kind in "OUS"
    return TensorProto.STRING if words else helper.np_dtype_to_tensor_dtype(array.dtype)
