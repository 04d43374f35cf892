"""What an exported file holds, as data and as text."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphkeras.export.nodes import Body
from graphkeras.ir.types import TensorType


@dataclass(frozen=True, slots=True)
class Report:
    """Outcome of an export.

    Attributes:
        path: where the file is.
        inputs: ``(name, type)`` of each input.
        outputs: ``(name, type)`` of each output.
        operators: how often each operator occurs, inner graphs included.
        bytes: size on disk, weights beside the model included.
        opset: version of the ``ai.onnx`` operators.
        difference: largest absolute difference from the NumPy reference, or None if the
            file was not run.
    """

    path: Path
    inputs: tuple[tuple[str, TensorType], ...]
    outputs: tuple[tuple[str, TensorType], ...]
    operators: dict[str, int]
    bytes: int
    opset: int
    difference: float | None = None

    @property
    def nodes(self) -> int:
        """Number of nodes, inner graphs included."""
        return sum(self.operators.values())

    def __str__(self) -> str:
        listed = ", ".join(
            f"{k} x{n}" if n > 1 else k for k, n in self.operators.items()
        )
        lines = [
            f"{self.path}  ({self.bytes:,} bytes, opset {self.opset})",
            *(f"  input   {name}: {type_}" for name, type_ in self.inputs),
            *(f"  output  {name}: {type_}" for name, type_ in self.outputs),
            f"  {self.nodes} nodes: {listed}",
        ]
        if self.difference is not None:
            lines.append(f"  largest difference in onnxruntime: {self.difference:.3g}")
        return "\n".join(lines)


def report_of(
    body: Body, path: Path, size: int, opset: int, difference: float | None
) -> Report:
    """Return the report of a finished graph."""
    counts = Counter(
        f"{node.domain}.{node.kind}" if node.domain else node.kind
        for node in body.walk()
    )
    named: Any = [tuple(part) for part in (body.inputs, body.outputs)]
    return Report(path, *named, dict(sorted(counts.items())), size, opset, difference)
