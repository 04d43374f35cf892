"""Conversions between dtypes, and between memory and registers."""

from collections.abc import Callable, Sequence

from llvmlite import ir

from graphkeras.kernels.cpu.target import (
    F32,
    F64,
    FLOATS,
    I32,
    SIGNED,
    bits,
    converts_halves,
    filled,
    memory_type,
    register_type,
    suffix,
    vector_of,
)
from graphkeras.kernels.cpu.value import Scalar

Declare = Callable[[str, ir.Type, Sequence[ir.Type]], ir.Value]


def convert(
    builder: ir.IRBuilder, declare: Declare, scalar: Scalar, dtype: str
) -> ir.Value:
    """The value as another dtype, as NumPy does; float to integer saturates."""
    source, lanes, value = scalar.dtype, scalar.lanes, scalar.value
    target = register_type(dtype, lanes)
    if source == dtype:
        return value
    if dtype == "bool":
        zero = ir.Constant(value.type, None)
        if source in FLOATS:
            return builder.fcmp_unordered("!=", value, zero)
        return builder.icmp_unsigned("!=", value, zero)
    if source in FLOATS and dtype in FLOATS:
        return round_to(builder, _resize_float(builder, value, target), dtype, lanes)
    if source in FLOATS and (bits(dtype) < 32 or dtype == "int32"):
        return _to_integer(builder, value, dtype, lanes)
    if source in FLOATS:
        sign = "s" if dtype in SIGNED else "u"
        name = f"llvm.fpto{sign}i.sat.{suffix(target)}.{suffix(value.type)}"
        return builder.call(declare(name, target, [value.type]), [value])
    if dtype in FLOATS:
        turn = builder.sitofp if source in SIGNED else builder.uitofp
        return round_to(builder, turn(value, target), dtype, lanes)
    return _resize_integer(builder, scalar, dtype)


def _to_integer(
    builder: ir.IRBuilder, value: ir.Value, dtype: str, lanes: int
) -> ir.Value:
    """float to an integer of at most 32 bits; LLVM's own vectors are 7 times slower.

    What lies beyond saturates, and NaN is 0, as everywhere.
    """
    size = bits(dtype)
    low, high = (-(1 << size - 1), 1 << size - 1) if dtype in SIGNED else (0, 1 << size)
    element = value.type.element if lanes > 1 else value.type
    start, stop = (filled(element, float(limit), lanes) for limit in (low, high))
    number = builder.fcmp_ordered("ord", value, value)
    kept = builder.select(number, value, ir.Constant(value.type, None))
    kept = builder.select(builder.fcmp_ordered("<", kept, start), start, kept)
    past = builder.fcmp_ordered(">=", kept, stop)  # one more than the largest
    word = builder.fptosi(builder.select(past, start, kept), vector_of(I32, lanes))
    word = builder.select(past, filled(I32, high - 1, lanes), word)
    return builder.trunc(word, register_type(dtype, lanes)) if size < 32 else word


def _resize_float(builder: ir.IRBuilder, value: ir.Value, target: ir.Type) -> ir.Value:
    """float32 to float64 or back."""
    if value.type == target:
        return value
    element = target.element if isinstance(target, ir.VectorType) else target
    if element == F64:
        return builder.fpext(value, target)
    return builder.fptrunc(value, target)


def _resize_integer(builder: ir.IRBuilder, scalar: Scalar, dtype: str) -> ir.Value:
    """Integer or bool to integer, modulo the new size."""
    target = register_type(dtype, scalar.lanes)
    source_bits = 1 if scalar.dtype == "bool" else bits(scalar.dtype)
    if bits(dtype) == source_bits:
        return scalar.value
    if bits(dtype) < source_bits:
        return builder.trunc(scalar.value, target)
    widen = builder.sext if scalar.dtype in SIGNED else builder.zext
    return widen(scalar.value, target)


