"""Steps done part by part: all of them for a few samples, then for the next few.

Between two barriers a part of a step needs nothing of other parts of the steps before,
or threads could not share them. So neighbouring steps may as well run for one part
after another, and what one leaves is still in the cache when the next one wants it.
What nobody else wants needs memory for these few samples alone, once a thread::

    for parts p of this thread, a few at a time:
        convolution   x[p] -> room
        maximum       room -> y[p], places[p]
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from graphkeras.compiler.binding import Block
from graphkeras.compiler.cells import Lead
from graphkeras.compiler.lower import Barrier, Buffer, Step
from graphkeras.compiler.touches import Pattern, Rows, Touch, Where, touches_of
from graphkeras.ir import dims
from graphkeras.ir.dims import Dim
from graphkeras.kernels.cpu.cut import PARTS

CACHE = 1 << 20  # bytes that all steps of a run may touch at a time
LARGE = 1 << 14  # bytes a sample from which it pays to keep them in the cache
WORD = 4  # bytes of an element, about


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring steps [first, stop), and how many parts they do at a time."""

    first: int
    stop: int
    parts: Dim


class Runs:
    """Finds runs, and the blocks that live in one of them alone.

    Attributes:
        found: in order, not overlapping.
        rooms: for the number of each block that needs memory for a few parts alone,
            the rows of it that each part touches.
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
        for i, step in enumerate([*self.steps, Barrier()]):
            if not isinstance(step, Barrier) and self._is_large(i, step):
                first = i if first is None else first
            elif first is not None:
                if self._shares(first, i):
                    yield first, i
                first = None

    def _is_large(self, number: int, step: Step) -> bool:
        """Whether a step touches much of each sample (or much, if there are none)."""
        if isinstance(step, Barrier) or step.share is None:
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
        part = dims.maximum(1, _size(every.values(), PARTS) * WORD)
        return Run(first, stop, dims.maximum(1, dims.floordiv(CACHE, part)))

    # ---- memory

    def _own(self) -> Iterator[tuple[int, Rows]]:
        """Yield blocks all of whose touches are the same rows, in one run."""
        run_of = {i: r for r in self.found for i in range(r.first, r.stop)}
        runs: dict[int, set[Run | None]] = {}
        patterns: dict[int, set[Pattern]] = {}
        for i, number, pattern in self._arena():
            runs.setdefault(number, set()).add(run_of.get(i))
            patterns.setdefault(number, set()).add(pattern)
        for number, found in runs.items():
            (pattern, *others) = patterns[number]
            alone = len(found) == 1 and None not in found and not others
            if alone and isinstance(pattern, Rows):
                yield number, pattern

    def _arena(self) -> Iterator[tuple[int, int, Pattern]]:
        """Yield (step, block, pattern) of all touches of the arena."""
        for i, touches in enumerate(self.touches):
            for touch in touches:
                if touch.buffer.kind == "arena":
                    yield i, touch.buffer.number, touch.pattern

    def claim(self, blocks: Sequence[Block]) -> None:
        """Let the blocks of `rooms` be as large as a few parts, for their own steps."""
        lives: dict[int, list[int]] = {}
        for i, number, _ in self._arena():
            lives.setdefault(number, []).append(i)
        for number, rows in self.rooms.items():
            block, life = blocks[number], lives[number]
            run = next(r for r in self.found if r.first <= life[0] < r.stop)
            block.size = rows.size * run.parts * dims.ceildiv(rows.cells, PARTS)
            block.first, block.last, block.own = life[0], life[-1], True


def _row_wise(touches: Iterable[Touch]) -> Iterator[Touch]:
    return (t for t in touches if isinstance(t.pattern, Rows))


def _size(touches: Iterable[Touch], parts: int | None = 1) -> Dim:
    """Return how many elements one of so many parts touches; None: one cell."""
    rows = [t.pattern for t in touches if isinstance(t.pattern, Rows)]
    cells = (1 if parts is None else dims.ceildiv(r.cells, parts) for r in rows)
    return sum((r.size * n for r, n in zip(rows, cells)), start=0)
