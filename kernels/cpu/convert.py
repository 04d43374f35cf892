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
    if source in FLOATS:
        sign = "s" if dtype in SIGNED else "u"
        name = f"llvm.fpto{sign}i.sat.{suffix(target)}.{suffix(value.type)}"
        return builder.call(declare(name, target, [value.type]), [value])
    if dtype in FLOATS:
        turn = builder.sitofp if source in SIGNED else builder.uitofp
        return round_to(builder, turn(value, target), dtype, lanes)
    return _resize_integer(builder, scalar, dtype)


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
        half = builder.fptrunc(value, memory_type(dtype, lanes))
        return builder.fpext(half, value.type)
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
        return builder.fpext(raw, register_type(dtype, lanes))
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
        return builder.fptrunc(value, kind)
    if dtype == "bfloat16":
        word = builder.bitcast(value, vector_of(I32, lanes))
        return builder.trunc(builder.lshr(word, filled(I32, 16, lanes)), kind)
    return value
