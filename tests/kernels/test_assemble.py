"""Entries: called with raw addresses, by Python or by their C address; their parts."""

import ctypes
import threading

import llvmlite.binding as llvm
import numpy as np
import pytest
from llvmlite import ir

from graphkeras.kernels import assemble, stream, unlocked
from graphkeras.kernels import object as object_code
from graphkeras.kernels.assemble import compile_entry
from graphkeras.kernels.cpu.array import contiguous
from graphkeras.kernels.cpu.emit import Emit
from graphkeras.kernels.cpu.target import I64, POINTER, VOID


def build(module):
    """memory[0] += number"""
    kind = ir.FunctionType(VOID, [POINTER, I64])
    function = ir.Function(module, kind, "add_number")
    e = Emit(ir.IRBuilder(function.append_basic_block("entry")))
    memory = contiguous(e.arguments[0], "int64", (1,), e)
    total = e.add(e.load(memory, 0).value, e.arguments[1])
    e.store(memory, 0, e.from_index(total, "int64"))
    return e.finish()


@pytest.fixture(scope="module")
def entry():
    return compile_entry("add_number", build)


def test_entry_takes_an_address_and_a_number(entry):
    memory = np.array([40])
    entry(memory.ctypes.data, 2)
    assert memory[0] == 42


def test_entry_has_a_c_address(entry):
    memory = np.array([40])
    call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(entry.address)
    call(memory.ctypes.data, 2)
    assert memory[0] == 42


def test_two_entries_of_one_name_are_two(entry):
    again = compile_entry("add_number", build)
    assert again.address != entry.address


def test_an_error_while_building_reaches_the_caller():
    def broken(module):
        raise KeyError("no such kernel")

    with pytest.raises(KeyError, match="no such kernel"):
        compile_entry("broken", broken)


# ----------------------------------------------------------------------------- parts


def build_steps(module):
    """memory[0] = 2 * memory[0] + i for i = 0 ... 9, a function each."""
    kind = ir.FunctionType(VOID, [POINTER, I64])
    function = ir.Function(module, kind, "steps")
    e = Emit(ir.IRBuilder(function.append_basic_block("entry")))
    for i in range(10):
        inner = e.function("step", [POINTER])
        memory = contiguous(inner.arguments[0], "int64", (1,), inner)
        total = inner.add(inner.mul(inner.load(memory, 0).value, 2), i)
        inner.store(memory, 0, inner.from_index(total, "int64"))
        e.call(inner.finish(), e.arguments[:1])
        e.pass_on()
    return e.finish()


def after_steps(entry):
    memory = np.array([1])
    entry(memory.ctypes.data, 0)
    return memory[0]


@pytest.mark.parametrize(("size", "parts"), [(0, 11), (1000, 3), (10**6, 1)])
def test_code_in_parts_is_the_code_as_a_whole(size, parts, monkeypatch):
    monkeypatch.setattr(stream, "PART", size)
    entry = compile_entry("steps", build_steps)
    again = object_code.load(entry.objects, entry.symbol)
    assert len(entry.objects) == parts
    assert after_steps(entry) == after_steps(again) == 2037


def test_one_processor_compiles_all_parts(monkeypatch):
    monkeypatch.setattr(stream, "PART", 0)
    monkeypatch.setattr(assemble, "_processors", lambda: 1)
    assert after_steps(compile_entry("steps", build_steps)) == 2037


def test_a_part_that_is_missing_is_noticed(monkeypatch):
    monkeypatch.setattr(stream, "PART", 0)
    entry = compile_entry("steps", build_steps)
    with pytest.raises(ValueError, match="nothing here is called step"):
        object_code.load(entry.objects[1:], entry.symbol)


@pytest.mark.parametrize("number", [0, 5, 10])
def test_an_error_of_any_part_reaches_the_caller(number, monkeypatch):
    compiled, seen = assemble._compiled, []

    def broken(text, readable):
        seen.append(text)
        return compiled("nonsense" if len(seen) > number else text, readable)

    monkeypatch.setattr(stream, "PART", 0)
    monkeypatch.setattr(assemble, "_compiled", broken)
    with pytest.raises(RuntimeError, match="parsing error"):
        compile_entry("steps", build_steps)


def test_no_thread_is_left(monkeypatch):
    def broken(module):
        build_steps(module)
        raise KeyError("too late")

    monkeypatch.setattr(stream, "PART", 0)
    monkeypatch.setattr(assemble, "_processors", lambda: 2)
    with pytest.raises(KeyError, match="too late"):
        compile_entry("broken", broken)
    assert not [t for t in threading.enumerate() if t.name == "graphkeras-compiler"]


def test_code_can_be_read_if_asked_for(monkeypatch):
    monkeypatch.setattr(stream, "PART", 0)
    entry = compile_entry("steps", build_steps, readable=True)
    assert entry.texts["llvm"]().count("define ") == 11
    assert entry.texts["asm"]().count("\tret") == 11
    assert compile_entry("steps", build_steps).texts == {}


@pytest.mark.parametrize("locked", [False, True])
def test_parts_compiled_at_once_are_those_compiled_in_turn(locked, monkeypatch):
    if locked:
        monkeypatch.setattr(unlocked, "_without_lock", lambda name: None)
    monkeypatch.setattr(stream, "PART", 0)
    texts, line = [], assemble.Line(readable=False)
    stream_of = stream.Stream("steps", llvm.get_process_triple(), texts.append)
    build_steps(stream_of)
    texts.append(stream_of.finish())
    line._most = 4
    with line:
        for text in texts * 5:
            line.add(text)
        at_once = [part.code for part in line.finish(texts[0])]
    assert at_once == [assemble._compiled(t, False).code for t in texts * 5 + texts[:1]]


def test_llvmlite_without_its_library_calls_as_usual(monkeypatch):
    monkeypatch.setattr(unlocked.ctypes, "CDLL", lambda name: object())
    unlocked._without_lock.cache_clear()
    try:
        assert unlocked._without_lock("LLVMPY_RunNewModulePassManager") is None
    finally:
        unlocked._without_lock.cache_clear()


def test_threads_may_compile_at_the_same_time(monkeypatch):
    monkeypatch.setattr(stream, "PART", 0)
    found = []

    def work():
        found.append(after_steps(compile_entry("steps", build_steps)))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [2037] * 6
