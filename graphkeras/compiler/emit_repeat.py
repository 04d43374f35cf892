"""Loops over graphs as machine code: their steps, run on memory that moves on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llvmlite import ir

from graphkeras.compiler.emit_index import Sizes
from graphkeras.compiler.emit_nest import Frame, Inner, Writer
from graphkeras.compiler.lower import Buffer, Repeat
from graphkeras.ir import dims
from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.emit import Emit, Index


def emit_repeat(
    writer: Writer, e: Emit, step: Repeat, pointers: Mapping[Any, ir.Value],
    sizes: Sizes,
) -> None:  # fmt: skip
    """Write the first values of what is carried, then the turns."""
    turns = _Turns(writer, e, step, pointers, sizes)
    turns.run(step.prologue, len(step.memories) - 1)
    if len(step.memories) == 1:
        turns.counted()
    else:
        turns.tested()


class _Turns(Inner):
    """The loop being written."""

    step: Repeat

    def frame(self, number: int) -> Frame:
        """Return where the steps of a graph find what does not move."""
        n = self.value.carries
        found = {Buffer("state", i): self.made[i] for i in range(n)}
        found |= {Buffer("first", i): self.given[i] for i in range(n)}
        found |= {Buffer("input", i): p for i, p in enumerate(self.given[n:])}
        if self.step.flag is not None:
            found[Buffer("output", 0)] = self.pointers[self.step.flag]
        return self.framed(number, found)

    def counted(self) -> None:
        """Write a turn for each slice."""
        e, value = self.e, self.value
        length = self.sizes(value.length)
        with e.loop(0, length) as turn:
            at = e.sub(e.sub(length, 1), turn) if value.reverse else turn
            pointers = self.frames[0].pointers
            for i in range(value.sequences):
                type_ = value.inputs[value.carries + i].type
                place = self._slice(self.given[value.carries + i], type_, at)
                pointers[Buffer("input", i)] = place
            for i, type_ in enumerate(value.types[value.carries :]):
                place = self._slice(self.made[value.carries + i], type_, at)
                pointers[Buffer("output", i)] = place
            self.run(self.step.memories[0].steps, 0)

    def _slice(self, pointer: ir.Value, type_: Any, at: Index) -> ir.Value:
        """Return where a slice of a stack begins."""
        row = self.sizes(dims.product(type_.shape[1:]))
        return self.e.address(pointer, type_.dtype, self.e.mul(at, row))

    def tested(self) -> None:
        """Write turns for as long as the condition holds."""
        with self.e.loop_while(self._goes_on):
            self.run(self.step.memories[1].steps, 1)

    def _goes_on(self) -> ir.Value:
        self.run(self.step.memories[0].steps, 0)
        flag = self.step.flag
        assert flag is not None
        found = self.e.load(Array(self.pointers[flag], "bool", (), ()), 0)
        return self.e.ne(self.e.index(self.e.cast(found, "int64").value), 0)
