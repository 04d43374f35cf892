"""Elementwise arithmetic and transcendental functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras.ir.definers import elementwise
from graphkeras.ops.compare import equal, greater, where

if TYPE_CHECKING:
    from graphkeras.ir.tensor import Tensor


@elementwise(
    scalar="{0} + {1}", vjp=lambda g, y, x1, x2: (g, g), onnx="Add", operator="+",
    commutative=True, identity=0,
)  # fmt: skip
def add(x1: Tensor, x2: Tensor) -> Any:
    """x1 + x2, elementwise."""
    return np.add(x1, x2)


@elementwise(
    scalar="{0} - {1}", vjp=lambda g, y, x1, x2: (g, -g), onnx="Sub", operator="-",
    right_identity=0,
)  # fmt: skip
def subtract(x1: Tensor, x2: Tensor) -> Any:
    """x1 - x2, elementwise."""
    return np.subtract(x1, x2)


@elementwise(
    scalar="{0} * {1}", vjp=lambda g, y, x1, x2: (g * x2, g * x1), onnx="Mul",
    operator="*", commutative=True, identity=1,
)  # fmt: skip
def multiply(x1: Tensor, x2: Tensor) -> Any:
    """x1 * x2, elementwise."""
    return np.multiply(x1, x2)


@elementwise(
    scalar="{0} / {1}", vjp=lambda g, y, x1, x2: (g / x2, -g * y / x2), onnx="Div",
    promote="float", operator="/", right_identity=1, domain=("any", "positive"),
)  # fmt: skip
def divide(x1: Tensor, x2: Tensor) -> Any:
    """x1 / x2, elementwise; integers become floats."""
    return np.divide(x1, x2)


@elementwise(
    scalar="-{0}", vjp=lambda g, y, x: -g, onnx="Neg", operator="neg", involution=True
)
def negative(x: Tensor) -> Any:
    """-x, elementwise."""
    return np.negative(x)


@elementwise(
    scalar="exp({0})", vjp=lambda g, y, x: g * y, onnx="Exp", promote="float",
    monotone=True,
)  # fmt: skip
def exp(x: Tensor) -> Any:
    """e to the power x, elementwise."""
    return np.exp(x)


@elementwise(
    scalar="log({0})", vjp=lambda g, y, x: g / x, onnx="Log", promote="float",
    domain="positive", monotone=True,
)  # fmt: skip
def log(x: Tensor) -> Any:
    """Natural logarithm, elementwise."""
    return np.log(x)


@elementwise(
    scalar="tanh({0})", vjp=lambda g, y, x: g * (1.0 - y * y), onnx="Tanh",
    promote="float", monotone=True,
)  # fmt: skip
def tanh(x: Tensor) -> Any:
    """Hyperbolic tangent, elementwise."""
    return np.tanh(x)


@elementwise(
    scalar="sqrt({0})", vjp=lambda g, y, x: g * 0.5 / y, onnx="Sqrt", promote="float",
    domain="positive", monotone=True,
)  # fmt: skip
def sqrt(x: Tensor) -> Any:
    """Square root, elementwise."""
    return np.sqrt(x)


@elementwise(
    scalar="{0} * {0}",
    vjp=lambda g, y, x: g * x * 2.0,
    onnx=lambda b, y, x: b.Mul(x, x),
)
def square(x: Tensor) -> Any:
    """x * x, elementwise."""
    return np.square(x)


def _extremum_vjp(g: Any, y: Any, x1: Any, x2: Any) -> Any:
    """Ties share the gradient equally, as in TensorFlow and JAX."""
    tie = where(equal(x1, x2), g * 0.5, 0.0)
    first = where(equal(x1, y), g, 0.0) - tie
    return first, where(equal(x2, y), g, 0.0) - tie


@elementwise(
    scalar="maximum({0}, {1})", vjp=_extremum_vjp, onnx="Max", commutative=True,
    idempotent=True,
)  # fmt: skip
def maximum(x1: Tensor, x2: Tensor) -> Any:
    """The larger of x1 and x2, elementwise; NaN wins."""
    return np.maximum(x1, x2)


@elementwise(
    scalar="minimum({0}, {1})", vjp=_extremum_vjp, onnx="Min", commutative=True,
    idempotent=True,
)  # fmt: skip
def minimum(x1: Tensor, x2: Tensor) -> Any:
    """The smaller of x1 and x2, elementwise; NaN wins."""
    return np.minimum(x1, x2)


@elementwise(
    scalar="abs({0})", vjp=lambda g, y, x: g * sign(x), onnx="Abs", operator="abs",
    domain="nonzero",
)  # fmt: skip
def absolute(x: Tensor) -> Any:
    """|x|, elementwise."""
    return np.absolute(x)


@elementwise(
    scalar="sign({0})", vjp=lambda g, y, x: None, onnx="Sign", domain="nonzero"
)
def sign(x: Tensor) -> Any:
    """-1, 0 or 1 by the sign of x, elementwise."""
    return np.sign(x)


def _power_vjp(g: Any, y: Any, x1: Any, x2: Any) -> Any:
    first = g * x2 * power(x1, x2 - 1)
    second = where(greater(x1, 0.0), g * y * log(where(greater(x1, 0.0), x1, 1.0)), 0.0)
    return first, second


@elementwise(
    scalar="pow({0}, {1})", vjp=_power_vjp, onnx="Pow", operator="**", right_identity=1,
    domain=("positive", "any"),
)  # fmt: skip
def power(x1: Tensor, x2: Tensor) -> Any:
    """x1 to the power x2, elementwise."""
    return np.power(x1, x2)
