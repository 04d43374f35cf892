"""The one place that says njit and intrinsic: LLVM IR in, a callable out."""

import itertools
from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from graphkeras.kernels.cpu import libm

Build = Callable[[ir.Module], ir.Function]
_numbers = itertools.count()


def compile_entry(name: str, build: Build) -> Callable[[int, int], None]:
    """Jit the `void(i8*, i64)` function that `build` adds to the module.

    The result takes a raw address and a number as Python ints and releases the GIL.
    Its attribute `address` is the C address of the built function, for ctypes or
    another thread's start routine. Nothing of Numba's runtime (NRT, exceptions) is
    touched inside, so the code may run on a thread that Python never saw.
    """
    libm.register()
    symbol = f"{name}.{next(_numbers)}"
    jit: Any = njit(types.void(types.int64, types.int64), nogil=True)
    entry = jit(_calling(symbol, build))
    (overload,) = entry.overloads.values()
    entry.address = overload.library.get_pointer_to_function(symbol)
    return cast(Callable[[int, int], None], entry)


def _calling(symbol: str, build: Build) -> Callable[[int, int], None]:
    """A Python function whose whole body is a call of the built one."""

    def typed(_typing: Any, _pointer: Any, _number: Any) -> Any:
        def generate(
            context: Any, builder: ir.IRBuilder, _signature: Any, arguments: Any
        ) -> Any:
            function = builder.module.globals.get(symbol)
            if function is None:
                function = build(builder.module)
                _rename(function, symbol)
            pointer = builder.inttoptr(arguments[0], ir.PointerType())
            builder.call(function, [pointer, arguments[1]])
            return context.get_dummy_value()

        return types.void(types.int64, types.int64), generate

    call: Any = intrinsic(typed)

    def entry(pointer: int, number: int) -> None:
        call(pointer, number)

    return entry


def _rename(function: ir.Function, symbol: str) -> None:
    """Give the entry a name of its own and linkage that can be looked up."""
    module = function.module
    del module.globals[function.name]
    function._set_name(symbol)
    function.linkage = ""
    module.globals[function.name] = function
