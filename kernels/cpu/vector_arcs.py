"""Inverse trigonometric and hyperbolic functions of float32, as branch-free vectors.

As in `vector`, each docstring states the largest error in units in the last place. The
polynomials are minimax fits, made with Remez' algorithm in 40 digits.
"""

import math

from graphkeras.kernels.cpu.term import Term
from graphkeras.kernels.cpu.vector import exp_half, horner, log_wide

HALF_PI = 1.57079637050628662109  # pi / 2 in float32, and what it lacks
HALF_PI_REST = -4.37113900018624283e-8
SMALL = 2.0**-12
# (atan(x) - x) / x**3 by x**2 on [0, 1]; relative error of atan 1.2e-8
ATAN = (
    -0.00250859675,
    0.0139965629,
    -0.0366704054,
    0.0631822944,
    -0.0868904814,
    0.110420361,
    -0.142796159,
    0.199997902,
    -0.333333313,
)
# (asin(x) - x) / x**3 on [0, 1/2]; 1.6e-8
ASIN = (0.0383283086, 0.0264333617, 0.0450202152, 0.0749876127, 0.166666731)
# (sinh(x) - x) / x**3 on [0, 1]; 2e-10
SINH = (2.8063007e-06, 0.000198380993, 0.00833333936, 0.166666672)


def _odd(x: Term, square: Term, coefficients: tuple[float, ...]) -> Term:
    """x + x**3 P(x**2)"""
    return (square * x).fma(horner(square, coefficients), x)


def _quarter_less(x: Term, factor: float = 1.0) -> Term:
    """pi / 2 - factor x"""
    return x.fma(-factor, HALF_PI) + HALF_PI_REST


def atan(x: Term) -> Term:
    """Inverse tangent; 2 ulp."""
    size = x.abs()
    steep = size > 1.0
    r = steep.select(x.like(1.0) / size, size)
    value = _odd(r, r * r, ATAN)
    return steep.select(_quarter_less(value), value).copysign(x)


def atan2(y: Term, x: Term) -> Term:
    """Angle of the point (x, y), with the signs of zeros as in C99; 2.5 ulp."""
    a, b = y.abs(), x.abs()
    large, small = a.maximum(b), a.minimum(b)
    r = small / large
    r = (large == 0.0).select(r.like(0.0), r)
    r = (small == math.inf).select(r.like(1.0), r)
    value = _odd(r, r * r, ATAN)
    value = (a > b).select(_quarter_less(value), value)
    behind = x.bitcast("int32") < 0
    value = behind.select((value.like(math.pi) - value) + 2 * HALF_PI_REST, value)
    return value.copysign(y)


def _asin_parts(x: Term) -> tuple[Term, Term]:
    """|x| > 1/2, and asin of |x| or of sqrt((1 - |x|) / 2)."""
    size = x.abs()
    large = size > 0.5
    square = large.select(size.fma(-0.5, 0.5), size * size)
    root = large.select(square.call("sqrt"), size)
    return large, _odd(root, square, ASIN)


def asin(x: Term) -> Term:
    """Inverse sine; 2 ulp."""
    large, value = _asin_parts(x)
    return large.select(_quarter_less(value, 2.0), value).copysign(x)


def acos(x: Term) -> Term:
    """Inverse cosine; 2 ulp."""
    large, value = _asin_parts(x)
    ahead = value * 2.0
    behind = (value.fma(-2.0, math.pi)) + 2 * HALF_PI_REST
    far = (x < 0.0).select(behind, ahead)
    return large.select(far, _quarter_less(value.copysign(x)))


def sinh(x: Term) -> Term:
    """Hyperbolic sine; 2 ulp."""
    size = x.abs()
    half = exp_half(size)
    large = half - half.like(0.25) / half
    return (size < 1.0).select(_odd(size, size * size, SINH), large).copysign(x)


def cosh(x: Term) -> Term:
    """Hyperbolic cosine; 2 ulp."""
    half = exp_half(x.abs())
    return half + half.like(0.25) / half


def asinh(x: Term) -> Term:
    """Inverse hyperbolic sine, through float64; 1 ulp."""
    wide = x.abs().cast("float64")
    value = log_wide(wide + (wide * wide + 1.0).call("sqrt"))
    square = wide * wide
    value = (wide < SMALL).select(wide - wide * square * (1 / 6), value)
    return value.cast("float32").copysign(x)


def acosh(x: Term) -> Term:
    """Inverse hyperbolic cosine, through float64; 1 ulp."""
    wide = x.cast("float64")
    value = log_wide(wide + (wide * wide - 1.0).call("sqrt")).cast("float32")
    return (x >= 1.0).select(value, x.like(math.nan))


def atanh(x: Term) -> Term:
    """Inverse hyperbolic tangent, through float64; 1 ulp."""
    wide = x.abs().cast("float64")
    value = log_wide((wide + 1.0) / (1.0 - wide)) * 0.5
    value = (wide < SMALL).select(wide + wide * wide * wide * (1 / 3), value)
    value = (wide > 1.0).select(wide.like(math.nan), value)
    return value.cast("float32").copysign(x)
