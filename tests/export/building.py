"""Small graphs by the builder, run in onnxruntime."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from graphkeras.export import proto, stream
from graphkeras.export.builder import Builder
from graphkeras.export.check import check_standard, open_session, run_session
from graphkeras.export.nodes import Node
from graphkeras.export.tidy import tidy
from graphkeras.ir.types import TensorType


def close(b: Builder, **outputs: tuple[str, TensorType]) -> Builder:
    """Name the outputs: ``y=(value, type)``."""
    for name, (ref, type_) in outputs.items():
        b.unique(name)
        b.body.nodes.append(Node("Identity", [ref], [name]))
        b.body.outputs.append((name, type_))
    return b


def run(
    b: Builder, feeds: Mapping[str, np.ndarray] | None = None, tidied: bool = True
) -> list[Any]:
    """Write the graph, check it, and return its outputs."""
    if tidied:
        tidy(b)
    model, weights = proto.to_model(
        b.body, b.initializers, opset=b.opset, name="test", metadata={}
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "test.onnx"
        stream.write_model(model, weights, path)
        check_standard(path)
        return run_session(open_session(path), feeds or {})


def kinds(b: Builder) -> list[str]:
    """The operators of the outermost graph, in order."""
    return [node.kind for node in b.body.nodes]
