"""Graphs within a step as machine code: their steps, and where those find memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Protocol

from llvmlite import ir

from graphkeras.compiler.emit_index import Sizes
from graphkeras.compiler.lower import Barrier, Buffer, Nest, Step, reads_of, writes_of
from graphkeras.compiler.memory import Memory
from graphkeras.kernels.cpu.emit import Emit
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

    def steps(self, e: Emit, frame: Frame, first: ir.Value) -> None: ...


def is_alone(step: Step) -> bool:
    """Return whether a step is done by one thread."""
    if isinstance(step, Nest):
        return not step.spread
    return not isinstance(step, Barrier) and step.share is None


class Inner:
    """The graphs of a step, being written.

    Attributes:
        given, made: where each operand and each result lies.
        frames: where the steps of each graph find what they touch.
    """

    def __init__(
        self, writer: Writer, e: Emit, step: Nest, pointers: Mapping[Any, ir.Value],
        sizes: Sizes,
    ) -> None:  # fmt: skip
        self.writer, self.e, self.step, self.sizes = writer, e, step, sizes
        self.value, self.pointers = step.value, pointers
        self.given = [
            e.address(pointers[view.source], operand.dtype, sizes(view.offset))
            for view, operand in zip(step.operands, step.value.inputs)
        ]
        self.made = [pointers[result] for result in step.results]
        self.frames = [self.frame(i) for i in range(len(step.memories))]

    def frame(self, number: int) -> Frame:
        """Return where the steps of a graph find what they touch."""
        raise NotImplementedError

    def framed(self, number: int, found: Mapping[Buffer, ir.Value]) -> Frame:
        """Return a frame of what was found, and of what the graph is lent."""
        lent = {
            own: self.pointers[around]
            for own, around in self.step.rooms[number].items()
        }
        address, low, high = self.e.arguments[:3]
        table = self.e.arguments[-1]
        memory = self.step.memories[number]
        return Frame(memory, {**lent, **found}, address, table, (low, high))

    def run(self, steps: Sequence[Step], number: int) -> None:
        """Write steps; what one thread does alone, for the first one."""
        first = self.e.eq(self.e.arguments[1], 0) if self.step.spread else YES
        for alone, stretch in groupby(steps, is_alone):
            with self.e.when(first if alone else YES):
                for step in stretch:
                    self.writer.step(self.e, step, self.frames[number])
