"""LLVM's two long calls, made without llvmlite's one lock for all calls.

LLVM asks those who use threads that no two of them share a context or a target machine;
here every part of a program has its own. llvmlite promises none of what is used for it:
where that is missing, calls wait for each other as usual.
"""

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

import llvmlite.binding as llvm
from llvmlite.binding import ffi


@cache
def _without_lock(name: str) -> Callable[..., Any] | None:
    """Return a function of llvmlite's library as it is, None if it is not to be had."""
    try:
        locked = getattr(ffi.lib, name)
        function: Any = getattr(ctypes.CDLL(ffi.lib._name), name)
        function.argtypes, function.restype = locked.argtypes, locked.restype
    except (AttributeError, OSError, TypeError):
        return None
    return function


def run_passes(
    manager: llvm.ModulePassManager, module: llvm.ModuleRef, builder: llvm.PassBuilder
) -> None:
    """Run LLVM's passes over a module."""
    run = _without_lock("LLVMPY_RunNewModulePassManager")
    if run is None:
        manager.run(module, builder)
    else:
        run(manager, module, builder)


def emit_object(machine: llvm.TargetMachine, module: llvm.ModuleRef) -> bytes:
    """Return the object code of a module.

    Raises:
        RuntimeError: LLVM's, if it has no code for it.
    """
    emit = _without_lock("LLVMPY_TargetMachineEmitToMemory")
    if emit is None:
        return machine.emit_object(module)
    with ffi.OutputString() as said:
        buffer = emit(machine, module, 1, said)
        if not buffer:
            raise RuntimeError(str(said))
    try:
        start, size = (
            getattr(ffi.lib, f"LLVMPY_GetBuffer{what}")(buffer)
            for what in ("Start", "Size")
        )
        return ctypes.string_at(start, size)
    finally:
        ffi.lib.LLVMPY_DisposeMemoryBuffer(buffer)
