"""Quotients by square roots that do without some of the slow exact instructions.

AVX-512 estimates 1 / x and 1 / sqrt(x) to 14 bits, AVX and SSE to 12; a step or two of
Newton's make that as good as float32 allows. Where an estimate is of no use (0,
denormals, infinities, NaN) the exact quotient is taken, lane by lane: a result depends
neither on its neighbours nor on the length of the vector.

Other processors, and other dtypes, divide.
"""

from collections.abc import Callable

from llvmlite import ir

from graphkeras.kernels.cpu.target import (
    features,
    native_lanes,
    register_type,
    vector_bits,
)
from graphkeras.kernels.cpu.term import Term, any_lane

LEAST = 0x00800000  # bits of 2**-126, the least normal float32
BELOW_ROOT = 0x7F800000 - LEAST  # up to infinity
BELOW_INVERSE = 0x7E800000 - LEAST  # up to 2**126: beyond, 1 / x is denormal
# bits of a vector: the feature, what LLVM calls the estimates, steps to float32
FOUND = {
    512: ("avx512f", "avx512.{}14.ps.512", 1),
    256: ("avx", "avx.{}.ps.256", 2),
    128: ("sse", "sse.{}.ps", 2),
}


def over_root(x: Term, v: Term) -> Term:
    """x / sqrt(v); 2 ulp for float32."""
    if not _estimates(x):
        return x / v.call("sqrt")
    usable = _between(v, BELOW_ROOT)
    return _exactly(~usable, x * _inverse_root(v), lambda: x / v.call("sqrt"))


def over_root_plus(x: Term, v: Term, more: Term) -> Term:
    """x / (sqrt(v) + more); 3 ulp for float32."""
    divisor = v.call("sqrt") + more
    if not _estimates(x):
        return x / divisor
    # Another estimate, of the root, would not pay: divider and multipliers share work.
    usable = _between(divisor, BELOW_INVERSE)
    return _exactly(~usable, x * _inverse(divisor), lambda: x / divisor)


def _estimates(x: Term) -> bool:
    """Whether there are estimates of such values here."""
    feature, _, _ = FOUND[vector_bits()]
    known = {feature, "fma"} <= features()
    return known and x.dtype == "float32" and x.lanes <= native_lanes("float32")


def _inverse_root(v: Term) -> Term:
    """1 / sqrt(v) of what `_between` accepts; it may be anything else elsewhere."""
    guess = _estimate("rsqrt", v)
    for _ in range(FOUND[vector_bits()][2]):
        guess = (-(v * guess)).fma(guess * 0.5, 0.5).fma(guess, guess)
    return guess


def _inverse(d: Term) -> Term:
    """1 / d, likewise."""
    guess = _estimate("rcp", d)
    for _ in range(FOUND[vector_bits()][2]):
        guess = (-d).fma(guess, 1.0).fma(guess, guess)
    return guess


def _estimate(name: str, x: Term) -> Term:
    """What the CPU's instruction gives, which is for whole vectors."""
    e, lanes = x.e, native_lanes("float32")
    kind = register_type("float32", lanes)
    wide = _widened(x, lanes)
    operands, kinds = [wide.raw], [kind]
    if vector_bits() == 512:  # masked: what else there would be, and all lanes
        mask = ir.IntType(lanes)
        operands += [ir.Constant(kind, ir.Undefined), ir.Constant(mask, -1)]
        kinds += [kind, mask]
    full = "llvm.x86." + FOUND[vector_bits()][1].format(name)
    result = e.builder.call(e.external(full, kind, kinds), operands)
    found = e.shuffle(wide.of(result).scalar, wide.of(result).scalar, range(x.lanes))
    return Term(e, found)


def _widened(x: Term, lanes: int) -> Term:
    """The value in the first lanes of a whole vector."""
    if x.lanes == 1:
        return Term(x.e, x.e.splat(x.scalar, lanes))
    if x.lanes == lanes:
        return x
    places = [lane % x.lanes for lane in range(lanes)]
    return Term(x.e, x.e.shuffle(x.scalar, x.scalar, places))


def _between(x: Term, size: int) -> Term:
    """Whether the bits of x are among so many from LEAST on; not for NaN or x < 0."""
    return (x.bitcast("uint32") - LEAST) < size


def _exactly(where: Term, value: Term, exact: Callable[[], Term]) -> Term:
    """`value`, but in some lanes, which are rare, something else."""
    e = value.e
    result = e.local(value.dtype, value.scalar, value.lanes)
    with e.when(any_lane(where)):
        result.set(where.select(exact(), value).scalar)
    return Term(e, result.get())
