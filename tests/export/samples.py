"""Elementwise ops and reductions on every dtype of numbers, for the sweep of dtypes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import graphkeras.ops  # noqa: F401  (fills the table)
from graphkeras.ir.op import OPS, Op, Word, call
from graphkeras.ir.trace import trace_function
from graphkeras.ir.types import TensorType, type_of
from graphkeras.ir.value import Graph

NUMBERS = (
    "float32", "float64", "float16", "int8", "int16", "int32", "int64", "uint8",
    "uint16", "uint32", "uint64",
)  # fmt: skip

# onnxruntime has no kernel, and no wider dtype gives the same.
REFUSED = {
    "float64": "arccos arccosh arcsin arcsinh arctan arctan2 arctanh cosh erf sinh tan",
    "uint64": "max min",
}


@dataclass(frozen=True)
class Case:
    """One call of an op on arrays of one dtype."""

    op: Op
    dtype: str
    arrays: tuple[np.ndarray, ...]
    axis: Any = None

    def __str__(self) -> str:
        axis = "" if self.axis is None else f"-axis {self.axis}"
        return f"{self.op.name}-{self.dtype}{axis}".replace(" ", "")

    @property
    def refused(self) -> bool:
        """Whether there is no way to export it."""
        return self.op.name in REFUSED.get(self.dtype, "").split()

    def graph(self) -> Graph:
        """Trace the call."""
        given = {} if self.axis is None else {"axis": self.axis}
        types: list[TensorType] = [type_of(a) for a in self.arrays]
        return trace_function(lambda *xs: call(self.op, xs, given), types)[0]


def cases() -> Iterator[Case]:
    """Yield every elementwise op and reduction that works on numbers, on each dtype."""
    for op in OPS.values():
        if isinstance(op.onnx, Word) or op.fact("domain", "any") == "bool":
            continue
        for dtype in NUMBERS:
            if op.family == "elementwise" and op.operands and _takes(op, dtype):
                yield Case(op, dtype, _matrix_vector_number(op, dtype))
            elif op.family == "reduction" or op.name == "mean":
                yield Case(op, dtype, (_numbers((2, 3, 4), "any", dtype),), (0, 2))


def _takes(op: Op, dtype: str) -> bool:
    if op.name in ("cast", "threshold", "threefry2x32"):  # they need attributes, bits
        return False
    return "integer" not in op.fact("domain", "any") or "int" in dtype


def _matrix_vector_number(op: Op, dtype: str) -> tuple[np.ndarray, ...]:
    """Operands that broadcast."""
    stated = op.fact("domain", "any")
    domains = stated if isinstance(stated, tuple) else (stated,) * len(op.operands)
    shapes = ((2, 3), (3,), ())
    return tuple(
        _numbers(shape, domain, "bool" if domain == "bool" else dtype)
        for shape, domain in zip(shapes, domains, strict=False)
    )


def _numbers(shape: tuple, domain: str, dtype: str) -> np.ndarray:
    """Small positive numbers, which every dtype has; floats with a fraction."""
    rng = np.random.default_rng(0)
    if dtype == "bool":
        return rng.random(shape) < 0.5
    if "int" in dtype:
        return rng.integers(1, 6, shape).astype(dtype)
    low, high = {"unit": (-0.9, 0.9), "above_one": (1.1, 5)}.get(domain, (0.1, 5))
    return rng.uniform(low, high, shape).astype(dtype)
