"""Which arrays stay with a thread by columns, in all steps that touch them.

The weights of a wide layer are larger than what a batch gives them. Cut between
samples, every thread would read all of them in each step, of which another thread has
just written most: they would travel from core to core. Cut between columns, a thread
makes the product with its own columns, their gradient and their update; what travels
is the samples, which are fewer::

    y[:, c] = x @ w[:, c]     g[:, c] = xT @ dy[:, c]     w[:, c] -= rate * g[:, c]

It begins with the products of trained weights. What is made of their columns element
by element, and products of which that is an operand or a result, follow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from graphkeras.compiler.cells import STRIP, VECTOR, Lead
from graphkeras.compiler.emit_draws import GROUP, is_draw
from graphkeras.compiler.indexing import coefficient
from graphkeras.compiler.loops import Loop, Section
from graphkeras.compiler.lower import (
    Call,
    Place,
    Step,
    reads_of,
    shapes_of,
    writes_of,
)
from graphkeras.compiler.shares import Share, divisor_of
from graphkeras.compiler.touches import Columns, Pattern, found_by
from graphkeras.compiler.views import View
from graphkeras.ir import dims
from graphkeras.ir.dims import Dim
from graphkeras.ir.value import Value
from graphkeras.kernels.cpu.cut import PARTS

FEWEST = 8 * STRIP  # columns, of which each thread has its own
TRAVELLING = 1 << 16  # elements of trained weights that are worth keeping in place
ROWS = "@rows"  # counts the rows where one variable went through all elements


@dataclass(slots=True)
class ByColumns:
    """Finds the steps to cut between columns.

    Attributes:
        lead: what counts samples.
        changed: the leaves whose memory the program writes.
        widths: how many columns each array has that is kept so.
    """

    lead: Lead
    changed: frozenset[Value]
    widths: dict[Place, int] = field(default_factory=dict)

    def cut(self, steps: Sequence[Step]) -> dict[int, Step]:
        """Return, by their places, the steps that are cut so."""
        self.widths |= dict(self._weights(steps))
        found: dict[int, Step] = {}
        before = 0
        while before < len(self.widths):
            before = len(self.widths)
            for number, step in enumerate(steps):
                own = None if number in found else self._step(step)
                if own is not None:
                    found[number] = own
        return found

    def _weights(self, steps: Sequence[Step]) -> Iterator[tuple[Place, int]]:
        """Yield the weights with which it begins."""
        for step in steps:
            if not isinstance(step, Call) or (width := _width(step)) is None:
                continue
            x, (rows, _), _ = shapes_of(step)
            view = step.operands[1]
            large = isinstance(rows, int) and rows * width >= TRAVELLING
            trained = x[0] == self.lead.size and view.source in self.changed
            if _is_whole(view, width) and large and trained:
                yield view.source, width

    def _step(self, step: Step) -> Step | None:
        if isinstance(step, Call):
            return self._call(step)
        if isinstance(step, Loop) and not step.folds and not step.inner:
            return self._loop(step)
        return None

    # ---- products

    def _call(self, call: Call) -> Call | None:
        width = _width(call)
        if width is None:
            return None
        view, touched = call.operands[1], set(call.results)
        if _is_whole(view, width):
            touched.add(view.source)
        if call.finish is not None and call.finish.nest.inner:
            (name, _) = call.finish.nest.inner[-1]
            touched |= _columns(call.finish.nest.tail, name, width)
        if not self._takes(touched, width):
            return None
        return replace(call, share=Share(width, STRIP, axes=((1, 1), (2, 1))))

    # ---- loops

    def _loop(self, loop: Loop) -> Loop | None:
        places = [s for s, *_ in loop.body.reads()]
        places += [store.target for store in loop.body.stores]
        for width in {self.widths[p]: None for p in places if p in self.widths}:
            found = _in_rows(loop, width)
            if found is None:
                continue
            name = found.vector
            if self._takes(_columns(found.body, name, width), width):
                return replace(found, share=Share(width, STRIP, name))
        return None

    def _takes(self, touched: set[Place], width: int) -> bool:
        """Note what a step touches by columns, if some of it is kept so."""
        if not any(self.widths.get(place) == width for place in touched):
            return False
        for place in touched:
            self.widths.setdefault(place, width)
        return True


def along_products(steps: Sequence[Step]) -> list[Step]:
    """Return the steps, those cut by columns that make what only products read so.

    A product may be cut between the columns of samples, which are rows of its weights.
    Where they are made of the program's inputs, element by element, each thread makes
    its own, which the product finds in its cache.
    """
    touched: dict[Place, list[tuple[Step, Pattern]]] = {}
    made: set[Place] = set()
    for step in steps:
        made.update(writes_of(step))
        for place, pattern, _ in found_by(step):
            touched.setdefault(place, []).append((step, pattern))
    return [_along_products(step, made, touched) or step for step in steps]


def _along_products(
    step: Step, made: set[Place], touched: Mapping[Place, list[tuple[Step, Pattern]]]
) -> Step | None:
    """Return a loop cut by the columns in which all others touch what it makes."""
    if not isinstance(step, Loop) or step.folds or step.share is None:
        return None
    if not made.isdisjoint(reads_of(step)):
        return None
    others = [
        pattern for place in writes_of(step) for other, pattern in touched[place]
        if other is not step
    ]  # fmt: skip
    (columns, *more) = others or [""]
    if not isinstance(columns, Columns):
        return None
    if any(not isinstance(p, Columns) or p[:3] != columns[:3] for p in more):
        return None
    width, grain = columns.width, columns.size
    if not isinstance(width, int) or not isinstance(grain, int) or grain % VECTOR:
        return None
    rows = _in_rows(step, width)
    if rows is None:
        return None
    coarse = columns.of if columns.of != PARTS else 0
    return replace(rows, share=Share(width, grain, rows.vector, coarse=coarse))


def _width(call: Call) -> int | None:
    """Return how many columns a product has, if it is one that can be cut there."""
    if call.kernel != "matmul.gemm":
        return None
    shapes = shapes_of(call)
    width = shapes[-1][-1]
    if any(len(shape) != 2 for shape in shapes) or not isinstance(width, int):
        return None
    return width if width >= FEWEST else None


def _is_whole(view: View, width: int) -> bool:
    """Whether a matrix is read as it lies, all of its columns."""
    return view.offset == 0 and view.strides == (width, 1)


def _columns(section: Section, name: str, width: int) -> set[Place]:
    """Return what a section touches by columns: rows of so many elements."""
    places = [(source, place) for source, place, _ in section.reads()]
    places += [(store.target, store.place) for store in section.stores]
    return {source for source, place in places if _is_column(place, name, width)}


def _is_column(place: Dim, name: str, width: int) -> bool:
    above = dims.substitute(place, {name: 0})
    in_rows = above != 0 and divisor_of(above) % width == 0
    return in_rows and coefficient(place, name) == 1


def _in_rows(loop: Loop, width: int) -> Loop | None:
    """Return a loop whose last variable goes through the columns, if it can be so."""
    if not loop.outer:
        return None
    (name, size), *above = loop.outer[::-1]
    if any(map(is_draw, loop.body.code)) and width % GROUP:
        return None  # draws are made together for as many neighbours
    if size == width:
        return loop
    rows = dims.floordiv(size, width)
    if above or rows * width != size:
        return None
    if any(coefficient(place, name) is None for place in loop.body.places):
        return None
    row = dims.symbol(ROWS) * width + dims.symbol(name)
    body = loop.body.at(lambda place: dims.substitute(place, {name: row}))
    return replace(loop, outer=((ROWS, rows), (name, width)), body=body)
