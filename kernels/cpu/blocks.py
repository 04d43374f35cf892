"""Blocks of k that products are made in, and what is asked for beside them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from llvmlite import ir

from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.emit import Emit
from graphkeras.kernels.cpu.target import itemsize
from graphkeras.kernels.cpu.tile import LINE
from graphkeras.kernels.cpu.value import Index, known

DEPTH = 256  # 256 rows of 32 columns of float32 are 32 KiB


@dataclass(frozen=True, slots=True)
class Part:
    """A block of k; whether it is the first, and the last."""

    start: Index
    depth: Index
    fresh: ir.Value
    last: ir.Value

    @classmethod
    @contextmanager
    def each(cls, e: Emit, k: Index) -> Iterator["Part"]:
        """Emit a loop over blocks of k."""
        # Even an empty sum has to be written: there is always a first block.
        count = e.maximum(1, e.ceildiv(k, DEPTH))
        with e.loop(0, count) as number:
            start = e.mul(number, DEPTH)
            depth = e.minimum(DEPTH, e.sub(k, start))
            yield cls(start, depth, e.eq(number, 0), e.eq(number, e.sub(count, 1)))


def ask_a(e: Emit, a: Array, start: tuple[Index, Index], k: Index, steps: int) -> None:
    """At step k, ask for a line of the rows of a that come next; for all of `steps`."""
    first = a.at(e, *start)
    if known(a.strides[1]) != 1:
        for step in range(steps):
            e.prefetch(first, e.mul(e.add(k, step), a.strides[1]))
        return
    line = LINE // itemsize(a.dtype)
    place = e.mod(k, line)
    row = e.floordiv(place, steps)
    e.prefetch(first, e.add(e.mul(row, a.strides[0]), e.sub(k, place)))
