"""Attention of each head in the cache, forward and backward.

Neither scores nor weights of all queries ever lie in memory. For a head, keys and
values are packed block by block as the register tile reads them; queries go by, some
rows at a time::

    for a block of keys:   pack keys turned, values
      for some queries:    scores = queries @ keys^T     rows x columns, in the cache
                           weights = exp(scores - highest so far)
                           out = out * factor + weights @ values

    stats: the highest score of each query, and 1 / the sum of its exps

The gradient makes the weights once more from `stats`::

    scores, then weights     slopes = g @ values^T, then weights * (slopes - mean)
    dv += weights^T @ g      dk += slopes^T @ queries      dq += slopes @ keys

Queries may come in heads that share keys and values. Source: Dao et al.,
arXiv:2205.14135 and Tri Dao, arXiv:2307.08691.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from llvmlite import ir

from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.attention_rows import (
    DRAWN,
    Row,
    Sight,
    sees_nothing,
    to_slopes,
    to_weights,
)
from graphkeras.kernels.cpu.cut import cut
from graphkeras.kernels.cpu.emit import Emit, kernel, native_lanes
from graphkeras.kernels.cpu.loop import cover, nest, sum_lanes, zero
from graphkeras.kernels.cpu.pack import pack_turned
from graphkeras.kernels.cpu.term import Term
from graphkeras.kernels.cpu.tile import (
    NO,
    YES,
    Panel,
    Result,
    Walk,
    panels,
    rows_for,
    strips,
    tile,
)
from graphkeras.kernels.cpu.value import Index, Scalar, known

ROWS, FEWER = 64, 32  # queries of a block, about
SHORT = 128  # queries that see fewer keys when they come by FEWER
COLUMNS = 512  # keys of a block, at most
PACKED = 1 << 14  # elements of a block of keys
APART = 16  # elements between rows of scores, so that they share no cache set


@dataclass(frozen=True, slots=True)
class Sizes:
    """How a head is cut.

    Attributes:
        rows: queries of a block, at most.
        columns: keys of a block, at most: a multiple of `step`.
        step: columns of a panel of keys.
        size, width: of a query and of a value, in whole vectors.
    """

    dtype: str
    queries: Index
    keys: Index
    rows: int
    columns: int
    step: int
    size: int
    width: int

    @classmethod
    def of(cls, query: Array, value: Array, rate: float, steep: bool) -> "Sizes":
        """From arrays [t, d] and [s, e].

        Args:
            rate: share of the weights that are dropped.
            steep: whether later queries see more: few of them at a time see less.
        """
        lanes = native_lanes(query.dtype)
        queries, keys = query.shape[0], value.shape[0]
        size, width = (_rounded(_number(x.shape[1]), lanes) for x in (query, value))
        t, s = known(queries), known(keys)
        most = FEWER if steep and t is not None and t <= SHORT else ROWS
        rows = most if t is None else -(-t // max(1, -(-t // most)))
        step = lanes if s is not None and s <= lanes else 2 * lanes
        if rate:
            step = DRAWN
        most = max(DRAWN, min(COLUMNS, PACKED // max(size, width) // DRAWN * DRAWN))
        if s is not None:
            most = min(most, _rounded(-(-s // max(1, -(-s // most))), step))
        return cls(query.dtype, queries, keys, max(rows, 1), max(most, step), step,
                   size, width)  # fmt: skip

    @property
    def panel(self) -> Panel:
        """Columns of scores that are made together."""
        lanes = native_lanes(self.dtype)
        vectors = 1 if self.step == lanes else 2
        return Panel(vectors, lanes, vectors * lanes)

    def blocks(self, e: Emit) -> Index:
        """How many blocks of keys there are."""
        return e.maximum(1, e.ceildiv(self.keys, self.columns))

    def columns_from(self, e: Emit, start: Index) -> Index:
        """Columns of the block that begins with a key."""
        keys = known(self.keys)
        if keys is not None and (keys <= self.columns or keys % self.columns == 0):
            return self.columns
        left = e.mul(e.ceildiv(e.sub(self.keys, start), self.step), self.step)
        return e.minimum(self.columns, left)


def _number(size: Index) -> int:
    count = known(size)
    if count is None:
        raise TypeError("attention needs to know the sizes of queries and values")
    return count


def _rounded(count: int, step: int) -> int:
    return max(1, -(-count // step)) * step


def _room(e: Emit, dtype: str, rows: int, columns: int, apart: int = 0) -> Array:
    pitch = columns + apart
    pointer = e.scratch(dtype, rows * pitch)
    return Array(pointer, dtype, (rows, columns), (pitch, 1))


# --------------------------------------------------------------------------- copies


def _copy(e: Emit, source: Array, rows: Index, to: Array, factor: float = 1.0) -> None:
    """source[r, c] * factor -> to[r, c]: its rows, in whole vectors, zeros behind."""
    lanes, count = native_lanes(to.dtype), _number(source.shape[1])
    dense = known(source.strides[1]) == 1

    def part(row: Index, column: int) -> Scalar:
        place = e.add(e.mul(row, source.strides[0]), e.mul(column, source.strides[1]))
        if dense:
            return e.load_some(source, place, lanes, count - column)
        single = [
            e.load(source, e.add(place, e.mul(lane, source.strides[1])))
            if column + lane < count else e.constant(to.dtype, 0)
            for lane in range(lanes)
        ]  # fmt: skip
        return e.gather(single)

    width = _number(to.shape[1])
    with e.loop(0, rows) as row:
        for column in range(0, width, lanes):
            term = Term(e, part(row, column))
            if factor != 1.0:
                term = term * factor
            e.store(to, to.offset(e, (row, column)), term.scalar)
    with e.loop(rows, to.shape[0]) as row:
        for column in range(0, width, lanes):
            blank = e.constant(to.dtype, 0, lanes)
            e.store(to, to.offset(e, (row, column)), blank)


def _pack(e: Emit, source: Array, live: Index, sizes: Sizes, to: Array) -> None:
    """source[s, d] -> to[panel, d, column]: turned, as the tile reads it."""
    panel, depth = sizes.panel, _number(source.shape[1])
    width = panel.width
    with e.loop(0, e.ceildiv(live, width)) as number:
        start = e.mul(number, width)
        cut_ = Panel(panel.vectors, panel.lanes, e.minimum(width, e.sub(live, start)))
        place = to.at(e, e.mul(number, depth))
        part = source.at(e, start, 0)
        if known(source.strides[1]) == 1:
            pack_turned(e, part, source.strides[0], depth, cut_, place)
        else:
            _turn(e, part, source.strides, depth, cut_, place)


def _turn(
    e: Emit, part: Array, strides: tuple[Index, ...], depth: int, panel: Panel,
    to: Array,
) -> None:  # fmt: skip
    """The same for elements that lie apart."""
    width = panel.width
    with e.loop(0, depth) as k, e.loop(0, width) as column:
        own = e.minimum(column, e.sub(panel.live, 1))
        at = e.add(e.mul(own, strides[0]), e.mul(k, strides[1]))
        e.store(to, e.add(e.mul(k, width), column), e.load(part, at))


# ------------------------------------------------------------------------- products


def _times_keys(
    e: Emit, a: Array, rows: Index, packed: Array, sizes: Sizes, columns: Index,
    out: Array, depth: int,
) -> None:  # fmt: skip
    """a[r, k], packed[panel, k, column] -> out[r, columns]."""
    panel = sizes.panel
    with e.loop(0, e.ceildiv(columns, panel.width)) as number:
        right = packed.at(e, e.mul(number, depth))
        at = e.mul(number, panel.width)

        def strip(row: Index, count: int) -> None:
            walk = Walk(depth, a.strides[1], panel.width)
            result = Result(out.at(e, row, at), out.strides[0])
            left = a.at(e, row, 0)
            tile(e, count, panel, left, a.strides[0], right, [walk], result)

        strips(e, 0, rows, rows_for(panel.vectors), strip)


def _product(
    e: Emit, a: Array, rows: Index, depth: Index, b: Array, out: Array,
    fresh: ir.Value = YES,
) -> None:  # fmt: skip
    """a[r, k], b[k, columns] -> out[r, columns], added to it if not fresh."""
    lanes, width = native_lanes(out.dtype), _number(out.shape[1])
    vectors = width // lanes if width <= 4 * lanes else 2

    def part(column: Index, panel: Panel) -> None:
        def strip(row: Index, count: int) -> None:
            walk = Walk(depth, a.strides[1], b.strides[0])
            result = Result(out.at(e, row, column), out.strides[0], fresh)
            left, right = a.at(e, row, 0), b.at(e, 0, column)
            tile(e, count, panel, left, a.strides[0], right, [walk], result)

        strips(e, 0, rows, rows_for(panel.vectors), strip)

    panels(e, width, vectors, lanes, part)


# ---------------------------------------------------------------------------- heads


@dataclass(frozen=True, slots=True)
class Queries:
    """A block of queries: the first, how many there are, and how many are worked on."""

    first: Index
    live: Index
    rows: Index


def _each_block(e: Emit, sizes: Sizes, body: Callable[[Queries], None]) -> None:
    """The body for each block of queries; all have `sizes.rows` if that is known."""
    with e.loop(0, sizes.queries, sizes.rows) as first:
        live = e.minimum(sizes.rows, e.sub(sizes.queries, first))
        count = known(sizes.queries)
        if count is not None and count % sizes.rows == 0:
            live = sizes.rows
        body(Queries(first, live, live if count is None else sizes.rows))


def _columns_seen(
    e: Emit, sizes: Sizes, sight: Sight, block: Queries, start: Index, stats: Array
) -> Index:
    """How many columns of a block of keys are worth a look.

    Later keys are not, but for queries that see none: to those all are alike.
    """
    columns = sizes.columns_from(e, start)
    if not sight.causal:
        return columns
    after = e.sub(e.add(block.first, block.live), start)
    needed = e.mul(e.ceildiv(e.maximum(after, 0), sizes.step), sizes.step)
    if sight.mask.rank == 1:
        return e.minimum(columns, needed)
    blind = e.counter(e.choose(e.gt(after, 0), 1, 0))
    with e.when(e.le(after, 0)), e.loop(0, block.live) as row:
        top = e.load(stats, stats.offset(e, (e.add(block.first, row), 0)))
        blind.set(e.choose(sees_nothing(e, top), 1, blind.get()))
    return e.choose(e.gt(blind.get(), 0), columns, 0)


def _sight(
    e: Emit, mask: Array, heads: Array, words: Array, index: tuple[Index, ...],
    keys: Index, queries: Index, attributes: tuple[bool, bool, float],
) -> Sight:  # fmt: skip
    """What the head at an index sees."""
    causal, blank, rate = attributes
    if mask.rank > 1:
        sizes = zip(index, mask.shape)
        mask = mask.at(e, *(e.choose(e.eq(n, 1), 0, i) for i, n in sizes))
    first: Index = 0
    if rate:
        number = e.load(heads, heads.offset(e, index))
        first = e.mul(e.to_index(number), queries)
    return Sight(mask, keys, causal, blank, rate, words, first)


@cut(query=2, key=2, value=2, mask=1, heads=1, stats=1, out=2)
@cut(query=0, key=0, value=0, mask=0, heads=0, stats=0, out=0)
@kernel
def attend(
    e: Emit,
    query: Array,
    key: Array,
    value: Array,
    mask: Array,
    heads: Array,
    words: Array,
    out: Array,
    stats: Array,
    *,
    scale: float,
    causal: bool,
    blank: bool,
    rate: float,
) -> None:
    """query[b, t, g, n, d], key[b, s, g, d], value[b, s, g, v] -> out, stats: means.

    See graphkeras.ops.attention for the other operands.
    """
    attributes = causal, blank, rate

    def head(index: tuple[Index, ...]) -> None:
        b, g, n = index
        own = _Head(
            _matrix(e, query, b, g, n), _matrix(e, key, b, g), _matrix(e, value, b, g),
            _matrix(e, out, b, g, n), stats.at(e, *index),
        )  # fmt: skip
        sight = _sight(
            e, mask, heads, words, index, key.shape[1], query.shape[1], attributes
        )
        _forward(e, own, sight, scale)

    nest(e, (query.shape[0], query.shape[2], query.shape[3]), head)


@dataclass(frozen=True, slots=True)
class _Head:
    """The matrices of one head."""

    query: Array
    key: Array
    value: Array
    out: Array
    stats: Array


def _matrix(e: Emit, x: Array, sample: Index, *head: Index) -> Array:
    """[t, d] of x[b, t, g, d] or x[b, t, g, n, d]."""
    at = x.offset(e, (sample, 0, *head, 0))
    pointer = e.address(x.pointer, x.dtype, at)
    shape, strides = (x.shape[1], x.shape[-1]), (x.strides[1], x.strides[-1])
    return Array(pointer, x.dtype, shape, strides)


def _forward(e: Emit, head: _Head, sight: Sight, scale: float) -> None:
    steep = sight.causal and sight.mask.rank == 1
    sizes = Sizes.of(head.query, head.value, sight.rate, steep)
    dtype, depth = sizes.dtype, _number(head.query.shape[1])
    queries = _room(e, dtype, sizes.rows, sizes.size)
    packed = _room(e, dtype, sizes.columns // sizes.panel.width * depth,
                   sizes.panel.width)  # fmt: skip
    values = _room(e, dtype, sizes.columns, sizes.width)
    scores = _room(e, dtype, sizes.rows, sizes.columns, APART)
    means = _room(e, dtype, sizes.rows, sizes.width)
    factors = _room(e, dtype, 1, sizes.rows)
    with e.loop(0, sizes.blocks(e)) as number:
        start = e.mul(number, sizes.columns)
        live = e.minimum(sizes.columns, e.sub(sizes.keys, start))
        _pack(e, _from(e, head.key, start), live, sizes, packed)
        _copy(e, _from(e, head.value, start), live, values)

        def some(block: Queries) -> None:
            columns = _columns_seen(e, sizes, sight, block, start, head.stats)
            with e.when(e.gt(columns, 0)):
                _copy(e, _from(e, head.query, block.first), block.live, queries, scale)
                _times_keys(
                    e, queries, block.rows, packed, sizes, columns, scores, depth
                )
                _weigh(e, head, sight, block, (start, columns), scores, factors)
                _product(e, scores, block.rows, columns, values, means)
                _collect(e, head.out, block, means, factors, start)

        _each_block(e, sizes, some)
    _finish(e, head, sight)


def _from(e: Emit, x: Array, row: Index) -> Array:
    """A matrix from a row on."""
    pointer = e.address(x.pointer, x.dtype, e.mul(row, x.strides[0]))
    return Array(pointer, x.dtype, x.shape, x.strides)


def _weigh(
    e: Emit, head: _Head, sight: Sight, block: Queries, keys: tuple[Index, Index],
    scores: Array, factors: Array,
) -> None:  # fmt: skip
    """Scores of a block to weights; stats and factors of what is there already."""
    start, columns = keys
    with e.loop(0, block.live) as row:
        query = e.add(block.first, row)
        place = head.stats.offset(e, (query, 0))
        fresh = e.eq(start, 0)
        top, total = (
            _begun(e, fresh, e.load(head.stats, e.add(place, k)), first)
            for k, first in enumerate((-math.inf, 0.0))
        )
        own = Row(e, sight, query, start, columns)
        line = scores.at(e, row)
        top, total, factor = to_weights(own, line, top, total)
        e.store(head.stats, place, top.scalar)
        e.store(head.stats, e.add(place, 1), total.scalar)
        e.store(factors, row, factor.scalar)


def _begun(e: Emit, fresh: ir.Value, old: Scalar, first: float) -> Term:
    """What is there already, or with what it begins."""
    before = Term(e, old)
    if known(fresh):
        return before.like(first)
    return before.of(e.builder.select(fresh, before.like(first).raw, before.raw))


def _collect(
    e: Emit, out: Array, block: Queries, part: Array, factors: Array, start: Index
) -> None:
    """out[r] = out[r] * factor + part[r], but for the first keys."""
    fresh = e.eq(start, 0)
    with e.loop(0, block.live) as row:
        place = e.mul(e.add(block.first, row), out.strides[0])
        factor = Term(e, e.load(factors, row))

        def add(column: Index, lanes: int, live: Index) -> None:
            at = e.add(place, column)
            new = Term(e, e.load(part, part.offset(e, (row, column)), lanes))
            if not known(fresh):
                old = Term(e, e.load_some(out, at, lanes, live))
                scaled = old * Term(e, e.splat(factor.scalar, lanes)) + new
                new = new.of(e.builder.select(fresh, new.raw, scaled.raw))
            e.store_some(out, at, new.scalar, live)

        cover(e, out.shape[1], native_lanes(out.dtype), add)


def _finish(e: Emit, head: _Head, sight: Sight) -> None:
    """Divide by the sums; what is dropped makes room for the rest."""
    out, stats = head.out, head.stats
    with e.loop(0, out.shape[0]) as row:
        place = stats.offset(e, (row, 0))
        total = Term(e, e.load(stats, e.add(place, 1)))
        share = total.like(1.0) / total
        if sight.blank and sight.mask.rank > 1:
            none = Term(e, Scalar(sees_nothing(e, e.load(stats, place)), "bool"))
            share = none.select(share.like(0.0), share)
        e.store(stats, e.add(place, 1), share.scalar)
        factor = share * (1 / (1 - sight.rate)) if sight.rate else share

        def divide(column: Index, lanes: int, live: Index) -> None:
            at = e.add(e.mul(row, out.strides[0]), column)
            mean = Term(e, e.load_some(out, at, lanes, live))
            mean = mean * Term(e, e.splat(factor.scalar, lanes))
            e.store_some(out, at, mean.scalar, live)

        cover(e, out.shape[1], native_lanes(out.dtype), divide)


# ------------------------------------------------------------------------- gradient


@cut(query=2, key=2, value=2, mask=1, heads=1, stats=1, out=2, g=2, dq=2, dk=2, dv=2)
@cut(query=0, key=0, value=0, mask=0, heads=0, stats=0, out=0, g=0, dq=0, dk=0, dv=0)
@kernel
def attend_backward(
    e: Emit,
    query: Array,
    key: Array,
    value: Array,
    mask: Array,
    heads: Array,
    words: Array,
    out: Array,
    stats: Array,
    g: Array,
    dq: Array,
    dk: Array,
    dv: Array,
    *,
    scale: float,
    causal: bool,
    blank: bool,
    rate: float,
) -> None:
    """query, key, value, mask, heads, words, out, stats, g -> dq, dk, dv: slopes."""
    attributes = causal, blank, rate

    def group(index: tuple[Index, ...]) -> None:
        keys = _Keys(*(_matrix(e, x, *index) for x in (key, value, dk, dv)))

        def head(n: Index) -> tuple[_Slopes, Sight]:
            at = (*index, n)
            own, made, slope, to = (_matrix(e, x, *at) for x in (query, out, g, dq))
            sight = _sight(
                e, mask, heads, words, at, key.shape[1], query.shape[1], attributes
            )
            return _Slopes(own, made, slope, to, stats.at(e, *at), scale), sight

        first, steep = _matrix(e, query, *index, 0), causal and mask.rank == 1
        sizes = Sizes.of(first, keys.value, rate, steep)
        _backward(e, sizes, keys, query.shape[3], head)

    nest(e, (query.shape[0], query.shape[2]), group)


@dataclass(frozen=True, slots=True)
class _Keys:
    """What heads of queries share: matrices, and where their slopes go."""

    key: Array
    value: Array
    dk: Array
    dv: Array


@dataclass(frozen=True, slots=True)
class _Slopes:
    """What belongs to one head of queries."""

    query: Array
    out: Array
    g: Array
    dq: Array
    stats: Array
    scale: float


@dataclass(frozen=True, slots=True)
class _Rooms:
    """Memory of the gradient that stays in the cache."""

    keys: Array  # packed
    values: Array  # packed
    rows: Array  # keys as they are
    queries: Array
    g: Array
    scores: Array
    slopes: Array
    part: Array
    dk: Array
    dv: Array

    @classmethod
    def of(cls, e: Emit, sizes: Sizes, depth: int, width: int) -> "_Rooms":
        """Room for blocks of keys and queries."""
        dtype, rows, columns = sizes.dtype, sizes.rows, sizes.columns
        panel = sizes.panel.width
        shapes = (
            (columns // panel * depth, panel), (columns // panel * width, panel),
            (columns, sizes.size), (rows, sizes.size), (rows, sizes.width),
            (rows, columns, APART), (rows, columns, APART), (rows, sizes.size),
            (columns, sizes.size), (columns, sizes.width),
        )  # fmt: skip
        return cls(*(_room(e, dtype, *shape) for shape in shapes))


def _backward(
    e: Emit, sizes: Sizes, keys: _Keys, count: Index,
    head: Callable[[Index], tuple[_Slopes, Sight]],
) -> None:  # fmt: skip
    """Slopes of a head of keys and values, and of all queries that see it."""
    depth, width = (_number(x.shape[1]) for x in (keys.key, keys.value))
    rooms = _Rooms.of(e, sizes, depth, width)
    with e.loop(0, sizes.blocks(e)) as number:
        start = e.mul(number, sizes.columns)
        live = e.minimum(sizes.columns, e.sub(sizes.keys, start))
        _pack(e, _from(e, keys.key, start), live, sizes, rooms.keys)
        _pack(e, _from(e, keys.value, start), live, sizes, rooms.values)
        _copy(e, _from(e, keys.key, start), live, rooms.rows)
        zero(e, rooms.dk)
        zero(e, rooms.dv)
        with e.loop(0, count) as n:
            own, sight = head(n)

            def some(block: Queries) -> None:
                columns = _columns_seen(e, sizes, sight, block, start, own.stats)
                with e.when(e.gt(columns, 0)):
                    _slope(e, sizes, own, sight, block, (start, columns), rooms)

            _each_block(e, sizes, some)
        _put(e, rooms.dk, live, _from(e, keys.dk, start))
        _put(e, rooms.dv, live, _from(e, keys.dv, start))


def _slope(
    e: Emit, sizes: Sizes, own: _Slopes, sight: Sight, block: Queries,
    keys: tuple[Index, Index], rooms: _Rooms,
) -> None:  # fmt: skip
    """What a block of queries and one of keys add to the slopes of all three."""
    start, columns = keys
    depth, width = (_number(x.shape[1]) for x in (own.query, own.g))
    _copy(e, _from(e, own.query, block.first), block.live, rooms.queries, own.scale)
    _copy(e, _from(e, own.g, block.first), block.live, rooms.g)
    for left, packed, to, size in (
        (rooms.queries, rooms.keys, rooms.scores, depth),
        (rooms.g, rooms.values, rooms.slopes, width),
    ):
        _times_keys(e, left, block.rows, packed, sizes, columns, to, size)
    with e.loop(0, block.live) as row:
        query = e.add(block.first, row)
        place = own.stats.offset(e, (query, 0))
        top, share = (Term(e, e.load(own.stats, e.add(place, k))) for k in (0, 1))
        mean = _mean(e, own.out, query, rooms.g.at(e, row))
        line = Row(e, sight, query, start, columns)
        scores, slopes = rooms.scores.at(e, row), rooms.slopes.at(e, row)
        to_slopes(line, scores, slopes, top, share, mean)
    for weights, right, total in (
        (rooms.scores, rooms.g, rooms.dv), (rooms.slopes, rooms.queries, rooms.dk),
    ):  # fmt: skip
        _product(e, _turned(weights), columns, block.rows, right, total, NO)
    _product(e, rooms.slopes, block.rows, columns, rooms.rows, rooms.part)
    part = _from(e, own.dq, block.first)
    _put(e, rooms.part, block.live, part, own.scale, e.gt(start, 0))


def _turned(x: Array) -> Array:
    """Rows for columns."""
    return Array(x.pointer, x.dtype, x.shape[::-1], x.strides[::-1])


def _mean(e: Emit, out: Array, query: Index, g: Array) -> Term:
    """The sum of a query's weights times their slopes."""
    lanes, count = native_lanes(g.dtype), _number(out.shape[1])
    total = Term(e, e.constant(g.dtype, 0, lanes))
    for column in range(0, count, lanes):
        place = e.add(e.mul(query, out.strides[0]), column)
        made = Term(e, e.load_some(out, place, lanes, count - column))
        total = total + made * Term(e, e.load(g, column, lanes))
    return Term(e, sum_lanes(e, total.scalar))


def _put(
    e: Emit, part: Array, rows: Index, to: Array, factor: float = 1.0,
    more: ir.Value = NO,
) -> None:  # fmt: skip
    """part[r, c] * factor -> to[r, c], added to what is there if `more`."""
    with e.loop(0, rows) as row:

        def put(column: Index, lanes: int, live: Index) -> None:
            at = e.add(e.mul(row, to.strides[0]), column)
            new = Term(e, e.load(part, part.offset(e, (row, column)), lanes)) * factor
            if known(more) is None:
                old = Term(e, e.load_some(to, at, lanes, live))
                new = new.of(e.builder.select(more, (old + new).raw, new.raw))
            e.store_some(to, at, new.scalar, live)

        cover(e, to.shape[1], native_lanes(to.dtype), put)
