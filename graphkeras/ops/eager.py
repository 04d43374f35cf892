"""What needs numbers, not just shapes: linear algebra and results of unknown size.

These run in NumPy, eagerly only; while tracing they say so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras.errors import TraceError
from graphkeras.ir.definers import structured
from graphkeras.ir.op import host_only, nondifferentiable, unsupported

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor


def eager_only(reason: str, **facets: Any) -> Callable[..., Any]:
    """Define an op that runs on arrays alone; `reason` says why."""

    def refuse(*types: Any, **attrs: Any) -> Any:
        raise TraceError(f"{reason}; use run_eagerly=True, or compute it beforehand")

    return structured(
        infer=refuse, kernel=host_only, vjp=nondifferentiable,
        onnx=unsupported(reason), data_dependent=reason, **facets,
    )  # fmt: skip


_SIZE = "the size of its result depends on the numbers"
_SOLVER = "it runs in NumPy, outside of the compiled program"
solver = eager_only(_SOLVER, promote="float")
lookup = eager_only(_SIZE)
counting = eager_only(_SOLVER, promote="same")


# ------------------------------------------------------------ decompositions, solvers


@solver
def det(x: Tensor) -> Any:
    """Determinant of each matrix in the last two axes; eager only."""
    return np.linalg.det(x)


@solver
def inv(x: Tensor) -> Any:
    """Inverse of each matrix in the last two axes; eager only."""
    return np.linalg.inv(x)


@solver
def pinv(x: Tensor, rcond: Any = None) -> Any:
    """Pseudo-inverse of each matrix; eager only."""
    return np.linalg.pinv(x) if rcond is None else np.linalg.pinv(x, rcond)


@solver
def solve(a: Tensor, b: Tensor) -> Any:
    """x of a @ x = b; eager only."""
    return np.linalg.solve(a, b[..., None])[..., 0] if b.ndim == 1 else (
        np.linalg.solve(a, b)
    )  # fmt: skip


@solver
def solve_triangular(a: Tensor, b: Tensor, lower: bool = False) -> Any:
    """x of a @ x = b, of which one triangle of `a` is read; eager only."""
    return np.linalg.solve(np.tril(a) if lower else np.triu(a), b)


@solver
def lstsq(a: Tensor, b: Tensor, rcond: Any = None) -> Any:
    """x of least norm that makes a @ x nearest to b; eager only."""
    return np.linalg.lstsq(a, b, rcond)[0]


@solver
def cholesky(x: Tensor, upper: bool = False) -> Any:
    """Triangle whose product with its transpose is x; eager only."""
    lower = np.linalg.cholesky(x)
    return np.swapaxes(lower, -1, -2) if upper else lower


@solver
def cholesky_inverse(x: Tensor, upper: bool = False) -> Any:
    """Inverse of the matrix whose Cholesky triangle is x; eager only."""
    turned = np.swapaxes(x, -1, -2)
    return np.linalg.inv(turned @ x if upper else x @ turned)


@solver
def qr(x: Tensor, mode: str = "reduced") -> Any:
    """(orthonormal, triangular) factors of each matrix; eager only."""
    factors: Any = np.linalg.qr
    return tuple(factors(x, mode))


@solver
def svd(x: Tensor, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """Singular values, with the vectors on both sides; eager only."""
    decompose: Any = np.linalg.svd
    found = decompose(x, full_matrices, compute_uv)
    return tuple(found) if compute_uv else found


@solver
def eigh(x: Tensor) -> Any:
    """(values, vectors) of symmetric matrices; eager only."""
    return tuple(np.linalg.eigh(x))


@solver
def slogdet(x: Tensor) -> Any:
    """(sign, logarithm of the size) of the determinant; eager only."""
    return tuple(np.linalg.slogdet(x))


@solver
def logdet(x: Tensor) -> Any:
    """Logarithm of the determinant of positive matrices; eager only."""
    return np.linalg.slogdet(x)[1]


@solver
def matrix_rank(x: Tensor, tol: Any = None) -> Any:
    """Number of singular values above `tol`; eager only."""
    return np.asarray(np.linalg.matrix_rank(x, tol), "int32")


@solver
def lu_factor(x: Tensor) -> Any:
    """(both triangles in one matrix, rows exchanged) with partial pivoting; eager only.

    Example:
        >>> lu_factor(np.array([[0.0, 1.0], [2.0, 0.0]]))
        (array([[2., 0.],
               [0., 1.]]), array([1, 1], dtype=int32))
    """
    stacked = x.reshape(-1, *x.shape[-2:]).copy()
    count = min(x.shape[-2:])
    pivots = np.zeros((len(stacked), count), "int32")
    for matrix, rows in zip(stacked, pivots):
        for k in range(count):
            rows[k] = k + np.argmax(np.abs(matrix[k:, k]))
            matrix[[k, rows[k]]] = matrix[[rows[k], k]]
            if matrix[k, k]:
                matrix[k + 1 :, k] /= matrix[k, k]
                matrix[k + 1 :, k + 1 :] -= np.outer(
                    matrix[k + 1 :, k], matrix[k, k + 1 :]
                )
    return stacked.reshape(x.shape), pivots.reshape(*x.shape[:-2], count)


# -------------------------------------------------------- results of unknown size


@lookup
def nonzero(x: Tensor) -> Any:
    """Places of the elements that are not zero, one vector an axis; eager only."""
    return tuple(places.astype("int32") for places in np.nonzero(x))


@lookup
def unique(
    x: Tensor, sorted: bool = True, return_index: bool = False,
    return_inverse: bool = False, return_counts: bool = False, axis: Any = None,
    size: int | None = None, fill_value: Any = None,
) -> Any:  # fmt: skip
    """The different elements, in rising order; eager only.

    Args:
        x: a tensor.
        sorted: they always are.
        return_index: also where each comes first.
        return_inverse: also for each element its place among the results.
        return_counts: also how often each comes.
        axis: compare slices along this axis instead of elements.
        size: cut or fill up to this many.
        fill_value: what fills up; the smallest element if None.
    """
    distinct: Any = np.unique
    found = distinct(x, return_index, return_inverse, return_counts, axis)
    parts = list(found) if isinstance(found, tuple) else [found]
    parts[1:] = [p.astype("int32") for p in parts[1:]]
    if size is not None:
        fill = parts[0].min() if fill_value is None else fill_value
        parts[0] = np.concatenate([parts[0], np.full(size, fill, x.dtype)])[:size]
    return parts[0] if len(parts) == 1 else tuple(parts)


@lookup
def bincount(
    x: Tensor, weights: Any = None, minlength: int = 0, sparse: bool = False
) -> Any:
    """How often each number from 0 on comes, along the last axis; eager only.

    Example:
        >>> bincount(np.array([0, 2, 2]))
        array([1, 0, 2], dtype=int32)
    """
    length = max(int(np.max(x, initial=-1)) + 1, minlength)
    rows = x.reshape(-1, x.shape[-1])
    heavy = None if weights is None else np.asarray(weights).reshape(rows.shape)
    counts = [
        np.bincount(row, None if heavy is None else heavy[i], length)
        for i, row in enumerate(rows)
    ]
    kind = "int32" if weights is None else np.asarray(weights).dtype
    return np.asarray(counts, kind).reshape(*x.shape[:-1], length)


@counting
def gcd(x1: Tensor, x2: Tensor) -> Any:
    """Greatest common divisor, elementwise; eager only."""
    return np.gcd(x1, x2)


@counting
def lcm(x1: Tensor, x2: Tensor) -> Any:
    """Least common multiple, elementwise; eager only."""
    return np.lcm(x1, x2)


@eager_only(_SOLVER, promote="float")
def nextafter(x1: Tensor, x2: Tensor) -> Any:
    """The number next to x1 on the way to x2, elementwise; eager only."""
    return np.nextafter(x1, x2)


@eager_only(_SOLVER, promote="float")
def i0(x: Tensor) -> Any:
    """Modified Bessel function of the first kind and order 0; eager only."""
    return np.i0(x).reshape(x.shape)
