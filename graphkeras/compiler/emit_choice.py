"""Choices among graphs as machine code: one number is read, one graph's steps run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llvmlite import ir

from graphkeras.compiler.emit_index import Sizes
from graphkeras.compiler.emit_nest import Frame, Inner, Writer
from graphkeras.compiler.lower import Buffer, Choice
from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.emit import Emit
from graphkeras.kernels.cpu.tile import YES


def emit_choice(
    writer: Writer, e: Emit, step: Choice, pointers: Mapping[Any, ir.Value],
    sizes: Sizes,
) -> None:  # fmt: skip
    """Write the steps of each branch; all threads run those of the same one.

    The number was written before the last barrier, and nothing in a branch writes it.
    """
    branches = _Branches(writer, e, step, pointers, sizes)
    found = e.load(Array(branches.given[0], "int32", (), ()), 0)
    number = e.index(e.cast(found, "int64").value)
    last = len(step.memories) - 1
    for i in range(last + 1):
        near = e.le(number, 0) if i == 0 else e.eq(number, i)
        with e.when(e.ge(number, last) if i == last and i else near):
            branches.branch(i)


class _Branches(Inner):
    """The branches being written."""

    def branch(self, number: int) -> None:
        """Write the steps of a branch."""
        first = self.e.eq(self.e.arguments[1], 0) if self.step.spread else YES
        self.writer.steps(self.e, self.frames[number], first)

    def frame(self, number: int) -> Frame:
        """Return where the steps of a branch find what they touch."""
        found = {Buffer("input", i): p for i, p in enumerate(self.given[1:])}
        found |= {Buffer("output", i): p for i, p in enumerate(self.made)}
        return self.framed(number, found)
