"""Six points at which polynomials multiply value by value, for one axis of a tile.

Cells of an image and taps of a window are factors of polynomials. Their values at the
points 0, +-sqrt(1/2), +-sqrt(2) and infinity (the highest factor) need one product
each, where the polynomials need one for each pair of factors. With these points
rounding stays within about twice that of the plain sum; 0, +-1 and +-2 lose five times
as much.

Opposite points share sums: they are found together, so that few values are held.

Source: Barabasz et al., arXiv:1803.10986, for the choice of points.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from llvmlite import ir

from graphkeras.kernels.cpu.emit import Emit, Index
from graphkeras.kernels.cpu.term import Term
from graphkeras.kernels.cpu.value import Scalar

POINTS = 6
# What the polynomials through the points are divided by.
NORMS = (1.0, -1.5, -1.5, 6.0, 6.0, 1.0)

Terms = list[Term]


@dataclass(frozen=True, slots=True)
class Point:
    """A pair of opposite points: the positive one, its square, -1 / that."""

    value: Term | float
    square: Term | float
    inverse: Term | float


LOW, HIGH = Point(math.sqrt(0.5), 0.5, -2.0), Point(math.sqrt(2.0), 2.0, -0.5)


@dataclass(frozen=True, slots=True)
class Side:
    """One axis of a tile: so many taps, and what follows from that."""

    taps: int

    @property
    def plain(self) -> bool:
        """Whether there is but one tap: nothing to gain."""
        return self.taps == 1

    @property
    def points(self) -> int:
        """Points, and cells of a tile."""
        return 1 if self.plain else POINTS

    @property
    def results(self) -> int:
        """Results of a tile."""
        return 1 if self.plain else POINTS + 1 - self.taps

    @property
    def norms(self) -> tuple[float, ...]:
        """What values of taps are to be divided by."""
        return (1.0,) if self.plain else NORMS

    def cells_at_end(self, cell: Callable[[int], Term]) -> Term:
        """Value of six cells at 0; at infinity, of those from the second on."""
        return cell(2).fma(-2.5, cell(0) + cell(4))

    def cells_at_pair(self, cell: Callable[[int], Term], point: Point) -> Terms:
        """Values of six cells at two opposite points."""
        even = cell(2).fma(point.inverse, cell(4))
        odd = cell(1).fma(point.inverse, cell(3))
        return _both(even, odd, point)

    def taps_at_pair(self, taps: Sequence[Term], point: Point) -> Terms:
        """Values of a polynomial, lowest factor first, at two opposite points.

        All values of taps are yet to be divided by `norms`.
        """
        even, odd = (_horner(taps[k::2], point.square) for k in (0, 1))
        return _both(even, odd, point)

    def of_cells(self, cells: Sequence[Term]) -> Terms:
        """Values of six cells at all points: B^T."""
        if self.plain:
            return [*cells]
        zero, infinity = (
            self.cells_at_end(part.__getitem__) for part in (cells, cells[1:])
        )
        pairs = [self.cells_at_pair(cells.__getitem__, p) for p in (LOW, HIGH)]
        return [zero, *pairs[0], *pairs[1], infinity]

    def of_taps(self, taps: Sequence[Term]) -> Terms:
        """Values of a polynomial at all points: G; at infinity its highest factor."""
        if self.plain:
            return [*taps]
        pairs = [self.taps_at_pair(taps, p) for p in (LOW, HIGH)]
        return [taps[0], *pairs[0], *pairs[1], taps[-1]]

    def sums(self, values: Sequence[Term], count: int) -> Terms:
        """Rows of A^T: each point's value times its powers, `count` of them."""
        if self.plain:
            return [values[0]]
        pairs = [values[1:3], values[3:5]]
        sums = [first + second for first, second in pairs]
        gaps = [first - second for first, second in pairs]
        found = []
        for power in range(count):
            low, high = gaps if power % 2 else sums
            total = high * math.sqrt(2.0) ** power if power else high
            total = low.fma(math.sqrt(0.5) ** power, total) if power else low + total
            total = total + values[0] if power == 0 else total
            found.append(total + values[5] if power == count - 1 else total)
        return found


def _both(even: Term, odd: Term, point: Point) -> Terms:
    """even +- point * odd"""
    value = point.value
    return [odd.fma(value, even), odd.fma(-value, even)]


def _horner(factors: Sequence[Term], square: Term | float) -> Term:
    total = factors[-1]
    for factor in factors[-2::-1]:
        total = total.fma(square, factor)
    return total


# Rows of points, in the order in which they are found.
GROUPS = ((0,), (1, 2), (3, 4), (5,))
MEMBERS = 2  # points in the largest group


@dataclass(frozen=True, slots=True)
class Group:
    """A row of points of a group that is known only when the code runs."""

    e: Emit
    number: Index

    @property
    def at_end(self) -> ir.Value:
        """Whether it is the point 0 or infinity."""
        e = self.e
        return e.either(e.eq(self.number, 0), self.at_infinity)

    @property
    def at_infinity(self) -> ir.Value:
        """Whether it is the last one."""
        return self.e.eq(self.number, len(GROUPS) - 1)

    def span(self) -> tuple[Index, Index]:
        """Number of its first point, and how many there are."""
        e = self.e
        first = e.maximum(0, e.sub(e.mul(2, self.number), 1))
        return first, e.choose(self.at_end, 1, MEMBERS)

    def point(self, dtype: str, lanes: int) -> Point:
        """The positive one of its points, if it has two."""
        e, low = self.e, self.e.eq(self.number, 1)

        def choose(first: float, second: float) -> Term:
            a, b = (e.constant(dtype, n, lanes).value for n in (first, second))
            return Term(e, Scalar(e.builder.select(low, a, b), dtype, lanes))

        return Point(
            choose(LOW.value, HIGH.value),  # type: ignore[arg-type]
            choose(LOW.square, HIGH.square),  # type: ignore[arg-type]
            choose(LOW.inverse, HIGH.inverse),  # type: ignore[arg-type]
        )
