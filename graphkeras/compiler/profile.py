"""What each step of a program costs, counted where it runs.

With the debug switch ``profile`` a program reads the processor's cycle counter before
and after each step, on its first thread. Nothing is counted, and no code for it exists,
without the switch; code that counts is never kept in the cache.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from llvmlite import ir

from graphkeras import dtypes
from graphkeras.compiler.codegen import step_name
from graphkeras.compiler.lower import Call, CatchUp, Nest, Step, reads_of, writes_of
from graphkeras.compiler.memory import Memory
from graphkeras.ir import dims
from graphkeras.ir.dims import Dim
from graphkeras.ir.value import Value
from graphkeras.kernels.cpu.emit import Emit
from graphkeras.kernels.cpu.target import I64, POINTER, VOID
from graphkeras.runtime import link

profiles: list[Profile] = []  # of all programs made while the switch was on


@dataclass(frozen=True, slots=True)
class Cost:
    """One step of a program: what it is, and what it has cost so far.

    Attributes:
        what: the kernel, or "loop" or "fold" for fused code.
        where: the layer it belongs to, "" if it is unknown.
        cycles: of the counter, over all runs.
        operations: floating-point operations in one run, 0 if nobody counts them.
        moved: bytes in one run, each array once.
    """

    what: str
    where: str
    cycles: int
    operations: int
    moved: int


@dataclass(slots=True)
class Profile:
    """The steps of one program and the cycles spent in each.

    Attributes:
        cycles: one number a step, written by the program, and the number of runs.
    """

    name: str
    steps: list[Step]
    cycles: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.cycles = np.zeros(len(self.steps) + 1, np.uint64)

    @property
    def runs(self) -> int:
        """How often the program ran."""
        return int(self.cycles[-1])

    def costs(self, sizes: Mapping[str, int]) -> list[Cost]:
        """Return what each step has cost, its free sizes being these."""
        return [
            Cost(_what(s), _where(s), int(c), _operations(s, sizes), _moved(s, sizes))
            for s, c in zip(self.steps, self.cycles)
        ]

    def reset(self) -> None:
        """Count from nothing."""
        self.cycles[:] = 0

    # ---- in the code

    def before(self, e: Emit) -> ir.Value:
        """Write the reading of the counter before a step."""
        return _counter(e)

    def after(self, e: Emit, number: int, began: ir.Value) -> None:
        """Write the addition of what a step took."""
        self._add(e, number, e.builder.sub(_counter(e), began))

    def ran(self, e: Emit) -> None:
        """Write that the program ran once more."""
        self._add(e, len(self.steps), ir.Constant(I64, 1))

    def _add(self, e: Emit, number: int, value: ir.Value) -> None:
        place = ir.Constant(I64, self.cycles.ctypes.data + 8 * number)
        pointer = e.builder.inttoptr(place, POINTER)
        e.builder.store(e.builder.add(e.builder.load(pointer, typ=I64), value), pointer)


def watch(name: str, memory: Memory) -> Profile:
    """Return the profile that a new program is to fill."""
    profiles.append(Profile(name, list(memory.steps)))
    return profiles[-1]


def clock() -> Any:
    """Return a compiled function of (address, 0) that writes the counter there."""

    def build(module: ir.Module) -> ir.Function:
        kind = ir.FunctionType(VOID, [POINTER, I64])
        function = ir.Function(module, kind, module.get_unique_name("clock"))
        e = Emit(ir.IRBuilder(function.append_basic_block("entry")))
        e.builder.store(_counter(e), e.arguments[0])
        return e.finish()

    return link.compile_entry("clock", build)


def _counter(e: Emit) -> ir.Value:
    name = "llvm.readcyclecounter"
    function = e.module.globals.get(name)
    if function is None:
        function = ir.Function(e.module, ir.FunctionType(I64, []), name)
    return e.builder.call(function, [])


# ------------------------------------------------------------------------ what it was


def _what(step: Step) -> str:
    return step.kernel if isinstance(step, Call) else step_name(step)


def _where(step: Step) -> str:
    """Return the path of the layer that asked for the first result with a known one."""
    values = [step.value] if isinstance(step, (Call, CatchUp, Nest)) else []
    values += [v for v in writes_of(step) if isinstance(v, Value)]
    return next((v.origin.path for v in values if v.origin and v.origin.path), "")


def _operations(step: Step, sizes: Mapping[str, int]) -> int:
    if not isinstance(step, Call):
        return 0
    count = step.value.op.fact("operations")
    return _number(count(step.value), sizes) if count else 0


def _moved(step: Step, sizes: Mapping[str, int]) -> int:
    if isinstance(step, Call):
        places = [*step.value.inputs, *step.results]
    else:
        places = [*reads_of(step), *writes_of(step)]
    total = 0
    for value in dict.fromkeys(places):
        for type_ in value.types if isinstance(value, Value) else ():
            count = _number(dims.product(type_.shape), sizes)
            total += count * dtypes.to_numpy(type_.dtype).itemsize
    return total


def _number(dim: Dim, sizes: Mapping[str, int]) -> int:
    known = {name: sizes.get(name, 0) for name in dims.symbols(dim)}
    return dims.evaluate(dim, known)
