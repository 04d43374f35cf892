"""Boxes do not overlap, lines join them and cross none, for graphs of any kind."""

from __future__ import annotations

import itertools
import random
import xml.etree.ElementTree as ET
from collections import Counter

import pytest

from graphkeras.drawing import Card, Dot, Group, Link, draw
from graphkeras.drawing.layout import Edge, Placed, Point, Size, place
from graphkeras.drawing.lettering import text_width

NEAR = 1e-6


def some(seed: int) -> tuple[list[Size], list[Edge]]:
    """Random boxes and lines, loops and lines that lead back among them."""
    rng = random.Random(seed)
    count = rng.randrange(1, 20)
    sizes = [Size(rng.uniform(20, 200), rng.uniform(10, 80)) for _ in range(count)]
    number = rng.randrange(3 * count)
    return sizes, [Edge(rng.randrange(count), rng.randrange(count))
                   for _ in range(number)]  # fmt: skip


def boxes(placed: Placed, sizes: list[Size]) -> list[tuple[float, float, float, float]]:
    return [(x, y, x + w, y + h) for (x, y), (w, h) in zip(placed.corners, sizes)]


@pytest.mark.parametrize("seed", range(30))
def test_boxes_do_not_overlap(seed: int) -> None:
    sizes, edges = some(seed)
    found = boxes(place(sizes, edges), sizes)
    for a, b in itertools.combinations(found, 2):
        beside = a[2] <= b[0] + NEAR or b[2] <= a[0] + NEAR
        assert beside or a[3] <= b[1] + NEAR or b[3] <= a[1] + NEAR


def on_border(point: Point, box: tuple[float, float, float, float]) -> bool:
    (x, y), (left, top, right, bottom) = point, box
    inside = left - NEAR <= x <= right + NEAR and top - NEAR <= y <= bottom + NEAR
    sides = abs(x - left), abs(x - right), abs(y - top), abs(y - bottom)
    return inside and min(sides) < NEAR


@pytest.mark.parametrize("seed", range(30))
def test_lines_join_the_boxes_they_are_of(seed: int) -> None:
    sizes, edges = some(seed)
    placed = place(sizes, edges)
    found = boxes(placed, sizes)
    for edge, line in zip(edges, placed.lines, strict=True):
        assert on_border(line[0], found[edge.source])
        assert on_border(line[-1], found[edge.target])


@pytest.mark.parametrize("seed", range(30))
def test_lines_cross_no_box(seed: int) -> None:
    sizes, edges = some(seed)
    placed = place(sizes, edges)
    found = boxes(placed, sizes)
    for line in placed.lines:
        for (x, start), (_, end) in zip(line[::2], line[1::2]):
            low, high = sorted((start, end))
            for left, top, right, bottom in found:
                beside = not left + NEAR < x < right - NEAR
                assert beside or high <= top + NEAR or low >= bottom - NEAR


@pytest.mark.parametrize("seed", range(30))
def test_curves_stay_between_the_rows(seed: int) -> None:
    sizes, edges = some(seed)
    placed = place(sizes, edges)
    found = boxes(placed, sizes)
    for edge, line in zip(edges, placed.lines):
        for (_, start), (_, end) in zip(line[1::2], line[2::2]):
            low, high = sorted((start, end))
            clear = all(high <= t + NEAR or low >= b - NEAR for _, t, _, b in found)
            assert clear or edge.source == edge.target


def test_rows_follow_the_lines() -> None:
    sizes = [Size(10, 10)] * 4
    placed = place(sizes, [Edge(0, 1), Edge(1, 2), Edge(0, 2), Edge(3, 2)])
    tops = [y for _, y in placed.corners]
    assert tops[0] < tops[1] < tops[2] and tops[3] == tops[1]


def test_a_chain_is_straight() -> None:
    sizes = [Size(40 + 10 * i, 20) for i in range(6)]
    placed = place(sizes, [Edge(i, i + 1) for i in range(5)])
    middles = {round(x + s.width / 2, 6) for (x, _), s in zip(placed.corners, sizes)}
    assert len(middles) == 1


def test_nothing_is_placed_nowhere() -> None:
    assert place([], []).size == Size(0.0, 0.0)


# -------------------------------------------------------------------------- pictures


def nested() -> Group:
    """A group with a group inside, which is met from outside at two ports."""
    inner = Group(
        "inner", [Card("a"), Card("b"), Card("c")], [Link(0, 2), Link(1, 2)],
        entries=[(0, 0), (1, 0)], exits=[(2, 0), (0, 0)],
    )  # fmt: skip
    links = [Link(0, 1, 0, 0), Link(0, 1, 0, 1), Link(1, 2), Link(1, 3, 1)]
    return Group("outer", [Card("x"), inner, Card("y"), Card("z")], links)


@pytest.mark.parametrize("direction", ["TB", "BT", "LR", "RL"])
def test_everything_is_inside_the_picture(direction: str) -> None:
    picture = draw(nested(), direction)
    for r in (*picture.rectangles, *picture.cards):
        assert 0 < r.x < r.x + r.width < picture.width
        assert 0 < r.y < r.y + r.height < picture.height
    for text in picture.texts:
        width = text_width(text.text, text.size, text.bold)
        assert text.x > 0 and text.x + width < picture.width


@pytest.mark.parametrize("direction", ["TB", "BT", "LR", "RL"])
def test_a_frame_is_around_its_cards_and_no_others(direction: str) -> None:
    picture = draw(nested(), direction)
    (frame,) = picture.rectangles
    inside = [
        frame.x < c.x and c.x + c.width < frame.x + frame.width
        and frame.y < c.y and c.y + c.height < frame.y + frame.height
        for c in picture.cards[::2]  # each has a band, too
    ]  # fmt: skip
    assert sum(inside) == 3


@pytest.mark.parametrize("direction", ["TB", "BT", "LR", "RL"])
def test_lines_into_a_group_go_on_to_the_card(direction: str) -> None:
    picture = draw(nested(), direction)
    found = [(r.x, r.y, r.x + r.width, r.y + r.height)
             for r in (*picture.cards[::2], *picture.rectangles)]  # fmt: skip
    assert len(picture.lines) == 4 + 2 + 2 * 2 + 2 * 2  # outside, inside, in, out
    ends = [point for x in picture.lines for point in (x.points[0], x.points[-1])]
    free = [p for p in ends if not any(on_border(p, box) for box in found)]
    joints = Counter((round(x, 3), round(y, 3)) for x, y in free)
    assert {*joints.values()} <= {2}  # one line ends where the next begins


@pytest.mark.parametrize("straight", [False, True])
def test_the_file_is_xml_whatever_the_names(straight: bool) -> None:
    odd = Card("<a & 'b'>", "\x00\x1b", (("in", "\u4e2d\u6587"), ("out", '"]]>')))
    root = ET.fromstring(draw(Group(parts=[odd, odd], links=[Link(0, 1)]), "TB",
                              straight).to_svg())  # fmt: skip
    texts = [e.text for e in root.iter() if e.tag.endswith("text")]
    assert texts.count("<a & 'b'>") == 2 and "\u4e2d\u6587" in texts


def test_graphviz_is_told_the_same_lines() -> None:
    text = Dot(nested(), {"rankdir": "LR"}).to_string()
    assert text.count(" -> ") == 6 and "subgraph cluster_" in text
    assert 'label="inner"' in text and text.count("{") == text.count("}")
