"""Which elements of memory each thread touches in a step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from graphkeras.compiler.indexing import (
    Ranges,
    bounds,
    coefficient,
    nonnegative,
    strides_of,
)
from graphkeras.compiler.loops import Axis, Loop, Section
from graphkeras.compiler.lower import (
    Barrier,
    Buffer,
    Call,
    CatchUp,
    Place,
    Step,
    reads_of,
    shapes_of,
    writes_of,
)
from graphkeras.compiler.shares import Share, divisor_of
from graphkeras.ir import dims
from graphkeras.ir.dims import Dim
from graphkeras.kernels.cpu.cut import PARTS

WORD = 4  # bytes of an element, about
HEAVY = 1 << 20  # bytes of weights that are not read again for every few samples
ANYWHERE = "anywhere"  # each thread may touch any element
ALONE = "alone"  # only the thread that has part 0 does


class Rows(NamedTuple):
    """Elements of a cell, and how many cells there are: each thread touches its own.

    `of`: in how many parts they come.
    """

    size: Dim
    cells: Dim
    of: int = PARTS


class Columns(NamedTuple):
    """The same of every row of so many elements: each thread has its own columns."""

    width: Dim
    size: Dim
    cells: Dim
    of: int = PARTS


Pattern = str | Rows | Columns
Where = Callable[[Place], Buffer]


@dataclass(frozen=True, slots=True)
class Touch:
    """How threads touch a buffer."""

    buffer: Buffer
    pattern: Pattern
    writes: bool

    def meets(self, other: Touch) -> bool:
        """Whether the order of the two matters."""
        return self.buffer == other.buffer and (self.writes or other.writes)

    def collides(self, other: Touch) -> bool:
        """Whether one thread may touch what another one writes."""
        apart = self.pattern != other.pattern or self.pattern == ANYWHERE
        return apart and self.meets(other)


def touches_of(step: Step, where: Where) -> list[Touch]:
    """Return all that a step touches."""
    touches = (Touch(where(place), pattern, w) for place, pattern, w in found_by(step))
    return list(dict.fromkeys(touches))


Found = Iterator[tuple[Place, Pattern, bool]]


def found_by(step: Step) -> Found:
    """Yield what a step touches: the place, how, and whether it writes."""
    if isinstance(step, Barrier):
        return
    if step.share is None:
        yield from _alone(step)
    elif isinstance(step, CatchUp):
        yield from _of_catch_up(step)
    elif isinstance(step, Call):
        yield from _of_call(step, step.share)
    else:
        yield from _of_loop(step, step.share)


def _alone(step: Step) -> Found:
    yield from ((place, ALONE, False) for place in reads_of(step))
    yield from ((place, ALONE, True) for place in writes_of(step))


def _of_loop(loop: Loop, share: Share) -> Found:
    yield from _of_section(loop.body, loop.axes, share)
    if share.parts:  # each part leaves a result of its own
        yield from ((s.target, ANYWHERE, True) for s in loop.tail.stores)
    else:
        yield from _of_section(loop.tail, loop.outer, share)


def _of_section(section: Section, axes: Sequence[Axis], share: Share) -> Found:
    ranges = dict(axes)
    for source, place, _ in section.reads():
        yield source, _at(place, share, ranges), False
    for store in section.stores:
        yield store.target, _at(store.place, share, ranges), True


def _at(place: Dim, share: Share, ranges: Ranges) -> Pattern:
    """Return the pattern of an index expression: rows or columns of its array."""
    step = coefficient(place, share.variable)
    if step is None or step == 0:
        return ANYWHERE
    beside = dims.substitute(place, {share.variable: 0})
    if step == 1 and beside != 0:
        return _columns(divisor_of(beside), share)
    low, high = bounds(beside, ranges)
    if low is None or high is None:
        return ANYWHERE
    return _rows(low, high, step, share)


def _rows(low: Dim, high: Dim, step: Dim, share: Share) -> Pattern:
    """Return the pattern of rows `step` apart of which [low, high] is touched."""
    inside = nonnegative(low) and nonnegative(step - 1 - high)
    return Rows(step * share.grain, share.cells, share.of) if inside else ANYWHERE


def _columns(pitch: Dim, share: Share) -> Pattern:
    """Return the pattern of neighbours in rows that lie multiples of `pitch` apart."""
    if not isinstance(share.size, int) or not isinstance(pitch, int):
        return ANYWHERE
    whole = share.size > 0 and pitch % share.size == 0
    return (
        Columns(share.size, share.grain, share.cells, share.of) if whole else ANYWHERE
    )


def _of_catch_up(step: CatchUp) -> Found:
    own = Rows(step.share.grain, step.share.cells)
    yield step.first, own, False
    yield step.ledger.late, ALONE, True
    yield step.ledger.history, ANYWHERE, False
    yield from ((note, own, True) for note in (step.ledger.seen, step.ledger.due))
    yield from _of_section(step.section, step.axes, step.share)


# ---- calls


def _of_call(call: Call, share: Share) -> Found:
    axes = dict(share.axes)
    shapes = shapes_of(call)
    for position, view in enumerate(call.operands):
        pattern: Pattern = ANYWHERE
        if position in axes and view.offset == 0:
            axis = axes[position]
            pattern = _along(shapes[position], view.strides, axis, share)
        yield view.source, pattern, False
    for position, result in enumerate(call.results, len(call.operands)):
        pattern = ANYWHERE
        if not share.parts and position in axes:
            shape = shapes[position]
            pattern = _along(shape, strides_of(shape), axes[position], share)
        yield result, pattern, True
    if call.keep is not None:
        yield call.keep.history, ALONE, True
        yield call.keep.late, ANYWHERE, False
    if call.finish is not None:
        rows = finished_rows(call, share)
        yield from _of_section(call.finish.nest.tail, call.finish.nest.axes, rows)


def _along(
    shape: Sequence[Dim], strides: Sequence[Dim], axis: int, share: Share
) -> Pattern:
    """Return the pattern of an array that is cut along an axis."""
    others = [i for i in range(len(shape)) if i != axis and shape[i] != 1]
    if not all(nonnegative(strides[i]) for i in others):
        return ANYWHERE
    if strides[axis] == 1 and others:
        return _columns(divisor_of(*(strides[i] for i in others)), share)
    high: Dim = sum(((shape[i] - 1) * strides[i] for i in others), start=0)
    return _rows(0, high, strides[axis], share)


def finished_rows(call: Call, share: Share) -> Share:
    """Return how the rows of an epilogue are cut, or its columns."""
    assert call.finish is not None
    nest, shape = call.finish.nest, shapes_of(call)[-1]
    axis = share.axes[-1][1]
    if axis == len(shape) - 1 and nest.inner:
        return Share(share.size, share.grain, nest.inner[-1][0])
    if axis == len(shape) - 1 or not nest.outer:
        return Share(share.size, share.grain)
    often = dims.product(shape[axis + 1 : -1])
    return Share(share.size * often, share.grain * often, nest.outer[-1][0])


def is_heavy(step: Step) -> bool:
    """Whether each part of a call reads much that is the same for all."""
    return common_size(step) * WORD > HEAVY


def common_size(step: Step) -> int:
    """Return how many elements of operands each part of a call reads, as is known."""
    if not isinstance(step, Call) or step.share is None:
        return 0
    cut = dict(step.share.axes)
    sizes = (dims.product(i.shape) for i in step.value.inputs)
    return sum(n for i, n in enumerate(sizes) if i not in cut and isinstance(n, int))
