"""Attention in programs: what goes head by head, written in one word or by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graphkeras import dtypes, ops
from graphkeras.autodiff import gradient
from graphkeras.compiler.pipeline import compile_graph, passed
from graphkeras.ir.interpret import interpret
from graphkeras.ir.op import input_value
from graphkeras.ir.types import TensorType
from graphkeras.ir.value import Graph
from graphkeras.ops.math import multiply
from graphkeras.ops.reduce import sum as sum_of

BATCH, STEPS, HEADS, SIZE = 2, 9, 3, 8
SEEN = np.tril(np.ones((STEPS, STEPS), bool))
TO_KEYS, TO_VALUES = "bthd,bshd->bhts", "bhts,bshd->bthd"
SPLIT, LEADING, ALONE = (
    (BATCH, STEPS, HEADS, SIZE), (BATCH, HEADS, STEPS, SIZE), (BATCH, STEPS, SIZE),
)  # fmt: skip


def turned(k: Any) -> Any:
    return ops.swapaxes(k, -1, -2)


def plain(q: Any, k: Any, v: Any) -> Any:
    scores = ops.matmul(q, turned(k)) / math.sqrt(SIZE)
    return ops.matmul(ops.softmax(scores, axis=-1), v)


def masked(q: Any, k: Any, v: Any) -> Any:
    scores = 0.3 * ops.matmul(q, turned(k))
    return ops.matmul(ops.softmax(ops.where(SEEN, scores, -1e9)), v)


def summed(q: Any, k: Any, v: Any) -> Any:
    weights = ops.softmax(ops.einsum(TO_KEYS, q * 0.3, k), axis=-1)
    return ops.einsum(TO_VALUES, weights, v)


def named(q: Any, k: Any, v: Any) -> Any:
    return ops.dot_product_attention(q, k, v, is_causal=True)


WRITTEN = [
    (plain, ALONE), (plain, LEADING), (masked, ALONE), (masked, LEADING),
    (summed, SPLIT), (named, SPLIT),
]  # fmt: skip


def traced(function: Callable[..., Any], shape: tuple[int, ...]) -> Graph:
    """The result of a function of queries, keys and values, and all gradients."""
    kind = TensorType("float32", shape)
    inputs = tuple(input_value(name, kind, i) for i, name in enumerate("qkv"))
    result = function(*inputs)
    slopes = gradient(sum_of(multiply(result, result)), inputs)
    return Graph(inputs, (result, *slopes))


def arrays(shape: tuple[int, ...]) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape).astype("float32") for _ in "qkv"]


def kernels_of(graph: Graph) -> set[str]:
    ready = {v.op.name for v in passed(graph).walk()}
    return ready & {"attend", "attend_backward", "gemm"}


def run(graph: Graph, given: list[np.ndarray]) -> list[np.ndarray]:
    return compile_graph(graph, name="test").run(given)


@pytest.mark.parametrize(("written", "shape"), WRITTEN)
def test_attention_goes_head_by_head(written: Any, shape: tuple[int, ...]) -> None:
    graph = traced(written, shape)
    assert kernels_of(graph) == {"attend", "attend_backward"}
    given = arrays(shape)
    expected = interpret(graph, given)[0]
    for found, wanted in zip(run(graph, given), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize(("written", "shape"), WRITTEN)
def test_the_gradient_is_that_of_the_parts(written: Any, shape: Any) -> None:
    given = [a.astype("float64") for a in arrays(shape)]
    kind = TensorType("float64", shape)
    inputs = tuple(input_value(name, kind, i) for i, name in enumerate("qkv"))
    total = sum_of(multiply(*(2 * [written(*inputs)])))
    slopes = interpret(Graph(inputs, tuple(gradient(total, inputs))), given)[0]
    step = [1e-6 * a[::-1] for a in given]
    ends = ([a + sign * s for a, s in zip(given, step)] for sign in (1, -1))
    after, before = (interpret(Graph(inputs, (total,)), end)[0][0] for end in ends)
    moved = sum((s * g).sum() for s, g in zip(step, slopes))
    np.testing.assert_allclose(after - before, 2 * moved, rtol=1e-6)


def with_weights(q: Any, k: Any, v: Any) -> Any:
    weights = ops.softmax(ops.matmul(q, turned(k)))
    return ops.matmul(weights, v) + ops.max(weights, axis=-1, keepdims=True)


def with_bias(q: Any, k: Any, v: Any) -> Any:
    bias = np.linspace(0, 1, STEPS, dtype="float32")
    return ops.matmul(ops.softmax(ops.matmul(q, turned(k)) + bias), v)


def over_queries(q: Any, k: Any, v: Any) -> Any:
    return ops.matmul(ops.softmax(ops.matmul(q, turned(k)), axis=-2), v)


def scaled_when_hidden(q: Any, k: Any, v: Any) -> Any:
    scores = ops.where(SEEN, ops.matmul(q, turned(k)), -1e9)
    return ops.matmul(ops.softmax(scores * 1e-9), v)


@pytest.mark.parametrize(
    "other", [with_weights, with_bias, over_queries, scaled_when_hidden]
)
def test_what_only_looks_like_attention_is_left_alone(other: Any) -> None:
    graph, given = traced(other, ALONE), arrays(ALONE)
    assert "gemm" in kernels_of(graph)
    expected = interpret(graph, given)[0]
    for found, wanted in zip(run(graph, given), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-5)


def test_the_gradient_of_weights_that_are_asked_for() -> None:
    kind = TensorType("float32", ALONE)
    q, k, v = (input_value(name, kind, i) for i, name in enumerate("qkv"))
    weights = ops.softmax(ops.matmul(q, turned(k)))
    (found,) = gradient(sum_of(ops.matmul(weights, v)), [weights])
    assert found is not None and found.shape == (BATCH, STEPS, STEPS)


def test_a_gradient_of_the_gradient() -> None:
    given = [a.astype("float64") for a in arrays(ALONE)]
    kind = TensorType("float64", ALONE)
    inputs = tuple(input_value(name, kind, i) for i, name in enumerate("qkv"))
    (slope, *_) = gradient(sum_of(plain(*inputs)), inputs)
    total = sum_of(multiply(slope, slope))
    second = interpret(Graph(inputs, tuple(gradient(total, inputs))), given)[0]
    step = [1e-6 * a[::-1] for a in given]
    ends = ([a + sign * s for a, s in zip(given, step)] for sign in (1, -1))
    after, before = (interpret(Graph(inputs, (total,)), end)[0][0] for end in ends)
    moved = sum((s * g).sum() for s, g in zip(step, second))
    np.testing.assert_allclose(after - before, 2 * moved, rtol=1e-5)


def test_huge_heads_go_by_parts() -> None:
    graph = traced(named, (1, 5, 1, 513))
    assert kernels_of(graph) == {"gemm"}


def test_weights_of_all_queries_are_never_in_memory() -> None:
    batch, steps = 2, 500
    program = compile_graph(traced(named, (batch, steps, HEADS, SIZE)), name="test")
    program.run(arrays((batch, steps, HEADS, SIZE)))
    assert 0 < len(program._arena) < batch * HEADS * steps * steps * 4 / 4


def test_a_row_that_sees_nothing_sees_all_alike() -> None:
    shape = (1, 600, 2, SIZE)  # keys of two blocks, the last of them later than most
    kind = TensorType("float32", shape)
    inputs = tuple(input_value(name, kind, i) for i, name in enumerate("qkv"))
    mask = np.arange(600).reshape(600, 1) % 3 != 0
    means = ops.dot_product_attention(*inputs, mask=mask, is_causal=True)
    (found,) = run(Graph(inputs, (means,)), arrays(shape))
    blind = found[:, ::3]
    wanted = np.broadcast_to(arrays(shape)[2].mean(1, keepdims=True), blind.shape)
    np.testing.assert_allclose(blind, wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_floats_are_summed_in_whole_ones(dtype: str) -> None:
    given = [a.astype(dtypes.to_numpy(dtype)) for a in arrays(SPLIT)]
    kind = TensorType(dtype, SPLIT)
    inputs = tuple(input_value(name, kind, i) for i, name in enumerate("qkv"))
    result = named(*inputs)
    graph = Graph(inputs, (result, *gradient(sum_of(result), inputs)))
    expected = interpret(graph, given)[0]
    for found, wanted in zip(run(graph, given), expected, strict=True):
        assert found.dtype == wanted.dtype
        np.testing.assert_allclose(
            found.astype("f4"), wanted.astype("f4"), rtol=3e-2, atol=3e-2
        )
