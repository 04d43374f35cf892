"""What attention does to rows of scores that lie in the cache: one query, many keys.

Scores become weights where they lie. A key that is not to be seen counts as one of the
score LOWEST, which is finite: a query that sees nothing sees all keys alike. Lanes that
stand for no key have no weight at all.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from llvmlite import ir

from graphkeras.kernels.cpu import functions, vector
from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.emit import Emit, Local, native_lanes
from graphkeras.kernels.cpu.loop import sum_lanes
from graphkeras.kernels.cpu.term import Term
from graphkeras.kernels.cpu.value import Index, Scalar, known

LOWEST = -0.7 * 3.4028234e38
DRAWN = 64  # neighbouring keys whose sixteen random bits are drawn together


def _exp(x: Term) -> Term:
    """e**x for x <= 0."""
    return vector.exp_falling(x) if x.dtype == "float32" else functions.TABLE["exp"](x)


@dataclass(frozen=True, slots=True)
class Sight:
    """Which keys the queries of a head see, and which weights are dropped.

    Attributes:
        mask: bools of queries and keys (sizes of 1 are repeated), or an empty vector.
        keys: how many there are.
        causal: whether a query sees no later key.
        blank: whether a query that sees nothing gets nothing.
        rate: share of the weights that are dropped.
        words: the two of the key by which they are drawn.
        first: the number of the head's first query among those of all heads.
    """

    mask: Array
    keys: Index
    causal: bool
    blank: bool
    rate: float
    words: Array
    first: Index

    @property
    def tests(self) -> bool:
        """Whether some keys may not be seen."""
        return self.causal or self.mask.rank > 1


@dataclass(frozen=True, slots=True)
class Row:
    """One query's scores of the keys from `start` on, in memory of whole vectors."""

    e: Emit
    sight: Sight
    query: Index
    start: Index
    columns: Index

    @contextmanager
    def vectors(self, dtype: str) -> Iterator[list["Place"]]:
        """Vectors side by side, again and again; of random bits DRAWN at a time."""
        lanes, e = native_lanes(dtype), self.e
        together = DRAWN if self.sight.rate else 2 * lanes
        with e.loop(0, self.columns, together) as first:
            places = [
                Place(self, e.add(first, at), lanes) for at in range(0, together, lanes)
            ]
            yield places

    def kept(self, places: list["Place"]) -> list[Term]:
        """Whether the weights at DRAWN neighbouring places are kept."""
        e, sight = self.e, self.sight
        lanes = places[0].lanes
        number = e.add(sight.first, self.query)
        pitch = e.mul(e.ceildiv(sight.keys, DRAWN), DRAWN)
        base = e.add(e.mul(number, pitch), self.start)
        first, second = (
            Term(e, e.splat(e.load(sight.words, k), lanes)) for k in (0, 1)
        )
        limit = round(sight.rate * 2**16)
        found: list[Term] = []
        words: tuple[Term, Term] | None = None
        for number_, place in enumerate(places):
            position = Term(e, e.from_index(e.add(base, place.column), "uint32", lanes))
            if lanes != DRAWN // 4:
                bits = functions.random_bits16(first, second, position)
            else:
                words = words or functions.random_words(first, second, position)
                bits = functions.random_half(words, number_)
            found.append(bits >= limit)
        return found


@dataclass(frozen=True, slots=True)
class Place:
    """Some keys beside each other."""

    row: Row
    column: Index
    lanes: int

    @property
    def exist(self) -> Term | None:
        """Which of them there are; None for all."""
        e, sight, row = self.row.e, self.row.sight, self.row
        count = known(sight.keys)
        if count is not None and count % self.lanes == 0 and count % DRAWN == 0:
            return None
        at = e.from_index(e.add(row.start, self.column), "int32", self.lanes)
        limit = e.from_index(sight.keys, "int32")
        return Term(e, at) < Term(e, e.splat(limit, self.lanes))

    @property
    def seen(self) -> Term | None:
        """Which of them the query sees; None for all."""
        e, sight, row = self.row.e, self.row.sight, self.row
        found = self._masked() if sight.mask.rank > 1 else None
        if not sight.causal:
            return found
        at = e.from_index(e.add(row.start, self.column), "int32", self.lanes)
        own = e.splat(e.from_index(row.query, "int32"), self.lanes)
        before = Term(e, at) <= Term(e, own)
        return before if found is None else found & before

    def _masked(self) -> Term:
        """What the mask says."""
        e, mask, row = self.row.e, self.row.sight.mask, self.row
        query = _repeated(e, mask.shape[0], row.query)
        line, first = mask.at(e, query), e.add(row.start, self.column)
        live = e.sub(row.sight.keys, first)
        if known(mask.shape[1]) == 1:
            return Term(e, e.splat(e.load(line, 0), self.lanes))
        if known(mask.shape[1]) is not None and known(mask.strides[1]) == 1:
            return Term(e, e.load_some(line, first, self.lanes, live))
        parts = []
        last = e.sub(row.sight.keys, 1)
        for lane in range(self.lanes):
            key = e.minimum(e.add(first, lane), last)
            key = _repeated(e, mask.shape[1], key)
            parts.append(e.load(line, e.mul(key, mask.strides[1])))
        return Term(e, e.gather(parts))


