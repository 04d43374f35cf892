"""Which steps are shared among threads, and how each of them is cut.

Loops are cut along an outer axis. A fold that leaves little (a sum over the batch) is
cut along what it folds: each part leaves a partial result, and a second, small loop
folds those. Kernels say themselves where they may be cut.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from graphkeras.compiler.cells import STRIP, THIN, Lead, grain_of
from graphkeras.compiler.columns import TRAVELLING, ByColumns, along_products
from graphkeras.compiler.loops import Axis, Fold, Instruction, Loop, Section, Store
from graphkeras.compiler.lower import (
    Buffer,
    Call,
    Place,
    Step,
    shapes_of,
    types_of,
)
from graphkeras.compiler.shares import Share
from graphkeras.ir import dims
from graphkeras.ir.dims import Dim
from graphkeras.ir.types import Shape
from graphkeras.ir.value import Value
from graphkeras.kernels.cpu.cut import PARTS, Cut, axes_of
from graphkeras.runtime import link

PART = "@part"  # the variable that counts partial results
SMALL = 1 << 14  # instructions that are not worth sharing
THIN_FOLD = 128  # ... per sample
DEEP = 1 << 12  # ... per sample that are worth partial results in any case
SAMPLES = 32  # a batch has about so many, or more
FEW_SUMS = 2  # elements that are read for each partial result, at least
THICK = 512  # elements of a sample whose call is worth partial results
SMALL_CALL = 1 << 12  # elements of a call's arrays that are not
SMALL_ALONE = 1 << 15  # ... of one sample alone, where all is over in microseconds
READ = 16  # operations that take as long as reading an element
ENOUGH_CELLS = 8
WIDE = 2 * STRIP  # columns of a fold that are cut rather than what it folds
# Elements of a result -> how many partial ones there may be.
PARTIAL_CALLS = ((1 << 16, 16), (1 << 63, 4))
LONG = 4  # rows a column, from which sums are few beside them
SPREAD = 4  # parts of such a product
ENOUGH_COLUMNS = 128  # of which one row's product is cut between columns
SUM = ast.parse("x0 + x1", mode="eval").body


class Room(NamedTuple):
    """Memory that partial results need."""

    size: Dim
    dtype: str


@dataclass(slots=True)
class Sharing:
    """Cuts steps; notes the memory for their partial results.

    Attributes:
        lead: what counts samples.
        changed: the leaves whose memory the program writes.
    """

    lead: Lead
    changed: frozenset[Value] = frozenset()
    rooms: dict[Buffer, Room] = field(default_factory=dict)

    def steps(self, steps: Sequence[Step]) -> list[Step]:
        """Return the steps, those worth it cut: one may become two."""
        own = ByColumns(self.lead, self.changed).cut(steps)
        return along_products(
            [
                part
                for number, step in enumerate(steps)
                for part in ([own[number]] if number in own else self._cut(step))
            ]
        )

    def _cut(self, step: Step) -> Iterator[Step]:
        if isinstance(step, Call):
            yield from self._call(step)
        elif isinstance(step, Loop):
            yield from self._fold(step) if step.folds else self._elementwise(step)
        else:
            yield step

    def _room(self, size: Dim, dtype: str) -> Buffer:
        buffer = Buffer("partial", len(self.rooms))
        self.rooms[buffer] = Room(size, dtype)
        return buffer

    # ---- loops

    def _elementwise(self, loop: Loop) -> Iterator[Step]:
        axis = self._axis(loop.outer)
        if axis is None or self._is_small(loop, THIN):
            yield loop
            return
        yield self._outer(loop, axis, _shape_of(loop.body.stores))

    def _outer(self, loop: Loop, axis: Axis, shape: Shape, columns: int = 1) -> Loop:
        """Return a loop cut along an outer axis."""
        name, size = axis
        grain = grain_of(size, shape, self.lead, name == loop.vector)
        if columns > 1 and isinstance(grain, int):
            grain = -(-grain // columns) * columns
        return replace(loop, share=Share(size, grain, name))

    def _axis(self, axes: Sequence[Axis]) -> Axis | None:
        """Return the axis along which to cut: the samples, or else an early one."""
        for axis in axes:
            if self.lead.per_sample(axis[1]) is not None:
                return axis
        large = (a for a in axes if not isinstance(a[1], int) or a[1] >= ENOUGH_CELLS)
        return next(large, axes[0] if axes else None)

    def _is_small(self, loop: Loop, thin: int) -> bool:
        """Whether a loop is done before another thread has heard of it.

        Args:
            thin: elements of a sample that are few.
        """
        turns = dims.product(size for _, size in loop.axes)
        each = self.lead.per_sample(turns)
        if each is not None:
            return isinstance(each, int) and each < thin
        code = len(loop.body.code) + len(loop.tail.code)
        return isinstance(turns, int) and turns * max(code, 1) < SMALL

    def _fold(self, loop: Loop) -> Iterator[Step]:
        axis = self._axis(loop.outer)
        leads = axis is not None and self.lead.per_sample(axis[1]) is not None
        if axis is not None and leads:
            columns = STRIP if axis[0] == loop.vector else 1
            yield self._outer(loop, axis, _shape_of(loop.tail.stores), columns)
        elif self._is_small(loop, THIN):
            yield loop
        elif axis and self._is_wide(loop, axis) and not self._is_deep(loop, DEEP):
            columns = STRIP if axis[0] == loop.vector else 1
            yield self._outer(loop, axis, _shape_of(loop.tail.stores), columns)
        elif self._is_deep(loop, THIN_FOLD):
            yield from self._partial(loop)
        else:
            yield loop

    def _is_wide(self, loop: Loop, axis: Axis) -> bool:
        """Whether to cut between results: what is stored on the way is cut else."""
        fewest = WIDE if axis[0] == loop.vector else ENOUGH_CELLS
        wide = not isinstance(axis[1], int) or axis[1] >= fewest
        return wide and not loop.body.stores

    def _is_deep(self, loop: Loop, least: int) -> bool:
        """Whether to cut what is folded: `least` instructions a sample, or many."""
        left = dims.product(size for _, size in loop.outer)
        turns = dims.product(size for _, size in loop.inner)
        each, code = self.lead.per_sample(turns), len(loop.body.code)
        if not isinstance(left, int):
            return False
        if each is None:
            return not isinstance(turns, int) or turns >= PARTS * STRIP
        return not isinstance(each, int) or each * left * code >= least

    def _partial(self, loop: Loop) -> Iterator[Step]:
        """Yield a loop that folds the parts, and one that folds what they leave."""
        left = dims.product(size for _, size in loop.outer)
        names = [name for name, _ in loop.outer]
        place = _place(names, [size for _, size in loop.outer])
        part = dims.symbol(PART) * left
        rooms = [self._room(left * PARTS, fold.dtype) for fold in loop.folds]
        given = tuple(
            Instruction("given", f.dtype, (), k) for k, f in enumerate(loop.folds)
        )
        stores = tuple(Store(r, part + place, k) for k, r in enumerate(rooms))
        name, size = self._axis(loop.inner) or loop.inner[0]
        grain = grain_of(size, _shape_of_reads(loop), self.lead, False)
        yield replace(
            loop, outer=((PART, PARTS), *loop.outer), tail=Section(given, stores),
            share=Share(size, grain, name, parts=PARTS),
        )  # fmt: skip
        yield from self._cut(_folding(loop.outer, loop.folds, rooms, loop.tail, PARTS))

    # ---- calls

    def _call(self, call: Call) -> Iterator[Step]:
        found = [way for cut in link.cuts(call.kernel) for way in self._way(call, cut)]
        if self.lead.size is None:
            found = [share for share in found if _cells(share) > 1]
        enough = (share for share in found if _cells(share) >= ENOUGH_CELLS)
        share = next(enough, None) or max(found, key=_cells, default=None)
        share = self._spread(call) or self._own_samples(call, found) or share
        if share is None or self._is_small_call(call):
            yield call
        elif share.parts:
            yield from self._summed(call, share)
        else:
            yield replace(call, share=share)

    def _spread(self, call: Call) -> Share | None:
        """Return the share of a product with many rows of weights, between those.

        If they are trained: cut between samples, every thread would read all weights,
        of which another one has just written most: they would travel from core to core
        in each step. Cut between rows of weights, as their update is, only sums travel.
        And if there is one sample, and too few columns to cut between.
        """
        if call.kernel != "matmul.gemm":
            return None
        (x, w, _), finish = shapes_of(call), call.finish
        if (len(x), len(w)) != (2, 2) or (finish is not None and finish.own is None):
            return None
        rows, columns = w
        if not (isinstance(rows, int) and isinstance(columns, int)):
            return None
        trained = call.operands[1].source in self.changed
        if not trained and (x[0] != 1 or columns >= ENOUGH_COLUMNS):
            return None
        whole = tuple(call.operands[1].strides) == (columns, 1)
        if not whole or rows * columns < TRAVELLING or rows < LONG * columns:
            return None
        grain = grain_of(rows, w, self.lead, False)
        parts = SPREAD if trained else PARTS
        return Share(rows, grain, axes=((0, 1), (1, 0)), parts=parts)

    def _own_samples(self, call: Call, ways: Sequence[Share]) -> Share | None:
        """Return the share of a call whose samples are many beside its partial results.

        Cut between results, every thread would read samples that others have made.
        """
        shapes = shapes_of(call)
        for share in ways:
            read = sum((dims.product(shapes[p]) for p, _ in share.axes), start=0)
            each = self.lead.per_sample(read)
            read = read if each is None else each * SAMPLES
            made = dims.product(shapes[-1]) * share.parts
            if share.parts and isinstance(read, int) and read >= FEW_SUMS * made:
                return share
        return None

    def _way(self, call: Call, cut: Cut) -> Iterator[Share]:
        """Yield how a call is cut in one way, if it can be."""
        shapes = shapes_of(call)
        ranks = [len(shape) for shape in shapes]
        attrs = call.value.attributes
        axes = axes_of(link.kernel(call.kernel), cut, ranks, attrs)
        if axes is None:
            return
        position, axis = [*axes.items()][-1]
        shape = shapes[position]
        size = shape[axis]
        cuts = tuple((p, a) for p, a in axes.items() if shapes[p][a] == size)
        if size == 1 or size == 0:
            return
        if cut.sums:
            yield from self._sum(call, cuts, size, shape)
        elif self._is_whole(call, cuts, axis, shape):
            if cut.moves is not None and any(n != 1 for n in shape[:axis]):
                return
            grain = grain_of(size, shape[axis:], self.lead, False)
            grain = _multiple(grain, cut.grain_for(attrs))
            yield Share(size, grain, axes=cuts, moves=cut.moves, together=cut.together)

    def _is_whole(
        self, call: Call, cuts: Sequence[tuple[int, int]], axis: int, shape: Shape
    ) -> bool:
        """Whether all results are cut, at rows that an epilogue can count on from."""
        cut = {position for position, _ in cuts}
        first = len(call.operands)
        results = types_of(call.value)
        if any(first + i not in cut and r.size != 0 for i, r in enumerate(results)):
            return False
        if call.finish is None or axis == len(shape) - 1:
            return True
        return all(size == 1 for size in shape[:axis])

    def _sum(
        self, call: Call, cuts: tuple[tuple[int, int], ...], size: Dim, shape: Shape
    ) -> Iterator[Share]:
        """Yield the share of a call whose partial results are added up."""
        (result, *others) = types_of(call.value)
        if others or call.finish or not isinstance(result.size, int):
            return
        operands = [s for p, s in enumerate(shapes_of(call)) if p in dict(cuts)]
        elements = sum((dims.product(s) for s in operands), start=0)
        each = self.lead.per_sample(elements)
        if each is None:
            each = dims.floordiv(elements, size)
        if isinstance(each, int) and each < THICK:
            return
        if result.dtype in ("float32", "float64"):
            parts = next(n for most, n in PARTIAL_CALLS if result.size <= most)
            grain = grain_of(size, shape, self.lead, False)
            yield Share(size, grain, axes=cuts, parts=parts)

    def _summed(self, call: Call, share: Share) -> Iterator[Step]:
        """Yield the call on parts, and the loop that adds up what they leave."""
        ((target,), (result,)) = call.results, types_of(call.value)
        room = self._room(result.size * share.parts, result.dtype)
        yield replace(call, results=(room,), finish=None, share=share)
        outer: tuple[Axis, ...] = (("@0", result.size),)
        given = Instruction("given", result.dtype, (), 0)
        tail = Section((given,), (Store(target, dims.symbol("@0"), 0),))
        if call.finish is not None and call.finish.own is not None:
            nest = call.finish.nest
            outer = nest.axes
            tail = Section(nest.tail.code, (*nest.tail.stores, call.finish.own))
        fold = Fold(SUM, 0, result.dtype, 0)
        yield from self._cut(_folding(outer, (fold,), [room], tail, share.parts))

    def _is_small_call(self, call: Call) -> bool:
        sizes = [dims.product(shape) for shape in shapes_of(call)]
        least = SMALL_CALL
        if self.lead.size is None:
            least = SMALL_ALONE
            count = call.value.op.fact("operations")
            sizes += [dims.floordiv(count(call.value), READ)] if count else []
        return all(isinstance(n, int) for n in sizes) and max(sizes) < least


def _shape_of(stores: Sequence[Store]) -> Shape:
    """Return the shape of what is stored first."""
    return _value_shape([s.target for s in stores])


def _shape_of_reads(loop: Loop) -> Shape:
    return _value_shape([source for source, *_ in loop.body.reads()])


def _value_shape(places: Sequence[Place]) -> Shape:
    shapes = [place.shape for place in places if isinstance(place, Value)]
    return max(shapes, key=lambda s: (_known_size(s), len(s)), default=())


def _known_size(shape: Shape) -> int:
    return math.prod(n for n in shape if isinstance(n, int))


def _place(names: Sequence[str], sizes: Sequence[Dim]) -> Dim:
    """Return the place of an element of an array in C order."""
    total: Dim = 0
    for name, size in zip(names, sizes, strict=True):
        total = total * size + dims.symbol(name)
    return total


def _folding(
    outer: tuple[Axis, ...],
    folds: Sequence[Fold],
    rooms: Sequence[Buffer],
    tail: Section,
    parts: int,
) -> Loop:
    """Return the loop that folds partial results, and does with the total what it
    should."""
    sizes = [size for _, size in outer]
    left = dims.product(sizes)
    place = dims.symbol(PART) * left + _place([name for name, _ in outer], sizes)
    body = tuple(
        Instruction("read", fold.dtype, (), (room, place, ()))
        for fold, room in zip(folds, rooms, strict=True)
    )
    made = tuple(replace(fold, arg=k) for k, fold in enumerate(folds))
    inner = ((PART, parts),)
    return Loop(outer, inner, Section(body), made, tail, columns=bool(outer))


def _multiple(grain: Dim, of: int) -> Dim:
    """Return a grain that is a multiple of what a kernel asks for."""
    if isinstance(grain, int):
        return -(-grain // of) * of
    return grain * of


def _cells(share: Share) -> int:
    cells = share.cells if isinstance(share.cells, int) else PARTS
    return min(cells, share.parts or PARTS)


def _is_below(size: Dim, limit: int) -> bool:
    return isinstance(size, int) and size < limit
