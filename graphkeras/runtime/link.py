"""The one door to the kernels: from ``"matmul.gemm"`` to the function that emits it."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

CPU = "graphkeras.kernels.cpu"


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


def compile_entry(name: str, build: Callable[..., Any]) -> Any:
    """Jit the function that `build` adds to an LLVM module; see `kernels.jit`."""
    jit = importlib.import_module("graphkeras.kernels.jit")
    return jit.compile_entry(name, build)
