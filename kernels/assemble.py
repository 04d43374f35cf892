"""LLVM IR in, machine code out, by LLVM alone: nothing here needs Numba.

A large module is cut into parts, which are compiled while the rest is being written.
"""

import os
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir

from graphkeras.kernels import object as object_code
from graphkeras.kernels import unlocked
from graphkeras.kernels.stream import Stream

Build = Callable[[ir.Module], ir.Function]

# Emitted code is in its final form: vectors and loops are written out. What is left is
# to put locals in registers and to fold addresses; more passes take ten times as long
# for some percent of speed, if any.
PASSES = ("sroa", "instruction_combine", "simplify_cfg", "new_gvn")
ROUNDS = (*PASSES, *PASSES[1:3])
# Its value numbers of operations on phis need not settle, which ends the process.
llvm.set_option("graphkeras", "-enable-phi-of-ops=false")

MOST_THREADS = 3  # beside this one: more wait for who writes the code


def compile_entry(name: str, build: Build, readable: bool = False) -> Any:
    """Compile the `void(i8*, i64)` function that `build` adds to the module.

    The result takes a raw address and a number as Python ints and releases the GIL.
    The code needs nothing of Python, so it may run on a thread that Python never saw.
    Attributes of the result:

    * `address`: the C address of the built function, for ctypes or another thread's
      start routine;
    * `objects`: the object code, for `object.load` in another process;
    * `symbol`: the name of the function in it;
    * `texts`: "llvm" and "asm", functions that return the code to read, if it is to
      be `readable`: that takes memory.
    """
    symbol = f"{name}.entry"  # a kernel's functions are called "name.number"
    with Line(readable) as line:
        module = Stream(name, llvm.get_process_triple(), line.add)
        _rename(build(module), symbol)
        parts = line.finish(module.finish())
    entry = object_code.load([part.code for part in parts], symbol)
    if readable:
        entry.texts = {
            "llvm": lambda: "\n".join(part.llvm for part in parts),
            "asm": lambda: "\n".join(part.asm for part in parts),
        }
    return entry


@dataclass(frozen=True, slots=True)
class Part:
    """The object code of a part, and what to read instead."""

    code: bytes
    llvm: str = ""
    asm: str = ""


class Line:
    """Compiles parts in threads as they come; none is left when the block ends."""

    def __init__(self, readable: bool) -> None:
        self._readable = readable
        self._found: list[Part | BaseException | None] = []
        self._waiting: deque[tuple[int, str]] = deque()
        self._threads: list[threading.Thread] = []
        self._most = min(MOST_THREADS, _processors() - 1)

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *_: object) -> None:
        self._waiting.clear()
        for thread in self._threads:
            thread.join()

    def add(self, text: str) -> None:
        """Have a part compiled."""
        self._waiting.append((len(self._found), text))
        self._found.append(None)
        self._threads = [t for t in self._threads if t.is_alive()]
        if len(self._threads) < self._most:
            thread = threading.Thread(target=self._work, name="graphkeras-compiler")
            self._threads.append(thread)
            thread.start()

    def finish(self, text: str) -> list[Part]:
        """Compile the last part, and what no thread has begun; return all in order.

        Raises:
            RuntimeError: LLVM's, if it does not take the code.
        """
        self._waiting.append((len(self._found), text))
        self._found.append(None)
        self._work()
        for thread in self._threads:
            thread.join()
        return [_or_raise(part) for part in self._found]

    def _work(self) -> None:
        while self._waiting:
            try:
                number, text = self._waiting.popleft()
            except IndexError:  # another thread was quicker
                return
            try:
                self._found[number] = _compiled(text, self._readable)
            except Exception as error:  # belongs to who waits for the part
                self._found[number] = error


def _or_raise(part: Part | BaseException | None) -> Part:
    if isinstance(part, Part):
        return part
    raise part or RuntimeError("a part of the code was not compiled")


def _processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _compiled(text: str, readable: bool) -> Part:
    """Compile a module apart from all others."""
    machine = object_code.machine()
    module = optimised(text, machine, llvm.create_context())
    code = unlocked.emit_object(machine, module)
    if not readable:
        return Part(code)
    shown = str(module)  # emitting code changes the module
    return Part(code, shown, machine.emit_assembly(module))


def optimised(
    text: str, machine: llvm.TargetMachine, context: Any = None
) -> llvm.ModuleRef:
    """Parse a module and run LLVM's passes over it."""
    parsed = llvm.parse_assembly(text, context)
    parsed.verify()
    parsed.data_layout = str(machine.target_data)
    manager = llvm.create_new_module_pass_manager()
    for name in ROUNDS:
        getattr(manager, f"add_{name}_pass")()
    options = llvm.create_pipeline_tuning_options()
    unlocked.run_passes(manager, parsed, llvm.create_pass_builder(machine, options))
    return parsed


def _rename(function: ir.Function, symbol: str) -> None:
    """Give the entry a name of its own and linkage that can be looked up."""
    module = function.module
    del module.globals[function.name]
    function._set_name(symbol)
    function.linkage = ""
    module.globals[function.name] = function