def round_to(
    builder: ir.IRBuilder, value: ir.Value, dtype: str, lanes: int
) -> ir.Value:
    """Round float32 registers to the nearest value a half dtype has; others stay."""
    if dtype == "float16":
        return _from_half(builder, _to_half(builder, value, lanes), lanes)
    if dtype != "bfloat16":
        return value
    whole = vector_of(I32, lanes)
    word = builder.bitcast(value, whole)
    upper = builder.lshr(word, filled(I32, 16, lanes))
    odd = builder.and_(upper, filled(I32, 1, lanes))
    bias = builder.add(odd, filled(I32, 0x7FFF, lanes))
    even = builder.add(word, bias)
    # Adding the bias could carry a NaN's payload into the sign: keep it a quiet NaN.
    quiet = builder.or_(word, filled(I32, 0x400000, lanes))
    nan = builder.fcmp_unordered("uno", value, value)
    chosen = builder.select(nan, quiet, even)
    kept = builder.and_(chosen, filled(I32, -0x10000, lanes))
    return builder.bitcast(kept, vector_of(F32, lanes))


def from_memory(
    builder: ir.IRBuilder, raw: ir.Value, dtype: str, lanes: int
) -> ir.Value:
    """What was loaded, as it is worked on."""
    if dtype == "bool":
        return builder.icmp_unsigned("!=", raw, ir.Constant(raw.type, None))
    if dtype == "float16":
        return _from_half(builder, raw, lanes)
    if dtype == "bfloat16":
        wide = builder.zext(raw, vector_of(I32, lanes))
        word = builder.shl(wide, filled(I32, 16, lanes))
        return builder.bitcast(word, vector_of(F32, lanes))
    return raw


def to_memory(builder: ir.IRBuilder, scalar: Scalar) -> ir.Value:
    """What is to be stored, as it lies in memory."""
    dtype, lanes, value = scalar.dtype, scalar.lanes, scalar.value
    kind = memory_type(dtype, lanes)
    if dtype == "bool":
        return builder.zext(value, kind)
    if dtype == "float16":
        return _to_half(builder, value, lanes)
    if dtype == "bfloat16":
        word = builder.bitcast(value, vector_of(I32, lanes))
        return builder.trunc(builder.lshr(word, filled(I32, 16, lanes)), kind)
    return value


def _from_half(builder: ir.IRBuilder, raw: ir.Value, lanes: int) -> ir.Value:
    """float16 in memory to float32, by arithmetic on the bits if need be."""
    single = vector_of(F32, lanes)
    if converts_halves():
        return builder.fpext(raw, single)

    def number(n: int) -> ir.Constant:
        return filled(I32, n, lanes)

    word = builder.zext(raw, vector_of(I32, lanes))
    sign = builder.shl(builder.and_(word, number(0x8000)), number(16))
    rest = builder.shl(builder.and_(word, number(0x7FFF)), number(13))
    # The exponent's bias differs by 112; multiplying also normalises denormals.
    scaled = builder.fmul(builder.bitcast(rest, single), filled(F32, 2.0**112, lanes))
    ends = builder.icmp_unsigned(">=", rest, number(0x7C00 << 13))
    endless = builder.or_(rest, number(0x7F800000))
    size = builder.select(ends, endless, builder.bitcast(scaled, rest.type))
    return builder.bitcast(builder.or_(size, sign), single)


def _to_half(builder: ir.IRBuilder, value: ir.Value, lanes: int) -> ir.Value:
    """float32 to the nearest float16, ties to even."""
    kind = memory_type("float16", lanes)
    if converts_halves():
        return builder.fptrunc(value, kind)

    def number(n: int) -> ir.Constant:
        return filled(I32, n, lanes)

    word = builder.bitcast(value, vector_of(I32, lanes))
    sign = builder.and_(builder.lshr(word, number(16)), number(0x8000))
    size = builder.and_(word, number(0x7FFFFFFF))
    nan = builder.icmp_unsigned(">", size, number(0x7F800000))
    large = builder.select(nan, number(0x7E00), number(0x7C00))
    # Adding 1/2 makes the float adder round a denormal result.
    half = filled(F32, 0.5, lanes)
    raised = builder.fadd(builder.bitcast(size, value.type), half)
    small = builder.sub(builder.bitcast(raised, size.type), number(0x3F000000))
    odd = builder.and_(builder.lshr(size, number(13)), number(1))
    biased = builder.add(size, number(0xFFF - (112 << 23)))
    normal = builder.lshr(builder.add(biased, odd), number(13))
    below = builder.icmp_unsigned("<", size, number(0x38800000))
    above = builder.icmp_unsigned(">=", size, number(0x47800000))
    chosen = builder.select(above, large, builder.select(below, small, normal))
    return builder.trunc(builder.or_(chosen, sign), kind)
