"""Every function a scalar expression may call, by name: float32 as vectors, else libm.

Functions of floats refuse integers: the caller says in what precision by a cast.
"""

import math
from collections.abc import Callable

from graphkeras.kernels.cpu import estimate, libm_call, vector, vector_arcs
from graphkeras.kernels.cpu.term import Term
from graphkeras.kernels.random import FEWEST_ROUNDS, PARITY, ROTATIONS, ROUNDS
from graphkeras.kernels.scalar_names import FUNCTIONS

Function = Callable[..., Term]


def _by_precision(name: str, single: Function | None = None) -> Function:
    """A polynomial for float32 where there is one, the C function otherwise."""

    def function(*operands: Term) -> Term:
        _need_floats(name, *operands)
        if single is not None and operands[0].dtype == "float32":
            return single(*operands)
        return libm_call.call(name, *operands)

    return function


def _need_floats(name: str, *operands: Term) -> None:
    for operand in operands:
        if not operand.is_float:
            raise TypeError(f"{name} needs floats, not {operand.dtype}")


def _intrinsic(name: str, llvm_name: str) -> Function:
    """One instruction; integers are whole already."""

    def function(x: Term) -> Term:
        return x.call(llvm_name) if x.is_float else x

    function.__name__ = name
    return function


def sqrt(x: Term) -> Term:
    """Square root, correctly rounded."""
    _need_floats("sqrt", x)
    return x.call("sqrt")


def rsqrt(x: Term) -> Term:
    """1 / sqrt(x)"""
    return x.like(1) / sqrt(x)


def sigmoid(x: Term) -> Term:
    """1 / (1 + e**-x)"""
    _need_floats("sigmoid", x)
    if x.dtype == "float32":
        return vector.sigmoid(x)
    power = libm_call.call("exp", -x.abs())
    return (x < 0).select(power, power.like(1.0)) / (power + 1.0)


def sign(x: Term) -> Term:
    """-1, 0 or 1; NaN stays"""
    if x.dtype == "bool":
        return x
    below = (x < 0).select(x.like(-1), x) if x.is_float or x.is_signed else x
    return (x > 0).select(x.like(1), below)


def isnan(x: Term) -> Term:
    """x != x"""
    return x != x


def isinf(x: Term) -> Term:
    """|x| == inf"""
    return x.abs() == math.inf if x.is_float else x != x


def isfinite(x: Term) -> Term:
    """|x| < inf, false for NaN"""
    return x.abs() < math.inf if x.is_float else x == x


def pow_any(x: Term, y: Term) -> Term:
    """x**y: integers by squaring, floats as C99 defines it."""
    if not x.is_float:
        return x**y
    if x.dtype == "float32":
        return vector.pow(x, y)
    return libm_call.call("pow", x, y)


def logaddexp(x: Term, y: Term) -> Term:
    """log(e**x + e**y) without overflow"""
    if x.dtype == "float32":
        return vector.logaddexp(x, y)
    larger = x.maximum(y)
    gap = (x - y).abs()
    smooth = larger + TABLE["log1p"](TABLE["exp"](-gap))
    # Equal infinities have no difference.
    return (x == y).select(x + math.log(2.0), smooth)


def fmod(x: Term, y: Term) -> Term:
    """Rest of the division rounded to zero."""
    if x.dtype == "float32":
        return vector.fmod(x, y)
    return x.fmod(y)


def floor_divide(x: Term, y: Term) -> Term:
    """Quotient rounded down."""
    return x.floored(y, fmod(x, y))[0] if x.dtype == "float32" else x // y


def remainder(x: Term, y: Term) -> Term:
    """What is left by `floor_divide`."""
    return x.floored(y, fmod(x, y))[1] if x.dtype == "float32" else x % y


def digamma(x: Term) -> Term:
    """Derivative of lgamma, computed in float64; 1e-13 away from its roots.

    Shifted up ten steps by its recurrence, then the asymptotic series (Abramowitz
    and Stegun 6.3.18); arguments below 1/2 by reflection.
    """
    _need_floats("digamma", x)
    wide = x.cast("float64")
    mirrored = wide < 0.5
    base = mirrored.select(wide.like(1.0) - wide, wide)
    steps = wide.like(0.0)
    for step in range(10):
        steps = steps + wide.like(1.0) / (base + float(step))
    z = base + 10.0
    inverse = wide.like(1.0) / (z * z)
    bernoulli = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12)
    series = vector.horner(inverse, bernoulli[::-1]) * inverse
    value = libm_call.call("log", z) - wide.like(0.5) / z - series - steps
    # cot has period 1 in pi x: reduce first, since pi x itself loses digits.
    turn = (wide - wide.call("roundeven")) * math.pi
    mirror = wide.like(math.pi) / libm_call.call("tan", turn)
    value = mirrored.select(value - mirror, value)
    pole = (wide <= 0.0) & (wide.call("floor") == wide)
    at_pole = (wide == 0.0).select(wide.like(-math.inf).copysign(-wide), math.nan)
    value = (wide == math.inf).select(wide, pole.select(at_pole, value))
    return value.cast(x.dtype)


