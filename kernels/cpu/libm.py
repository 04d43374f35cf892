"""The C mathematics functions that emitted code may call, made known to LLVM's JIT."""

import contextlib
import ctypes
import functools
import sys

import llvmlite.binding as llvm

# fmt: off
FUNCTIONS = (
    "exp", "expm1", "log", "log1p", "log2", "log10", "cbrt", "sin", "cos", "tan",
    "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf",
    "erfc", "lgamma", "atan2", "pow", "fmod",
)
# LLVM itself calls these where the CPU has no such instruction.
BY_LLVM = (
    "fmodf", "floor", "floorf", "ceil", "ceilf", "trunc", "truncf", "roundeven",
    "roundevenf", "fma", "fmaf", "sqrt", "sqrtf", "memcpy", "memset", "memmove",
    "__chkstk",  # touches the pages of a large stack frame on Windows
)
# fmt: on
WINDOWS = ("ucrtbase", "vcruntime140", "ntdll")


@functools.cache
def register() -> None:
    """Tell LLVM the address of every function above that it cannot find by itself."""
    for name in (*FUNCTIONS, *BY_LLVM):
        if llvm.address_of_symbol(name):
            continue
        for library in _libraries():
            function = getattr(library, name, None)
            if function is not None:
                address = ctypes.cast(function, ctypes.c_void_p).value
                llvm.add_symbol(name, address)
                break


@functools.cache
def _libraries() -> tuple[ctypes.CDLL, ...]:
    """C libraries to search, in order."""
    if sys.platform == "win32":
        return tuple(ctypes.CDLL(name) for name in WINDOWS)
    libraries = [ctypes.CDLL(None)]
    with contextlib.suppress(OSError):  # glibc alone keeps mathematics apart
        libraries.append(ctypes.CDLL("libm.so.6"))
    return tuple(libraries)
