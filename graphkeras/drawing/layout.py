"""Boxes in rows, each below what it depends on, and lines that cross none of them.

In four steps, after Sugiyama, Tagawa and Toda (1981): rows by the longest way from the
top; a point in every row that a long line passes; an order in each row with few
crossings, by means of neighbours; and places along the row, by least squares.

Everything is told for a picture from top to bottom.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

Point = tuple[float, float]

_SWEEPS = 12
_ROW_GAP, _BOX_GAP, _LINE_GAP = 34.0, 26.0, 16.0


class Size(NamedTuple):
    """Width and height of a box."""

    width: float
    height: float


class Edge(NamedTuple):
    """A line from one box to another.

    Attributes:
        source, target: numbers of the boxes.
        leave, arrive: how far from the middle of a box the line meets it.
    """

    source: int
    target: int
    leave: float = 0.0
    arrive: float = 0.0


@dataclass(frozen=True, slots=True)
class Placed:
    """Where everything is.

    Attributes:
        corners: upper left corner of each box.
        lines: points of each edge: straight from the first to the second, a curve to
            the third, straight to the fourth ...
        size: of the whole.
    """

    corners: list[Point]
    lines: list[list[Point]]
    size: Size


@dataclass(slots=True)
class _Spot:
    """A box, or where a long line passes a row (of no size)."""

    size: Size
    row: int
    x: float = 0.0  # its middle
    # Neighbours, and where the line meets this spot and them, from their middles.
    above: list[tuple[int, float, float]] = field(default_factory=list)
    below: list[tuple[int, float, float]] = field(default_factory=list)
    line: bool = False


def place(
    sizes: Sequence[Size],
    edges: Sequence[Edge],
    first: Iterable[int] = (),
    last: Iterable[int] = (),
) -> Placed:
    """Return where boxes and lines go.

    Args:
        sizes: of the boxes.
        edges: the lines between them; one may lead back up, or to where it begins.
        first: boxes that belong to the top row.
        last: boxes that belong to the bottom row.

    Example:
        >>> place([Size(40, 20), Size(20, 10)], [Edge(0, 1)]).corners
        [(0.0, 0.0), (10.0, 54.0)]
    """
    if not sizes:
        return Placed([], [], Size(0.0, 0.0))
    turned = _turned(len(sizes), edges)
    rows = _rows(len(sizes), edges, turned, set(first), set(last))
    spots = [_Spot(size, row) for size, row in zip(sizes, rows)]
    chains = _chains(spots, edges, turned)
    order = _ordered(spots)
    _spread(spots, order)
    return _result(spots, order, edges, turned, chains, len(sizes))


# ------------------------------------------------------------------------------ rows


def _turned(count: int, edges: Sequence[Edge]) -> list[bool]:
    """Return which edges lead back, so that without them there is no loop."""
    outgoing: list[list[int]] = [[] for _ in range(count)]
    for number, edge in enumerate(edges):
        outgoing[edge.source].append(number)
    state = [0] * count  # 1 while it is on the way, 2 when it is done
    turned = [False] * len(edges)
    for start in range(count):
        stack = [(start, iter(outgoing[start]))] if not state[start] else []
        state[start] = state[start] or 1
        while stack:
            box, rest = stack[-1]
            number = next(rest, -1)
            if number < 0:
                state[box] = 2
                stack.pop()
                continue
            target = edges[number].target
            turned[number] = state[target] == 1
            if not state[target]:
                state[target] = 1
                stack.append((target, iter(outgoing[target])))
    return turned


def _rows(
    count: int,
    edges: Sequence[Edge],
    turned: list[bool],
    first: set[int],
    last: set[int],
) -> list[int]:
    """Return the row of each box: below all it depends on, no higher than need be."""
    down = [
        (e.target, e.source) if back else (e.source, e.target)
        for e, back in zip(edges, turned) if e.source != e.target
    ]  # fmt: skip
    below: list[list[int]] = [[] for _ in range(count)]
    waiting = [0] * count
    for a, b in down:
        below[a].append(b)
        waiting[b] += 1
    row = [0] * count
    ready = [i for i in range(count) if not waiting[i]]
    for box in ready:  # grows while it is read
        for other in below[box]:
            row[other] = max(row[other], row[box] + 1)
            waiting[other] -= 1
            if not waiting[other]:
                ready.append(other)
    has_above = {b for _, b in down}
    for box in reversed(ready):  # what begins late is moved to where it is needed
        if below[box] and box not in has_above and box not in first:
            row[box] = min(row[other] for other in below[box]) - 1
    deepest = max(row)
    return [deepest if i in last else row[i] for i in range(count)]


def _chains(
    spots: list[_Spot], edges: Sequence[Edge], turned: list[bool]
) -> list[list[int]]:
    """Return the spots each edge passes from top to bottom; add those between rows."""
    chains = []
    for edge, back in zip(edges, turned):
        a, b, leave, arrive = edge
        if back:
            a, b, leave, arrive = b, a, arrive, leave
        chain = [a]
        for row in range(spots[a].row + 1, spots[b].row):
            spots.append(_Spot(Size(0.0, 0.0), row, line=True))
            chain.append(len(spots) - 1)
        chain.append(b)
        last = len(chain) - 2
        for i, (up, down) in enumerate(itertools.pairwise(chain)):
            if up != down:
                ends = (leave if i == 0 else 0.0, arrive if i == last else 0.0)
                spots[up].below.append((down, *ends))
                spots[down].above.append((up, ends[1], ends[0]))
        chains.append(chain)
    return chains


# ----------------------------------------------------------------------------- order


def _ordered(spots: list[_Spot]) -> list[list[int]]:
    """Return the spots of each row from left to right, with few crossings."""
    order: list[list[int]] = [[] for _ in range(max(s.row for s in spots) + 1)]
    for number in _by_depth(spots):
        order[spots[number].row].append(number)
    best, fewest = order, _crossings(spots, order)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        order = [list(row) for row in order]
        _sweep(spots, order, down=sweep % 2 == 0)
        found = _crossings(spots, order)
        if found < fewest:
            best, fewest = order, found
    return best


def _by_depth(spots: list[_Spot]) -> list[int]:
    """Number the spots as a walk meets them, so that chains stay together."""
    seen: set[int] = set()
    found = []
    starts = [i for i, s in enumerate(spots) if not s.above]
    for start in [*starts, *range(len(spots))]:
        stack = [start]
        while stack:
            number = stack.pop()
            if number not in seen:
                seen.add(number)
                found.append(number)
                stack += [other for other, _, _ in reversed(spots[number].below)]
    return found


def _sweep(spots: list[_Spot], order: list[list[int]], down: bool) -> None:
    rows = order[1:] if down else order[-2::-1]
    place = {n: i for row in order for i, n in enumerate(row)}
    for row in rows:
        means = {}
        for number in row:
            near = spots[number].above if down else spots[number].below
            places = [place[other] for other, _, _ in near]
            means[number] = sum(places) / len(places) if places else place[number]
        row.sort(key=means.__getitem__)
        place.update((n, i) for i, n in enumerate(row))


def _crossings(spots: list[_Spot], order: list[list[int]]) -> int:
    total = 0
    for upper, lower in itertools.pairwise(order):
        place = {n: i for i, n in enumerate(lower)}
        passed: list[int] = []
        for number in upper:
            ends = sorted(place[other] for other, _, _ in spots[number].below)
            total += sum(len(passed) - bisect.bisect_right(passed, e) for e in ends)
            for end in ends:
                bisect.insort(passed, end)
    return total


# ---------------------------------------------------------------------------- places


def _spread(spots: list[_Spot], order: list[list[int]]) -> None:
    """Give each spot its place in the row: near its neighbours, apart from the next."""
    for row in order:
        _settle(spots, row, [0.0] * len(row), [1.0] * len(row))
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for row in order[1:] if down else order[-2::-1]:
            wanted = [_wanted(spots, n, down) for n in row]
            weights = [8.0 if spots[n].line else 1.0 for n in row]
            _settle(spots, row, wanted, weights)


def _wanted(spots: list[_Spot], number: int, down: bool) -> float:
    """The mean of where the lines of a spot would be straight."""
    spot = spots[number]
    near = spot.above if down else spot.below
    if not near:
        return spot.x
    return sum(spots[n].x + far - own for n, own, far in near) / len(near)


def _settle(
    spots: list[_Spot], row: list[int], wanted: list[float], weights: list[float]
) -> None:
    """Move spots as near as they can be to where they are wanted, in their order.

    With distances taken off, that is a regression by a rising function: neighbours
    that would overlap are pooled at their mean (Barlow and others, 1972).
    """
    offsets = [0.0]
    for a, b in itertools.pairwise(row):
        offsets.append(offsets[-1] + _distance(spots[a], spots[b]))
    pools: list[list[float]] = []  # mean, weight, number of spots
    for goal, offset, weight in zip(wanted, offsets, weights):
        pools.append([goal - offset, weight, 1])
        while len(pools) > 1 and pools[-2][0] >= pools[-1][0]:
            mean, heavy, many = pools.pop()
            before = pools[-1]
            whole = before[1] + heavy
            before[0] = (before[0] * before[1] + mean * heavy) / whole
            before[1], before[2] = whole, before[2] + many
    means = [mean for mean, _, many in pools for _ in range(int(many))]
    for number, mean, offset in zip(row, means, offsets):
        spots[number].x = mean + offset


def _distance(a: _Spot, b: _Spot) -> float:
    gap = _LINE_GAP if a.line or b.line else _BOX_GAP
    return (a.size.width + b.size.width) / 2 + gap


# ---------------------------------------------------------------------------- result


def _result(
    spots: list[_Spot], order: list[list[int]], edges: Sequence[Edge],
    turned: list[bool], chains: list[list[int]], count: int,
) -> Placed:  # fmt: skip
    heights = [max((spots[n].size.height for n in row), default=0.0) for row in order]
    tops = [0.0]
    for height in heights[:-1]:
        tops.append(tops[-1] + height + _ROW_GAP)
    left = min(s.x - s.size.width / 2 for s in spots)
    for spot in spots:
        spot.x -= left
    corners = []
    for spot in spots[:count]:
        middle = tops[spot.row] + heights[spot.row] / 2
        corners.append((spot.x - spot.size.width / 2, middle - spot.size.height / 2))
    lines = []
    for edge, back, chain in zip(edges, turned, chains):
        if edge.source == edge.target:
            lines.append(_loop(corners[edge.source], spots[edge.source].size))
            continue
        ends = (edge.arrive, edge.leave) if back else (edge.leave, edge.arrive)
        line = _line(spots, chain, ends, tops, heights, corners)
        lines.append(line[::-1] if back else line)
    right = max(s.x + s.size.width / 2 for s in spots)
    right = max([right, *(x for line in lines for x, _ in line)])
    return Placed(corners, lines, Size(right, tops[-1] + heights[-1]))


def _line(
    spots: list[_Spot], chain: list[int], ends: tuple[float, float],
    tops: list[float], heights: list[float], corners: list[Point],
) -> list[Point]:  # fmt: skip
    first, last = chain[0], chain[-1]
    x = spots[first].x + ends[0]
    row = spots[first].row
    points = [(x, corners[first][1] + spots[first].size.height),
              (x, tops[row] + heights[row])]  # fmt: skip
    for number in chain[1:-1]:
        spot = spots[number]
        top = tops[spot.row]
        points += [(spot.x, top), (spot.x, top + heights[spot.row])]
    x = spots[last].x + ends[1]
    return [*points, (x, tops[spots[last].row]), (x, corners[last][1])]


def _loop(corner: Point, size: Size) -> list[Point]:
    """A line from the right side of a box back to it."""
    x, y = corner[0] + size.width, corner[1]
    out, quarter = x + _LINE_GAP / 2, size.height / 4
    return [(x, y + 3 * quarter), (out, y + 3 * quarter), (out, y + quarter),
            (x, y + quarter)]  # fmt: skip
