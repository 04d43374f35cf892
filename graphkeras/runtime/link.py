"""The one door to the kernels: from ``"matmul.gemm"`` to the function that emits it."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Protocol

CPU = "graphkeras.kernels.cpu"


class Entry(Protocol):
    """A compiled function of (address of the table, mode) that releases the GIL.

    Attributes:
        address: where it begins.
        symbol: its name in the object code.
        objects: the parts of its object code, None if that cannot be had.
        texts: how it can be read, "llvm" and "asm"; none of it once it was stored.
    """

    address: int
    symbol: str
    objects: tuple[bytes, ...] | None
    texts: Mapping[str, Callable[[], str]]

    def __call__(self, table: int, mode: int, /) -> None: ...


@cache
def has_kernel(name: str) -> bool:
    """Return whether there is a CPU kernel called ``"module.function"``."""
    module, _, function = name.partition(".")
    if importlib.util.find_spec(f"{CPU}.{module}") is None:
        return False
    return hasattr(importlib.import_module(f"{CPU}.{module}"), function)


@cache
def kernel(name: str) -> Callable[..., None]:
    """Return the emitter of the CPU kernel called ``"module.function"``.

    Example:
        >>> kernel("matmul.gemm").__name__
        'gemm'
    """
    module, _, function = name.partition(".")
    found = importlib.import_module(f"{CPU}.{module}")
    return getattr(found, function)


@cache
def takes(name: str, parameter: str) -> bool:
    """Return whether a CPU kernel has a parameter of that name."""
    return parameter in inspect.signature(kernel(name)).parameters


@cache
def cuts(name: str) -> tuple[Any, ...]:
    """Return where the work of a CPU kernel may be cut; see `kernels.cpu.cut`."""
    return importlib.import_module(f"{CPU}.cut").cuts_of(kernel(name))


@cache
def overwritten(name: str) -> dict[int, int]:
    """Return over which operand a result may lie; see `kernels.cpu.reuse`."""
    return importlib.import_module(f"{CPU}.reuse").over_of(kernel(name))


@cache
def stores_once(name: str) -> bool:
    """Return whether a kernel stores no element of a result before it is complete."""
    return importlib.import_module(f"{CPU}.reuse").stores_once(kernel(name))


def compile_entry(
    name: str, build: Callable[..., Any], readable: bool = False
) -> Entry:
    """Compile the function `build` adds to an LLVM module; see `kernels.assemble`."""
    module = importlib.import_module("graphkeras.kernels.assemble")
    return module.compile_entry(name, build, readable)


def compile_function(name: str) -> Any:
    """Compile the function called ``"module.function"``; see `kernels.jit`."""
    jit = importlib.import_module("graphkeras.kernels.jit")
    return jit.compile_function(kernel(name))


def function(code: Any, locked: bool = False) -> Callable[..., int]:
    """Return what calls such a function; see `kernels.object`."""
    module = importlib.import_module("graphkeras.kernels.object")
    return module.function(code, locked)


def load(codes: Sequence[bytes], symbol: str) -> Entry:
    """Return a function of stored object code; see `kernels.object`."""
    module = importlib.import_module("graphkeras.kernels.object")
    return module.load(codes, symbol)


def target() -> tuple[str, ...]:
    """Return what object code depends on here; see `kernels.object`."""
    module = importlib.import_module("graphkeras.kernels.object")
    return module.target()
