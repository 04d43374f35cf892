"""What the sweep feeds to each op, and the exceptions it knows.

An elementwise op needs no line: its `domain` makes its samples. Any other op has its
own lines in one of the tables; the sweep names the op that has none.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import graphkeras.ops
from graphkeras.ir.op import OPS, Op, host_only
from tests.ops.sample import Sample
from tests.ops.table_arrays import INDEXING, MOVEMENTS, REDUCTIONS, SORTING
from tests.ops.table_attention import ATTENTION
from tests.ops.table_categories import CATEGORIES
from tests.ops.table_elements import ELEMENTWISE, POINTWISE, pointwise_samples
from tests.ops.table_images import FILTERS, RESAMPLING
from tests.ops.table_loops import LOOPS
from tests.ops.table_networks import IMAGES, LINEAR, NETWORKS
from tests.ops.table_numpy import COLOURS, FOURIER, STATISTICS
from tests.ops.table_readings import READINGS
from tests.ops.table_recurrent import RECURRENT

TABLE: dict[str, list[Sample]] = {
    **ELEMENTWISE, **REDUCTIONS, **MOVEMENTS, **INDEXING, **SORTING, **LINEAR,
    **NETWORKS, **IMAGES, **STATISTICS, **COLOURS, **RECURRENT, **CATEGORIES,
    **READINGS, **RESAMPLING, **FILTERS, **FOURIER, **LOOPS, **ATTENTION,
}  # fmt: skip


def samples_of(op: Op) -> list[Sample]:
    """Return the samples of an op; an empty list if nobody wrote one."""
    if op.name in TABLE:
        return TABLE[op.name]
    if op.name in POINTWISE:
        return pointwise_samples(op, POINTWISE[op.name])
    if op.family == "elementwise":
        return pointwise_samples(op, op.fact("domain", "any"))
    return []


def names() -> list[str]:
    """Return the ops of the table; what runs on the host or eagerly stands apart."""
    for module in pkgutil.iter_modules(graphkeras.ops.__path__):
        importlib.import_module(f"graphkeras.ops.{module.name}")
    return sorted(
        name
        for name, op in OPS.items()
        if op.reference.__module__.startswith("graphkeras.ops.")
        and op.kernel is not host_only
        and not op.fact("data_dependent")
    )


# (check, op) -> why it is expected to fail.
EXPECTED: dict[tuple[str, str], str] = {
    ("gradient", "stop_gradient"): "it is there to have another gradient",
    ("gradient", "rounded_einsum"): "it is there to have another gradient",
    ("gradient", "with_gradient"): "it is there to have another gradient",
    ("gradient", "lstm_loop"): "what it keeps for its gradient has none itself",
    ("gradient", "gru_loop"): "what it keeps for its gradient has none itself",
    ("onnx", "cumprod"): "ONNX has a running sum only",
    ("onnx", "nancumprod"): "ONNX has a running sum only",
}


def flat(result: Any) -> list[Any]:
    """Return the result of a call as a list."""
    return list(result) if isinstance(result, (tuple, list)) else [result]
