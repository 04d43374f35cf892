"""Products of matrices and tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras.ir.definers import composite, require, structured
from graphkeras.ir.types import TensorType, broadcast_shapes
from graphkeras.ops.shape import ndim, reshape, shape_of, swapaxes

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor


def _gemm_type(x1: TensorType, x2: TensorType) -> TensorType:
    require(x1.rank >= 2 and x2.rank >= 2, "expected at least rank 2")
    fits = x1.shape[-1] == x2.shape[-2]
    require(fits, f"expected x1.shape[-1] == x2.shape[-2]: {x1.shape[-1]} is not "
                  f"{x2.shape[-2]}")  # fmt: skip
    lead = broadcast_shapes(x1.shape[:-2], x2.shape[:-2])
    return TensorType(x1.dtype, (*lead, x1.shape[-2], x2.shape[-1]))


def _gemm_vjp(g: Any, y: Any, x1: Any, x2: Any) -> Any:
    return gemm(g, swapaxes(x2, -1, -2)), gemm(swapaxes(x1, -1, -2), g)


@structured(
    infer=_gemm_type,
    kernel="matmul.gemm",
    vjp=_gemm_vjp,
    onnx="MatMul",
    promote="same",
    strided=True,
)
def gemm(x1: Tensor, x2: Tensor) -> Any:
    """Product of the last two axes, the others broadcast: [..., m, k] x [..., k, n]."""
    return np.matmul(x1, x2)


@composite(operator="@")
def matmul(x1: Tensor, x2: Tensor) -> Any:
    """Matrix product with NumPy's rules for vectors and leading axes.

    Example:
        >>> matmul(np.ones((2, 3), "float32"), np.ones(3, "float32"))
        array([3., 3.], dtype=float32)
    """
    a, b = shape_of(x1), shape_of(x2)
    require(a and b, "matmul: expected at least rank 1")
    left = reshape(x1, (1, *a)) if len(a) == 1 else x1
    right = reshape(x2, (*b, 1)) if len(b) == 1 else x2
    # A matrix on the right makes one large product of many small ones.
    product = _flattened if len(b) == 2 and len(a) > 2 else gemm
    out = product(left, right)
    sizes = list(shape_of(out))
    if len(b) == 1:
        del sizes[-1]
    if len(a) == 1:
        del sizes[-1 if len(b) == 1 else -2]
    return out if len(sizes) == ndim(out) else reshape(out, tuple(sizes))


def _flattened(x1: Any, x2: Any) -> Any:
    a, b = shape_of(x1), shape_of(x2)
    require(
        a[-1] == b[0],
        "matmul: expected x1.shape[-1] == x2.shape[-2].\n"
        f"  Received x1: {list(a)}, x2: {list(b)}.",
    )
    return reshape(gemm(reshape(x1, (-1, a[-1])), x2), (*a[:-1], b[-1]))
