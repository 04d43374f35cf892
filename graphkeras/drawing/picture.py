"""A picture made of rectangles, lines and texts, and SVG of it."""

from __future__ import annotations

import html
from dataclasses import dataclass, field

Point = tuple[float, float]
ARROW = 7.0  # length of an arrow's head
FONT = "Helvetica, Arial, 'Liberation Sans', sans-serif"


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A filled rectangle with round corners; `low` is the radius of the lower ones."""

    x: float
    y: float
    width: float
    height: float
    fill: str
    stroke: str
    radius: float = 0.0
    low: float | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A line through points: straight to the second, a curve to the third, and so on.

    Attributes:
        points: where it goes.
        stroke: its colour.
        arrow: whether it ends in an arrow.
        sideways: whether curves leave to the side rather than up or down.
        straight: whether there are no curves.
    """

    points: list[Point]
    stroke: str
    arrow: bool
    sideways: bool = False
    straight: bool = False

    def bends(self) -> list[tuple[Point, Point] | None]:
        """Return for each part of the line the two points that shape its curve."""
        found: list[tuple[Point, Point] | None] = []
        for i, (a, b) in enumerate(zip(self.points, self.points[1:])):
            if i % 2 == 0 or self.straight:
                found.append(None)
            elif self.sideways:
                middle = (a[0] + b[0]) / 2
                found.append(((middle, a[1]), (middle, b[1])))
            else:
                middle = (a[1] + b[1]) / 2
                found.append(((a[0], middle), (b[0], middle)))
        return found

    def head(self) -> tuple[Point, Point, Point]:
        """Return the corners of the arrow's head."""
        end = self.points[-1]
        before = next((p for p in self.points[::-1] if p != end), (end[0], end[1] - 1))
        dx, dy = end[0] - before[0], end[1] - before[1]
        if not self.straight and len(self.points) > 2:  # curves arrive at right angles
            along = (dx, 0.0) if self.sideways else (0.0, dy)
            dx, dy = along if any(along) else (dx, dy)  # else it is that of a loop
        length = (dx * dx + dy * dy) ** 0.5 or 1.0
        dx, dy = dx / length * ARROW, dy / length * ARROW
        x, y = end[0] - dx, end[1] - dy
        return end, (x - dy * 0.5, y + dx * 0.5), (x + dy * 0.5, y - dx * 0.5)


@dataclass(frozen=True, slots=True)
class Text:
    """A text; x is where it begins, or ends."""

    x: float
    y: float
    text: str
    size: float
    fill: str
    bold: bool = False
    end: bool = False


@dataclass(slots=True)
class Picture:
    """What is painted, in the order of the attributes.

    Attributes:
        width, height: size in points of the screen, 96 to an inch.
        rectangles: frames.
        lines: lines.
        cards: rectangles above the lines.
        texts: texts.
    """

    width: float
    height: float
    rectangles: list[Rectangle] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    cards: list[Rectangle] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)

    def to_svg(self) -> str:
        """Return the picture as the text of an SVG file."""
        size = f'width="{self.width:.0f}" height="{self.height:.0f}"'
        box = f'viewBox="0 0 {self.width:.0f} {self.height:.0f}"'
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} {box} '
            f'font-family="{FONT}">',
            '<rect width="100%" height="100%" fill="#ffffff"/>',
            *map(_rectangle, self.rectangles), *map(_line, self.lines),
            *map(_rectangle, self.cards), *map(_text, self.texts), "</svg>",
        ]  # fmt: skip
        return "\n".join(parts) + "\n"

    def _repr_svg_(self) -> str:
        """What notebooks show."""
        return self.to_svg()


def _rectangle(r: Rectangle) -> str:
    paint = f'fill="{r.fill}" stroke="{r.stroke}"'
    if r.low is None or r.low == r.radius:
        return (
            f'<rect x="{r.x:.1f}" y="{r.y:.1f}" width="{r.width:.1f}" '
            f'height="{r.height:.1f}" rx="{r.radius:g}" {paint}/>'
        )
    q, x, y, right, low = r.radius, r.x, r.y, r.x + r.width, r.y + r.height
    path = (
        f"M{x:.1f} {low:.1f} V{y + q:.1f} Q{x:.1f} {y:.1f} {x + q:.1f} {y:.1f} "
        f"H{right - q:.1f} Q{right:.1f} {y:.1f} {right:.1f} {y + q:.1f} V{low:.1f} Z"
    )
    return f'<path d="{path}" {paint}/>'


def _line(line: Line) -> str:
    words = ["M{:.1f} {:.1f}".format(*line.points[0])]
    for bend, point in zip(line.bends(), line.points[1:]):
        end = "{:.1f} {:.1f}".format(*point)
        if bend is None:
            words.append(f"L{end}")
        else:
            words.append(
                "C{:.1f} {:.1f} {:.1f} {:.1f} ".format(*bend[0], *bend[1]) + end
            )
    drawn = f'<path d="{" ".join(words)}" fill="none" stroke="{line.stroke}"/>'
    if not line.arrow:
        return drawn
    corners = " ".join("{:.1f},{:.1f}".format(*corner) for corner in line.head())
    return f'{drawn}\n<polygon points="{corners}" fill="{line.stroke}"/>'


def _text(text: Text) -> str:
    shown = "".join(c if c.isprintable() else "\ufffd" for c in text.text)
    how = ' text-anchor="end"' if text.end else ""
    how += ' font-weight="bold"' if text.bold else ""
    return (
        f'<text x="{text.x:.1f}" y="{text.y:.1f}" font-size="{text.size:g}" '
        f'fill="{text.fill}"{how}>{html.escape(shown)}</text>'
    )
