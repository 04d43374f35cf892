"""LLVM IR in, machine code out, by LLVM alone: nothing here needs Numba."""

from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir

from graphkeras.kernels import object as object_code

Build = Callable[[ir.Module], ir.Function]

# Emitted code is in its final form: vectors and loops are written out. What is left is
# to put locals in registers and to fold addresses; more passes take ten times as long
# for some percent of speed, if any.
PASSES = ("sroa", "instruction_combine", "simplify_cfg", "new_gvn")
ROUNDS = (*PASSES, *PASSES[1:3])
# Its value numbers of operations on phis need not settle, which ends the process.
llvm.set_option("graphkeras", "-enable-phi-of-ops=false")


def compile_entry(name: str, build: Build, readable: bool = False) -> Any:
    """Compile the `void(i8*, i64)` function that `build` adds to the module.

    The result takes a raw address and a number as Python ints and releases the GIL.
    The code needs nothing of Python, so it may run on a thread that Python never saw.
    Attributes of the result:

    * `address`: the C address of the built function, for ctypes or another thread's
      start routine;
    * `object`: the object code, for `object.load` in another process;
    * `symbol`: the name of the function in it;
    * `texts`: "llvm" and "asm", functions that return the code to read, if it is to
      be `readable`: that takes memory.
    """
    module = ir.Module(name)
    module.triple = llvm.get_process_triple()
    symbol = f"{name}.entry"  # a kernel's functions are called "name.number"
    _rename(build(module), symbol)
    machine = object_code.machine()
    parsed = optimised(module, machine)
    entry = object_code.load(machine.emit_object(parsed), symbol)
    if readable:
        entry.texts = {
            "llvm": lambda: str(parsed), "asm": lambda: machine.emit_assembly(parsed)
        }  # fmt: skip
    return entry


def optimised(module: ir.Module, machine: llvm.TargetMachine) -> llvm.ModuleRef:
    """Parse a module and run LLVM's passes over it."""
    parsed = llvm.parse_assembly(str(module))
    parsed.verify()
    parsed.data_layout = str(machine.target_data)
    manager = llvm.create_new_module_pass_manager()
    for name in ROUNDS:
        getattr(manager, f"add_{name}_pass")()
    options = llvm.create_pipeline_tuning_options()
    manager.run(parsed, llvm.create_pass_builder(machine, options))
    return parsed


def _rename(function: ir.Function, symbol: str) -> None:
    """Give the entry a name of its own and linkage that can be looked up."""
    module = function.module
    del module.globals[function.name]
    function._set_name(symbol)
    function.linkage = ""
    module.globals[function.name] = function
