"""The error function against that of Python's math."""

from __future__ import annotations

import math

import numpy as np

from graphkeras import ops


def test_erf_is_exact_to_the_last_place() -> None:
    rng = np.random.default_rng(0)
    sizes = np.concatenate([10 ** rng.uniform(-300, 1, 3000), np.linspace(0, 7, 3000)])
    x = np.concatenate([sizes, -sizes])
    exact = np.array([*map(math.erf, x)])
    np.testing.assert_array_max_ulp(np.asarray(ops.erf(x)), exact, 4)


def test_erf_of_what_is_no_usual_number() -> None:
    found = np.asarray(ops.erf(np.array([np.inf, -np.inf, -0.0, np.nan])))
    np.testing.assert_array_equal(found, [1.0, -1.0, -0.0, np.nan])
    assert np.signbit(found[2]) and ops.erf(np.zeros((0, 3))).shape == (0, 3)
