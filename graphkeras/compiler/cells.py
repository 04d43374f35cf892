"""Where arrays and loops may be cut so that all steps cut at the same places.

What runs over samples is cut between samples, everything else between leading indices
of its array. A vector must not straddle a cut: whether an element is computed in a
vector or alone may show in its last bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from graphkeras.compiler.loops import Loop
from graphkeras.compiler.shares import divisor_of
from graphkeras.ir import dims
from graphkeras.ir.dims import Dim, SymbolicDim
from graphkeras.ir.value import Graph
from graphkeras.kernels.cpu.cut import PARTS

VECTOR = 16  # elements; a multiple of every CPU's
STRIP = 64  # columns that a fold takes together
FEWEST_ROWS = 16  # leading indices worth cutting between
MOST_CELLS = 64
MANY_ROWS = 2 * VECTOR * PARTS  # so many that cells of whole vectors are no loss
THIN = 8  # samples of fewer elements do not decide where cuts are


@dataclass(frozen=True, slots=True)
class Lead:
    """The size that counts samples, and how many of them are never parted.

    Attributes:
        size: None if there is none, or it is known.
    """

    size: SymbolicDim | None
    tile: int = 1

    def per_sample(self, size: Dim) -> Dim | None:
        """Return how often a sample is counted in a size, None if it is not."""
        if self.size is None or isinstance(size, int):
            return None
        found = dims.floordiv(size, self.size)
        return found if found * self.size == size else None


def lead_of(graph: Graph, loops: Iterable[Loop]) -> Lead:
    """Return what counts the samples of a graph that becomes these loops."""
    leading = [v.shape[0] for v in graph.inputs if v.shape]
    size = next((d for d in leading if isinstance(d, SymbolicDim)), None)
    lead = Lead(size)
    tiles = [1]
    for loop in loops:
        if len(loop.outer) == 1 and not loop.inner:
            elements = lead.per_sample(loop.outer[0][1])
            if elements is not None and not _is_below(elements, THIN):
                tiles.append(_even(elements))
    return Lead(size, max(tiles))


def _is_below(size: Dim, limit: int) -> bool:
    return isinstance(size, int) and size < limit


def _even(elements: Dim) -> int:
    """Return how many rows of so many elements surely make whole vectors."""
    return VECTOR // math.gcd(VECTOR, divisor_of(elements))


def whole_vectors(size: Dim) -> bool:
    """Return whether a size is surely a multiple of a vector's."""
    return _even(size) == 1


def grain_of(size: Dim, shape: Sequence[Dim], lead: Lead, vector: bool) -> Dim:
    """Return how many turns of a loop, or indices of an axis, are never parted.

    Args:
        size: how many there are.
        shape: of the array that decides, of which the turns are leading indices.
        vector: whether vectors run along them.
    """
    often = lead.per_sample(size)
    if often is not None:
        grain = lead.tile * often
        return grain if not vector or whole_vectors(grain) else VECTOR * often
    if not isinstance(size, int):
        return VECTOR if vector else 1
    rows, grain = _rows(shape)
    if rows and size % rows == 0:
        grain *= size // rows
    else:
        grain = max(1, -(-size // MOST_CELLS))
    return -(-grain // VECTOR) * VECTOR if vector else grain


def _rows(shape: Sequence[Dim]) -> tuple[int, int]:
    """Return how many leading indices to cut between, and how many not to part.

    (0, 1) if sizes are not known.
    """
    rows = 1
    for position, size in enumerate(shape):
        if not isinstance(size, int):
            return 0, 1
        rows *= size
        if rows >= FEWEST_ROWS:
            rest = dims.product(shape[position + 1 :])
            if not isinstance(rest, int):
                return 0, 1
            even = _even(rest) if rest else 1
            if rows >= MANY_ROWS:
                even = VECTOR
            return rows, -(-rows // (MOST_CELLS * even)) * even
    return rows, 1
