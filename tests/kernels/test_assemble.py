"""Entries: called with raw addresses, by Python or by their C address."""

import ctypes

import numpy as np
import pytest
from llvmlite import ir

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
