"""What an ONNX file holds, as data and as text."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from graphkeras.dtypes import SHORT
from graphkeras.errors import ExportError, message
from graphkeras.export.nodes import DTYPE_CODES, DTYPE_NAMES
from graphkeras.export.rewriting import inferred

_MOST_ELEMENTS = 1 << 28  # of one tensor
_WIDEST = 200  # characters of metadata that are shown: names of classes may be many
_FLOAT_CODES = {DTYPE_CODES[n] for n in ("float16", "bfloat16", "float32", "float64")}


@dataclass(frozen=True, slots=True)
class Report:
    """What is in an ONNX file, and how it did in its check.

    Attributes:
        path: where the file is.
        inputs: ``(name, type)`` of each input, a type written ``f32[batch, 784]``.
        outputs: ``(name, type)`` of each output.
        operators: how often each operator occurs, inner graphs included.
        parameters: number of elements of its float weights (of rank 1 and more).
        bytes: size on disk, weights beside the model included.
        opset: version of the ``ai.onnx`` operators.
        producer: who wrote the file.
        metadata: the pairs stored with it.
        difference: largest absolute difference from the NumPy references, or None if
            the file was not run.
        notes: what else there is to show, as ``(heading, text)``.
    """

    path: Path
    inputs: tuple[tuple[str, str], ...]
    outputs: tuple[tuple[str, str], ...]
    operators: dict[str, int]
    parameters: int
    bytes: int
    opset: int
    producer: str
    metadata: dict[str, str]
    difference: float | None = None
    notes: tuple[tuple[str, str], ...] = ()

    @property
    def nodes(self) -> int:
        """Number of nodes, inner graphs included."""
        return sum(self.operators.values())

    def rows(self) -> Iterator[tuple[str, str]]:
        """Yield what there is to show as ``(heading, text)``."""
        yield "file", f"{self.path} ({self.bytes:,} bytes)"
        for name, type_ in self.inputs:
            yield "input", f"{name}: {type_}"
        for name, type_ in self.outputs:
            yield "output", f"{name}: {type_}"
        counts = (k if n == 1 else f"{k} x{n}" for k, n in self.operators.items())
        yield "operators", f"{', '.join(counts)} ({self.nodes} nodes)"
        yield "parameters", f"{self.parameters:,}"
        yield "opset", str(self.opset)
        yield "producer", self.producer
        for key, text in self.metadata.items():
            yield key, text if len(text) <= _WIDEST else f"{text[:_WIDEST]}..."
        if self.difference is not None:
            yield "check", f"onnxruntime differs by at most {self.difference:.3g}"
        yield from self.notes

    def __str__(self) -> str:
        return "\n".join(f"{heading:<10}  {text}" for heading, text in self.rows())


def report_of(
    model: Any, path: Path, size: int, difference: float | None = None
) -> Report:
    """Return the report of an `onnx.ModelProto`."""
    graph = model.graph
    weights = {t.name for t in graph.initializer}
    opsets = {entry.domain: entry.version for entry in model.opset_import}
    return Report(
        path=path,
        inputs=tuple(typed(v) for v in graph.input if v.name not in weights),
        outputs=tuple(typed(v) for v in graph.output),
        operators=dict(sorted(Counter(_operators(graph)).items())),
        parameters=sum(
            prod(t.dims)
            for t in graph.initializer
            if t.data_type in _FLOAT_CODES and t.dims
        ),
        bytes=size,
        opset=opsets.get("", opsets.get("ai.onnx", 0)),
        producer=f"{model.producer_name} {model.producer_version}".strip(),
        metadata={p.key: p.value for p in model.metadata_props},
        difference=difference,
    )


def inspect_file(path: str | os.PathLike[str]) -> Report:
    """Return what an ONNX file holds; it need not be one of ours.

    Raises:
        ExportError: if it cannot be read or is no ONNX file.
    """
    path = Path(path)
    model = read_model(path)
    beside = {_location(tensor) for tensor in model.graph.initializer} - {""}
    try:
        files = [path, *(path.parent / name for name in sorted(beside))]
        size = sum(file.stat().st_size for file in files)
    except OSError as error:
        raise _unreadable(path, f"{error.filename}: {error.strerror}") from error
    return report_of(model, path, size)


def read_model(path: Path) -> Any:
    """Return the `onnx.ModelProto` in a file, weights beside it not read.

    Raises:
        ExportError: if it cannot be read, or points to files outside its folder.
    """
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        model = onnx.load(path, load_external_data=False)
    except (OSError, DecodeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no protobuf message"
        raise _unreadable(path, str(reason)) from error
    if not model.graph.output:
        raise _unreadable(path, "it holds no graph")
    if not _is_text(model):
        raise _unreadable(path, "a name in it is no text")
    for tensor in model.graph.initializer:
        place = Path(_location(tensor))
        if place.is_absolute() or ".." in place.parts:
            raise _unreadable(path, f"it points outside its folder, to {str(place)!r}")
    return model


def _is_text(message: Any) -> bool:
    """Whether all names in a message are UTF-8; protobuf leaves others as bytes."""
    waiting = [message]
    while waiting:
        for field, value in waiting.pop().ListFields():
            values = [value] if isinstance(value, (str, bytes)) else value
            if field.type == field.TYPE_STRING:
                if any(isinstance(text, bytes) for text in values):
                    return False
            elif field.type == field.TYPE_MESSAGE:
                waiting += [values] if hasattr(values, "ListFields") else values
    return True


def check_sizes(model: Any) -> None:
    """See to it that no tensor of known size is absurdly large.

    Raises:
        ExportError: if one is: running the file would take all memory.
    """
    found = inferred(model).graph
    for value in (*found.input, *found.value_info, *found.output):
        sizes = [d.dim_value for d in value.type.tensor_type.shape.dim]
        if prod(max(size, 1) for size in sizes) > _MOST_ELEMENTS:
            raise ExportError(
                message(
                    "onnx", f"expected tensors of at most {_MOST_ELEMENTS:,} elements.",
                    f"{value.name!r} of sizes {sizes}",
                )
            )  # fmt: skip


def _unreadable(path: Path, reason: str) -> ExportError:
    return ExportError(
        message(
            "inspect", "expected an ONNX file.", f"{str(path)!r}: {reason}",
            "Make one by model.export(...) or graphkeras export.",
        )
    )  # fmt: skip


def _location(tensor: Any) -> str:
    places = {entry.key: entry.value for entry in tensor.external_data}
    return places.get("location", "")


def _operators(graph: Any) -> Iterator[str]:
    for node in graph.node:
        standard = node.domain in ("", "ai.onnx")
        yield node.op_type if standard else f"{node.domain}.{node.op_type}"
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from _operators(inner)


def typed(value: Any) -> tuple[str, str]:
    """Return name and type of an input or output; types other than tensors by kind."""
    if not value.type.HasField("tensor_type"):
        return value.name, value.type.WhichOneof("value") or "?"
    tensor = value.type.tensor_type
    kind = SHORT.get(DTYPE_NAMES.get(tensor.elem_type, ""), "?")
    if not tensor.HasField("shape"):
        return value.name, f"{kind}[...]"
    sizes = (
        str(d.dim_value) if d.HasField("dim_value") else d.dim_param or "?"
        for d in tensor.shape.dim
    )
    return value.name, f"{kind}[{', '.join(sizes)}]"
