"""Arithmetic on typed values with Python's operators and NumPy's meaning.

float16 and bfloat16 are computed as the float32 they are held in; whoever makes a
result of that dtype casts it, once. No operation assumes that NaN or inf is absent;
multiply and add may fuse.
"""

from __future__ import annotations

from llvmlite import ir

from graphkeras.kernels.cpu.emit import Emit, Scalar
from graphkeras.kernels.cpu.target import (
    FLOATS,
    SIGNED,
    bits,
    register_type,
)

FUSE = ("contract",)


class Term:
    """A value together with the emitter it is computed by."""

    __slots__ = ("e", "scalar")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, e: Emit, scalar: Scalar) -> None:
        self.e, self.scalar = e, scalar

    @property
    def dtype(self) -> str:
        """dtype of the value."""
        return self.scalar.dtype

    @property
    def lanes(self) -> int:
        """How many values there are."""
        return self.scalar.lanes

    @property
    def raw(self) -> ir.Value:
        """The LLVM value."""
        return self.scalar.value

    @property
    def is_float(self) -> bool:
        """Whether the dtype is a float."""
        return self.dtype in FLOATS

    @property
    def is_signed(self) -> bool:
        """Whether the dtype is a signed integer."""
        return self.dtype in SIGNED

    def like(self, number: float) -> Term:
        """A constant of the same dtype and lanes."""
        return Term(self.e, self.e.constant(self.dtype, number, self.lanes))

    def of(self, value: ir.Value, dtype: str | None = None) -> Term:
        """An LLVM value of the same lanes as a Term."""
        return Term(self.e, Scalar(value, dtype or self.dtype, self.lanes))

    def cast(self, dtype: str) -> Term:
        """Converted to another dtype."""
        return Term(self.e, self.e.cast(self.scalar, dtype))

    def call(self, name: str, *others: Term) -> Term:
        """An LLVM intrinsic of operands of this type."""
        operands = [other.scalar for other in others]
        return Term(self.e, self.e.intrinsic(name, self.scalar, *operands))

    def bitcast(self, dtype: str) -> Term:
        """The same bits read as another dtype of the same size."""
        kind = register_type(dtype, self.lanes)
        return self.of(self.e.builder.bitcast(self.raw, kind), dtype)

    # ---- arithmetic

    def _both(self, other: Term | float) -> tuple[Term, Term]:
        """Two operands brought to one dtype: a bool takes the other's."""
        if not isinstance(other, Term):
            return self, self.like(other)
        if self.dtype == other.dtype:
            return self, other
        if self.dtype == "bool":
            return self.cast(other.dtype), other
        if other.dtype == "bool":
            return self, other.cast(self.dtype)
        raise TypeError(f"operands are {self.dtype} and {other.dtype}")

    def __add__(self, other: Term | float) -> Term:
        a, b = self._both(other)
        if a.is_float:
            return a.of(a.e.builder.fadd(a.raw, b.raw, flags=FUSE))
        if a.dtype == "bool":
            return a | b
        return a.of(a.e.builder.add(a.raw, b.raw))

    def __sub__(self, other: Term | float) -> Term:
        a, b = self._both(other)
        if a.is_float:
            return a.of(a.e.builder.fsub(a.raw, b.raw, flags=FUSE))
        return a.of(a.e.builder.sub(a.raw, b.raw))

    def __mul__(self, other: Term | float) -> Term:
        a, b = self._both(other)
        if a.is_float:
            return a.of(a.e.builder.fmul(a.raw, b.raw, flags=FUSE))
        if a.dtype == "bool":
            return a & b
        return a.of(a.e.builder.mul(a.raw, b.raw))

    def __rsub__(self, other: float) -> Term:
        return self.like(other) - self

    def __truediv__(self, other: Term | float) -> Term:
        a, b = self._both(other)
        if not a.is_float:
            raise TypeError(f"/ needs floats, not {a.dtype}")
        return a.of(a.e.builder.fdiv(a.raw, b.raw))

    def __floordiv__(self, other: Term | float) -> Term:
        a, b = self._both(other)
        return a._float_divmod(b)[0] if a.is_float else a._int_divmod(b)[0]

    def __mod__(self, other: Term | float) -> Term:
        a, b = self._both(other)
        return a._float_divmod(b)[1] if a.is_float else a._int_divmod(b)[1]

    def _int_divmod(self, b: Term) -> tuple[Term, Term]:
        """Quotient rounded down and its rest; both are 0 where b is 0."""
        a = self
        zero = b == 0
        if not a.is_signed:
            safe = zero.select(b.like(1), b)
            quotient = a.of(a.e.builder.udiv(a.raw, safe.raw))
            rest = a - quotient * safe
            none = a.like(0)
            return zero.select(none, quotient), zero.select(none, rest)
        # The smallest integer divided by -1 overflows, which traps on x86.
        negated = b == -1
        safe = (zero | negated).select(b.like(1), b)
        quotient = a.of(a.e.builder.sdiv(a.raw, safe.raw))
        rest = a - quotient * safe
        lower = (rest != 0) & ((rest < 0) ^ (safe < 0))
        quotient = lower.select(quotient - 1, quotient)
        rest = lower.select(rest + safe, rest)
        none = a.like(0)
        quotient = zero.select(none, negated.select(none - a, quotient))
        return quotient, zero.select(none, rest)

    def _float_divmod(self, b: Term) -> tuple[Term, Term]:
        return self.floored(b, self.fmod(b))

    def floored(self, b: Term, rest: Term) -> tuple[Term, Term]:
        """NumPy's floor_divide and remainder, signs of zero included.

        `rest` is that of the division rounded to zero.
        """
        a = self
        quotient = (a - rest) / b
        moved = (rest != 0) & ((b < 0) ^ (rest < 0))
        rest = moved.select(rest + b, (rest == 0).select(rest.copysign(b), rest))
        quotient = moved.select(quotient - 1, quotient)
        whole = quotient.call("floor")
        whole = ((quotient - whole) > 0.5).select(whole + 1, whole)
        exact = a / b
        whole = (quotient == 0).select(exact.like(0).copysign(exact), whole)
        return (b == 0).select(exact, whole), rest

    def fmod(self, other: Term | float) -> Term:
        """Rest of the division rounded to zero."""
        a, b = self._both(other)
        if a.is_float:
            return a.of(a.e.builder.frem(a.raw, b.raw))
        zero = b == 0
        if not a.is_signed:
            safe = zero.select(b.like(1), b)
            rest = a.of(a.e.builder.urem(a.raw, safe.raw))
        else:
            safe = (zero | (b == -1)).select(b.like(1), b)
            rest = a.of(a.e.builder.srem(a.raw, safe.raw))
        return zero.select(a.like(0), rest)

    def __pow__(self, other: Term | float) -> Term:
        """Integer power by squaring; a negative exponent gives 0."""
        base, exponent = self._both(other)
        if base.is_float:
            raise TypeError("float powers are in kernels.cpu.vector")
        e, dtype, lanes = base.e, base.dtype, base.lanes
        result = e.local(dtype, base.like(1).scalar, lanes)
        square = e.local(dtype, base.scalar, lanes)
        left = e.local(dtype, exponent.scalar, lanes)
        with e.loop(0, bits(dtype)):
            r, s, n = (Term(e, v.get()) for v in (result, square, left))
            result.set(((n & 1) != 0).select(r * s, r).scalar)
            square.set((s * s).scalar)
            left.set((n >> 1).scalar)
        power = Term(e, result.get())
        return (exponent < 0).select(base.like(0), power) if base.is_signed else power

    def __neg__(self) -> Term:
        if self.is_float:
            return self.of(self.e.builder.fneg(self.raw))
        return self.like(0) - self

    def fma(self, b: Term | float, c: Term | float) -> Term:
        """self * b + c, fused where the CPU can."""
        _, second = self._both(b)
        _, third = self._both(c)
        return self.call("fmuladd", second, third)

    # ---- bits

    def __invert__(self) -> Term:
        return self.of(self.e.builder.not_(self.raw))

    def __and__(self, other: Term | float) -> Term:
        a, b = self._both(other)
        return a.of(a.e.builder.and_(a.raw, b.raw))

    def __or__(self, other: Term | float) -> Term:
        a, b = self._both(other)
        return a.of(a.e.builder.or_(a.raw, b.raw))

    def __xor__(self, other: Term | float) -> Term:
        a, b = self._both(other)
        return a.of(a.e.builder.xor(a.raw, b.raw))

    def __lshift__(self, other: Term | float) -> Term:
        a, b = self._both(other)
        within = a._within(b)
        shifted = a.of(a.e.builder.shl(a.raw, (b & (bits(a.dtype) - 1)).raw))
        return within.select(shifted, a.like(0))

    def __rshift__(self, other: Term | float) -> Term:
        a, b = self._both(other)
        within, places = a._within(b), (b & (bits(a.dtype) - 1)).raw
        if not a.is_signed:
            return within.select(a.of(a.e.builder.lshr(a.raw, places)), a.like(0))
        shifted = a.of(a.e.builder.ashr(a.raw, places))
        return within.select(shifted, (a < 0).select(a.like(-1), a.like(0)))

    def _within(self, places: Term) -> Term:
        """Whether a shift stays inside the word: beyond, LLVM leaves it undefined."""
        limit = places.like(bits(self.dtype))
        below = self.e.builder.icmp_unsigned("<", places.raw, limit.raw)
        return self.of(below, "bool")

    # ---- comparisons and choice

    def _compare(self, relation: str, other: Term | float) -> Term:
        a, b = self._both(other)
        builder = a.e.builder
        if a.is_float:
            compare = (
                builder.fcmp_unordered if relation == "!=" else builder.fcmp_ordered
            )
        else:
            compare = builder.icmp_signed if a.is_signed else builder.icmp_unsigned
        return a.of(compare(relation, a.raw, b.raw), "bool")

    def __eq__(self, other: Term | float) -> Term:  # type: ignore[override]
        return self._compare("==", other)

    def __ne__(self, other: Term | float) -> Term:  # type: ignore[override]
        return self._compare("!=", other)

    def __lt__(self, other: Term | float) -> Term:
        return self._compare("<", other)

    def __le__(self, other: Term | float) -> Term:
        return self._compare("<=", other)

    def __gt__(self, other: Term | float) -> Term:
        return self._compare(">", other)

    def __ge__(self, other: Term | float) -> Term:
        return self._compare(">=", other)

    def select(self, yes: Term, no: Term | float) -> Term:
        """yes where this bool is true, else no"""
        first, second = yes._both(no)
        condition = self if self.dtype == "bool" else self != 0
        chosen = self.e.builder.select(condition.raw, first.raw, second.raw)
        return first.of(chosen)

    def minimum(self, other: Term | float) -> Term:
        """The smaller one; NaN wins, as in NumPy."""
        a, b = self._both(other)
        first = a < b
        return ((first | (a != a)) if a.is_float else first).select(a, b)

    def maximum(self, other: Term | float) -> Term:
        """The larger one; NaN wins, as in NumPy."""
        a, b = self._both(other)
        first = a > b
        return ((first | (a != a)) if a.is_float else first).select(a, b)

    def clamp(self, low: float, high: float) -> Term:
        """The nearest value in [low, high]; NaN stays."""
        raised = (self < low).select(self.like(low), self)
        return (raised > high).select(raised.like(high), raised)

    def abs(self) -> Term:
        """Absolute value."""
        if self.is_float:
            return self.call("fabs")
        return (self < 0).select(-self, self) if self.is_signed else self

    def copysign(self, sign: Term) -> Term:
        """This magnitude with the sign of the other."""
        return self.call("copysign", sign)


def any_lane(condition: Term) -> ir.Value:
    """i1: whether a bool is true in any lane."""
    if condition.lanes == 1:
        return condition.raw
    builder = condition.e.builder
    kind = ir.IntType(condition.lanes)
    packed = builder.bitcast(condition.raw, kind)
    return builder.icmp_unsigned("!=", packed, ir.Constant(kind, 0))
