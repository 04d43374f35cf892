"""Resampling: weighted cells along one axis, and images read between their pixels.

All arrays are in C order. What lies behind the resampled axis is one run of elements:

    x: rows of `inner` elements, `cells` of them an axis, `outer` axes

A short run of known length (the channels of a pixel) is one vector, a long one is
walked in vectors. Products and sums stay apart (no fused multiply-add), so that
rounding is that of the same steps done one by one anywhere else.
"""

from collections.abc import Callable, Sequence

from llvmlite import ir

from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.cut import cut
from graphkeras.kernels.cpu.emit import Emit, kernel, native_lanes
from graphkeras.kernels.cpu.loop import nest, stretch, zero
from graphkeras.kernels.cpu.term import Term
from graphkeras.kernels.cpu.value import Index, Scalar, known

LONGEST_PIXEL = 16  # channels that are held in one vector
MOST_TAPS = 8  # taps that are written out one after another

Indices = tuple[Index, ...]
Rows = Sequence[tuple[Index, Scalar]]  # where a tap's run begins, and its weight
Run = Callable[[Index, int], Term]  # position, lanes -> values


def _times(a: Term, b: Term) -> Term:
    return a.of(a.e.builder.fmul(a.raw, b.raw))


def _plus(a: Term, b: Term) -> Term:
    return a.of(a.e.builder.fadd(a.raw, b.raw))


def _minus(a: Term, b: Term) -> Term:
    return a.of(a.e.builder.fsub(a.raw, b.raw))


def _over_run(
    e: Emit, inner: Index, dtype: str, body: Callable[[Index, int], None]
) -> None:
    """body(position, lanes) over a run of elements."""
    count = known(inner)
    if count is not None and count <= LONGEST_PIXEL:
        body(0, count)
    else:
        stretch(e, 0, inner, native_lanes(dtype), body)


def _read(e: Emit, x: Array, place: Index, lanes: int, dtype: str) -> Term:
    return Term(e, e.cast(e.load(x, place, lanes), dtype))


class _Axis:
    """One axis of x and out, with what lies before and behind it."""

    def __init__(self, e: Emit, x: Array, out: Array, axis: int) -> None:
        self.e, self.x, self.out = e, x, out
        self.outer = e.product(x.shape[:axis])
        self.inner = e.product(x.shape[axis + 1 :])
        self.cells, self.results = x.shape[axis], out.shape[axis]

    def source(self, outer: Index, place: Scalar) -> Index:
        """Where the run of one cell of x begins; outside means the nearest cell."""
        e = self.e
        cell = e.clamp(e.to_index(place), 0, e.sub(self.cells, 1))
        return e.mul(e.add(e.mul(outer, self.cells), cell), self.inner)

    def target(self, outer: Index, i: Index) -> Index:
        """Where the run of one cell of out begins."""
        e = self.e
        return e.mul(e.add(e.mul(outer, self.results), i), self.inner)


@cut(x=0, out=0, beside="axis")
@kernel
def bilinear(
    e: Emit, x: Array, rows: Array, down: Array, columns: Array, across: Array,
    out: Array, *, axis: int,
) -> None:  # fmt: skip
    """x[h, w, ..], rows[y, 2], down[y], columns[z, 2], across[z] -> out[y, z, ..]: mix.

    Each cell lies between four: two of each of two rows, mixed p + (q - p) * across
    along both rows and then by `down`. Axes may stand before h.
    """
    outer = e.product(x.shape[:axis])
    inner = e.product(x.shape[axis + 2 :])
    (height, width), sizes = x.shape[axis : axis + 2], out.shape[axis : axis + 2]

    def places(table: Array, i: Index) -> list[Index]:
        pair = (e.load(table, table.offset(e, (i, k))) for k in (0, 1))
        return [e.to_index(place) for place in pair]

    def row(index: Indices) -> None:
        n, y = index
        first = e.mul(n, height)
        starts = [
            e.mul(e.mul(e.add(first, place), width), inner) for place in places(rows, y)
        ]
        line = e.mul(e.add(e.mul(n, sizes[0]), y), sizes[1])
        share = e.load(down, y)
        with e.loop(0, sizes[1]) as j:
            steps = [e.mul(place, inner) for place in places(columns, j)]
            four = [[e.add(start, step) for step in steps] for start in starts]
            target = e.mul(e.add(line, j), inner)
            shares = (share, e.load(across, j))
            _over_run(
                e, inner, out.dtype, _between_four(e, x, out, four, target, shares)
            )

    safe = e.both(_all_inside(e, rows, height), _all_inside(e, columns, width))
    with e.when_else(safe) as (then, otherwise):
        with then:
            nest(e, (outer, sizes[0]), row)
        with otherwise:
            zero(e, out)


