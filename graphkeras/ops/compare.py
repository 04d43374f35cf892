"""Comparisons, logic and selection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras.ir.definers import elementwise
from graphkeras.ir.op import nondifferentiable
from graphkeras.ops.creation import zeros_like

if TYPE_CHECKING:
    from graphkeras.ir.tensor import Tensor


@elementwise(
    scalar="{0} == {1}", vjp=nondifferentiable, onnx="Equal", dtype="bool",
    operator="==", commutative=True,
)  # fmt: skip
def equal(x1: Tensor, x2: Tensor) -> Any:
    """x1 == x2, elementwise."""
    return np.equal(x1, x2)


@elementwise(
    scalar="{0} != {1}", vjp=nondifferentiable, dtype="bool", operator="!=",
    onnx=lambda b, y, x1, x2: b.Not(b.Equal(x1, x2)), commutative=True,
)  # fmt: skip
def not_equal(x1: Tensor, x2: Tensor) -> Any:
    """x1 != x2, elementwise."""
    return np.not_equal(x1, x2)


@elementwise(
    scalar="{0} > {1}",
    vjp=nondifferentiable,
    onnx="Greater",
    dtype="bool",
    operator=">",
)
def greater(x1: Tensor, x2: Tensor) -> Any:
    """x1 > x2, elementwise."""
    return np.greater(x1, x2)


@elementwise(
    scalar="{0} >= {1}", vjp=nondifferentiable, onnx="GreaterOrEqual", dtype="bool",
    operator=">=",
)  # fmt: skip
def greater_equal(x1: Tensor, x2: Tensor) -> Any:
    """x1 >= x2, elementwise."""
    return np.greater_equal(x1, x2)


@elementwise(
    scalar="{0} < {1}", vjp=nondifferentiable, onnx="Less", dtype="bool", operator="<"
)
def less(x1: Tensor, x2: Tensor) -> Any:
    """x1 < x2, elementwise."""
    return np.less(x1, x2)


@elementwise(
    scalar="{0} <= {1}", vjp=nondifferentiable, onnx="LessOrEqual", dtype="bool",
    operator="<=",
)  # fmt: skip
def less_equal(x1: Tensor, x2: Tensor) -> Any:
    """x1 <= x2, elementwise."""
    return np.less_equal(x1, x2)


def _where_vjp(g: Any, y: Any, condition: Any, x1: Any, x2: Any) -> Any:
    zero = zeros_like(g)
    return None, where(condition, g, zero), where(condition, zero, g)


@elementwise(
    scalar="{1} if {0} else {2}", vjp=_where_vjp, onnx="Where", promote="after_first",
    domain=("bool", "any", "any"),
)  # fmt: skip
def where(condition: Tensor, x1: Tensor, x2: Tensor) -> Any:
    """x1 where the condition holds, else x2."""
    return np.where(condition, x1, x2)
