"""Runs emitters on NumPy arrays: many cases in one compiled module."""

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field

import numpy as np
from llvmlite import ir

from graphkeras.kernels.assemble import compile_entry
from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.emit import Emit
from graphkeras.kernels.cpu.target import I64, POINTER, VOID

Case = Callable[..., None]


@dataclass
class Machine:
    """Collects cases, compiles them as one function, runs it once.

    Every address comes from a table in memory. With `dynamic` the sizes and strides
    do too, so that a kernel meets them as run-time values; that an axis is contiguous
    stays known, as it is of every array the compiler lays out. "batch" hides
    the first size only, and `hidden` those of some axes of each of the arrays.
    """

    dynamic: bool | str = False
    hidden: Sequence[Container[int]] = ()
    cases: list[tuple[Case, list[np.ndarray]]] = field(default_factory=list)

    def add(self, case: Case, *arrays: np.ndarray) -> None:
        """Have `case(e, *views)` run on views of the arrays."""
        self.cases.append((case, list(arrays)))

    def run(self) -> None:
        """Compile everything and run it."""
        self.compile()(*(array for _, arrays in self.cases for array in arrays))

    def compile(self) -> Callable[..., None]:
        """Compile everything; return what runs it on arrays, of all cases in a row.

        They may have other sizes where those are not known to the code.
        """
        entry = compile_entry("machine", self._build)

        def run(*arrays: np.ndarray) -> None:
            words: list[int] = []
            for array in arrays:
                steps = [s // array.itemsize for s in array.strides]
                words += [array.ctypes.data, *array.shape, *steps]
            table = np.array(words, np.int64)
            entry(table.ctypes.data, 0)

        return run

    def _build(self, module: ir.Module) -> ir.Function:
        kind = ir.FunctionType(VOID, [POINTER, I64])
        function = ir.Function(module, kind, "machine")
        e = Emit(ir.IRBuilder(function.append_basic_block("entry")))
        position = 0
        for case, arrays in self.cases:
            views = []
            for number, array in enumerate(arrays):
                views.append(self._view(e, array, position, number))
                position += 1 + 2 * array.ndim
            case(e, *views)
        return e.finish()

    def _view(self, e: Emit, array: np.ndarray, position: int, number: int) -> Array:
        table = e.arguments[0]

        def word(at: int) -> ir.Value:
            return e.builder.load(e.address(table, "int64", position + at), typ=I64)

        pointer = e.builder.inttoptr(word(0), POINTER)
        rank = array.ndim
        shape = tuple(word(1 + i) for i in range(rank))
        steps = tuple(s // array.itemsize for s in array.strides)
        strides = tuple(
            step if step == 1 else word(1 + rank + i) for i, step in enumerate(steps)
        )
        if self.dynamic == "batch":
            shape, strides = (*shape[:1], *array.shape[1:]), steps
        elif self.hidden:
            sizes = zip(shape, array.shape)
            axes = self.hidden[number]
            shape = tuple(s[0] if i in axes else s[1] for i, s in enumerate(sizes))
            strides = steps
        elif not self.dynamic:
            shape, strides = array.shape, steps
        return Array(pointer, str(array.dtype), shape, strides)
