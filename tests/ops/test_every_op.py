"""The heart of the tests: every op, on every sample, checked in every facet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphkeras.ops  # noqa: F401  (fills the table)
from graphkeras import dtypes
from graphkeras.autodiff import gradient
from graphkeras.compiler.pipeline import compile_graph
from graphkeras.errors import ExportError, GradientError
from graphkeras.export.onnx import export_graph
from graphkeras.ir import dims
from graphkeras.ir.definers import inline
from graphkeras.ir.interpret import interpret
from graphkeras.ir.op import OPS, Word, constant, input_value, nondifferentiable
from graphkeras.ir.types import TensorType, type_of
from graphkeras.ir.value import Graph, Value
from graphkeras.ir.verify import verify
from graphkeras.ops.math import multiply
from graphkeras.ops.reduce import sum as sum_of
from tests.ops.samples import EXPECTED, Sample, flat, names, samples_of


def every_op(check: str) -> Any:
    """Parametrize by op; exceptions are marked with their reason."""
    rows = []
    for name in names():
        reason = EXPECTED.get((check, name))
        marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
        rows.append(pytest.param(name, marks=marks))
    return pytest.mark.parametrize("name", rows)


def traced(op: Any, sample: Sample, types: list[TensorType], first: int = 0) -> Graph:
    """Return the graph of one call on inputs of these types."""
    inputs = [input_value(f"x{first + k}", t, first + k) for k, t in enumerate(types)]
    results = flat(sample.call(op, list(inputs)))
    outputs = [r if isinstance(r, Value) else constant(r) for r in results]
    return verify(Graph(tuple(inputs), tuple(outputs)))


def assert_same(actual: Any, expected: Any, tolerance: float = 1e-6) -> None:
    """Dtype, shape and numbers."""
    assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape)
    loose = 1e-2 if actual.dtype.itemsize == 2 else tolerance
    np.testing.assert_allclose(actual, expected, rtol=loose, atol=loose)


def test_every_op_has_a_sample() -> None:
    assert not [name for name in names() if not samples_of(OPS[name])]


@every_op("facets")
def test_facets_are_rules_or_words(name: str) -> None:
    op = OPS[name]
    assert callable(op.vjp) or isinstance(op.vjp, Word)
    assert callable(op.onnx) or isinstance(op.onnx, (Word, str))
    assert (op.vjp is inline or op.onnx is inline) <= (op.family == "composite")
    assert op.reference.__doc__


@every_op("type")
def test_type_rule_says_what_the_reference_gives(name: str) -> None:
    op = OPS[name]
    for sample in samples_of(op):
        arrays = sample.arrays()
        expected = [np.asarray(r) for r in flat(sample.call(op, arrays))]
        graph = traced(op, sample, [type_of(a) for a in arrays])
        assert [o.type for o in graph.outputs] == [type_of(r) for r in expected]
        for actual, wanted in zip(interpret(graph, arrays)[0], expected, strict=True):
            assert_same(actual, wanted)


def fixed(sample: Sample, number: int = 0) -> list[TensorType]:
    """Types of the operands as they are."""
    return [type_of(a) for a in sample.arrays()]


def freed(sample: Sample, number: int = 0) -> list[TensorType]:
    """Types with the first axis of the chosen operands free."""
    types, batch = fixed(sample), dims.symbol(f"batch{number}")
    for k in sample.free:
        types[k] = types[k].with_shape((batch, *types[k].shape[1:]))
    return types


def by_turns(sample: Sample, number: int) -> list[TensorType]:
    """Every other sample with a free axis, if it may have one."""
    return fixed(sample) if number % 2 else freed(sample, number)


@every_op("free")
def test_a_free_axis_gives_the_same_numbers(name: str) -> None:
    op = OPS[name]
    for sample in [s for s in samples_of(op) if s.free]:
        arrays = sample.arrays()
        graph = traced(op, sample, freed(sample))
        expected = [np.asarray(r) for r in flat(sample.call(op, arrays))]
        for actual, wanted in zip(interpret(graph, arrays)[0], expected, strict=True):
            assert_same(actual, wanted)


# ------------------------------------------------------------------------ gradients


def weighted_loss(graph: Graph, rng: np.random.Generator) -> Value | None:
    """A scalar that every element of every float output moves."""
    total = None
    for output in graph.outputs:
        if dtypes.is_float(output.dtype):
            weights = constant(rng.normal(size=output.shape), "float64")
            part = sum_of(multiply(output, weights))
            total = part if total is None else total + part
    return total


def widened(arrays: list[np.ndarray]) -> list[np.ndarray]:
    """The floats in float64, so that differences are small against their rounding."""
    return [a.astype("float64") if a.dtype == np.float32 else a for a in arrays]


def check_gradient(op: Any, sample: Sample, rng: np.random.Generator) -> None:
    """Compare with the central difference along one random direction."""
    arrays = widened(sample.arrays())
    graph = traced(op, sample, [type_of(a) for a in arrays])
    floats = [k for k, a in enumerate(arrays) if a.dtype == np.float64]
    loss = weighted_loss(graph, rng)
    if loss is None or not floats or any(not arrays[k].size for k in floats):
        return
    found = gradient(loss, [graph.inputs[k] for k in floats])
    present = [g for g in found if g is not None]
    steps = [rng.normal(size=arrays[k].shape) for k in floats]
    slopes = interpret(Graph(graph.inputs, tuple(present)), arrays)[0]
    used = [step for step, g in zip(steps, found) if g is not None]
    actual = sum(float((g * step).sum()) for g, step in zip(slopes, used))
    ends = []
    for sign in (1, -1):
        moved = list(arrays)
        for k, step in zip(floats, steps):
            moved[k] = arrays[k] + sign * 1e-6 * step
        ends.append(float(interpret(Graph(graph.inputs, (loss,)), moved)[0][0]))
    expected = (ends[0] - ends[1]) / 2e-6
    assert actual == pytest.approx(expected, rel=2e-5, abs=2e-5)


@every_op("gradient")
def test_gradient_is_the_numeric_one(name: str, rng: np.random.Generator) -> None:
    op = OPS[name]
    for sample in samples_of(op):
        if op.vjp is nondifferentiable and sample.arrays():
            refuse_gradient(op, sample)
        else:
            check_gradient(op, sample, rng)


def refuse_gradient(op: Any, sample: Sample) -> None:
    """An op without a gradient says so, unless its results are no floats."""
    arrays = widened(sample.arrays())
    graph = traced(op, sample, [type_of(a) for a in arrays])
    for output in graph.outputs:
        if dtypes.is_float(output.dtype):
            with pytest.raises(GradientError, match=op.name):
                gradient(output, list(graph.inputs))


# ----------------------------------------------------------------------------- ONNX


def has_no_rule(graph: Graph) -> bool:
    """Whether some op on the way says that ONNX cannot express it."""
    return any(
        isinstance(v.op.onnx, Word) and v.op.onnx.name == "unsupported"
        for v in graph.walk()
        if v.op.family != "leaf"
    )


def everything(op: Any, types_of: Callable[[Sample, int], list[TensorType]]) -> Graph:
    """All samples of an op in one graph: one program, one file."""
    inputs: list[Value] = []
    outputs: list[Value] = []
    for number, sample in enumerate(samples_of(op)):
        graph = traced(op, sample, types_of(sample, number), len(inputs))
        inputs += graph.inputs
        outputs += graph.outputs
    return Graph(tuple(inputs), tuple(outputs))


@every_op("onnx")
def test_onnxruntime_computes_the_reference(name: str, tmp_path: Path) -> None:
    graph = everything(OPS[name], by_turns)
    arrays = [a for sample in samples_of(OPS[name]) for a in sample.arrays()]
    file, given = tmp_path / "op.onnx", {"samples": arrays, "rtol": 1e-4, "atol": 1e-4}
    given["input_names"] = [f"x{k}" for k in range(len(graph.inputs))]
    given["output_names"] = [f"y{k}" for k in range(len(graph.outputs))]
    if has_no_rule(graph):
        with pytest.raises(ExportError):
            export_graph(graph, [], file, **given)
    else:
        export_graph(graph, [], file, **given)


# ------------------------------------------------------------------------- compiled


@every_op("compiled")
def test_the_compiled_program_computes_the_reference(name: str) -> None:
    graph = everything(OPS[name], by_turns)
    arrays = [a for sample in samples_of(OPS[name]) for a in sample.arrays()]
    actual = compile_graph(graph, name=name).run(arrays, [])
    expected = interpret(graph, arrays)[0]
    for output, a, e in zip(graph.outputs, actual, expected, strict=True):
        if output.op.name != "item" or output.index not in unread(output.inputs[0]):
            assert_same(np.asarray(a), e, 1e-5)


def unread(parent: Value) -> tuple[int, ...]:
    """Results that are only room to work in."""
    return (1,) if parent.op.name.endswith("_with_room") else ()
