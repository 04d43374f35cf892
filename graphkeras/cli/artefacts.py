"""Two kinds of things that compute: an ONNX file, and a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np

from graphkeras.cli.sources import load_model
from graphkeras.export.feeds import Feeds, input_types
from graphkeras.ir.types import TensorType


class Artefact(Protocol):
    """What can be fed and gives outputs by name."""

    inputs: dict[str, TensorType]
    limits: dict[str, int]  # of the inputs that are indices

    def run(self, feeds: Feeds) -> dict[str, np.ndarray]:
        """Return the outputs."""


class OnnxFile:
    """An ONNX file in onnxruntime.

    Raises:
        ExportError: if it is none, does not keep to the standard, or computes tensors
            that no memory holds.
    """

    def __init__(self, path: Path) -> None:
        from graphkeras.export.check import check_standard, open_session
        from graphkeras.export.report import check_sizes, read_model

        model = read_model(path)
        self.inputs = input_types(model)
        self.limits: dict[str, int] = {}
        check_standard(path)
        check_sizes(model)
        self._session = open_session(path)
        self._names = [output.name for output in self._session.get_outputs()]

    def run(self, feeds: Feeds) -> dict[str, np.ndarray]:
        """Return the outputs."""
        from graphkeras.export.check import run_session

        return dict(zip(self._names, run_session(self._session, feeds), strict=True))


class LoadedModel:
    """A model, computed by graphkeras."""

    def __init__(self, path: Path, name: str, custom: Path | None) -> None:
        from graphkeras.export.check import index_limits
        from graphkeras.models.tracing import trace_model

        self._model = load_model(path, name, custom)
        traced = trace_model(self._model)
        leaves = dict(zip(traced.input_names, traced.graph.inputs, strict=True))
        tables = index_limits(traced.graph)
        self.inputs = {n: TensorType(x.dtype, x.shape) for n, x in leaves.items()}
        self.limits = {n: tables[x] for n, x in leaves.items() if x in tables}
        self._names = traced.output_names

    def run(self, feeds: Feeds) -> dict[str, np.ndarray]:
        """Return the outputs."""
        from graphkeras import tree
        from graphkeras.models.tracing import inputs_of

        structure, names, _ = inputs_of(self._model)
        arrays: Any = tree.pack_like(structure, [feeds[name] for name in names])
        found = tree.flatten(self._model.predict(arrays, verbose=0))
        return dict(zip(self._names, map(np.asarray, found), strict=True))
