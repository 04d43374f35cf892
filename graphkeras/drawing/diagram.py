"""Cards in groups inside one another, drawn as one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from graphkeras.drawing.layout import Edge, Placed, Point, Size, place
from graphkeras.drawing.lettering import text_width
from graphkeras.drawing.picture import Line, Picture, Rectangle, Text

_TITLE, _SMALL = 14.0, 12.0  # sizes of letters
_HEAD, _ROW, _SIDE = 28.0, 20.0, 12.0  # heights of a card's parts, and its margin
_PAD, _TOP, _LITTLE = 16.0, 34.0, 6.0  # around what is in a group, and at its title
_MARGIN = 16.0
_INK, _PALE, _EDGE = "#1f2933", "#52606d", "#7b8794"
_FRAMES = ("#f5f7fa", "#e9eef4", "#dde4ec")  # deeper groups are darker


@dataclass(frozen=True, slots=True)
class Card:
    """A box with a title and rows of facts.

    Attributes:
        title: bold, on a coloured band.
        note: beside the title, in regular letters.
        rows: ``(what, value)``.
        colour: of the band.
    """

    title: str
    note: str = ""
    rows: tuple[tuple[str, str], ...] = ()
    colour: str = "#cbd2d9"

    @property
    def size(self) -> Size:
        """Width and height it needs."""
        head = text_width(self.title, _TITLE, bold=True)
        if self.note:
            head += text_width(f" {self.note}", _TITLE)
        rows = [text_width(f"{a}  {b}", _SMALL, bold=True) for a, b in self.rows]
        height = _HEAD + (len(rows) * _ROW + 6.0 if rows else 0.0)
        return Size(max([56.0, head, *rows]) + 2 * _SIDE, height)


@dataclass(frozen=True, slots=True)
class Link:
    """A line between two parts of a group; of a group inside it, to its n-th port."""

    source: int
    target: int
    leave: int = 0
    arrive: int = 0


@dataclass(slots=True)
class Group:
    """Cards and groups with lines between them.

    Attributes:
        title: its name.
        parts: what is inside.
        links: lines between those.
        entries: the parts at which lines from outside arrive: ``(part, port)``.
        exits: the parts from which lines leave.
    """

    title: str = ""
    parts: list[Card | Group] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    entries: list[tuple[int, int]] = field(default_factory=list)
    exits: list[tuple[int, int]] = field(default_factory=list)


def draw(group: Group, direction: str = "TB", straight: bool = False) -> Picture:
    """Return a picture of a group, its own frame left out.

    Args:
        group: what to draw.
        direction: "TB", "BT", "LR" or "RL": where the lines go, from top to bottom ...
        straight: whether lines have corners rather than curves.

    Example:
        >>> cards = [Card("one"), Card("two")]
        >>> picture = draw(Group(parts=cards, links=[Link(0, 1)]))
        >>> [text.text for text in picture.texts]
        ['one', 'two']
    """
    turned = direction in ("LR", "RL")
    inside = _Layout(direction, turned).inside(group, 0)
    size = inside.size
    width, height = reversed(size) if turned else size
    mirrored = height if direction == "BT" else width if direction == "RL" else None
    picture = Picture(width + 2 * _MARGIN, height + 2 * _MARGIN)
    _Painter(picture, turned, mirrored, straight).paint(inside)
    return picture


# ----------------------------------------------------------------------------- layout


@dataclass(slots=True)
class _Block:
    """Something laid out, from top to bottom, its upper left corner at 0, 0."""

    size: Size
    cards: list[tuple[Card, Point, Size]] = field(default_factory=list)
    frames: list[tuple[str, int, Point, Size]] = field(default_factory=list)
    lines: list[tuple[list[Point], bool]] = field(default_factory=list)
    entries: list[float] = field(default_factory=list)  # from its middle
    exits: list[float] = field(default_factory=list)

    def add(self, other: _Block, corner: Point) -> None:
        """Take in another block."""
        dx, dy = corner
        self.cards += [(c, (x + dx, y + dy), s) for c, (x, y), s in other.cards]
        self.frames += [(t, d, (x + dx, y + dy), s) for t, d, (x, y), s in other.frames]
        self.lines += [([(x + dx, y + dy) for x, y in line], arrow)
                       for line, arrow in other.lines]  # fmt: skip


class _Layout:
    def __init__(self, direction: str, turned: bool) -> None:
        self.turned = turned
        # Before the first row and after the last one is room enough: that of the ports.
        self.before = _LITTLE if direction == "TB" else 0.0
        self.after = _LITTLE if direction == "BT" else 0.0
        self.left = _TOP if turned else _PAD

    def block(self, part: Card | Group, depth: int) -> _Block:
        """Lay out a card, or a group with its frame."""
        if isinstance(part, Card):
            width, height = part.size
            size = Size(height, width) if self.turned else Size(width, height)
            return _Block(size, cards=[(part, (0.0, 0.0), size)])
        inside = self.inside(part, depth + 1)
        width = inside.size.width + self.left + _PAD
        height = inside.size.height + self.before + self.after
        wide = text_width(part.title, _SMALL, bold=True) + 2 * _SIDE
        if self.turned:
            height = max(height, wide)
        else:
            width = max(width, wide)
        block = _Block(Size(width, height), frames=[
            (part.title, depth, (0.0, 0.0), Size(width, height))
        ])  # fmt: skip
        shift = (width - inside.size.width - _PAD + self.left) / 2
        block.add(inside, (shift, self.before))
        block.entries = [x + shift - width / 2 for x in inside.entries]
        block.exits = [x + shift - width / 2 for x in inside.exits]
        block.lines += [
            ([(x + shift, 0.0), (x + shift, self.before)], False)
            for x in inside.entries
        ]
        block.lines += [
            (
                [(x + shift, self.before + inside.size.height), (x + shift, height)],
                False,
            )
            for x in inside.exits
        ]
        return block

    def inside(self, group: Group, depth: int) -> _Block:
        """Lay out what is in a group. Its ports are boxes of no size at the edges."""
        blocks = [self.block(part, depth) for part in group.parts]
        ports = [] if not depth else [*group.entries, *group.exits]
        count = len(blocks)
        sizes = [*(b.size for b in blocks), *[Size(0.0, 0.0)] * len(ports)]
        edges = [_edge(blocks, link) for link in group.links]
        way_in = len(group.entries) if depth else 0
        for i, (part, port) in enumerate(ports):
            link = Link(part, part, port, port)
            edge = _edge(blocks, link)
            edges.append(
                Edge(count + i, part, 0.0, edge.arrive) if i < way_in
                else Edge(part, count + i, edge.leave, 0.0)
            )  # fmt: skip
        found = place(
            sizes, edges, range(count, count + way_in),
            range(count + way_in, len(sizes)),
        )  # fmt: skip
        return self._joined(group, blocks, found, len(ports) - way_in)

    def _joined(
        self, group: Group, blocks: list[_Block], found: Placed, way_out: int
    ) -> _Block:
        whole = _Block(found.size)
        for block, corner in zip(blocks, found.corners):
            whole.add(block, corner)
        arrows = len(found.lines) - way_out
        ends = [isinstance(group.parts[link.target], Card) or link.source == link.target
                for link in group.links]  # fmt: skip
        ends += [isinstance(group.parts[part], Card) for part, _ in group.entries]
        for i, line in enumerate(found.lines):
            if len(group.links) <= i < arrows:  # from the edge of the group
                line = [(line[0][0], 0.0), *line[1:]]
            elif i >= arrows:
                line = [*line[:-1], (line[-1][0], found.size.height)]
            whole.lines.append((line, i < arrows and ends[i]))
        ports = [x for x, _ in found.corners[len(blocks) :]]
        cut = len(ports) - way_out
        whole.entries, whole.exits = ports[:cut], ports[cut:]
        return whole


def _edge(blocks: Sequence[_Block], link: Link) -> Edge:
    exits, entries = blocks[link.source].exits, blocks[link.target].entries
    leave = exits[min(link.leave, len(exits) - 1)] if exits else 0.0
    arrive = entries[min(link.arrive, len(entries) - 1)] if entries else 0.0
    return Edge(link.source, link.target, leave, arrive)


# --------------------------------------------------------------------------- painting


class _Painter:
    """Turns what was laid out from top to bottom as it should look."""

    def __init__(
        self, picture: Picture, turned: bool, mirrored: float | None, straight: bool
    ) -> None:
        self.picture, self.straight = picture, straight
        self.turned, self.mirrored = turned, mirrored

    def paint(self, block: _Block) -> None:
        """Paint frames below lines, and lines below cards."""
        for title, depth, corner, size in block.frames:
            self._frame(title, depth, *self._rectangle(corner, size))
        for points, arrow in block.lines:
            turned = [self._point(p) for p in points]
            self.picture.lines.append(
                Line(turned, _EDGE, arrow, self.turned, self.straight)
            )
        for card, corner, size in block.cards:
            self._card(card, *self._rectangle(corner, size))

    def _point(self, point: Point) -> Point:
        across, along = point
        if self.mirrored is not None:
            along = self.mirrored - along
        x, y = (along, across) if self.turned else (across, along)
        return x + _MARGIN, y + _MARGIN

    def _rectangle(self, corner: Point, size: Size) -> tuple[Point, Size]:
        x0, y0 = self._point(corner)
        x1, y1 = self._point((corner[0] + size.width, corner[1] + size.height))
        return (min(x0, x1), min(y0, y1)), Size(abs(x1 - x0), abs(y1 - y0))

    def _frame(self, title: str, depth: int, corner: Point, size: Size) -> None:
        fill = _FRAMES[min(depth, len(_FRAMES) - 1)]
        self.picture.rectangles.append(Rectangle(*corner, *size, fill, "#9aa5b1", 10.0))
        x, y = corner[0] + _SIDE, corner[1] + 21.0
        self.picture.texts.append(Text(x, y, title, _SMALL, _PALE, bold=True))

    def _card(self, card: Card, corner: Point, size: Size) -> None:
        (x, y), (width, height) = corner, size
        picture = self.picture
        picture.cards.append(Rectangle(x, y, width, height, "#ffffff", _EDGE, 6.0))
        low = 6.0 if height <= _HEAD else 0.0
        picture.cards.append(
            Rectangle(x, y, width, min(height, _HEAD), card.colour, _EDGE, 6.0, low)
        )
        head = text_width(card.title, _TITLE, bold=True)
        note = text_width(f" {card.note}", _TITLE) if card.note else 0.0
        start = x + (width - head - note) / 2
        picture.texts.append(Text(start, y + 19.0, card.title, _TITLE, _INK, bold=True))
        if card.note:
            gap = text_width(" ", _TITLE)
            picture.texts.append(
                Text(start + head + gap, y + 19.0, card.note, _TITLE, _INK)
            )
        for i, (what, value) in enumerate(card.rows):
            line = y + _HEAD + 17.0 + i * _ROW
            picture.texts.append(Text(x + _SIDE, line, what, _SMALL, _PALE))
            right = x + width - _SIDE
            picture.texts.append(Text(right, line, value, _SMALL, _INK, end=True))