def _all_inside(e: Emit, table: Array, size: Index) -> ir.Value:
    """Whether all places of a table are cells of an axis: looked at once, not later."""
    found = e.local("bool", e.constant("bool", 1))
    with e.loop(0, e.product(table.shape)) as i:
        place = e.to_index(e.load(table, i))
        inside = e.both(e.ge(place, 0), e.lt(place, size))
        found.set(Scalar(e.both(found.get().value, inside), "bool"))
    return found.get().value


def _between_four(
    e: Emit, x: Array, out: Array, four: list[list[Index]], target: Index,
    shares: tuple[Scalar, Scalar],
) -> Callable[[Index, int], None]:  # fmt: skip
    """Return what mixes the runs that begin at `four` places, and stores the result."""
    down, across = shares

    def mix(pair: Sequence[Term], share: Scalar) -> Term:
        a, b = pair
        return _plus(a, _times(_minus(b, a), Term(e, e.splat(share, a.lanes))))

    def run(at: Index, lanes: int) -> None:
        lines = [
            mix([_read(e, x, e.add(p, at), lanes, out.dtype) for p in pair], across)
            for pair in four
        ]
        e.store(out, e.add(target, at), mix(lines, down).scalar)

    return run


@cut(x=0, out=0, beside="axis")
@kernel
def resample(
    e: Emit, x: Array, places: Array, weights: Array, out: Array, *, axis: int
) -> None:
    """x[..., n, ...], places[m, t], weights[m, t] -> out[..., m, ...]: weighted cells.

    Taps are added in their order.
    """
    line = _Axis(e, x, out, axis)
    taps = known(places.shape[1])
    few = taps is not None and taps <= MOST_TAPS

    def tap(index: Indices, t: Index) -> tuple[Index, Scalar]:
        outer, i = index
        place = e.load(places, places.offset(e, (i, t)))
        return line.source(outer, place), e.load(weights, weights.offset(e, (i, t)))

    def cell(index: Indices) -> None:
        target = line.target(*index)
        if few:
            _sum_taps(line, target, [tap(index, t) for t in range(taps or 0)])
            return
        _sum_taps(line, target, [tap(index, 0)])
        with e.loop(1, places.shape[1]) as t:
            source, weight = tap(index, t)
            with e.when((Term(e, weight) != 0).raw):
                _add_tap(line, target, source, weight)

    with e.when(e.gt(line.cells, 0)):
        nest(e, (line.outer, line.results), cell)


def _sum_taps(line: _Axis, target: Index, taps: Rows) -> None:
    """Store the weighted sum of a few runs."""
    e, x, out = line.e, line.x, line.out

    def run(at: Index, lanes: int) -> None:
        total: Term | None = None
        for source, weight in taps:
            cell = _read(e, x, e.add(source, at), lanes, out.dtype)
            part = _times(cell, Term(e, e.splat(weight, lanes)))
            total = part if total is None else _plus(total, part)
        value = e.constant(out.dtype, 0, lanes) if total is None else total.scalar
        e.store(out, e.add(target, at), value)

    _over_run(e, line.inner, out.dtype, run)


def _add_tap(line: _Axis, target: Index, source: Index, weight: Scalar) -> None:
    """Add one weighted run to what is stored."""
    e, x, out = line.e, line.x, line.out

    def run(at: Index, lanes: int) -> None:
        cell = _read(e, x, e.add(source, at), lanes, out.dtype)
        part = _times(cell, Term(e, e.splat(weight, lanes)))
        place = e.add(target, at)
        before = Term(e, e.load(out, place, lanes))
        e.store(out, place, _plus(before, part).scalar)

    _over_run(e, line.inner, out.dtype, run)


