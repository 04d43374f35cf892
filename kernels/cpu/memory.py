"""Bytes and words of memory by their address, for functions that Numba compiles.

Addresses and words are int64 throughout, so that no two kinds of numbers ever meet;
`product`, `shifted` and their kin take them as unsigned and wrap around.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

I8, I64 = ir.IntType(8), ir.IntType(64)
WIDE = ir.IntType(128)
Values = list[ir.Value]
Generate = Callable[[ir.IRBuilder, Values], ir.Value | None]


def _primitive(operands: int, generate: Generate) -> Any:
    """Return a function of int64 that is a few instructions.

    It gives the int64 that `generate` gives, or nothing.
    """

    def lower(context: Any, builder: Any, signature: Any, args: Values) -> Any:
        result = generate(builder, args)
        return context.get_dummy_value() if result is None else result

    silent = generate in (_store, _store_byte, _prefetch)
    gives = types.void if silent else types.int64
    typed = gives(*[types.int64] * operands), lower
    shapes = {
        1: lambda typing, a: typed,
        2: lambda typing, a, b: typed,
        3: lambda typing, a, b, c: typed,
    }
    return intrinsic(shapes[operands])


def _place(builder: ir.IRBuilder, address: ir.Value, kind: ir.Type) -> ir.Value:
    return builder.inttoptr(address, kind.as_pointer())


def _load_byte(builder: ir.IRBuilder, args: Values) -> ir.Value:
    return builder.zext(builder.load(_place(builder, args[0], I8)), I64)


def _load_half(builder: ir.IRBuilder, args: Values) -> ir.Value:
    half = ir.IntType(32)
    place = _place(builder, args[0], half)
    return builder.zext(builder.load(place, align=1), I64)


def _load(builder: ir.IRBuilder, args: Values) -> ir.Value:
    return builder.load(_place(builder, args[0], I64), align=1)


def _store_byte(builder: ir.IRBuilder, args: Values) -> None:
    builder.store(builder.trunc(args[1], I8), _place(builder, args[0], I8))


def _store(builder: ir.IRBuilder, args: Values) -> None:
    builder.store(args[1], _place(builder, args[0], I64), align=1)


def _fold(builder: ir.IRBuilder, args: Values) -> ir.Value:
    both = builder.mul(*(builder.zext(arg, WIDE) for arg in args))
    high = builder.trunc(builder.lshr(both, ir.Constant(WIDE, 64)), I64)
    return builder.xor(builder.trunc(both, I64), high)


def _call(builder: ir.IRBuilder, args: Values) -> ir.Value:
    kind = ir.FunctionType(I64, [I64] * (len(args) - 1))
    return builder.call(builder.inttoptr(args[0], kind.as_pointer()), args[1:])


def _prefetch(builder: ir.IRBuilder, args: Values) -> None:
    place, number = _place(builder, args[0], I8), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [place.type, number, number, number])
    name = "llvm.prefetch.p0"
    found = builder.module.globals.get(name)
    function = found or ir.Function(builder.module, kind, name)
    builder.call(function, [place, number(0), number(3), number(1)])


def _zeros(builder: ir.IRBuilder, args: Values) -> ir.Value:
    return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))


load_byte = _primitive(1, _load_byte)
load_half = _primitive(1, _load_half)  # 4 bytes
load = _primitive(1, _load)
store_byte = _primitive(2, _store_byte)
store = _primitive(2, _store)
prefetch = _primitive(1, _prefetch)  # what will soon be read

call = _primitive(3, _call)  # of a C function by its address, with two arguments

product = _primitive(2, lambda builder, args: builder.mul(*args))
total = _primitive(2, lambda builder, args: builder.add(*args))
shifted = _primitive(2, lambda builder, args: builder.lshr(*args))
zeros = _primitive(1, _zeros)  # how many bits are 0 before the first that is 1
fold = _primitive(2, _fold)  # a product of 128 bits, its halves xored
