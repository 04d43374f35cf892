"""Elementwise arithmetic and transcendental functions."""

from __future__ import annotations

import builtins
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras import dtypes
from graphkeras.ir.definers import composite, elementwise
from graphkeras.ir.pattern import is_literal
from graphkeras.ops.compare import (
    equal,
    greater,
    isfinite,
    isnan,
    less,
    less_equal,
    logical_and,
    logical_or,
    where,
)
from graphkeras.ops.creation import cast, dtype_of, zeros_like

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor


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
    scalar="unfused({0} * {1})", vjp=lambda g, y, x1, x2: (g * x2, g * x1), onnx="Mul",
    commutative=True, identity=1,
)  # fmt: skip
def times(x1: Tensor, x2: Tensor) -> Any:
    """x1 * x2, rounded before anything is added to it.

    For places in images: a fused multiply-add would fall on the other side of a tie.
    """
    return np.multiply(x1, x2)


def _divide_onnx(b: Any, y: Any, x1: Any, x2: Any) -> Any:
    """onnxruntime would make (1 / x) * z one division, which rounds otherwise."""
    if is_literal(y.inputs[0], 1) and y.shape == y.inputs[1].shape:
        return b.Reciprocal(x2)
    return b.Div(x1, x2)


@elementwise(
    scalar="{0} / {1}", vjp=lambda g, y, x1, x2: (g / x2, -g * y / x2),
    onnx=_divide_onnx, promote="float", operator="/", right_identity=1,
    domain=("any", "positive"),
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


# ------------------------------------------------------- powers, roots, logarithms


@elementwise(
    scalar="rsqrt({0})", vjp=lambda g, y, x: g * -0.5 * y / x, promote="float",
    onnx=lambda b, y, x: b.Reciprocal(b.Sqrt(x)), domain="positive",
)  # fmt: skip
def rsqrt(x: Tensor) -> Any:
    """1 / sqrt(x), elementwise."""
    return 1 / np.sqrt(x)


@elementwise(
    scalar="over_root({0}, {1})", promote="float", domain=("any", "positive"),
    vjp=lambda g, y, x, v: (over_root(g, v), g * y * -0.5 / v),
    onnx=lambda b, y, x, v: b.Div(x, b.Sqrt(v)),
)  # fmt: skip
def over_root(x: Tensor, v: Tensor) -> Any:
    """x / sqrt(v), elementwise, to 2 ulp: exact rounding costs optimizers dear."""
    return x / np.sqrt(v)


def _over_root_plus_vjp(g: Any, y: Any, x: Any, v: Any, more: Any) -> Any:
    gx, slope = over_root_plus(g, v, more), -over_root_plus(g * y, v, more)
    return gx, slope * 0.5 / sqrt(v), slope


@elementwise(
    scalar="over_root_plus({0}, {1}, {2})", promote="float", vjp=_over_root_plus_vjp,
    onnx=lambda b, y, x, v, more: b.Div(x, b.Add(b.Sqrt(v), more)),
    domain=("any", "positive", "positive"),
)  # fmt: skip
def over_root_plus(x: Tensor, v: Tensor, more: Tensor) -> Any:
    """x / (sqrt(v) + more), elementwise, to 3 ulp."""
    return x / (np.sqrt(v) + more)


def _cbrt_onnx(b: Any, y: Any, x: Any) -> Any:
    third = b.scalar(1 / 3, y.dtype)
    return b.Mul(b.Sign(x), b.Pow(b.Abs(x), third))


@elementwise(
    scalar="cbrt({0})", vjp=lambda g, y, x: g / (3.0 * y * y), promote="float",
    onnx=_cbrt_onnx, domain="nonzero",
)  # fmt: skip
def cbrt(x: Tensor) -> Any:
    """Cube root, elementwise."""
    return np.cbrt(x)


@elementwise(
    scalar="expm1({0})", vjp=lambda g, y, x: g * (y + 1.0), promote="float",
    onnx=lambda b, y, x: b.Sub(b.Exp(x), b.scalar(1, y.dtype)), monotone=True,
)  # fmt: skip
def expm1(x: Tensor) -> Any:
    """exp(x) - 1 without the loss of digits near 0, elementwise."""
    return np.expm1(x)


@elementwise(
    scalar="log1p({0})", vjp=lambda g, y, x: g / (x + 1.0), promote="float",
    onnx=lambda b, y, x: b.Log(b.Add(x, b.scalar(1, y.dtype))), domain="positive",
)  # fmt: skip
def log1p(x: Tensor) -> Any:
    """log(1 + x) without the loss of digits near 0, elementwise."""
    return np.log1p(x)


def _log_of_base(base: float) -> Any:
    def rule(b: Any, y: Any, x: Any) -> Any:
        return b.Mul(b.Log(x), b.scalar(1 / math.log(base), y.dtype))

    return rule


@elementwise(
    scalar="log2({0})", vjp=lambda g, y, x: g / (x * math.log(2)), promote="float",
    onnx=_log_of_base(2), domain="positive", monotone=True,
)  # fmt: skip
def log2(x: Tensor) -> Any:
    """Logarithm to base 2, elementwise."""
    return np.log2(x)


@elementwise(
    scalar="log10({0})", vjp=lambda g, y, x: g / (x * math.log(10)), promote="float",
    onnx=_log_of_base(10), domain="positive", monotone=True,
)  # fmt: skip
def log10(x: Tensor) -> Any:
    """Logarithm to base 10, elementwise."""
    return np.log10(x)


@composite(vjp=lambda g, y, x: g * y * math.log(2), promote="float")
def exp2(x: Tensor) -> Any:
    """2 to the power x, elementwise."""
    return power(2.0, x)


def _logaddexp_onnx(b: Any, y: Any, x1: Any, x2: Any) -> Any:
    top = b.Max(x1, x2)
    return b.Add(top, b.Log(b.Add(b.Exp(b.Sub(x1, top)), b.Exp(b.Sub(x2, top)))))


@elementwise(
    scalar="logaddexp({0}, {1})", promote="float", commutative=True,
    vjp=lambda g, y, x1, x2: (g * exp(x1 - y), g * exp(x2 - y)), onnx=_logaddexp_onnx,
)  # fmt: skip
def logaddexp(x1: Tensor, x2: Tensor) -> Any:
    """log(exp(x1) + exp(x2)) without overflow, elementwise."""
    return np.logaddexp(x1, x2)


@composite()
def logaddexp2(x1: Tensor, x2: Tensor) -> Any:
    """log2(2**x1 + 2**x2) without overflow, elementwise."""
    ln2 = math.log(2)
    return logaddexp(multiply(x1, ln2), multiply(x2, ln2)) / ln2


@composite()
def reciprocal(x: Tensor) -> Any:
    """1 / x, elementwise."""
    return divide(1, x)


@composite()
def divide_no_nan(x1: Tensor, x2: Tensor) -> Any:
    """x1 / x2, and 0 where x2 is 0, elementwise."""
    zero = equal(x2, 0)
    return where(zero, 0, divide(x1, where(zero, 1, x2)))


@composite()
def hypot(x1: Tensor, x2: Tensor) -> Any:
    """sqrt(x1**2 + x2**2) without overflow, elementwise."""
    a, b = absolute(x1), absolute(x2)
    large = maximum(a, b)
    zero = equal(large, 0)
    ratio = divide(minimum(a, b), where(zero, 1, large))
    return where(zero, 0, multiply(large, sqrt(1 + ratio * ratio)))


@composite()
def ldexp(x1: Tensor, x2: Tensor) -> Any:
    """x1 * 2**x2, elementwise."""
    return multiply(x1, exp2(x2))


@elementwise(
    scalar="sigmoid({0})", vjp=lambda g, y, x: g * y * (1.0 - y), onnx="Sigmoid",
    promote="float", monotone=True,
)  # fmt: skip
def sigmoid(x: Tensor) -> Any:
    """1 / (1 + exp(-x)), elementwise."""
    small = np.exp(-np.abs(x))  # never above 1, so nothing overflows
    return np.where(x >= 0, 1, small) / (1 + small)


# ------------------------------------------------------------ division, rounding


def _floored_onnx(b: Any, y: Any, x1: Any, x2: Any) -> Any:
    """ONNX truncates integers: step down where a remainder has the wrong sign."""
    if dtypes.is_float(y.dtype):  # the rest first: x1 / x2 may be rounded up
        whole = b.Div(b.Sub(x1, _mod_onnx(b, y, x1, x2)), x2)
        rounded = b.Floor(b.Add(whole, b.scalar(0.5, y.dtype)))
        return b.Where(b.Equal(x2, b.scalar(0, y.dtype)), b.Div(x1, x2), rounded)
    zero = b.scalar(0, y.dtype)
    quotient = b.Div(x1, x2)
    rest = b.Sub(x1, b.Mul(quotient, x2))
    wrong = b.Xor(b.Less(rest, zero), b.Less(x2, zero))
    inexact = b.And(b.Not(b.Equal(rest, zero)), wrong)
    return b.Where(inexact, b.Sub(quotient, b.scalar(1, y.dtype)), quotient)


@elementwise(
    scalar="{0} // {1}", vjp=lambda g, y, x1, x2: (None, None), onnx=_floored_onnx,
    operator="//", domain=("any", "positive"),
)  # fmt: skip
def floor_divide(x1: Tensor, x2: Tensor) -> Any:
    """The largest integer not above x1 / x2, elementwise."""
    return np.floor_divide(x1, x2)


def _mod_onnx(b: Any, y: Any, x1: Any, x2: Any) -> Any:
    """ONNX's Mod takes Python's sign for integers only."""
    if not dtypes.is_float(y.dtype):
        return b.Mod(x1, x2)
    zero = b.scalar(0, y.dtype)
    rest = b.Mod(x1, x2, fmod=1)
    wrong = b.Xor(b.Less(rest, zero), b.Less(x2, zero))
    inexact = b.And(b.Not(b.Equal(rest, zero)), wrong)
    return b.Where(inexact, b.Add(rest, x2), rest)


@elementwise(
    scalar="{0} % {1}", vjp=lambda g, y, x1, x2: (g, -g * floor(x1 / x2)),
    onnx=_mod_onnx, operator="%", domain=("any", "positive"),
)  # fmt: skip
def mod(x1: Tensor, x2: Tensor) -> Any:
    """Remainder of the floored division, of x2's sign, elementwise."""
    return np.mod(x1, x2)


@elementwise(
    scalar="fmod({0}, {1})", vjp=lambda g, y, x1, x2: (g, -g * round_to_zero(x1 / x2)),
    onnx=lambda b, y, x1, x2: b.Mod(x1, x2, fmod=1), domain=("any", "positive"),
)  # fmt: skip
def fmod(x1: Tensor, x2: Tensor) -> Any:
    """Remainder of the truncated division, of x1's sign, elementwise."""
    return np.fmod(x1, x2)


def _step_vjp(g: Any, y: Any, x: Any) -> None:
    """A staircase has gradient 0 wherever it has one."""


@elementwise(scalar="floor({0})", vjp=_step_vjp, onnx="Floor", promote="float")
def floor(x: Tensor) -> Any:
    """The largest integer not above x, elementwise."""
    return np.floor(x)


@elementwise(scalar="ceil({0})", vjp=_step_vjp, onnx="Ceil", promote="float")
def ceil(x: Tensor) -> Any:
    """The smallest integer not below x, elementwise."""
    return np.ceil(x)


def _trunc_onnx(b: Any, y: Any, x: Any) -> Any:
    return b.Mul(b.Sign(x), b.Floor(b.Abs(x)))


@elementwise(scalar="trunc({0})", vjp=_step_vjp, onnx=_trunc_onnx, promote="float")
def round_to_zero(x: Tensor) -> Any:
    """x without its fraction, as a float, elementwise."""
    return np.trunc(x)


@composite()
def trunc(x: Tensor) -> Any:
    """x without its fraction, elementwise; integers stay as they are."""
    return round_to_zero(x) if dtypes.is_float(dtype_of(x)) else positive(x)


@elementwise(scalar="round({0})", vjp=_step_vjp, onnx="Round", promote="float")
def round_half_even(x: Tensor) -> Any:
    """The nearest integer, halves to the even one, elementwise."""
    return np.round(x)


@composite()
def round(x: Tensor, decimals: int = 0) -> Any:
    """x rounded to `decimals` places, halves to even, elementwise.

    Example:
        >>> round(np.array([2.345, 0.52], "float32"), decimals=1)
        array([2.3, 0.5], dtype=float32)
    """
    if not dtypes.is_float(dtype_of(x)) and decimals >= 0:
        return positive(x)
    if not decimals:
        return round_half_even(x)
    unit = 10.0 ** builtins.abs(decimals)
    if decimals > 0:
        return round_half_even(multiply(x, unit)) / unit
    return round_half_even(divide(x, unit)) * unit


def _clip_vjp(g: Any, y: Any, x: Any, x_min: Any, x_max: Any) -> Any:
    """Whoever supplies the result gets the gradient; a tie is x's."""
    below, above = less(x, x_min), greater(x, x_max)
    kept = where(logical_or(below, above), 0, g)
    return kept, where(below, g, 0), where(above, g, 0)


def _clip_onnx(b: Any, y: Any, x: Any, x_min: Any, x_max: Any) -> Any:
    """ONNX's Clip has scalar bounds only."""
    if all(not bound.rank for bound in y.inputs[1:]):
        return b.Clip(x, x_min, x_max)
    return b.Min(b.Max(x, x_min), x_max)


@composite(vjp=_clip_vjp, promote="same", onnx=_clip_onnx)
def clip(x: Tensor, x_min: Tensor, x_max: Tensor) -> Any:
    """x, but no less than x_min and no more than x_max, elementwise.

    Example:
        >>> clip(np.array([-2, 0, 9]), 0, 5)
        array([0, 0, 5])
    """
    return minimum(maximum(x, x_min), x_max)


# ------------------------------------------------------ signs and special numbers


@composite()
def fmax(x1: Tensor, x2: Tensor) -> Any:
    """The larger of x1 and x2, elementwise; a number wins over NaN."""
    return where(isnan(x1), x2, where(isnan(x2), x1, maximum(x1, x2)))


@composite()
def fmin(x1: Tensor, x2: Tensor) -> Any:
    """The smaller of x1 and x2, elementwise; a number wins over NaN."""
    return where(isnan(x1), x2, where(isnan(x2), x1, minimum(x1, x2)))


@composite()
def fabs(x: Tensor) -> Any:
    """|x| as a float, elementwise."""
    return absolute(multiply(x, 1.0))


@composite()
def signbit(x: Tensor) -> Any:
    """Whether the sign bit of x is set, elementwise: true for -0.0."""
    kind = dtype_of(x)
    if not dtypes.is_float(kind):
        return less(x, 0)
    return where(equal(x, 0), less(divide(1, x), 0), less(x, 0))


@composite()
def heaviside(x1: Tensor, x2: Tensor) -> Any:
    """0 where x1 < 0, 1 where x1 > 0, x2 where x1 is 0, elementwise."""
    return where(less(x1, 0), 0, where(greater(x1, 0), 1, multiply(x2, 1.0)))


@composite()
def nan_to_num(
    x: Tensor, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Any:
    """x with NaN, inf and -inf replaced by numbers (the largest finite by default)."""
    kind = dtype_of(x)
    if not dtypes.is_float(kind):
        return x
    low, high = finite_range(kind)
    x = where(isnan(x), nan, x)
    x = where(equal(x, math.inf), high if posinf is None else posinf, x)
    return where(equal(x, -math.inf), low if neginf is None else neginf, x)


def finite_range(dtype: str) -> tuple[float, float]:
    """Return the lowest and the highest finite number of a float dtype."""
    if dtype == "bfloat16":  # NumPy's finfo does not know it
        return -3.3895313892515355e38, 3.3895313892515355e38
    info = np.finfo(dtypes.to_numpy(dtype))
    return float(info.min), float(info.max)


@composite()
def isclose(
    x1: Tensor, x2: Tensor, rtol: float = 1e-5, atol: float = 1e-8,
    equal_nan: bool = False,
) -> Any:  # fmt: skip
    """Whether |x1 - x2| <= atol + rtol * |x2|, elementwise."""
    near = less_equal(absolute(subtract(x1, x2)), atol + rtol * absolute(x2))
    finite = logical_and(isfinite(x1), isfinite(x2))
    close = where(finite, near, equal(x1, x2))
    if not equal_nan:
        return close
    return logical_or(close, logical_and(isnan(x1), isnan(x2)))


@composite()
def real(x: Tensor) -> Any:
    """x: there are only real dtypes."""
    return positive(x)


@composite()
def imag(x: Tensor) -> Any:
    """0, elementwise: there are only real dtypes."""
    return zeros_like(x)


@composite()
def positive(x: Tensor) -> Any:
    """x, elementwise."""
    return multiply(x, 1)


@composite()
def angle(x: Tensor) -> Any:
    """pi where x < 0, else 0, elementwise."""
    return where(less(x, 0), math.pi, multiply(x, 0.0))


@composite()
def saturate_cast(x: Tensor, dtype: Any) -> Any:
    """x in another dtype; what lies outside of its range becomes its nearest number.

    Example:
        >>> saturate_cast(np.array([300, -5]), "uint8")
        array([255,   0], dtype=uint8)
    """
    kind = dtypes.standardize(dtype)
    if kind == "bool":
        return greater(x, 0)
    if dtypes.is_float(kind):
        return cast(clip(x, *finite_range(kind)), kind)
    info = np.iinfo(dtypes.to_numpy(kind))
    low, high = int(info.min), int(info.max)
    given = dtype_of(x)
    if not dtypes.is_float(given) and given != "bool":
        own = np.iinfo(dtypes.to_numpy(given))
        low, high = builtins.max(low, int(own.min)), builtins.min(high, int(own.max))
    return cast(clip(x, low, high), kind)


abs = absolute
conj = conjugate = real
true_divide = divide
remainder = mod
