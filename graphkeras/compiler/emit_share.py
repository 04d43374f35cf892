"""The turns that belong to a part of a step, as machine code."""

from __future__ import annotations

from dataclasses import dataclass

from graphkeras.compiler.emit_index import Sizes
from graphkeras.compiler.shares import Share, divisor_of
from graphkeras.kernels.cpu.cut import PARTS
from graphkeras.kernels.cpu.emit import Emit, Index
from graphkeras.kernels.cpu.value import multiple


def first_turn(
    e: Emit, cells: Index, grain: Index, size: Index, part: Index, parts: int = PARTS
) -> Index:
    """Emit the first turn of a part; of the part behind the last, the size."""
    cell = e.floordiv(e.add(e.mul(cells, part), parts - 1), parts)
    return e.minimum(e.mul(cell, grain), size)


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts [low, high) that a function is asked to do, of so many."""

    low: Index
    high: Index
    of: int = PARTS

    def turns(self, e: Emit, share: Share, sizes: Sizes) -> tuple[Index, Index]:
        """Emit the first turn, and how many there are."""
        parts = self.fewer(e, share.coarse) if share.coarse else self
        first, stop = (
            parts.first(e, share, sizes, part) for part in (parts.low, parts.high)
        )
        turns = e.index(e.sub(stop, first))
        common = divisor_of(share.size, share.grain)
        return first, multiple(turns, common) if common > 1 else turns

    def first(self, e: Emit, share: Share, sizes: Sizes, part: Index) -> Index:
        """Emit the first turn of any part."""
        cells, grain, size = map(sizes, (share.cells, share.grain, share.size))
        return first_turn(
            e, cells, grain, size, part, share.parts or share.coarse or self.of
        )

    def fewer(self, e: Emit, parts: int) -> Parts:
        """Emit the same, of fewer and larger parts."""
        low, high = (
            e.floordiv(e.add(e.mul(part, parts), PARTS - 1), PARTS)
            for part in (self.low, self.high)
        )
        return Parts(low, high)


WHOLE = Parts(0, PARTS)
