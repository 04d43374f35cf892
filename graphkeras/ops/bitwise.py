"""Operations on the bits of integers (and on bools), elementwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras import dtypes
from graphkeras.errors import DTypeError
from graphkeras.ir.definers import elementwise, same
from graphkeras.ir.op import nondifferentiable

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor


def integers(kinds: Any) -> list[str]:
    """Operands meet in one dtype, which must be an integer or bool."""
    met = same(kinds)
    if met and dtypes.is_float(met[0]):
        raise DTypeError(f"expected integers or bools, got {', '.join(kinds)}")
    return met


def _rule(name: str, logical: str) -> Any:
    """ONNX keeps bools and integers apart."""
    return lambda b, y, *xs: getattr(b, logical if y.dtype == "bool" else name)(*xs)


@elementwise(
    scalar="{0} & {1}", vjp=nondifferentiable, onnx=_rule("BitwiseAnd", "And"),
    promote=integers, operator="&", commutative=True, idempotent=True, domain="integer",
)  # fmt: skip
def bitwise_and(x: Tensor, y: Tensor) -> Any:
    """Bits set in both x and y, elementwise."""
    return np.bitwise_and(x, y)


@elementwise(
    scalar="{0} | {1}", vjp=nondifferentiable, onnx=_rule("BitwiseOr", "Or"),
    promote=integers, operator="|", commutative=True, idempotent=True, domain="integer",
)  # fmt: skip
def bitwise_or(x: Tensor, y: Tensor) -> Any:
    """Bits set in x or y, elementwise."""
    return np.bitwise_or(x, y)


@elementwise(
    scalar="{0} ^ {1}", vjp=nondifferentiable, onnx=_rule("BitwiseXor", "Xor"),
    promote=integers, operator="^", commutative=True, domain="integer",
)  # fmt: skip
def bitwise_xor(x: Tensor, y: Tensor) -> Any:
    """Bits set in exactly one of x and y, elementwise."""
    return np.bitwise_xor(x, y)


@elementwise(
    scalar="~{0}", vjp=nondifferentiable, onnx=_rule("BitwiseNot", "Not"),
    promote=integers, operator="~", involution=True, domain="integer",
)  # fmt: skip
def bitwise_not(x: Tensor) -> Any:
    """Every bit of x turned over, elementwise."""
    return np.bitwise_not(x)


def _left_onnx(b: Any, y: Any, x1: Any, x2: Any) -> Any:
    """BitShift takes unsigned numbers only; a product does for the others."""
    if y.dtype.startswith("u"):
        return b.BitShift(x1, x2, direction="LEFT")
    return b.Mul(x1, b.Pow(b.scalar(2, y.dtype), x2))


@elementwise(
    scalar="{0} << {1}", vjp=nondifferentiable, onnx=_left_onnx, promote=integers,
    domain=("integer", "digit"),
)  # fmt: skip
def left_shift(x: Tensor, y: Tensor) -> Any:
    """x * 2**y, by moving bits, elementwise."""
    return np.left_shift(x, y)


def _right_onnx(b: Any, y: Any, x1: Any, x2: Any) -> Any:
    """For signed numbers the floored quotient: ONNX's Div truncates."""
    if y.dtype.startswith("u"):
        return b.BitShift(x1, x2, direction="RIGHT")
    power = b.Pow(b.scalar(2, y.dtype), x2)
    rest = b.Mod(x1, power)
    return b.Div(b.Sub(x1, rest), power)


@elementwise(
    scalar="{0} >> {1}", vjp=nondifferentiable, onnx=_right_onnx, promote=integers,
    domain=("integer", "digit"),
)  # fmt: skip
def right_shift(x: Tensor, y: Tensor) -> Any:
    """floor(x / 2**y), by moving bits, elementwise."""
    return np.right_shift(x, y)


bitwise_invert = bitwise_not
bitwise_left_shift = left_shift
bitwise_right_shift = right_shift
