"""Bodies -> `onnx.ModelProto`; the numbers of larger weights are written by `stream`.

onnx is imported inside the functions: `import graphkeras` must not pay for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from graphkeras import __version__, dtypes
from graphkeras.errors import ExportError, message
from graphkeras.export.nodes import (
    CONTRIB,
    CONTRIB_ATTRIBUTES,
    CONTRIB_RESULTS,
    DTYPE_CODES,
    ML,
    Body,
    Node,
)
from graphkeras.export.stream import SMALL
from graphkeras.ir.dims import SymbolicDim
from graphkeras.ir.types import TensorType

# A protobuf message cannot be written past 2 GiB: larger weights go beside the model.
LARGEST_MESSAGE = 2**31 - 2**24


def to_model(
    body: Body,
    initializers: Mapping[str, np.ndarray],
    *,
    opset: int,
    name: str,
    metadata: Mapping[str, str],
) -> tuple[Any, dict[str, np.ndarray]]:
    """Return the `onnx.ModelProto` of a finished graph, and its larger weights.

    Their tensors in the model have all but the numbers.
    """
    from onnx import helper, numpy_helper

    graph = _to_graph(body, opset)
    graph.name = name
    used = dict.fromkeys(n for node in body.walk() for n in node.inputs)
    used.update(dict.fromkeys(n for node in body.walk() for b in node.bodies
                              for n in b.output_names))  # fmt: skip
    weights = {n: a for n, a in initializers.items() if n in used}
    large = {n: a for n, a in weights.items() if _is_large(a)}
    graph.initializer.extend(
        _outline(n, a) if n in large else numpy_helper.from_array(_writable(a), name=n)
        for n, a in weights.items()
    )
    domains = {node.domain for node in body.walk()}
    imports = [helper.make_opsetid("", opset)]
    if ML in domains:
        imports.append(helper.make_opsetid(ML, 4 if opset >= 20 else 3))
    standard = helper.find_min_ir_version_for(imports)
    if CONTRIB in domains:
        imports.append(helper.make_opsetid(CONTRIB, 1))
    model = helper.make_model(
        graph, opset_imports=imports, producer_name="graphkeras",
        producer_version=__version__,
        ir_version=standard,
    )  # fmt: skip
    helper.set_model_props(model, dict(sorted(metadata.items())))
    return model, large


def _to_graph(body: Body, opset: int) -> Any:
    from onnx import helper

    return helper.make_graph(
        [_to_node(node, opset) for node in body.nodes], body.name,
        [_value_info(*named) for named in body.inputs],
        [_value_info(*named) for named in body.outputs],
        value_info=[
            helper.make_tensor_value_info(name, *_contrib_type(node))
            for node in body.nodes if node.domain == CONTRIB for name in node.outputs
        ],
    )  # fmt: skip


def _contrib_type(node: Node) -> tuple[int, list[None]]:
    """Return dtype and sizes of what onnx infers nothing of."""
    dtype, rank = CONTRIB_RESULTS[node.kind]
    return DTYPE_CODES[dtype], [None] * rank


def _value_info(name: str, type_: TensorType | str | None) -> Any:
    from onnx import ValueInfoProto, helper

    if type_ is None:
        return ValueInfoProto(name=name)
    if isinstance(type_, str):
        return helper.make_tensor_value_info(name, DTYPE_CODES[type_], None)
    sizes = [d if isinstance(d, int) else str(d) for d in type_.shape]
    return helper.make_tensor_value_info(name, DTYPE_CODES[type_.dtype], sizes)


def _to_node(node: Node, opset: int) -> Any:
    from onnx import helper

    proto = helper.make_node(
        node.kind, node.inputs, node.outputs,
        name=next(filter(None, node.outputs), ""), domain=node.domain or None,
    )  # fmt: skip
    known = _attribute_types(node, opset) if node.attrs else {}
    for name, value in sorted(node.attrs.items()):
        if name not in known:
            raise ExportError(
                message(
                    node.kind, f"opset {opset} has no attribute {name!r}.",
                    f"{name}={value!r}", f"Known: {', '.join(sorted(known))}.",
                )
            )  # fmt: skip
        _require_number(node.kind, name, value)
        proto.attribute.append(_to_attribute(name, value, known[name], opset))
    return proto


def _require_number(kind: str, name: str, value: Any) -> None:
    parts = value if isinstance(value, (list, tuple)) else [value]
    free = next((x for x in parts if isinstance(x, SymbolicDim)), None)
    if free is not None:
        raise ExportError(
            message(
                kind, f"expected a number as {name}, which the operator is told once.",
                f"the open size {free}", "Give this axis of the input a fixed size.",
            )
        )  # fmt: skip


def _attribute_types(node: Node, opset: int) -> dict[str, str]:
    """Return the type each attribute has by the standard: "FLOAT", "INTS" ..."""
    from onnx import defs

    if node.domain == CONTRIB:
        return CONTRIB_ATTRIBUTES[node.kind]
    version = opset if not node.domain else 4 if opset >= 20 else 3
    try:
        schema = defs.get_schema(node.kind, version, node.domain)
    except defs.SchemaError as error:
        raise ExportError(
            message(
                node.kind, f"expected an operator of opset {opset}.",
                f"{node.domain or 'ai.onnx'}.{node.kind}", "Export to a newer opset.",
            )
        ) from error  # fmt: skip
    kinds = schema.attributes.items()
    return {name: str(kind.type).rpartition(".")[2] for name, kind in kinds}


def _to_attribute(name: str, value: Any, kind: str, opset: int) -> Any:
    """The standard decides: an int given for a float, or an empty list, is no guess."""
    from onnx import AttributeProto, helper, numpy_helper

    if kind == "GRAPH":
        value = _to_graph(value, opset)
    elif kind == "TENSOR":
        value = numpy_helper.from_array(_writable(value))
    elif kind == "STRING":
        value = _bytes_of(value)
    elif kind == "STRINGS":
        value = [*map(_bytes_of, value)]
    elif kind == "FLOAT":
        value = float(value)
    elif kind == "FLOATS":
        value = [float(v) for v in value]
    code = AttributeProto.AttributeType.Value(kind)
    return helper.make_attribute(name, value, attr_type=code)


def _is_large(array: np.ndarray) -> bool:
    return array.nbytes >= SMALL and not array.dtype.hasobject


def _bytes_of(text: str | bytes) -> bytes:
    """Return a text as ONNX keeps it; bytes that are no UTF-8 stay what they are."""
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")


def _writable(array: np.ndarray) -> np.ndarray:
    """Return an array as `numpy_helper` takes it: strings as bytes."""
    if not array.dtype.hasobject:
        return array
    found = np.empty(array.shape, object)
    found.reshape(-1)[:] = [*map(_bytes_of, array.flat)]
    return found


def _outline(name: str, array: np.ndarray) -> Any:
    """Return the tensor of an array, without its numbers."""
    from onnx import TensorProto

    code = DTYPE_CODES[dtypes.of_array(array)]
    return TensorProto(name=name, dims=array.shape, data_type=code)
