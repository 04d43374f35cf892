"""Circular and hyperbolic functions with their inverses, all elementwise."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras.ir.definers import composite, elementwise
from graphkeras.ops.compare import equal, where
from graphkeras.ops.math import divide, multiply, sqrt

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor


@elementwise(
    scalar="sin({0})", vjp=lambda g, y, x: g * cos(x), onnx="Sin", promote="float"
)
def sin(x: Tensor) -> Any:
    """Sine of an angle in radians, elementwise."""
    return np.sin(x)


@elementwise(
    scalar="cos({0})", vjp=lambda g, y, x: -g * sin(x), onnx="Cos", promote="float"
)
def cos(x: Tensor) -> Any:
    """Cosine of an angle in radians, elementwise."""
    return np.cos(x)


@elementwise(
    scalar="tan({0})", vjp=lambda g, y, x: g * (1.0 + y * y), onnx="Tan",
    promote="float", domain="unit",
)  # fmt: skip
def tan(x: Tensor) -> Any:
    """Tangent of an angle in radians, elementwise."""
    return np.tan(x)


@elementwise(
    scalar="asin({0})", vjp=lambda g, y, x: g / sqrt(1.0 - x * x), onnx="Asin",
    promote="float", domain="unit",
)  # fmt: skip
def arcsin(x: Tensor) -> Any:
    """Angle in [-pi/2, pi/2] whose sine is x, elementwise."""
    return np.arcsin(x)


@elementwise(
    scalar="acos({0})", vjp=lambda g, y, x: -g / sqrt(1.0 - x * x), onnx="Acos",
    promote="float", domain="unit",
)  # fmt: skip
def arccos(x: Tensor) -> Any:
    """Angle in [0, pi] whose cosine is x, elementwise."""
    return np.arccos(x)


@elementwise(
    scalar="atan({0})", vjp=lambda g, y, x: g / (1.0 + x * x), onnx="Atan",
    promote="float",
)  # fmt: skip
def arctan(x: Tensor) -> Any:
    """Angle in (-pi/2, pi/2) whose tangent is x, elementwise."""
    return np.arctan(x)


def _arctan2_vjp(g: Any, y: Any, x1: Any, x2: Any) -> Any:
    square = x1 * x1 + x2 * x2
    return g * x2 / square, -g * x1 / square


def _arctan2_onnx(b: Any, y: Any, x1: Any, x2: Any) -> Any:
    """atan(x1 / x2), turned by pi in the half plane x2 < 0."""
    zero = b.scalar(0, y.dtype)
    down = b.Less(x1, zero)
    pi, half = b.scalar(math.pi, y.dtype), b.scalar(math.pi / 2, y.dtype)
    turn = b.Where(down, b.Neg(pi), pi)
    turned = b.Where(b.Less(x2, zero), turn, zero)
    inside = b.Add(b.Atan(b.Div(x1, x2)), turned)
    upright = b.Where(down, b.Neg(half), b.Where(b.Equal(x1, zero), zero, half))
    return b.Where(b.Equal(x2, zero), upright, inside)


@elementwise(
    scalar="atan2({0}, {1})", vjp=_arctan2_vjp, onnx=_arctan2_onnx, promote="float",
    domain=("any", "nonzero"),
)  # fmt: skip
def arctan2(x1: Tensor, x2: Tensor) -> Any:
    """Angle in [-pi, pi] of the point (x2, x1), elementwise."""
    return np.arctan2(x1, x2)


@elementwise(
    scalar="sinh({0})", vjp=lambda g, y, x: g * cosh(x), onnx="Sinh", promote="float"
)
def sinh(x: Tensor) -> Any:
    """Hyperbolic sine, elementwise."""
    return np.sinh(x)


@elementwise(
    scalar="cosh({0})", vjp=lambda g, y, x: g * sinh(x), onnx="Cosh", promote="float"
)
def cosh(x: Tensor) -> Any:
    """Hyperbolic cosine, elementwise."""
    return np.cosh(x)


@elementwise(
    scalar="asinh({0})", vjp=lambda g, y, x: g / sqrt(x * x + 1.0), onnx="Asinh",
    promote="float",
)  # fmt: skip
def arcsinh(x: Tensor) -> Any:
    """Number whose hyperbolic sine is x, elementwise."""
    return np.arcsinh(x)


@elementwise(
    scalar="acosh({0})", vjp=lambda g, y, x: g / sqrt(x * x - 1.0), onnx="Acosh",
    promote="float", domain="above_one",
)  # fmt: skip
def arccosh(x: Tensor) -> Any:
    """Number of at least 0 whose hyperbolic cosine is x, elementwise."""
    return np.arccosh(x)


@elementwise(
    scalar="atanh({0})", vjp=lambda g, y, x: g / (1.0 - x * x), onnx="Atanh",
    promote="float", domain="unit",
)  # fmt: skip
def arctanh(x: Tensor) -> Any:
    """Number whose hyperbolic tangent is x, elementwise."""
    return np.arctanh(x)


@composite()
def deg2rad(x: Tensor) -> Any:
    """Degrees as radians, elementwise."""
    return multiply(x, math.pi / 180)


@composite()
def rad2deg(x: Tensor) -> Any:
    """Radians as degrees, elementwise."""
    return multiply(x, 180 / math.pi)


@composite()
def sinc(x: Tensor) -> Any:
    """sin(pi x) / (pi x), and 1 at 0, elementwise."""
    zero = equal(x, 0)
    turn = multiply(where(zero, 1, x), math.pi)
    return where(zero, 1.0, divide(sin(turn), turn))
