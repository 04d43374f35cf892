"""Index expressions: divisions settled by ranges, and what cannot be settled kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphkeras.compiler.indexing import (
    Place,
    bounds,
    coefficient,
    flat,
    nonnegative,
    variable,
)
from graphkeras.ir import dims

N, M = dims.symbol("n"), dims.symbol("m")
ROW, COLUMN = variable(0), variable(1)
RANGES = {"@0": N, "@1": 8}


def place(dim: Any) -> Place:
    return Place(dim, RANGES)


def test_a_remainder_below_the_divisor_is_itself() -> None:
    assert (place(8 * ROW + COLUMN) % 8).dim == COLUMN
    assert (place(8 * ROW + COLUMN) // 8).dim == ROW


def test_sizes_need_not_be_known() -> None:
    inner = Place(M * COLUMN + ROW, {"@0": M, "@1": N})
    assert (inner % M).dim == ROW
    assert (inner // M).dim == COLUMN
    assert (inner // M % N).dim == COLUMN


def test_a_size_of_several_terms_divides_its_multiples() -> None:
    windows = N - 2
    joined = Place((8 * windows) * ROW + 8 * COLUMN, {"@0": N, "@1": windows})
    assert (joined // (8 * windows)).dim == ROW
    assert (joined % (8 * windows)).dim == 8 * COLUMN


def test_splitting_and_joining_an_axis_cancels() -> None:
    split = (place(COLUMN) // 4, place(COLUMN) % 4)
    assert flat([s.dim for s in split], (2, 4)) == COLUMN


def test_what_is_not_known_to_fit_stays_a_division() -> None:
    assert "//" in str((place(COLUMN) // 3).dim)
    assert coefficient((place(COLUMN) // 3).dim, "@1") is None


@pytest.mark.parametrize("divisor", [2, 3, 5, 8, 16])
@pytest.mark.parametrize(
    "dim", [COLUMN, ROW + COLUMN, 3 * ROW - COLUMN, 8 * ROW + COLUMN + 5, 7 - COLUMN]
)
def test_quotient_and_rest_are_those_of_integers(dim: Any, divisor: int) -> None:
    whole, rest = (place(dim) // divisor).dim, (place(dim) % divisor).dim
    for i, j in np.ndindex(4, 8):
        at = {"@0": i, "@1": j, "n": 4}
        number = dims.evaluate(dim, at)
        found = dims.evaluate(whole, at), dims.evaluate(rest, at)
        assert found == divmod(number, divisor)


def test_bounds_are_reached() -> None:
    assert bounds(8 * ROW + COLUMN + 2, RANGES) == (2, 8 * N + 1)
    assert bounds(7 - COLUMN, RANGES) == (0, 7)
    assert bounds(ROW * ROW, RANGES)[1] is None


def test_a_size_is_negative_only_if_a_term_is() -> None:
    assert nonnegative(2 * N + 1)
    assert not nonnegative(N - 1)


def test_an_axis_without_elements_divides_by_nothing() -> None:
    assert (place(COLUMN) % 0).dim == COLUMN
