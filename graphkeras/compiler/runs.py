"""Steps done part by part: all of them for a few samples, then for the next few.

Between two barriers a part of a step needs nothing of other parts of the steps before,
or threads could not share them. So neighbouring steps may as well run for one part
after another, and what one leaves is still in the cache when the next one wants it.
What nobody else wants needs memory for these few samples alone, once a thread::

    for parts p of this thread, a few at a time:
        convolution   x[p] -> room
        maximum       room -> y[p], places[p]

A part too large for the cache is done tick by tick, the sixteenth of a part each. Only
what leaves partial results does whole parts: what it adds up is a part's by contract.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from graphkeras.compiler.binding import Block
from graphkeras.compiler.cells import Lead
from graphkeras.compiler.lower import Barrier, Buffer, CatchUp, Nest, Step
from graphkeras.compiler.shares import TICKS
from graphkeras.compiler.touches import (
    WORD,
    Pattern,
    Rows,
    Touch,
    Where,
    common_size,
    is_heavy,
    touches_of,
)
from graphkeras.ir import dims
from graphkeras.ir.dims import Dim
from graphkeras.kernels.cpu.cut import PARTS

CACHE = 1 << 20  # bytes that all steps of a run may touch at a time
COMMON = 1 << 15  # elements of weights that all steps of a run may have together
LARGE = 1 << 14  # bytes a sample from which it pays to keep them in the cache


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring steps [first, stop), and how much they do at a time.

    Attributes:
        parts: how many of them.
        ticks: how many, of those steps that may do less than a part.
    """

    first: int
    stop: int
    parts: Dim
    ticks: Dim


class FewRows(NamedTuple):
    """Memory for the rows of a few parts, or ticks: `of` says which, by how many."""

    rows: Rows
    of: int


def is_fine(step: Step) -> bool:
    """Whether a step may do less than a part at a time."""
    if isinstance(step, (Barrier, Nest)) or step.share is None:
        return False
    return not step.share.parts and not step.share.coarse


class Runs:
    """Finds runs, and the blocks that live in one of them alone.

    Attributes:
        found: in order, not overlapping.
        rooms: the number of each block that needs memory for few rows alone.
    """

    def __init__(self, lead: Lead, steps: Sequence[Step], where: Where) -> None:
        self.lead, self.steps = lead, steps
        self.touches = [touches_of(step, where) for step in steps]
        self.found = tuple(self._run(*span) for span in self._spans())
        self.rooms = dict(self._own())

    # ---- runs

    def _spans(self) -> Iterator[tuple[int, int]]:
        """Yield neighbouring steps that are worth doing part by part."""
        first: int | None = None
        common = 0  # elements that are read again for each part
        for i, step in enumerate([*self.steps, Barrier()]):
            large = not isinstance(step, Barrier) and self._is_large(i, step)
            more = common_size(step)
            much = min(common, more) > 0 and common + more > COMMON
            if first is not None and (not large or much):
                if self._shares(first, i):
                    yield first, i
                first = None
            if large:
                common = more if first is None else common + more
                first = i if first is None else first

    def _is_large(self, number: int, step: Step) -> bool:
        """Whether a step touches much of each sample (or much, if there are none)."""
        if isinstance(step, (Barrier, Nest, CatchUp)) or step.share is None:
            return False
        if step.share.together:
            return False
        if is_heavy(step):
            return False
        if self.lead.size is None:
            size, least = _size(self.touches[number]), CACHE
        else:
            size, least = _size(self.touches[number], None), LARGE * self.lead.tile
        return not isinstance(size, int) or size * WORD >= least

    def _shares(self, first: int, stop: int) -> bool:
        """Whether a step of a span wants rows that another one has touched."""
        seen: set[Buffer] = set()
        for touches in self.touches[first:stop]:
            buffers = {t.buffer for t in _row_wise(touches)}
            if not seen.isdisjoint(buffers):
                return True
            seen |= buffers
        return False

    def _run(self, first: int, stop: int) -> Run:
        every = {t.buffer: t for touches in self.touches[first:stop] for t in touches}
        size = dims.maximum(1, _size(every.values()) * WORD)
        parts, ticks = (
            dims.maximum(1, dims.floordiv(CACHE * n, size)) for n in (PARTS, TICKS)
        )
        return Run(first, stop, parts, ticks)

    # ---- memory

    def _own(self) -> Iterator[tuple[int, FewRows]]:
        """Yield blocks all of whose touches are the same rows, in one run."""
        run_of = {i: r for r in self.found for i in range(r.first, r.stop)}
        users: dict[int, list[int]] = {}
        patterns: dict[int, set[Pattern]] = {}
        for i, number, pattern in self._arena():
            users.setdefault(number, []).append(i)
            patterns.setdefault(number, set()).add(pattern)
        for number, steps in users.items():
            (pattern, *others) = patterns[number]
            found = {run_of.get(i) for i in steps}
            alone = len(found) == 1 and None not in found and not others
            if alone and isinstance(pattern, Rows):
                together = len({self._together(i) for i in steps}) == 1
                fine = together and is_fine(self.steps[steps[0]])
                yield number, FewRows(pattern, TICKS if fine else PARTS)

    def _together(self, number: int) -> tuple[int, int]:
        """Return [first, stop) of the steps that do ticks together with one, or it."""
        first = stop = number
        run = next((r for r in self.found if r.first <= number < r.stop), None)
        if run is None or not is_fine(self.steps[number]):
            return number, number + 1
        while first > run.first and is_fine(self.steps[first - 1]):
            first -= 1
        while stop < run.stop and is_fine(self.steps[stop]):
            stop += 1
        return first, stop

    def _arena(self) -> Iterator[tuple[int, int, Pattern]]:
        """Yield (step, block, pattern) of all touches of the arena."""
        for i, touches in enumerate(self.touches):
            for touch in touches:
                if touch.buffer.kind == "arena":
                    yield i, touch.buffer.number, touch.pattern

    def claim(self, blocks: Sequence[Block]) -> None:
        """Let the blocks of `rooms` have few rows, for their own steps."""
        lives: dict[int, list[int]] = {}
        for i, number, _ in self._arena():
            lives.setdefault(number, []).append(i)
        for number, (rows, of) in self.rooms.items():
            block, life = blocks[number], lives[number]
            run = next(r for r in self.found if r.first <= life[0] < r.stop)
            most = _cells(run.parts, rows, PARTS)
            if of == TICKS:
                most = dims.minimum(most, _cells(run.ticks, rows, TICKS))
            else:  # what ticks come back to lives until the last of them
                life = [i for step in life for i in _ends(self._together(step))]
            block.size = rows.size * most
            block.first, block.last, block.own = min(life), max(life), True


def _cells(few: Dim, rows: Rows, of: int) -> Dim:
    """Return how many cells a few of so many parts have at most."""
    return dims.minimum(rows.cells, dims.ceildiv(few * rows.cells, of))


def _ends(span: tuple[int, int]) -> tuple[int, int]:
    """Return the first and the last step of a span."""
    first, stop = span
    return first, stop - 1


def _row_wise(touches: Iterable[Touch]) -> Iterator[Touch]:
    return (t for t in touches if isinstance(t.pattern, Rows))


def _size(touches: Iterable[Touch], parts: int | None = 1) -> Dim:
    """Return how many elements one of so many parts touches; None: one cell."""
    rows = [t.pattern for t in touches if isinstance(t.pattern, Rows)]
    cells = (1 if parts is None else dims.ceildiv(r.cells, parts) for r in rows)
    return sum((r.size * n for r, n in zip(rows, cells)), start=0)