@cut(x=0, rows=0, columns=0, out=0)
@kernel
def sample(
    e: Emit, x: Array, rows: Array, columns: Array, fill: Array, out: Array, *,
    linear: bool,
) -> None:  # fmt: skip
    """x[n, h, w, c], rows[n, y, x], columns[n, y, x], fill[] -> out[n, y, x, c]: read.

    Pixels of x at fractions of cells: the nearest, or between the four around; what
    lies outside x is `fill`.
    """
    filled = e.load(fill, 0)
    read = _between if linear else _nearest

    def pixel(index: Indices) -> None:
        n = index[0]
        place = rows.offset(e, index)
        at = (Term(e, e.load(rows, place)), Term(e, e.load(columns, place)))
        target = out.offset(e, (*index, 0))
        read(e, x.at(e, n), at, filled, lambda run: _store_run(e, out, target, run))

    nest(e, out.shape[:3], pixel)


def _store_run(e: Emit, out: Array, target: Index, run: Run) -> None:
    """Store run(position, lanes) for all channels of a pixel."""

    def body(at: Index, lanes: int) -> None:
        value = run(at, lanes).cast(out.dtype)
        e.store(out, e.add(target, at), value.scalar)

    _over_run(e, out.shape[3], out.dtype, body)


def _corner(e: Emit, image: Array, row: Term, column: Term) -> tuple[Index, Term]:
    """Where a pixel (of whole coordinates) begins, and whether it is inside."""
    height, width = image.shape[:2]
    inside = row >= 0.0
    limits = [e.cast(Scalar(e.index(s), "int64"), row.dtype) for s in (height, width)]
    for ok in (column >= 0.0, row < Term(e, limits[0]), column < Term(e, limits[1])):
        inside = inside & ok
    y = e.clamp(e.to_index(row.scalar), 0, e.maximum(e.sub(height, 1), 0))
    x = e.clamp(e.to_index(column.scalar), 0, e.maximum(e.sub(width, 1), 0))
    return image.offset(e, (y, x, 0)), inside


def _pick(
    e: Emit, image: Array, corner: tuple[Index, Term], fill: Scalar, at: Index,
    lanes: int,
) -> Term:  # fmt: skip
    """The channels of a corner as floats, or the fill."""
    place, inside = corner
    value = _read(e, image, e.add(place, at), lanes, "float32")
    spread = Term(e, e.splat(inside.scalar, lanes))
    return spread.select(value, Term(e, e.splat(fill, lanes)))


def _nearest(
    e: Emit,
    image: Array,
    at: tuple[Term, Term],
    fill: Scalar,
    store: Callable[[Run], None],
) -> None:
    """The nearest pixel; halves go away from zero."""
    corner = _corner(e, image, *(term.call("round") for term in at))
    store(lambda place, lanes: _pick(e, image, corner, fill, place, lanes))


def _between(
    e: Emit,
    image: Array,
    at: tuple[Term, Term],
    fill: Scalar,
    store: Callable[[Run], None],
) -> None:
    """Between four pixels, first along rows, then across."""
    floors = [term.call("floor") for term in at]
    nexts = [_plus(f, f.like(1.0)) for f in floors]
    after = [_minus(term, f) for term, f in zip(at, floors)]
    before = [_minus(n, term) for term, n in zip(at, nexts)]
    corners = [[_corner(e, image, y, x) for x in (floors[1], nexts[1])]
               for y in (floors[0], nexts[0])]  # fmt: skip

    def mixed(shares: tuple[Term, Term], values: list[Term]) -> Term:
        lanes = values[0].lanes
        parts = [_times(Term(e, e.splat(s.scalar, lanes)), v)
                 for s, v in zip(shares, values)]  # fmt: skip
        return _plus(*parts)

    def run(place: Index, lanes: int) -> Term:
        lines = [
            mixed((before[1], after[1]),
                  [_pick(e, image, c, fill, place, lanes) for c in pair])
            for pair in corners
        ]  # fmt: skip
        return mixed((before[0], after[0]), lines)

    store(run)