def erfinv(x: Term) -> Term:
    """Inverse of erf: for float64 the float32 estimate, polished by Halley steps."""
    _need_floats("erfinv", x)
    if x.dtype == "float32":
        return vector.erfinv(x)
    size = x.abs()
    w = -libm_call.call("log", (size.like(1.0) - size) * (size + 1.0))
    centre = vector.horner(w - 2.5, vector.ERFINV_CENTRE)
    tail = vector.horner(w.call("sqrt") - 3.0, vector.ERFINV_TAIL)
    y = (w < 5.0).select(centre, tail) * size
    for _ in range(3):
        # Near 1 the complement keeps the digits that erf has lost.
        near = libm_call.call("erf", y) - size
        far = (size.like(1.0) - size) - libm_call.call("erfc", y)
        slope = libm_call.call("exp", -(y * y)) * (2.0 / math.sqrt(math.pi))
        step = (size < 0.5).select(near, far) / slope
        y = y - step / (y * step + 1.0)
    y = (size == 1.0).select(size.like(math.inf), y)
    return (x == 0.0).select(x, y.copysign(x))


def threefry2x32(key0: Term, key1: Term, counter: Term) -> Term:
    """First word of the Threefry block (counter, 0); all are uint32."""
    return _block(key0, key1, counter, ROUNDS)[0]


def _block(key0: Term, key1: Term, counter: Term, rounds: int) -> tuple[Term, Term]:
    """Both words of a Threefry block."""
    keys = (key0, key1, key0 ^ key1 ^ PARITY)
    x0, x1 = counter + keys[0], keys[1]
    for turn in range(rounds):
        bits = ROTATIONS[turn % 8]
        x0 = x0 + x1
        x1 = ((x1 << bits) | (x1 >> (32 - bits))) ^ x0
        if turn % 4 == 3:
            step = turn // 4 + 1
            x0 = x0 + keys[step % 3]
            x1 = x1 + keys[(step + 1) % 3] + step
    return x0, x1


def random_words(key0: Term, key1: Term, position: Term) -> tuple[Term, Term]:
    """The block that has the random bits of a position, and of three more."""
    counter = ((position >> 6) << 4) | (position & 15)
    return _block(key0, key1, counter, FEWEST_ROUNDS)


def random_half(words: tuple[Term, Term], which: int) -> Term:
    """The bits of the first, second, third or fourth position of a block."""
    word = words[which // 2]
    return word >> 16 if which % 2 else word & 0xFFFF


def random_bits16(key0: Term, key1: Term, position: Term) -> Term:
    """Sixteen random bits for each position; see `graphkeras.ops.random`."""
    words = random_words(key0, key1, position)
    low, high = (
        ((position & 32) != 0).select(random_half(words, k + 2), random_half(words, k))
        for k in (0, 1)
    )
    return ((position & 16) != 0).select(high, low)


_SINGLE: dict[str, Function] = {
    "exp": vector.exp,
    "expm1": vector.expm1,
    "log": vector.log,
    "log1p": vector.log1p,
    "log2": vector.log2,
    "log10": vector.log10,
    "cbrt": vector.cbrt,
    "sin": vector.sin,
    "cos": vector.cos,
    "tan": vector.tan,
    "tanh": vector.tanh,
    "erf": vector.erf,
    "asin": vector_arcs.asin,
    "acos": vector_arcs.acos,
    "atan": vector_arcs.atan,
    "atan2": vector_arcs.atan2,
    "sinh": vector_arcs.sinh,
    "cosh": vector_arcs.cosh,
    "asinh": vector_arcs.asinh,
    "acosh": vector_arcs.acosh,
    "atanh": vector_arcs.atanh,
}
_OWN: dict[str, Function] = {
    "sqrt": sqrt,
    "rsqrt": rsqrt,
    "over_root": estimate.over_root,
    "over_root_plus": estimate.over_root_plus,
    "sigmoid": sigmoid,
    "sign": sign,
    "isnan": isnan,
    "isinf": isinf,
    "isfinite": isfinite,
    "pow": pow_any,
    "fmod": fmod,
    "abs": Term.abs,
    "minimum": Term.minimum,
    "maximum": Term.maximum,
    "floor": _intrinsic("floor", "floor"),
    "ceil": _intrinsic("ceil", "ceil"),
    "trunc": _intrinsic("trunc", "trunc"),
    "round": _intrinsic("round", "roundeven"),
    "logaddexp": logaddexp,
    "digamma": digamma,
    "erfinv": erfinv,
    "threefry2x32": threefry2x32,
    "random_bits16": random_bits16,
    # What it holds is rounded there: no product becomes part of a later sum.
    "unfused": _intrinsic("unfused", "arithmetic.fence"),
}
TABLE: dict[str, Function] = {
    name: _OWN[name] if name in _OWN else _by_precision(name, _SINGLE.get(name))
    for name in FUNCTIONS
}
