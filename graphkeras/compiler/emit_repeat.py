"""Loops over graphs as machine code: their steps, run on memory that moves on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Protocol

from llvmlite import ir

from graphkeras.compiler.emit_index import Sizes
from graphkeras.compiler.lower import (
    Barrier,
    Buffer,
    Repeat,
    Step,
    reads_of,
    writes_of,
)
from graphkeras.compiler.memory import Memory
from graphkeras.ir import dims
from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.emit import Emit, Index
from graphkeras.kernels.cpu.tile import YES


@dataclass(frozen=True, slots=True)
class Frame:
    """Where steps find what they touch.

    Attributes:
        pointers: the address of each buffer.
        sizes: address of the sizes.
        table: address of the program's table.
        parts: the parts that this thread does.
    """

    memory: Memory
    pointers: dict[Buffer, ir.Value]
    sizes: ir.Value
    table: ir.Value
    parts: Sequence[ir.Value]

    def places(self, step: Step) -> dict[Any, Buffer]:
        """Return the buffer of everything a step touches."""
        touched = [*reads_of(step), *writes_of(step)]
        return {place: self.memory.buffer(place) for place in touched}

    def buffers_of(self, steps: Sequence[Step]) -> Iterator[Buffer]:
        """Yield the buffers that steps touch."""
        for step in steps:
            yield from self.places(step).values()


class Writer(Protocol):
    """What writes steps; see `codegen`."""

    def step(self, e: Emit, step: Step, frame: Frame) -> None: ...


def is_alone(step: Step) -> bool:
    """Return whether a step is done by one thread."""
    if isinstance(step, Repeat):
        return not step.spread
    return not isinstance(step, Barrier) and step.share is None


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


class _Turns:
    """The loop being written."""

    def __init__(
        self, writer: Writer, e: Emit, step: Repeat,
        pointers: Mapping[Any, ir.Value], sizes: Sizes,
    ) -> None:  # fmt: skip
        self.writer, self.e, self.step, self.sizes = writer, e, step, sizes
        self.value, self.pointers = step.value, pointers
        self.given = [
            e.address(pointers[view.source], operand.dtype, sizes(view.offset))
            for view, operand in zip(step.operands, step.value.inputs)
        ]
        self.made = [pointers[result] for result in step.results]
        self.frames = [self._frame(i) for i in range(len(step.memories))]

    def _frame(self, number: int) -> Frame:
        """Return where the steps of a graph find what does not move."""
        n = self.value.carries
        found = {
            own: self.pointers[around]
            for own, around in self.step.rooms[number].items()
        }
        found |= {Buffer("state", i): self.made[i] for i in range(n)}
        found |= {Buffer("first", i): self.given[i] for i in range(n)}
        found |= {Buffer("input", i): p for i, p in enumerate(self.given[n:])}
        if self.step.flag is not None:
            found[Buffer("output", 0)] = self.pointers[self.step.flag]
        address, low, high = self.e.arguments[:3]
        table = self.e.arguments[-1]
        return Frame(self.step.memories[number], found, address, table, (low, high))

    def run(self, steps: Sequence[Step], number: int) -> None:
        """Write steps; what one thread does alone, for the first one."""
        first = self.e.eq(self.e.arguments[1], 0) if self.step.spread else YES
        for alone, stretch in groupby(steps, is_alone):
            with self.e.when(first if alone else YES):
                for step in stretch:
                    self.writer.step(self.e, step, self.frames[number])

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
