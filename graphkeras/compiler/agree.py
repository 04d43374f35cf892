"""Whether two graphs mean the same: run both by the references and compare."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from graphkeras import dtypes
from graphkeras.errors import KernelError
from graphkeras.ir import dims
from graphkeras.ir.interpret import interpret
from graphkeras.ir.types import TensorType
from graphkeras.ir.value import Graph, dims_of

TOLERANCE = {"float64": 1e-9, "float32": 1e-4, "float16": 2e-2, "bfloat16": 1e-1}


def sample(
    type_: TensorType, sizes: Mapping[str, int], rng: np.random.Generator
) -> np.ndarray:
    """Return an array of a type that suits most ops: small positive numbers."""
    shape = tuple(dims.evaluate(d, sizes) for d in type_.shape)
    if type_.dtype == "string":
        return np.asarray(rng.choice(["a b", "c", ""], shape), object)
    if type_.dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if dtypes.is_float(type_.dtype):
        return rng.uniform(0.1, 1.0, shape).astype(dtypes.to_numpy(type_.dtype))
    return rng.integers(0, 3, shape).astype(dtypes.to_numpy(type_.dtype))


def sample_sizes(graph: Graph) -> dict[str, int]:
    """Return a size for each symbol of a graph's leaves."""
    leaves = (*graph.inputs, *graph.state)
    names = {n for leaf in leaves for d in dims_of(leaf) for n in dims.symbols(d)}
    return {name: 3 + i for i, name in enumerate(sorted(names))}


def check_agreement(before: Graph, after: Graph, name: str) -> None:
    """Compare two graphs on sample arrays.

    Raises:
        KernelError: names the pass and the first result that differs.
    """
    sizes, rng = sample_sizes(before), np.random.default_rng(0)
    inputs = [sample(leaf.type, sizes, rng) for leaf in before.inputs]  # type: ignore[arg-type]
    state = [sample(leaf.type, sizes, rng) for leaf in before.state]  # type: ignore[arg-type]
    results = [interpret(graph, inputs, state) for graph in (before, after)]
    pairs = zip(*([*outputs, *new] for outputs, new in results))
    for number, (old, new) in enumerate(pairs):
        if not agree(old, new):
            raise KernelError(f"{name}: result {number} was {old}, is {new}")


def agree(old: np.ndarray, new: np.ndarray) -> bool:
    """Return whether two results are equal up to rounding."""
    if old.shape != new.shape or old.dtype != new.dtype:
        return False
    tolerance = TOLERANCE.get(str(old.dtype))
    if tolerance is None:
        return bool(np.array_equal(old, new))
    a, b = old.astype(np.float64), new.astype(np.float64)
    return bool(np.allclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True))
