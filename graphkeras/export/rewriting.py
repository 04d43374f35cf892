"""What the rewrites of a finished file share: types of its tensors, and new nodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from graphkeras.export.nodes import DTYPE_CODES

FLOAT = DTYPE_CODES["float32"]
HALF = DTYPE_CODES["float16"]
_SMALL = 1024  # bytes of weights that may tell sizes
# What inference never asks for; it fails where others are not there.
_NO_SIZES = {DTYPE_CODES[n] for n in ("float32", "float16", "bfloat16", "float64",
                                      "int8", "uint8")}  # fmt: skip


def element_types(model: Any) -> dict[str, int]:
    """Return the code of the dtype of each tensor of the outermost graph."""
    found = inferred(model).graph
    named = [*found.input, *found.output, *found.value_info]
    types = {v.name: v.type.tensor_type.elem_type for v in named}
    return types | {t.name: t.data_type for t in model.graph.initializer}


def inferred(model: Any) -> Any:
    """Return a copy of a model, without large weights, that tells types and shapes."""
    from onnx import shape_inference

    # Only with the check of types does onnx 1.23 survive models of strings.
    return shape_inference.infer_shapes(without_weights(model), check_type=True)


def without_weights(model: Any) -> Any:
    """Return a copy of a model in which large weights are told, and not held."""
    from onnx import GraphProto, ModelProto

    graph = GraphProto()
    for name, value in model.graph.ListFields():
        if name.name == "initializer":
            graph.initializer.extend(map(_described, value))
        elif isinstance(value, str):
            setattr(graph, name.name, value)
        elif not isinstance(value, bytes):  # a text that is none: of use to nobody
            getattr(graph, name.name).extend(value)
    copy = ModelProto(ir_version=model.ir_version, graph=graph)
    copy.opset_import.extend(model.opset_import)
    return copy


def _described(tensor: Any) -> Any:
    """A tensor without its numbers, if they are many and no sizes."""
    from onnx import TensorProto

    if tensor.data_type not in _NO_SIZES or tensor.ByteSize() <= _SMALL:
        return tensor
    return TensorProto(name=tensor.name, dims=tensor.dims, data_type=tensor.data_type)


def weights_of(model: Any) -> dict[str, Any]:
    """Return the weights of the outermost graph by name, still as protobuf."""
    return {t.name: t for t in model.graph.initializer}


def array_of(tensor: Any) -> np.ndarray:
    """Return the numbers of a weight."""
    from onnx import numpy_helper

    return numpy_helper.to_array(tensor)


def node(kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> Any:
    """Return a node that is named after its output and kind."""
    from onnx import helper

    return helper.make_node(
        kind, inputs, [output], name=f"{output}/{kind}", **attributes
    )


def names_inside(node: Any) -> Iterator[str]:
    """Yield the names that the graphs inside a node read."""
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            yield from (v.name for v in graph.output)
            for inner in graph.node:
                yield from inner.input
                yield from names_inside(inner)


def finish(model: Any, nodes: Sequence[Any], weights: Mapping[str, Any]) -> Any:
    """Return the model with other nodes and those of the weights that they read."""
    from onnx import ModelProto

    result = ModelProto()
    result.CopyFrom(without_weights(model))
    for name in ("producer_name", "producer_version"):
        setattr(result, name, getattr(model, name))
    result.metadata_props.extend(model.metadata_props)
    graph = result.graph
    for part in ("node", "initializer", "value_info"):
        graph.ClearField(part)
    graph.node.extend(nodes)
    read = {n for x in nodes for n in (*x.input, *names_inside(x))}
    read |= {v.name for v in graph.output}
    graph.initializer.extend(t for n, t in weights.items() if n in read)
    return result
