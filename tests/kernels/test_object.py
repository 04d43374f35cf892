"""Object code: what it needs of others, and that it runs without Numba."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import llvmlite.binding as llvm
import numpy as np
import pytest
from llvmlite import ir
from numba.core.codegen import CodeLibrary

from graphkeras.kernels import host
from graphkeras.kernels import object as object_code
from graphkeras.kernels.assemble import compile_entry
from graphkeras.kernels.cpu.array import contiguous
from graphkeras.kernels.cpu.emit import Emit
from graphkeras.kernels.cpu.target import F64, I64, POINTER, VOID
from graphkeras.kernels.jit import compile_function


@contextmanager
def fresh(*cached: Any) -> Iterator[None]:
    """Let cached functions look anew in the block, and after it."""
    for function in cached:
        function.cache_clear()
    yield
    for function in cached:
        function.cache_clear()


def calling(name: str) -> Any:
    """Return the build of memory[0] = name(memory[0])."""

    def build(module: ir.Module) -> ir.Function:
        kind = ir.FunctionType(VOID, [POINTER, I64])
        function = ir.Function(module, kind, "call")
        e = Emit(ir.IRBuilder(function.append_basic_block("entry")))
        memory = contiguous(e.arguments[0], "float64", (1,), e)
        callee = e.external(name, F64, [F64])
        result = e.builder.call(callee, [e.load(memory, 0).value])
        e.builder.store(result, e.arguments[0])
        return e.finish()

    return build


@pytest.fixture(scope="module")
def compiled() -> Any:
    return compile_entry("exp", calling("exp"))


def test_object_code_needs_the_named_functions_alone(compiled: Any) -> None:
    assert object_code.needed(*compiled.objects) <= {"exp"}


def test_loaded_code_does_what_the_compiled_code_does(compiled: Any) -> None:
    loaded = object_code.load(compiled.objects, compiled.symbol)
    first, second = np.array([0.3]), np.array([0.3])
    compiled(first.ctypes.data, 0)
    loaded(second.ctypes.data, 0)
    assert first.tobytes() == second.tobytes() != np.array([0.3]).tobytes()


def test_code_of_another_symbol_is_refused(compiled: Any) -> None:
    with pytest.raises(ValueError, match="no function 'other'"):
        object_code.load(compiled.objects, "other")


@pytest.mark.skipif(
    not object_code.target()[2].endswith("linux-gnu"), reason="only ELF is looked into"
)
def test_code_that_needs_what_is_not_there_is_refused(compiled: Any) -> None:
    llvm.add_symbol("zap", llvm.address_of_symbol("cos"))  # known while compiling
    strange = compile_entry("strange", calling("zap")).objects[0]
    with pytest.raises(ValueError, match="nothing here is called zop"):
        object_code.load([strange.replace(b"zap\0", b"zop\0")], "strange")


@pytest.mark.parametrize("length", [16, 60, 64, 300, 700, -1])
def test_half_an_object_file_is_refused(compiled: Any, length: int) -> None:
    with pytest.raises((ValueError, RuntimeError)):
        object_code.load([compiled.objects[0][:length]], compiled.symbol)


def test_a_numba_without_what_we_use_still_compiles(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def doubled(x: int) -> int:
        return x + x

    monkeypatch.delattr(CodeLibrary, "_get_compiled_object")
    with pytest.warns(RuntimeWarning, match="gives no object code"):
        code = compile_function(doubled)
    assert (object_code.function(code)(21), code.objects) == (42, None)


def test_an_asked_for_processor_is_written_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CPU_NAME", "haswell")
    monkeypatch.setenv("NUMBA_CPU_FEATURES", "+avx2,-avx512f")
    with fresh(host.processor, host.flags, host.features):
        assert (host.processor(), host.flags()) == ("haswell", "+avx2,-avx512f")
        assert host.features() == {"avx2"}


def test_avx_can_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_ENABLE_AVX", "0")
    with fresh(host.flags, host.features):
        assert not [name for name in host.features() if name.startswith("avx")]
