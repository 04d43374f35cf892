"""Products with weights that were laid out beforehand.

The compiler puts these in the place of products whose weights stay; users have no need
of them. See `kernels/cpu/panels.py` for how they lie.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras.ir import dims
from graphkeras.ir.definers import structured
from graphkeras.ir.op import nondifferentiable, unsupported
from graphkeras.ir.types import TensorType

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor

WIDTH = 32  # columns of a panel; as in `kernels.cpu.panels`


def _product_type(x: TensorType, u: TensorType) -> TensorType:
    return x.with_shape((x.shape[0], u.shape[0]))


@structured(
    infer=lambda w: w.with_shape(w.shape[::-1]),
    kernel="panels.lay",
    vjp=nondifferentiable,
    onnx=unsupported("made by the compiler"),
)
def weight_panels(w: Tensor) -> Any:
    """w[k, n] -> [n, k]: its panels of WIDTH columns, each in C order."""
    parts = [w[:, first : first + WIDTH] for first in range(0, w.shape[1], WIDTH)]
    flat = [part.reshape(-1) for part in parts]
    return np.concatenate([*flat, w[:0].reshape(-1)]).reshape(w.shape[::-1])


@structured(
    infer=_product_type,
    kernel="panels.multiply",
    vjp=nondifferentiable,
    onnx=unsupported("made by the compiler"),
    operations=lambda y: 2 * dims.product(y.shape) * y.inputs[0].shape[-1],
)
def panel_product(x: Tensor, u: Tensor) -> Any:
    """x[m, k], u = weight_panels(w) -> x @ w: [m, n]."""
    n, k = u.shape
    flat, parts = u.reshape(-1), []
    for first in range(0, n, WIDTH):
        width = min(WIDTH, n - first)
        parts.append(flat[first * k : (first + width) * k].reshape(k, width))
    return np.matmul(x, np.concatenate([*parts, np.empty((k, 0), u.dtype)], 1))
