"""What part of a step each thread does.

A step's turns come in cells of `grain` neighbouring turns, and its cells in PARTS parts
whose ends depend on sizes alone. Whoever runs the program is told which parts to do.
So a step that runs over samples leaves each sample to the same thread as the step
before, and what is folded part by part gives the same bits however many threads there
are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from graphkeras.ir import dims
from graphkeras.ir.dims import Dim, SymbolicDim
from graphkeras.kernels.cpu.cut import PARTS, Moves

TICKS = 16 * PARTS  # what a part is too large for the cache may be done by; see `runs`


@dataclass(frozen=True, slots=True)
class Share:
    """How the turns of a step are cut.

    Attributes:
        size: turns of what is cut: a loop's variable, or an axis of a call's arrays.
        grain: turns in a cell.
        variable: of the loop that is cut.
        axes: (position, axis) of the arrays of a call that are cut.
        parts: 0, or the number of parts each of which leaves a partial result.
        moves: what else changes in a part of a call, see `kernels.cpu.cut`.
        together: whether all parts of a thread are best done in one go.
        coarse: 0, or into how many parts the cells come, if not into PARTS.
    """

    size: Dim
    grain: Dim
    variable: str = ""
    axes: tuple[tuple[int, int], ...] = ()
    parts: int = 0
    moves: Moves | None = None
    together: bool = False
    coarse: int = 0

    @property
    def of(self) -> int:
        """In how many parts the cells come."""
        return self.parts or self.coarse or PARTS

    @property
    def cells(self) -> Dim:
        """How many cells there are."""
        return dims.ceildiv(self.size, self.grain)


def divisor_of(*sizes: Dim) -> int:
    """Return a number that divides all sizes, whatever their symbols stand for."""
    return math.gcd(
        *(
            number
            for size in sizes
            for number in (
                size.terms.values() if isinstance(size, SymbolicDim) else [size]
            )
        )
    )
