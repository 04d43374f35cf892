"""ir.Graph -> a standard ONNX file, checked and then put in place at once."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graphkeras.errors import ExportError, message
from graphkeras.export import proto
from graphkeras.export.check import check_file
from graphkeras.export.emit import Emitter
from graphkeras.export.report import Report
from graphkeras.ir.value import Graph

_OLDEST = 18  # the rules give the axes of reductions as an input


def export_graph(
    graph: Graph,
    state: Sequence[np.ndarray],
    path: str | os.PathLike[str],
    *,
    input_names: Sequence[str],
    output_names: Sequence[str],
    opset: int = 20,
    metadata: Mapping[str, str] | None = None,
    name: str = "model",
    check: bool = True,
    samples: Any = None,
    atol: float = 1e-4,
    rtol: float = 1e-4,
) -> Report:
    """Write `graph` as an ONNX file; nothing is left behind if that fails.

    Args:
        graph: the computation, traced with ``training=False``; updates are left out.
        state: the arrays of ``graph.state``, stored once under the variables' paths.
        path: where the file goes; weights past 2 GiB go to ``<path>.data`` beside it.
        input_names: names of the inputs.
        output_names: names of the outputs.
        opset: version of the ``ai.onnx`` operators, 18 or later.
        metadata: pairs for the file's ``metadata_props``.
        name: name of the graph inside the file.
        check: run the file in onnxruntime and compare it with the NumPy references.
        samples: arrays to check on (a list, or a dict by input name); random otherwise.
        atol: largest absolute difference allowed.
        rtol: largest relative difference allowed.

    Returns:
        What the file holds, and the largest difference found.

    Raises:
        ExportError: if ONNX cannot express the graph, the path cannot be written, or
            the file does not compute what the graph does.
    """
    _check_opset(opset)
    b, outputs = _build(graph, state, input_names, output_names, opset)
    with _staged(Path(path)) as staged:
        data = _data_path(staged) if proto.too_large(b.initializers) else None
        model = proto.to_model(
            b.body, b.initializers, opset=opset, name=name, data_file=data,
            metadata={} if metadata is None else metadata,
        )  # fmt: skip
        proto.write(model, staged)
        size = sum(f.stat().st_size for f in staged.parent.iterdir())
        difference = None
        if check:
            difference = check_file(staged, graph, state, samples, atol=atol, rtol=rtol)
    inputs = tuple((n, t) for n, t in b.body.inputs)
    operators = count_operators(b)
    return Report(Path(path), inputs, outputs, operators, size, opset, difference)
