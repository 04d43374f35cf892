"""The one place that says njit: Python functions as machine code."""

import inspect
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from numba import njit, types
from numba.core import config
from numba.core.compiler_lock import global_compiler_lock

from graphkeras.kernels import object as object_code

# Numba functions that need no Python around them, nor while they run.
PLAIN: dict[str, Any] = {
    "nogil": True, "error_model": "numpy", "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}  # fmt: skip


def inner(function: Callable[..., Any]) -> Any:
    """Let functions compiled by `compile_function` call this one."""
    return njit(**PLAIN)(function)


def compile_function(function: Callable[..., int]) -> Any:
    """Compile a Python function of some int64 that gives an int64.

    It is to work on memory by its address (see `cpu.memory`) and to raise nothing:
    then the code needs nothing of Python or Numba. The result has the attributes of
    that of `assemble.compile_entry`; `object.function` makes it something to call.
    """
    count = len(inspect.signature(function).parameters)
    signature = types.int64(*[types.int64] * count)
    with _settings(SLP_VECTORIZE=False):
        compiled: Any = njit(signature, **PLAIN)(function)
    (overload,) = compiled.overloads.values()
    library, symbol = overload.library, overload.fndesc.llvm_func_name
    try:
        objects = (bytes(library._get_compiled_object()),)
    except (AttributeError, RuntimeError) as error:
        objects = None
        _warn_of_no_object(error)
    texts = {"llvm": library.get_llvm_str, "asm": library.get_asm_str}
    address = library.get_pointer_to_function(symbol)
    return object_code.Code(address, symbol, objects, texts, library)


def _warn_of_no_object(error: Exception) -> None:
    """How to get object code is nothing that Numba promises."""
    warnings.warn(
        f"this Numba gives no object code ({error}): none will be kept",
        RuntimeWarning, stacklevel=3,
    )  # fmt: skip


@contextmanager
def _settings(**most: int) -> Iterator[None]:
    """Have Numba do at most so much while the block compiles.

    It reads these settings at each compilation, under the lock that is held here;
    without them it does more.
    """
    with global_compiler_lock:
        known = [name for name in most if hasattr(config, name)]
        before = {name: getattr(config, name) for name in known}
        try:
            for name, value in before.items():
                setattr(config, name, type(value)(min(most[name], value)))
            yield
        finally:
            for name, value in before.items():
                setattr(config, name, value)
