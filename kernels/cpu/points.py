"""Six points at which polynomials multiply value by value, for one axis of a tile.

Cells of an image and taps of a window are factors of polynomials. Their values at the
points 0, +-sqrt(1/2), +-sqrt(2) and infinity (the highest factor) need one product
each, where the polynomials need one for each pair of factors. With these points
rounding stays within about twice that of the plain sum; 0, +-1 and +-2 lose five times
as much.

The points come in groups that share sums, so that few values are held at a time.

Source: Barabasz et al., arXiv:1803.10986, for the choice of points.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from graphkeras.kernels.cpu.emit import Emit, Index
from graphkeras.kernels.cpu.term import Term

POINTS = 6
LOW, HIGH = math.sqrt(0.5), math.sqrt(2.0)
# What the polynomials through the points are divided by.
NORMS = (1.0, -1.5, -1.5, 6.0, 6.0, 1.0)
GROUPS = ((0,), (1, 2), (3, 4), (5,))
MEMBERS = 2  # points in the largest group

Terms = list[Term]


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

    @property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """Points that are found together."""
        return ((0,),) if self.plain else GROUPS

    def of_cells(self, group: int, cell: Callable[[int], Term]) -> Terms:
        """Values of six cells at a group of points, as rows of B^T give them."""
        if self.plain:
            return [cell(0)]
        if group in (0, 3):
            first = cell(group // 3)
            middle, last = (cell(group // 3 + 2 * k) for k in (1, 2))
            return [middle.fma(-2.5, first + last)]
        point, square = _point(group)
        even = cell(2).fma(-1.0 / square, cell(4))
        odd = cell(1).fma(-1.0 / square, cell(3))
        return _both(even, odd, point)

    def of_taps(self, group: int, taps: Sequence[Term]) -> Terms:
        """Values of a polynomial at a group of points, its highest factor at the end.

        They are yet to be divided by `norms`.
        """
        if self.plain or group == 0:
            return [taps[0]]
        if group == 3:
            return [taps[-1]]
        point, square = _point(group)
        even, odd = (_horner(taps[k::2], square) for k in (0, 1))
        return _both(even, odd, point)

    def at_all(self, taps: Sequence[Term]) -> Terms:
        """Values of a polynomial at all points."""
        return [v for g in range(len(self.groups)) for v in self.of_taps(g, taps)]

    def under_all(self, cells: Sequence[Term]) -> Terms:
        """Values of six cells at all points."""
        groups = range(len(self.groups))
        return [v for g in groups for v in self.of_cells(g, cells.__getitem__)]

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
            total = high * HIGH**power if power else high
            total = low.fma(LOW**power, total) if power else low + total
            total = total + values[0] if power == 0 else total
            found.append(total + values[5] if power == count - 1 else total)
        return found


def _point(group: int) -> tuple[float, float]:
    """The positive point of a pair, and its square."""
    return (LOW, 0.5) if group == 1 else (HIGH, 2.0)


def _both(even: Term, odd: Term, point: float) -> Terms:
    """even +- point * odd"""
    return [odd.fma(point, even), odd.fma(-point, even)]


def _horner(factors: Sequence[Term], square: float) -> Term:
    total = factors[-1]
    for factor in factors[-2::-1]:
        total = total.fma(square, factor)
    return total


def first_of(e: Emit, group: Index) -> tuple[Index, Index]:
    """Number of the first point of a group, and how many there are."""
    pair = e.both(e.gt(group, 0), e.lt(group, 3))
    first = e.maximum(0, e.sub(e.mul(2, group), 1))
    return first, e.choose(pair, 2, 1)
