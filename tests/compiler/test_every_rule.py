"""Every rewrite rule: it fires on what it is for, means the same, comes to rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graphkeras.compiler import facts, simplify
from graphkeras.compiler.agree import check_agreement
from graphkeras.compiler.facts import GENERAL_RULES
from graphkeras.compiler.fold import fold
from graphkeras.compiler.simplify import RULES
from graphkeras.ir import dims
from graphkeras.ir.definers import elementwise
from graphkeras.ir.op import OPS, constant, input_value, nondifferentiable, unsupported
from graphkeras.ir.printer import graph_text
from graphkeras.ir.types import TensorType
from graphkeras.ir.value import Graph, Value
from graphkeras.ir.verify import verify
from graphkeras.ops.bitwise import bitwise_and
from graphkeras.ops.compare import equal, greater, logical_not, where
from graphkeras.ops.creation import broadcast_to, cast
from graphkeras.ops.math import (
    add,
    divide,
    exp,
    maximum,
    minimum,
    multiply,
    negative,
    power,
    subtract,
)
from graphkeras.ops.pool import (
    average_pool2d_backward,
    max_pool2d_places,
    max_unpool2d,
)
from graphkeras.ops.reduce import max as max_over
from graphkeras.ops.reduce import sum as sum_over
from graphkeras.ops.shape import (
    concatenate,
    flip,
    pad_interior,
    reshape,
    slice_axes,
    transpose,
)

BATCH = dims.symbol("batch")
X = input_value("x", TensorType("float32", (BATCH, 4)), 0)
Y = input_value("y", TensorType("float32", (BATCH, 4)), 1)
S = input_value("s", TensorType("float32", (1, 1)), 2)
I = input_value("i", TensorType("int32", (BATCH, 4)), 3)  # noqa: E741
B = input_value("b", TensorType("uint8", (BATCH, 4)), 4)
IMAGE = input_value("image", TensorType("float32", (BATCH, 4, 4, 3)), 5)
HALF = input_value("half", TensorType("float32", (BATCH, 2, 2, 3)), 6)
WINDOW = {"window": (2, 2), "strides": (2, 2), "padding": ((0, 0), (0, 0))}
CUBE = reshape(X, (BATCH, 2, 2))
YES = constant(True)


def unpooled() -> Any:
    """Gradient of the maxima of an image."""
    return max_unpool2d(max_pool2d_places(IMAGE, **WINDOW)[1], HALF, size=(4, 4),
                        **WINDOW)  # fmt: skip


def sliced(x: Value, start: tuple, limit: tuple, step: tuple) -> Any:
    return slice_axes(x, start=start, limit=limit, step=step)


def padded(x: Value, *widths: tuple) -> Any:
    return pad_interior(x, 0.0, *widths)


# rule -> (what it is for, the last line of the graph it leaves)
TABLE: dict[str, tuple[Callable[[], Any], str]] = {
    "constant_last": (lambda: add(2.0, X), "add(%x, 2.0:f32[])"),
    "drop_identity": (lambda: multiply(X, 1.0), "return %x"),
    "drop_right_identity": (lambda: subtract(X, 0.0), "return %x"),
    "drop_repetition": (lambda: bitwise_and(I, I), "return %i"),
    "undo_twice": (lambda: negative(negative(X)), "return %x"),
    "undo_move": (lambda: flip(flip(X, (0,)), (0,)), "return %x"),
    "stretch_after": (lambda: exp(broadcast_to(S, (BATCH, 4))),
                      "broadcast_to(%0, shape=(batch, 4))"),
    "drop_empty_fold": (lambda: sum_over(S, axis=0), "reshape(%s, newshape=(1,))"),
    "merge_folds": (lambda: sum_over(sum_over(X, axis=1), axis=0),
                    "sum(%x, axis=(0, 1), keepdims=False)"),
    "fold_before_reshape": (lambda: max_over(reshape(X, (-1,))),
                            "max(%x, axis=(0, 1), keepdims=False)"),
    "fold_before_stretch": (lambda: sum_over(broadcast_to(X, (5, BATCH, 4)), (0, 2)),
                            "multiply(%1, 5.0:f32[])"),
    "drop_reshape": (lambda: reshape(X, (BATCH, 4)), "return %x"),
    "merge_reshapes": (lambda: reshape(reshape(X, (-1,)), (BATCH, 2, 2)),
                       "reshape(%x, newshape=(batch, 2, 2))"),
    "reshape_repeated": (lambda: reshape(broadcast_to(S, (3, 4)), (12,)),
                         "broadcast_to(%0, shape=(12,))"),
    "drop_broadcast": (lambda: broadcast_to(X, (BATCH, 4)), "return %x"),
    "merge_broadcasts": (lambda: broadcast_to(broadcast_to(S, (3, 1)), (2, 3, 4)),
                         "broadcast_to(%s, shape=(2, 3, 4))"),
    "broadcast_scalar": (lambda: broadcast_to(reshape(S, (1,)), (3,)),
                         "broadcast_to(%0, shape=(3,))"),
    "drop_transpose": (lambda: transpose(reshape(X, (BATCH, 1, 4)), (1, 0, 2)),
                       "reshape(%x, newshape=(1, batch, 4))"),
    "merge_transposes": (lambda: transpose(transpose(CUBE, (1, 0, 2)), (2, 1, 0)),
                         "transpose(%0, axes=(2, 0, 1))"),
    "drop_slice": (lambda: sliced(X, (0, 0), (BATCH, 4), (1, 1)), "return %x"),
    "merge_slices": (lambda: sliced(sliced(X, (0, 1), (BATCH, 4), (1, 2)),
                                    (0, 1), (BATCH, 2), (1, 1)),
                     "slice_axes(%x, limit=(batch, 4), start=(0, 3), step=(1, 2))"),
    "drop_pad": (lambda: padded(X, (0, 0), (0, 0), (0, 0)), "return %x"),
    "drop_concatenate": (lambda: concatenate([X]), "return %x"),
    "drop_nothing": (lambda: Value(OPS["cast"], (X,), (("dtype", "float32"),), X.type),
                  "return %x"),
    "merge_casts": (lambda: cast(cast(B, "int32"), "float32"),
                    "cast(%b, dtype=float32)"),
    "subtract_instead": (lambda: add(X, negative(Y)), "subtract(%x, %y)"),
    "add_instead": (lambda: subtract(X, negative(Y)), "add(%x, %y)"),
    "negate_constant": (lambda: multiply(negative(X), 3.0), "multiply(%x, -3.0:f32[])"),
    "negate_instead": (lambda: multiply(X, -1.0), "negative(%x)"),
    "square_instead": (lambda: multiply(X, X), "square(%x)"),
    "multiply_instead": (lambda: divide(X, 8.0), "multiply(%x, 0.125:f32[])"),
    "square_power": (lambda: power(X, 2.0), "square(%x)"),
    "cube_power": (lambda: power(X, 3.0), "multiply(%0, %x)"),
    "root_power": (lambda: power(X, 0.5), "sqrt(%x)"),
    "inverse_power": (lambda: power(X, -1.0), "divide(1.0:f32[], %x)"),
    "decide_where": (lambda: where(YES, X, Y), "return %x"),
    "reaches_maximum": (lambda: equal(X, maximum(X, Y)), "greater_equal(%x, %y)"),
    "reaches_minimum": (lambda: equal(X, minimum(Y, X)), "less_equal(%x, %y)"),
    "mask_windows": (lambda: where(greater(IMAGE, 0.5), unpooled(), 0.0),
                     "max_unpool2d(%0.1, %2, padding=((0, 0), (0, 0)), size=(4, 4), "
                     "strides=(2, 2), window=(2, 2))"),
    "sum_of_windows": (lambda: sum_over(unpooled(), (0, 1, 2)),
                       "sum(%half, axis=(0, 1, 2), keepdims=False)"),
    "sum_of_shares": (lambda: sum_over(average_pool2d_backward(HALF, size=(5, 5),
                                                               **WINDOW), (0, 1, 2)),
                      "sum(%half, axis=(0, 1, 2), keepdims=False)"),
}  # fmt: skip

LEAVES = (X, Y, S, I, B, IMAGE, HALF)
NAMES = [r.name for r in (*GENERAL_RULES, *RULES.rules)]


def graph_of(value: Value) -> Graph:
    return Graph(LEAVES, (value,))


def test_every_rule_stands_in_the_table() -> None:
    assert sorted(NAMES) == sorted(TABLE)


@pytest.mark.parametrize("name", TABLE)
def test_rule_fires_on_its_own_pattern(name: str) -> None:
    value = TABLE[name][0]()
    rules = {r.name: r for r in (*GENERAL_RULES, *RULES.rules)}
    assert rules[name].apply(value) is not None, value


@pytest.mark.parametrize("name", TABLE)
def test_rule_leaves_the_graph_it_should(name: str) -> None:
    make, line = TABLE[name]
    before = graph_of(make())
    after = verify(simplify.simplify(before), name)
    check_agreement(before, after, name)
    assert line in graph_text(after).splitlines()[-1 if line[:6] == "return" else -2]


@pytest.mark.parametrize("name", TABLE)
def test_rules_come_to_rest(name: str) -> None:
    once = simplify.simplify(graph_of(TABLE[name][0]()))
    assert simplify.simplify(once).roots == once.roots


@pytest.mark.parametrize("name", NAMES)
def test_rule_says_what_it_does(name: str) -> None:
    functions = {r.name: r.function for r in (*GENERAL_RULES, *RULES.rules)}
    assert (
        (functions[name].__doc__ or "").count("\n") == 0 < len(functions[name].__doc__)
    )


def test_facts_hold_for_ops_defined_later() -> None:
    @elementwise(scalar="{0} | {1}", vjp=nondifferentiable, onnx=unsupported("a test"),
                 identity=0, commutative=True)  # fmt: skip
    def joined(x1: Any, x2: Any) -> Any:
        """x1 | x2"""
        return np.bitwise_or(x1, x2)

    del OPS["joined"]
    assert simplify.simplify(graph_of(joined(0, I))).outputs == (I,)


@pytest.mark.parametrize(
    "value",
    [
        multiply(X, 0.0),  # NaN * 0 is NaN
        divide(X, 3.0),  # not exact
        cast(cast(X, "int32"), "float32"),  # truncates
        subtract(X, X),  # inf - inf is NaN
        sum_over(broadcast_to(X, (BATCH, 4))[0:1], axis=1),
        where(logical_not(equal(X, Y)), X, Y),
        where(greater(IMAGE - HALF[:, :1, :1], 0.5), unpooled(), 0.0),
        where(greater(IMAGE, 0.5), unpooled(), 1.0),
        sum_over(unpooled(), (0, 1)),
    ],
)
def test_what_would_change_the_meaning_is_left_alone(value: Value) -> None:
    before = graph_of(value)
    after = simplify.simplify(before)
    check_agreement(before, after, "simplify")
    assert after.outputs[0].op is value.op


def test_integers_have_no_inverse() -> None:
    value = power(I, -1)
    assert simplify.simplify(graph_of(value)).outputs == (value,)


@pytest.mark.parametrize(
    ("wide", "narrow", "holds"),
    [
        ("float32", "uint8", True), ("float32", "int16", True),
        ("float32", "int32", False), ("float64", "int32", True),
        ("int16", "uint8", True), ("int8", "uint8", False), ("uint8", "int8", False),
        ("float16", "bfloat16", False), ("float32", "bfloat16", True),
        ("float16", "uint8", False), ("bfloat16", "int8", True),
        ("bool", "uint8", False), ("int64", "bool", True), ("int32", "float32", False),
    ],
)  # fmt: skip
def test_a_dtype_holds_another_if_no_value_is_lost(
    wide: str, narrow: str, holds: bool
) -> None:
    assert simplify._holds_all(wide, narrow) is holds


# -------------------------------------------------------------------- constants


def test_constants_are_computed_now() -> None:
    value = add(X, multiply(constant(3.0, "float32"), 2.0))
    (found,) = fold(graph_of(value)).outputs
    assert found.inputs[1].data.array == 6.0


def test_a_stretched_constant_stays_small() -> None:
    wide = exp(broadcast_to(constant(1.0, "float32"), (1000, 1000)))
    (found,) = fold(simplify.simplify(graph_of(wide))).outputs
    assert found.op is OPS["broadcast_to"]
    assert found.inputs[0].op.name == "constant"


def test_a_constant_of_free_size_is_left() -> None:
    value = broadcast_to(constant(1.0, "float32"), (BATCH, 4))
    assert fold(graph_of(value)).outputs == (value,)


def test_full_rank_puts_axes_in_front() -> None:
    assert facts._full_rank((3,), 3) == (1, 1, 3)
