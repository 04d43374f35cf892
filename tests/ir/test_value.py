"""Values: interned by what they are, bits and types of attributes included."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from graphkeras import ops
from graphkeras.errors import DTypeError, KernelError, ShapeError
from graphkeras.ir import dims
from graphkeras.ir.interpret import interpret
from graphkeras.ir.op import OPS, Op, constant, input_value, rebuild
from graphkeras.ir.types import TensorType, broadcast_shapes, normalize_axes
from graphkeras.ir.value import Graph, Value, users, walk
from graphkeras.ir.verify import verify

F23 = TensorType("float32", (2, 3))


def x(name: str = "x", uid: int = 0) -> Value:
    return input_value(name, F23, uid)


def test_equal_expressions_are_one_object() -> None:
    assert ops.tanh(x()) is ops.tanh(x())
    assert ops.tanh(x()) is not ops.tanh(x("y"))


def test_constants_differ_by_bits_and_dtype() -> None:
    assert constant(0.0, "float32") is not constant(-0.0, "float32")
    assert constant(1, "int32") is not constant(True, "bool")
    assert constant([1, 2]) is constant([1, 2])


def test_attributes_differ_by_type() -> None:
    one, true = (ops.leaky_relu(x(), negative_slope=s) for s in (1.0, 0.5))
    assert one is not true
    assert ops.sum(x(), axis=1) is not ops.sum(x(), axis=1, keepdims=True)
    assert ops.sum(x(), axis=-1) is ops.sum(x(), axis=(1,))


def test_what_nobody_holds_is_forgotten() -> None:
    from graphkeras.ir.value import _interned

    gc.collect()
    before = len(_interned)
    value = ops.exp(ops.tanh(ops.sin(x("short_lived"))))
    assert len(_interned) > before
    del value
    gc.collect()
    assert len(_interned) == before


def test_an_attribute_reads_as_one() -> None:
    y = ops.sum(x(), axis=1)
    assert y.axis == (1,) and y.attributes["keepdims"] is False
    with pytest.raises(AttributeError, match="no attribute 'slope'"):
        y.slope  # noqa: B018


def test_walk_gives_operands_first_without_recursion() -> None:
    y = x()
    for _ in range(5000):
        y = y + 1
    order = walk([y])
    assert len(order) == 5002 and order[-1] is y


def test_users_are_found() -> None:
    a = x()
    b, c = ops.exp(a), ops.sin(a)
    assert users(walk([b + c]))[a] == [b, c]


def test_rebuild_infers_the_type_anew() -> None:
    wide = input_value("w", TensorType("float32", (5, 3)))
    assert rebuild(ops.sum(x(), axis=1), [wide]).shape == (5,)


def test_verify_names_the_value_that_is_wrong() -> None:
    wrong = Value(OPS["tanh"], (x(),), (), TensorType("float32", (9,)))
    with pytest.raises(KernelError, match=r"after fuse: <tanh.*should be f32\[2, 3\]"):
        verify(Graph((x(),), (wrong,)), after="fuse")


def test_verify_finds_an_undeclared_leaf() -> None:
    with pytest.raises(KernelError, match="'y' is not declared"):
        verify(Graph((x(),), (x() + x("y"),)))


def test_interpret_refuses_an_array_of_another_shape() -> None:
    batch = dims.symbol("batch")
    a = input_value("a", TensorType("float32", (batch, 3)))
    b = input_value("b", TensorType("float32", (batch,)))
    graph = Graph((a, b), (ops.sum(a) + ops.sum(b),))
    with pytest.raises(ShapeError, match=r"b: expected f32\[batch\] with batch=4"):
        interpret(graph, [np.ones((4, 3)), np.ones(5)])


def test_an_error_names_op_and_operands() -> None:
    with pytest.raises(ShapeError, match=r"gemm: .*\n.*x1: f32\[2, 3\], x2: f32\[2, 3"):
        x() @ x()


def test_strings_and_numbers_do_not_meet() -> None:
    words = input_value("words", TensorType("string", (2, 3)))
    with pytest.raises(DTypeError, match="a string and a number"):
        words + x()


def test_shapes_stretch_by_numpys_rule() -> None:
    batch = dims.symbol("batch")
    assert broadcast_shapes((batch, 1), (3,)) == (batch, 3)
    with pytest.raises(ShapeError, match="do not broadcast"):
        broadcast_shapes((batch,), (3,))


def test_an_axis_is_named_once() -> None:
    with pytest.raises(ShapeError, match="twice"):
        normalize_axes((0, -2), 2)
    with pytest.raises(ShapeError, match="out of range"):
        normalize_axes(2, 2)


def test_an_op_is_printed_by_its_name() -> None:
    op: Op = OPS["tanh"]
    assert repr(op) == "<op tanh>"
