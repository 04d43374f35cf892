"""The error function and its relatives, elementwise."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras.ir.definers import composite, elementwise
from graphkeras.ir.op import unsupported
from graphkeras.ops.math import exp

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor

_ERF_PLACES = 512  # in each unit; the six terms of Taylor's series are then exact
_ERF_END = 6  # from here on erf is 1 in float64
_ERF_AT_ONCE = 1 << 14  # numbers: what is made of them on the way stays in the cache


@functools.cache
def _erf_terms() -> list[np.ndarray]:
    """Return the coefficients of Taylor's series of erf at all places, first to last.

    The derivatives follow from ``f'' = -2 x f'``, differentiated again and again.
    """
    x = np.arange(_ERF_END * _ERF_PLACES + 1) / _ERF_PLACES
    slope = 2 / math.sqrt(math.pi) * np.exp(-x * x)
    found = [np.array([*map(math.erf, x)]), slope, -2 * x * slope]
    for n in range(1, 4):
        found.append(-2 * (x * found[-1] + n * found[-2]))
    return [term / math.factorial(n) for n, term in enumerate(found)]


def _erf(x: np.ndarray) -> np.ndarray:
    """Return erf in float64, within a unit in the last place; NumPy has none."""
    size = np.fmin(np.abs(x), _ERF_END)
    place = np.rint(size * _ERF_PLACES)
    beyond = size - place / _ERF_PLACES
    index, terms = place.astype(np.intp), _erf_terms()
    result = terms[-1].take(index)
    for term in terms[-2::-1]:
        result = result * beyond + term.take(index)
    return np.where(np.isnan(x), x, np.copysign(result, x))


@elementwise(
    scalar="erf({0})", promote="float", onnx="Erf", monotone=True,
    vjp=lambda g, y, x: g * exp(-x * x) * (2 / math.sqrt(math.pi)),
)  # fmt: skip
def erf(x: Tensor) -> Any:
    """Error function 2/sqrt(pi) * integral of exp(-t**2) over [0, x], elementwise."""
    flat, found = x.reshape(-1), np.empty(x.size, x.dtype)
    for start in range(0, x.size, _ERF_AT_ONCE):
        part = slice(start, start + _ERF_AT_ONCE)
        found[part] = _erf(flat[part].astype("float64"))
    return found.reshape(x.shape)


@composite()
def erfc(x: Tensor) -> Any:
    """1 - erf(x), elementwise."""
    return 1 - erf(x)


# Wichura, "Algorithm AS 241: the percentage points of the normal distribution"
# (Applied Statistics 37, 1988): numerators and denominators, highest power first.
_CENTRAL = (
    (2509.0809287301226727, 33430.575583588128105, 67265.770927008700853,
     45921.953931549871457, 13731.693765509461125, 1971.5909503065514427,
     133.14166789178437745, 3.387132872796366608),
    (5226.495278852854561, 28729.085735721942674, 39307.89580009271061,
     21213.794301586595867, 5394.1960214247511077, 687.1870074920579083,
     42.313330701600911252, 1.0),
)  # fmt: skip
_MIDDLE = (
    (7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177,
     1.27045825245236838258, 3.64784832476320460504, 5.7694972214606914055,
     4.6303378461565452959, 1.42343711074968357734),
    (1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966,
     0.14810397642748007459, 0.68976733498510000455, 1.6763848301838038494,
     2.05319162663775882187, 1.0),
)  # fmt: skip
_TAIL = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784386,
     0.026532189526576123093, 0.29656057182850489123, 1.7848265399172913358,
     5.4637849111641143699, 6.6579046435011037772),
    (2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5,
     7.868691311456132591e-4, 0.0148753612908506148525, 0.13692988092273580531,
     0.59983220655588793769, 1.0),
)  # fmt: skip


def _ratio(coefficients: tuple, x: np.ndarray) -> np.ndarray:
    return np.polyval(coefficients[0], x) / np.polyval(coefficients[1], x)


@elementwise(
    scalar="erfinv({0})", promote="float", onnx=unsupported("no inverse of Erf"),
    vjp=lambda g, y, x: g * exp(y * y) * (math.sqrt(math.pi) / 2), domain="unit",
)  # fmt: skip
def erfinv(x: Tensor) -> Any:
    """The number whose `erf` is x, elementwise, for -1 < x < 1."""
    q = np.asarray(x, "float64") / 2
    central = q * _ratio(_CENTRAL, 0.180625 - q * q)
    depth = np.sqrt(-np.log(0.5 - np.abs(q)))
    outer = np.where(depth <= 5, _ratio(_MIDDLE, depth - 1.6), _ratio(_TAIL, depth - 5))
    outer = np.where(np.abs(q) == 0.5, np.inf, outer)
    normal = np.where(np.abs(q) <= 0.425, central, np.sign(q) * outer)
    return np.where(np.abs(q) > 0.5, np.nan, normal / math.sqrt(2))
