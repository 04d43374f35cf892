"""Rules: patterns written with the ops, applied until none fits."""

from __future__ import annotations

from typing import Any

import pytest

from graphkeras import ops
from graphkeras.ir.op import constant, input_value
from graphkeras.ir.pattern import Pattern, RuleSet, rewrite, rule, wildcard
from graphkeras.ir.types import TensorType
from graphkeras.ir.value import Graph, Value

x, y = wildcard("x"), wildcard("y")
A = input_value("a", TensorType("float32", (2, 6)))
B = input_value("b", TensorType("float32", (2, 6)))


@rule(ops.add(x, 0))
def drop_zero(x: Value) -> Any:
    """x + 0 is x."""
    return x


@rule(ops.reshape(ops.reshape(x)))
def merge_reshapes(root: Value, x: Value) -> Any:
    """reshape(reshape(x)) is one reshape."""
    return ops.reshape(x, root.newshape)


@rule(ops.multiply(x, x))
def square_of(x: Value) -> Any:
    """x * x is square(x)."""
    return ops.square(x)


RULES = RuleSet([drop_zero, merge_reshapes, square_of])


def rewritten(value: Value) -> Value:
    return rewrite(Graph((A, B), (value,)), RULES.rewrite).outputs[0]


def test_a_commutative_pattern_fits_both_ways() -> None:
    assert rewritten(A + 0) is A
    assert rewritten(0 + A) is A
    assert rewritten(A + constant([[0.0] * 6] * 2, "float32")) is A


def test_minus_zero_is_not_zero() -> None:
    assert rewritten(A + (-0.0)) is not A


def test_a_wildcard_named_twice_is_one_value() -> None:
    assert rewritten(A * A) is ops.square(A)
    assert rewritten(A * B) is A * B


def test_attributes_left_out_match_anything() -> None:
    twice = ops.reshape(ops.reshape(A, (12,)), (3, 4))
    assert rewritten(twice) is ops.reshape(A, (3, 4))


def test_rules_build_on_one_another() -> None:
    value = (ops.reshape(ops.reshape(A + 0, (12,)), (2, 6)) + 0) * 1.5
    assert rewritten(value) is ops.reshape(A, (2, 6)) * 1.5


def test_rules_that_do_not_end_are_named() -> None:
    @rule(ops.add(x, y))
    def swap(x: Value, y: Value) -> Any:
        return y + x

    with pytest.raises(RuntimeError, match="swap"):
        RuleSet([swap]).rewrite(A + B)


def test_a_rule_that_declines_leaves_the_value() -> None:
    @rule(ops.exp(x))
    def never(x: Value) -> None:
        return None

    assert RuleSet([never]).rewrite(ops.exp(A)) is ops.exp(A)


def test_what_fired_is_counted() -> None:
    rules = RuleSet([drop_zero])
    rewrite(Graph((A,), (ops.exp(A + 0),)), rules.rewrite)
    assert rules.fired == {"drop_zero": 1}


def test_a_pattern_prints_as_it_is_written() -> None:
    assert repr(ops.add(x, 0)) == "add(x, 0)"
    assert isinstance(ops.add(x, 0), Pattern)
