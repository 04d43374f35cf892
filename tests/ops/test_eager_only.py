"""Ops that need numbers: right on arrays, refused while tracing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphkeras import ops
from graphkeras.errors import TraceError
from graphkeras.ir.op import OPS
from graphkeras.ir.tensor import Tensor
from graphkeras.ir.trace import trace_function
from graphkeras.ir.types import TensorType

EAGER = sorted(name for name, op in OPS.items() if op.fact("data_dependent"))


@pytest.fixture
def positive(rng: np.random.Generator) -> Any:
    """A symmetric matrix with positive values."""
    half = rng.normal(size=(4, 4))
    return half @ half.T + np.eye(4)


@pytest.mark.parametrize("name", EAGER)
def test_tracing_one_says_that_it_runs_only_eagerly(name: str) -> None:
    op = OPS[name]
    types = [TensorType("int32", (3, 3))] * len(op.operands)
    function = getattr(ops, name)
    with pytest.raises(TraceError, match=f"{name}: .*(numbers|NumPy)"):
        trace_function(lambda *xs: function(*xs), types)


def test_factors_multiply_to_the_matrix(positive: Any) -> None:
    q, r = ops.qr(positive)
    np.testing.assert_allclose(q @ r, positive)
    u, values, v = ops.svd(positive)
    np.testing.assert_allclose(u * values @ v, positive)
    lower = ops.cholesky(positive)
    np.testing.assert_allclose(lower @ lower.T, positive)
    np.testing.assert_allclose(ops.cholesky(positive, upper=True), lower.T)
    w, vectors = ops.eigh(positive)
    np.testing.assert_allclose(vectors * w @ vectors.T, positive, atol=1e-12)


def test_solvers_solve(positive: Any) -> None:
    b = np.arange(4.0)
    np.testing.assert_allclose(positive @ ops.solve(positive, b), b, atol=1e-12)
    lower = np.tril(positive)
    found = ops.solve_triangular(positive, b[:, None], lower=True)
    np.testing.assert_allclose(lower @ found, b[:, None], atol=1e-12)
    np.testing.assert_allclose(ops.inv(positive) @ positive, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(ops.pinv(positive), ops.inv(positive))
    np.testing.assert_allclose(ops.lstsq(positive, b), ops.solve(positive, b))
    inverse = ops.cholesky_inverse(ops.cholesky(positive))
    np.testing.assert_allclose(inverse, ops.inv(positive))


def test_determinants_agree(positive: Any) -> None:
    sign, size = ops.slogdet(positive)
    assert sign * np.exp(size) == pytest.approx(ops.det(positive))
    assert ops.logdet(positive) == pytest.approx(np.log(ops.det(positive)))
    assert ops.matrix_rank(positive) == 4


def test_lu_factor_holds_both_triangles(rng: np.random.Generator) -> None:
    x = rng.normal(size=(2, 4, 4))
    lu, pivots = ops.lu_factor(x)
    for matrix, packed, rows in zip(x, lu, pivots):
        for k, row in enumerate(rows):
            matrix[[k, row]] = matrix[[row, k]]
        lower = np.tril(packed, -1) + np.eye(4)
        np.testing.assert_allclose(lower @ np.triu(packed), matrix)


def test_sizes_follow_the_numbers() -> None:
    x = np.array([3, 1, 3])
    np.testing.assert_array_equal(ops.nonzero(x > 1)[0], [0, 2])
    np.testing.assert_array_equal(ops.unique(x), [1, 3])
    assert [list(p) for p in ops.unique(x, return_counts=True)] == [[1, 3], [1, 2]]
    np.testing.assert_array_equal(ops.unique(x, size=3), [1, 3, 1])
    np.testing.assert_array_equal(ops.bincount(x, minlength=5), [0, 1, 0, 2, 0])
    np.testing.assert_array_equal(ops.gcd(6, [4, 9]), [2, 3])
    np.testing.assert_array_equal(ops.lcm(6, [4, 9]), [12, 18])


def test_tensors_give_tensors() -> None:
    found = ops.det(ops.convert_to_tensor(np.eye(3, dtype="float32")))
    assert isinstance(found, Tensor) and float(found) == 1
