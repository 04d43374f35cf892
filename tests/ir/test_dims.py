"""Symbolic sizes compute what the numbers they stand for would."""

from __future__ import annotations

import operator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphkeras.ir import dims

SYMBOLS = ("n", "m")
OPERATIONS = (
    operator.add,
    operator.sub,
    operator.mul,
    dims.floordiv,
    dims.maximum,
    dims.minimum,
)

sizes = st.fixed_dictionaries({name: st.integers(1, 9) for name in SYMBOLS})


@st.composite
def expressions(draw: Any, depth: int = 3) -> dims.Dim:
    """Sizes made of symbols, small numbers and operations."""
    if depth == 0 or draw(st.booleans()):
        leaf = st.sampled_from([dims.symbol(name) for name in SYMBOLS])
        return draw(st.one_of(st.integers(1, 4), leaf))
    operation = draw(st.sampled_from(OPERATIONS))
    left = draw(expressions(depth=depth - 1))
    right = draw(expressions(depth=depth - 1))
    if operation is dims.floordiv:
        right = draw(st.integers(1, 4))
    return operation(left, right)


@settings(max_examples=200, deadline=None)
@given(expressions(), expressions(), sizes, st.sampled_from(OPERATIONS))
def test_operations_commute_with_evaluation(a: Any, b: Any, at: Any, do: Any) -> None:
    x, y = dims.evaluate(a, at), dims.evaluate(b, at)
    if do is dims.floordiv and y <= 0:
        return
    expected = {
        dims.floordiv: operator.floordiv,
        dims.maximum: max,
        dims.minimum: min,
    }.get(do, do)(x, y)
    assert dims.evaluate(do(a, b), at) == expected


def test_nothing_is_in_no_parts() -> None:
    words = dims.symbol("words")
    parts = dims.floordiv(3 * words + 16 * words - 1, 16 * words)
    assert dims.evaluate(parts, {"words": 0}) == 0


@settings(max_examples=100, deadline=None)
@given(expressions(), sizes)
def test_substitution_by_numbers_is_evaluation(a: Any, at: Any) -> None:
    assert dims.substitute(a, at) == dims.evaluate(a, at)


@settings(max_examples=100, deadline=None)
@given(expressions(), expressions())
def test_equal_sums_are_equal_however_written(a: Any, b: Any) -> None:
    assert a + b == b + a
    assert hash(a + b) == hash(b + a)
    assert (a + b) * 2 - b - b == a * 2


def test_what_is_known_folds_to_a_number() -> None:
    n = dims.symbol("n")
    assert n - n == 0
    assert (6 * n) // (2 * n) == 3
    assert (4 * n + 3) // 2 == 2 * n + 1
    assert dims.product((n, 0)) == 0
    assert dims.ceildiv(n * 4, 4) == n


def test_sizes_print_as_they_are_written() -> None:
    n, m = dims.symbol("n"), dims.symbol("m")
    assert str(2 * n * m - 1) in ("2*m*n-1", "-1+2*m*n")
    assert str((n + 1) // 2) in ("(n+1)//(2)", "(1+n)//(2)")
    assert str(n * n) == "n^2"


def test_the_symbols_of_a_size_are_found_in_its_depths() -> None:
    n, m = dims.symbol("n"), dims.symbol("m")
    assert dims.symbols(dims.maximum(n, 3) + (m + 1) // 2) == {"n", "m"}


@pytest.mark.parametrize("ask", [operator.lt, operator.ge])
def test_an_order_that_is_not_known_is_not_answered(ask: Any) -> None:
    with pytest.raises(TypeError, match="fixed size"):
        ask(dims.symbol("n"), 3)


def test_python_does_not_get_a_number_that_is_not_known() -> None:
    with pytest.raises(TypeError, match="only at run time"):
        range(dims.symbol("n"))  # type: ignore[arg-type]


def test_a_symbol_without_a_size_is_an_error() -> None:
    with pytest.raises(KeyError):
        dims.evaluate(dims.symbol("n"), {})