def _repeated(e: Emit, size: Index, position: Index) -> Index:
    """A place on an axis, which is repeated if its size is 1."""
    return e.choose(e.eq(size, 1), 0, position)


def hide(place: Place, score: Term) -> Term:
    """The score of what is seen; else LOWEST, or nothing where there is no key."""
    seen, exist = place.seen, place.exist
    if seen is not None:
        score = seen.select(score, score.like(LOWEST))
    return score if exist is None else exist.select(score, score.like(-math.inf))


def to_weights(row: Row, scores: Array, highest: Term, total: Term) -> tuple[Term, ...]:
    """Scores to exp(score - highest), without what is dropped.

    Args:
        highest: the highest score so far.
        total: the sum of exp(score - highest) so far.

    Returns:
        The new ones, and the factor of what was made by the old ones.
    """
    e, dtype = row.e, scores.dtype
    lanes = native_lanes(dtype)
    tops = [e.local(dtype, highest.scalar, lanes) for _ in range(2)]
    with row.vectors(dtype) as places:
        for number, place in enumerate(places):
            score = Term(e, e.load(scores, place.column, lanes))
            if row.sight.tests or place.exist is not None:
                score = hide(place, score)
                e.store(scores, place.column, score.scalar)
            _raise(tops[number % 2], score)
    top = _highest(e, [local.get() for local in tops])
    spread = Term(e, e.splat(top.scalar, lanes))
    sums = [e.local(dtype, e.constant(dtype, 0), lanes) for _ in range(2)]
    with row.vectors(dtype) as places:
        kept = row.kept(places) if row.sight.rate else [None] * len(places)
        for number, (place, stays) in enumerate(zip(places, kept)):
            score = Term(e, e.load(scores, place.column, lanes))
            weight = _exp(score - spread)
            local = sums[number % 2]
            local.set((Term(e, local.get()) + weight).scalar)
            if stays is not None:
                weight = stays.select(weight, weight.like(0.0))
            e.store(scores, place.column, weight.scalar)
    more = Term(e, sums[0].get()) + Term(e, sums[1].get())
    factor = _exp(highest - top)
    return top, total * factor + Term(e, sum_lanes(e, more.scalar)), factor


def to_slopes(
    row: Row, scores: Array, slopes: Array, top: Term, share: Term, mean: Term
) -> None:
    """Scores to weights, and slopes of the weights to slopes of the scores.

    Args:
        slopes: those of the weights that were not dropped.
        top: the highest score.
        share: 1 / the sum of exp(score - highest).
        mean: the sum of weights times their slopes.
    """
    e, dtype, rate = row.e, scores.dtype, row.sight.rate
    lanes = native_lanes(dtype)
    if rate:  # what is kept is scaled up: so are weights here, and means down
        share, mean = share * (1 / (1 - rate)), mean * (1 - rate)
    top, share, mean = (Term(e, e.splat(x.scalar, lanes)) for x in (top, share, mean))
    with row.vectors(dtype) as places:
        kept = row.kept(places) if rate else [None] * len(places)
        for place, stays in zip(places, kept):
            score = hide(place, Term(e, e.load(scores, place.column, lanes)))
            weight = _exp(score - top) * share
            slope = Term(e, e.load(slopes, place.column, lanes))
            used = weight
            if stays is not None:
                used = stays.select(weight, weight.like(0.0))
                slope = stays.select(slope, slope.like(0.0))
            slope = weight * (slope - mean)
            for there in (place.seen, place.exist):
                if there is not None:
                    slope = there.select(slope, slope.like(0.0))
            e.store(scores, place.column, used.scalar)
            e.store(slopes, place.column, slope.scalar)


def _raise(local: Local, score: Term) -> None:
    """The higher one; what is not a number shows in the sum anyway."""
    old = Term(local.emit, local.get())
    local.set((score > old).select(score, old).scalar)


def _highest(e: Emit, values: list[Scalar]) -> Term:
    first, second = (Term(e, value) for value in values)
    both = (first > second).select(first, second).scalar
    while both.lanes > 1:
        half = both.lanes // 2
        low = Term(e, e.shuffle(both, both, range(half)))
        high = Term(e, e.shuffle(both, both, range(half, 2 * half)))
        both = (low > high).select(low, high).scalar
    return Term(e, both)


def sees_nothing(e: Emit, top: Scalar) -> ir.Value:
    """Whether the highest score of a query is that of what is hidden."""
    return (Term(e, top) <= LOWEST).raw
