"""The one place that says njit and intrinsic: LLVM IR in, a callable out."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from llvmlite import ir
from numba import njit, types
from numba.core import config
from numba.core.compiler_lock import global_compiler_lock
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
    with _few_passes():
        entry = jit(_calling(symbol, build))
    (overload,) = entry.overloads.values()
    entry.address = overload.library.get_pointer_to_function(symbol)
    return cast(Callable[[int, int], None], entry)


@contextmanager
def _few_passes() -> Iterator[None]:
    """Have Numba optimise lightly while the block compiles.

    Emitted code is in its final form; looking for vectors and loops to unroll doubles
    the compile time and leaves the speed as it was. Numba reads these settings at
    each compilation, under the lock that is held here; without them it does more.
    """
    level: Any = getattr(config, "OPT", 3)
    wanted: dict[str, Any] = {"LOOP_VECTORIZE": False, "SLP_VECTORIZE": False}
    wanted["OPT"] = type(level)(min(2, level))
    with global_compiler_lock:
        before: dict[str, Any] = {name: getattr(config, name, None) for name in wanted}
        try:
            for name, value in wanted.items():
                setattr(config, name, value)
            yield
        finally:
            for name, value in before.items():
                setattr(config, name, value)


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
