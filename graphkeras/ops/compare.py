"""Comparisons, logic and selection."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras.ir.definers import composite, elementwise
from graphkeras.ir.op import nondifferentiable
from graphkeras.ops.creation import ones_like

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor


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
    return None, where(condition, g, 0), where(condition, 0, g)


def _where_onnx(b: Any, y: Any, condition: Any, x1: Any, x2: Any) -> Any:
    """onnxruntime has no Where of bools."""
    if y.dtype != "bool":
        return b.Where(condition, x1, x2)
    return b.Or(b.And(condition, x1), b.And(b.Not(condition), x2))


@elementwise(
    scalar="{1} if {0} else {2}", vjp=_where_vjp, onnx=_where_onnx,
    promote="after_first",
    domain=("bool", "any", "any"),
)  # fmt: skip
def where(condition: Tensor, x1: Tensor, x2: Tensor) -> Any:
    """x1 where the condition holds, else x2."""
    return np.where(condition, x1, x2)


# -------------------------------------------------------------------------- logic


def _bools(kinds: Sequence[str]) -> list[str]:
    """Every operand is read as "is it not zero"."""
    return ["bool"] * len(kinds)


@elementwise(
    scalar="{0} & {1}", vjp=nondifferentiable, onnx="And", promote=_bools, dtype="bool",
    commutative=True, idempotent=True, domain="bool",
)  # fmt: skip
def logical_and(x1: Tensor, x2: Tensor) -> Any:
    """Whether both x1 and x2 are true (not zero), elementwise."""
    return np.logical_and(x1, x2)


@elementwise(
    scalar="{0} | {1}", vjp=nondifferentiable, onnx="Or", promote=_bools, dtype="bool",
    commutative=True, idempotent=True, domain="bool",
)  # fmt: skip
def logical_or(x1: Tensor, x2: Tensor) -> Any:
    """Whether x1 or x2 is true (not zero), elementwise."""
    return np.logical_or(x1, x2)


@elementwise(
    scalar="{0} ^ {1}", vjp=nondifferentiable, onnx="Xor", promote=_bools, dtype="bool",
    commutative=True, domain="bool",
)  # fmt: skip
def logical_xor(x1: Tensor, x2: Tensor) -> Any:
    """Whether exactly one of x1 and x2 is true (not zero), elementwise."""
    return np.logical_xor(x1, x2)


@elementwise(
    scalar="not {0}", vjp=nondifferentiable, onnx="Not", promote=_bools, dtype="bool",
    involution=True, domain="bool",
)  # fmt: skip
def logical_not(x: Tensor) -> Any:
    """Whether x is false (zero), elementwise."""
    return np.logical_not(x)


# --------------------------------------------------------------- kinds of number


@elementwise(
    scalar="isnan({0})", vjp=nondifferentiable, onnx="IsNaN", promote="float",
    dtype="bool",
)  # fmt: skip
def isnan(x: Tensor) -> Any:
    """Whether x is not a number, elementwise."""
    return np.isnan(x)


@elementwise(
    scalar="isinf({0})", vjp=nondifferentiable, onnx="IsInf", promote="float",
    dtype="bool",
)  # fmt: skip
def isinf(x: Tensor) -> Any:
    """Whether x is infinite, elementwise."""
    return np.isinf(x)


@elementwise(
    scalar="isfinite({0})", vjp=nondifferentiable, promote="float", dtype="bool",
    onnx=lambda b, y, x: b.Not(b.Or(b.IsNaN(x), b.IsInf(x))),
)  # fmt: skip
def isfinite(x: Tensor) -> Any:
    """Whether x is neither infinite nor NaN, elementwise."""
    return np.isfinite(x)


@composite()
def isposinf(x: Tensor) -> Any:
    """Whether x is plus infinity, elementwise."""
    return equal(x, math.inf)


@composite()
def isneginf(x: Tensor) -> Any:
    """Whether x is minus infinity, elementwise."""
    return equal(x, -math.inf)


@composite()
def isreal(x: Tensor) -> Any:
    """Whether x has no imaginary part, elementwise: there are only real dtypes."""
    return ones_like(x, "bool")


def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    """Return elements of the first choice whose condition holds, else `default`.

    Example:
        >>> x = np.array([1, 5, 9])
        >>> select([x < 3, x < 7], [x, -x])
        array([ 1, -5,  0])
    """
    result = default
    for condition, choice in reversed(list(zip(condlist, choicelist, strict=True))):
        result = where(condition, choice, result)
    return result
