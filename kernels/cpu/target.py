"""What the host CPU offers, and how each dtype looks in memory and in registers."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from llvmlite import ir

from graphkeras.kernels.host import features

I1 = ir.IntType(1)
I8 = ir.IntType(8)
I32 = ir.IntType(32)
I64 = ir.IntType(64)
F32 = ir.FloatType()
F64 = ir.DoubleType()
POINTER = ir.PointerType()
VOID = ir.VoidType()

FLOATS = ("float16", "bfloat16", "float32", "float64")
SIGNED = ("int8", "int16", "int32", "int64")
UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
DTYPES = ("bool", *UNSIGNED, *SIGNED, *FLOATS)
# Half floats are stored in 16 bits and worked on as float32, whose values they keep
# exactly; they are rounded where one is made.
HALVES = ("float16", "bfloat16")

_MEMORY: dict[str, ir.Type] = {
    "bool": I8,
    "float16": ir.HalfType(),
    "bfloat16": ir.IntType(16),
    "float32": F32,
    "float64": F64,
}
_REGISTER: dict[str, ir.Type] = {"bool": I1, "float16": F32, "bfloat16": F32}


def bits(dtype: str) -> int:
    """Bits of one element in memory."""
    if dtype == "bool":
        return 8
    return int(dtype.lstrip("abcdefghijklmnopqrstuvwxyz"))


def itemsize(dtype: str) -> int:
    """Bytes of one element in memory."""
    return bits(dtype) // 8


@functools.cache
def memory_type(dtype: str, lanes: int = 1) -> ir.Type:
    """LLVM type of `lanes` elements in memory."""
    scalar = _MEMORY.get(dtype) or ir.IntType(bits(dtype))
    if dtype == "float16" and not converts_halves():
        scalar = ir.IntType(16)
    return scalar if lanes == 1 else ir.VectorType(scalar, lanes)


@functools.cache
def register_type(dtype: str, lanes: int = 1) -> ir.Type:
    """LLVM type of `lanes` elements being worked on."""
    scalar = _REGISTER.get(dtype) or memory_type(dtype)
    return scalar if lanes == 1 else ir.VectorType(scalar, lanes)


def accumulator(dtype: str) -> str:
    """dtype in which sums of `dtype` are kept."""
    return "float32" if dtype in HALVES else dtype


@functools.cache
def converts_halves() -> bool:
    """Whether the CPU has instructions for float16; otherwise LLVM would call a
    library that the JIT does not have. Only x86 before F16C (2012) lacks them."""
    return "f16c" in features() or "sse2" not in features()


@dataclass(frozen=True, slots=True)
class Vectors:
    """The vector registers that code is written for."""

    bits: int
    count: int


_forced: list[Vectors] = []


@contextmanager
def forced(bits: int, count: int) -> Iterator[None]:
    """Write code for other registers than the host's; it still runs here.

    For tests, and to see what another processor would get.
    """
    _forced.append(Vectors(bits, count))
    try:
        yield
    finally:
        _forced.pop()


@functools.cache
def _host_vectors() -> Vectors:
    """AVX-512 and NEON have 32 registers."""
    count = 32 if {"avx512vl", "neon"} & features() else 16
    if "avx512f" in features():
        return Vectors(512, count)
    return Vectors(256 if "avx2" in features() else 128, count)


def vector_bits() -> int:
    """Width of a vector register."""
    return _forced[-1].bits if _forced else _host_vectors().bits


def vector_registers() -> int:
    """How many vector registers there are."""
    return _forced[-1].count if _forced else _host_vectors().count


def native_lanes(dtype: str) -> int:
    """Elements of `dtype` that fill one vector register while being worked on."""
    width = 32 if dtype in HALVES else bits(dtype)
    return vector_bits() // width


def vector_of(kind: ir.Type, lanes: int) -> ir.Type:
    """`lanes` of an LLVM type; one lane is the type itself."""
    return kind if lanes == 1 else ir.VectorType(kind, lanes)


def filled(kind: ir.Type, number: float, lanes: int) -> ir.Constant:
    """A constant with the same number in every lane."""
    single = ir.Constant(kind, number)
    if lanes == 1:
        return single
    return ir.Constant(ir.VectorType(kind, lanes), [single] * lanes)


def suffix(kind: ir.Type) -> str:
    """How LLVM names a type in an overloaded intrinsic: v16f32, i64."""
    if isinstance(kind, ir.VectorType):
        return f"v{kind.count}{suffix(kind.element)}"
    if isinstance(kind, ir.IntType):
        return f"i{kind.width}"
    return {"half": "f16", "float": "f32", "double": "f64"}[str(kind)]


# Constants are written again and again; made once, they also keep their text. Nothing
# may be changed in them.
_MOST_CONSTANTS = 1 << 12


@functools.lru_cache(_MOST_CONSTANTS)
def whole(bits: int, number: int) -> ir.Constant:
    """A whole number of some bits."""
    return ir.Constant(ir.IntType(bits), number)


@functools.lru_cache(_MOST_CONSTANTS)
def wholes(bits: int, numbers: tuple[int, ...]) -> ir.Constant:
    """A vector of whole numbers."""
    kind = ir.VectorType(ir.IntType(bits), len(numbers))
    return ir.Constant(kind, [whole(bits, number) for number in numbers])


@functools.lru_cache(_MOST_CONSTANTS)
def undefined(dtype: str, lanes: int) -> ir.Constant:
    """A vector being worked on that nothing was put in yet."""
    return ir.Constant(register_type(dtype, lanes), ir.Undefined)
