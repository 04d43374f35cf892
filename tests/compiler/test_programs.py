"""Whole programs, compiled and by the references: sizes, views, dtypes, training."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graphkeras import config, ops
from graphkeras.autodiff import gradient
from graphkeras.compiler.agree import check_agreement, sample
from graphkeras.compiler.pipeline import PASSES, compile_graph
from graphkeras.errors import KernelError, ShapeError
from graphkeras.ir import dims
from graphkeras.ir.definers import elementwise, structured
from graphkeras.ir.op import (
    OPS,
    constant,
    dim_value,
    input_value,
    nondifferentiable,
    unsupported,
)
from graphkeras.ir.types import TensorType
from graphkeras.ir.value import Graph
from graphkeras.ir.verify import verify
from graphkeras.ops.shape import pad_interior, slice_axes
from tests.compiler.machine import BATCH, assert_agrees, compiled, floats, traced

SIZES = (0, 1, 15, 16, 17, 127, 129)
T = TensorType

# Programs that need rows: their smallest "batch".
FEWEST = {
    "wide softmax": 1,
    "slice": 2,
    "last": 1,
    "spread": 1,
    "spread sum": 1,
    "convolution in time": 3,
}


def wide_convolution(x: Any, w: Any, b: Any) -> tuple[Any, ...]:
    """A convolution worth doing by points, and how it depends on all of its parts."""
    y = ops.relu(ops.conv(x, w, padding="same") + b)
    slopes = gradient(ops.sum(y * y).value, [v.value for v in (x, w, b)])
    return y, *slopes


def depthwise_gradients(x: Any, w: Any) -> tuple[Any, ...]:
    """A depthwise convolution, and how it depends on image and weights."""
    y = ops.depthwise_conv(x, w, padding="same")
    return y, *gradient(ops.sum(y * y).value, [x.value, w.value])


def pools_and_gradient(x: Any) -> tuple[Any, Any]:
    """Two pools, one of which overlaps, and how they depend on their image."""
    y = ops.max_pool(ops.relu(ops.max_pool(ops.relu(x - 0.5), 3, 2, "same")), 2)
    (slope,) = gradient(ops.sum(y * y).value, [x.value])
    return y, slope


# name -> (function, types); the symbol "batch" takes every size of SIZES
PROGRAMS: dict[str, tuple[Callable[..., Any], tuple[TensorType, ...]]] = {
    "chain": (lambda x, y: ops.tanh(x * y + 1.0) - x, (floats(BATCH), floats(BATCH))),
    "bias": (lambda x, b: ops.exp(x + b), (floats(BATCH, 10), floats(10))),
    "column": (lambda x, c: x * c, (floats(7, BATCH), floats(7, 1))),
    "outer": (lambda x, y: x - y, (floats(BATCH, 1), floats(1, 33))),
    "scalar": (lambda x, s: x * ops.exp(s), (floats(BATCH, 3), floats())),
    "sum all": (lambda x: ops.sum(x * x), (floats(BATCH, 33),)),
    "sum rows": (lambda x: ops.sum(ops.exp(x), axis=1), (floats(33, BATCH),)),
    "sum columns": (lambda x: ops.sum(x, axis=0), (floats(BATCH, 70),)),
    "sum middle": (lambda x: ops.sum(x, axis=1), (floats(3, BATCH, 20),)),
    "sum ends": (lambda x: ops.sum(x, axis=(0, 2)), (floats(BATCH, 5, 9),)),
    "mean": (lambda x: x - ops.mean(x, axis=-1, keepdims=True), (floats(9, BATCH),)),
    "softmax": (ops.softmax, (floats(BATCH, 10),)),
    "wide softmax": (lambda x: ops.softmax(x, axis=-1), (floats(3, BATCH),)),
    "any all": (lambda x: (ops.any(x > 0.5, 1), ops.all(x > 0.2, 0)),
                (floats(BATCH, 9),)),
    "transpose": (lambda x: ops.transpose(x) + 1.0, (floats(BATCH, 17),)),
    "double": (lambda x: ops.transpose(ops.exp(x), (2, 0, 1)), (floats(BATCH, 5, 4),)),
    "reshape": (lambda x: ops.exp(ops.reshape(x, (-1, 6))), (floats(BATCH, 3, 4),)),
    "twisted": (lambda x: ops.reshape(ops.transpose(x), (-1,)) * 2.0,
                (floats(BATCH, 4),)),
    "retwisted": (lambda x: ops.transpose(ops.reshape(ops.transpose(x), (2, -1))),
                  (floats(BATCH, 6),)),
    "slice": (lambda x: ops.exp(x[2:, 1:7:2]), (floats(BATCH, 8),)),
    "last": (lambda x: x[-1] + x[0], (floats(BATCH, 5),)),
    "flip": (lambda x: ops.flip(x) - x, (floats(BATCH, 5),)),
    "pad": (lambda x: pad_interior(x, 7.0, (1, 2), (0, 3), (0, 0)) * 2.0,
            (floats(BATCH, 5),)),
    "spread": (lambda x: pad_interior(x, 0.0, (1,), (2,), (2,)), (floats(BATCH),)),
    "pad twice": (lambda x: pad_interior(pad_interior(x, 1.0, (1,), (0,), (0,)) + 1.0,
                                         2.0, (0,), (2,), (0,)), (floats(BATCH),)),
    "spread sum": (lambda x: ops.sum(pad_interior(x, 0.5, (0, 0), (1, 0), (0, 1))),
                   (floats(5, BATCH),)),
    "pad channels": (lambda x: pad_interior(x, 0.0, (0, 1, 0), (1, 1, 0), (0, 0, 0)),
                     (floats(BATCH, 3, 16),)),
    "concatenate": (lambda x, y: ops.concatenate([x, y * 2.0, x], 1),
                    (floats(BATCH, 3), floats(BATCH, 5))),
    "stack": (lambda x: ops.stack([x, -x], axis=1), (floats(BATCH, 3),)),
    "iota": (lambda x: x + ops.arange(5) * 2, (floats(BATCH, 5),)),
    "size": (lambda x: x + ops.cast(BATCH * 2, "float32"), (floats(BATCH, 5),)),
    "product": (lambda x, w: x @ w, (floats(BATCH, 20), floats(20, 33))),
    "turned product": (lambda x, y: ops.transpose(x) @ y,
                       (floats(BATCH, 5), floats(BATCH, 33))),
    "products": (lambda x, y: ops.matmul(x, ops.swapaxes(y, 1, 2)),
                 (floats(3, BATCH, 8), floats(3, 5, 8))),
    "product of a slice": (lambda x, w: x[:, 1:4] @ w,
                           (floats(BATCH, 6), floats(3, 4))),
    "dense": (lambda x, w, b: ops.relu(x @ w + b),
              (floats(BATCH, 20), floats(20, 33), floats(33))),
    "dense twice": (lambda x, w: (x @ w, ops.tanh(x @ w), x @ w > 0.5),
                    (floats(BATCH, 300), floats(300, 17))),
    "dense mask": (lambda x, w: x @ w > 0.5, (floats(BATCH, 5), floats(5, 3))),
    "dense beside": (lambda x, w, y: ops.exp(x @ w) + y,
                     (floats(BATCH, 5), floats(5, 3), floats(BATCH, 3))),
    "one column": (lambda x, w, b: ops.sigmoid(x @ w + b),
                   (floats(BATCH, 5), floats(5, 1), floats(1))),
    "dense cubes": (lambda x, w, b: ops.relu(x @ w + b),
                    (floats(BATCH, 3, 20), floats(20, 7), floats(7))),
    "masked products": (lambda x, y, m: ops.where(m > 0.5, ops.matmul(x, y), 0.0),
                        (floats(3, BATCH, 8), floats(3, 8, 5), floats(3, 1, 5))),
    "convolution": (lambda x, w, b: ops.relu(ops.conv(x, w, padding="same") + b),
                    (floats(BATCH, 7, 6, 3), floats(3, 3, 3, 5), floats(5))),
    "wide convolution": (wide_convolution, (floats(BATCH, 7, 6, 8),
                         floats(3, 3, 8, 17), floats(17))),
    "convolution by channel": (depthwise_gradients, (floats(BATCH, 5, 6, 3),
                               floats(3, 2, 3, 1))),
    "convolution of halves": (lambda x, w: ops.relu(ops.conv(x, w)),
                              (T("float16", (BATCH, 4, 5, 3)),
                               T("float16", (2, 3, 3, 5)))),
    "convolution in time": (lambda x, w, b: ops.relu(ops.conv(x, w) + b),
                            (floats(2, BATCH, 3), floats(3, 3, 5), floats(5))),
    "pooled": (lambda x: ops.max_pool(x, 2) * 2.0, (floats(BATCH, 7, 6, 3),)),
    "gradient of pools": (pools_and_gradient, (floats(BATCH, 9, 7, 2),)),
    "take": (lambda t, i: ops.take(t, i, axis=0),
             (floats(9, 4), T("int32", (BATCH, 2)))),
    "one hot": (lambda i: ops.one_hot(i, 7), (T("int32", (BATCH,)),)),
    "integers": (lambda x, y: (x // (y + 1), x % (y + 1), x * y - 3),
                 (T("int32", (BATCH,)), T("int32", (BATCH,)))),
    "bytes": (lambda x: ops.cast(x, "float32") / 255.0, (T("uint8", (BATCH, 3)),)),
    "logic": (lambda x, y: ops.where(ops.logical_and(x, y), 1, 2),
              (T("bool", (BATCH,)), T("bool", (BATCH,)))),
    "doubles": (lambda x: ops.tanh(x) * x, (T("float64", (BATCH, 3)),)),
    "halves": (lambda x: ops.sum(x * x, axis=0), (T("float16", (BATCH, 3)),)),
    "brain halves": (lambda x: x * x + x, (T("bfloat16", (BATCH, 3)),)),
    "input is output": (lambda x: (x, x, ops.reshape(x, (-1,))), (floats(BATCH, 3),)),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_computes_what_the_references_do(name: str) -> None:
    function, types = PROGRAMS[name]
    graph = traced(function, *types)
    rng = np.random.default_rng(0)
    for size in {max(size, FEWEST.get(name, 0)) for size in SIZES}:
        inputs = [sample(t, {"batch": size}, rng) for t in types]
        assert_agrees(graph, inputs)


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_pass_keeps_the_meaning(name: str) -> None:
    function, types = PROGRAMS[name]
    graph = traced(function, *types)
    for step, run in PASSES:
        after = verify(run(graph), step)
        check_agreement(graph, after, step)
        graph = after


def test_constants_and_sizes_may_be_outputs() -> None:
    x = input_value("x", floats(BATCH))
    row, size = constant(np.arange(5.0), "float32"), dim_value(BATCH * 3)
    graph = Graph((x,), (row, size, constant(2.5, "float32"), row))
    assert_agrees(graph, [np.zeros(4, np.float32)])


def test_sizes_bind_anew_and_compile_nothing() -> None:
    program = compiled(lambda x: ops.sum(x, axis=0), floats(BATCH, 3))
    entry = program.code.entry
    for size in SIZES:
        (found,) = program.run([np.ones((size, 3), np.float32)])
        assert found.tolist() == [size] * 3
    assert program.code.entry is entry


def test_same_inputs_give_the_same_bits(rng: np.random.Generator) -> None:
    program = compiled(lambda x, w: ops.sum(ops.tanh(x @ w), 0), floats(BATCH, 64),
                       floats(64, 33))  # fmt: skip
    inputs = [rng.normal(size=s).astype(np.float32) for s in ((129, 64), (64, 33))]
    first, second = (program.run(inputs)[0].tobytes() for _ in range(2))
    assert first == second


def test_a_graph_that_is_alike_is_compiled_once() -> None:
    first = compiled(lambda x: x * 3.0, floats(BATCH))
    second = compiled(lambda x: x * 3.0, floats(BATCH))
    other = compiled(lambda x: x * 4.0, floats(BATCH))
    assert first.code is second.code
    assert first.code is not other.code


def test_inputs_of_another_dtype_are_cast() -> None:
    program = compiled(lambda x: x + 0.5, floats(BATCH))
    assert program.run([[1, 2]])[0].tolist() == [1.5, 2.5]
    assert program.run([np.array([True, False])])[0].tolist() == [1.5, 0.5]


def test_a_wrong_shape_is_named() -> None:
    program = compiled(lambda a, b: a + b, floats(BATCH, 3), floats(BATCH, 3))
    with pytest.raises(ShapeError, match=r"x0: expected f32\[batch, 3\]"):
        program.run([np.zeros((2, 4)), np.zeros((2, 3))])
    with pytest.raises(ShapeError, match=r"x1: .* with batch=2"):
        program.run([np.zeros((2, 3)), np.zeros((5, 3))])


def test_a_slice_never_reads_outside() -> None:
    program = compiled(lambda x: x[3:] + x[:-3], floats(BATCH, 2))
    assert program.run([np.ones((4, 2), np.float32)])[0].shape == (1, 2)
    with pytest.raises(ShapeError, match="slice_axes would reach outside"):
        program.run([np.ones((2, 2), np.float32)])


def test_a_fixed_limit_is_checked_against_a_free_size() -> None:
    def cut(x: Any) -> Any:
        return slice_axes(x, start=(0,), limit=(5,), step=(1,))

    program = compiled(cut, floats(BATCH))
    assert program.run([np.arange(6)])[0].tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(ShapeError, match="reach outside of its operand"):
        program.run([np.arange(4)])


def test_an_op_without_a_kernel_is_named() -> None:
    @structured(infer=lambda x: x, kernel="nowhere.at_all", vjp=nondifferentiable,
                onnx=unsupported("a test"))  # fmt: skip
    def kernelless(x: Any) -> Any:
        """Nothing."""
        return x

    graph = traced(kernelless, floats(3))
    del OPS["kernelless"]
    with pytest.raises(KernelError, match=r"kernelless has no CPU kernel .*machine"):
        compile_graph(graph, name="test")


def test_an_expression_that_no_machine_code_exists_for_is_named() -> None:
    @elementwise(scalar="frobnicate({0})", vjp=nondifferentiable,
                 onnx=unsupported("a test"))  # fmt: skip
    def unknown(x: Any) -> Any:
        """Nothing."""
        return x

    graph = traced(unknown, floats(3))
    del OPS["unknown"]
    with pytest.raises(KernelError, match=r"unknown cannot be compiled: .*frobnicate"):
        compile_graph(graph, name="test")


@pytest.mark.parametrize(("what", "word"), [("llvm", "define"), ("asm", ".section")])
def test_the_code_can_be_looked_at(what: str, word: str, capsys: Any) -> None:
    config.set_debug(what)
    number = {"llvm": 41.5, "asm": 42.5}[what]  # a graph not compiled before
    compiled(lambda x: x * number, floats(3))
    assert word in capsys.readouterr().err


def test_a_long_chain_needs_no_deep_recursion() -> None:
    def chain(x: Any) -> Any:
        for i in range(1500):
            x = x * 0.999 + (i % 3)
        return x

    assert_agrees(traced(chain, floats(BATCH)), [np.ones(17, np.float32)])


def test_a_size_that_no_array_gives_is_named() -> None:
    free = dims.symbol("free")
    program = compiled(lambda x: ops.sum(ops.broadcast_to(x, (free, 3))), floats(3))
    with pytest.raises(ShapeError, match="no input has an axis of size free"):
        program.run([np.ones(3, np.float32)])


@pytest.mark.parametrize("enabled", [True, False])
def test_compiling_leaves_the_collection_of_garbage_as_it_was(enabled: bool) -> None:
    before = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    compiled(lambda x: x * 2.5 + float(enabled), T("float32", (7,)))
    assert gc.isenabled() == enabled
    (gc.enable if before else gc.disable)()


@pytest.mark.parametrize("sizes", [(128, 128), (7, 64, 33), (16, 8, 4, 20), (32, 1)])
def test_joined_parts_meet_where_they_begin(sizes: tuple[int, ...]) -> None:
    def joined(*parts: Any) -> Any:
        whole = ops.concatenate([ops.exp(p) for p in parts], axis=-1)
        return whole * 2, ops.pad(whole, ((0, 0), (16, 3)))

    arrays = [np.full((5, n), n / 64, np.float32) for n in sizes]
    graph = traced(joined, *(floats(BATCH, n) for n in sizes))
    assert_agrees(graph, arrays)
