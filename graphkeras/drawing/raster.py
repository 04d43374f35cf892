"""A picture as pixels; Pillow is needed for this."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from graphkeras.drawing.picture import Line, Picture, Point, Rectangle
from graphkeras.errors import MissingPackageError, message

_FINER = 2  # times: pixels are averaged, so that edges are smooth
_STEPS = 16  # of a curve
_INCH = 96.0
_MOST = 1 << 26  # pixels; beyond, the picture is made of fewer


def save_png(picture: Picture, path: Path, dpi: float = 200) -> None:
    """Write a picture as a PNG file.

    Args:
        picture: what to write.
        path: where it goes.
        dpi: pixels to an inch; fewer for a picture that would be too large.

    Raises:
        MissingPackageError: if Pillow is not installed.
    """
    try:
        from PIL import Image, ImageDraw
    except ImportError as error:
        raise MissingPackageError(
            message(
                "plot_model", "expected Pillow to be installed for a .png file.", "",
                'Run pip install "graphkeras[image]", or write an .svg file.',
            )
        ) from error  # fmt: skip
    scale = min(dpi / _INCH, (_MOST / (picture.width * picture.height)) ** 0.5)
    size = [max(1, round(n * scale)) for n in (picture.width, picture.height)]
    image = Image.new("RGB", (size[0] * _FINER, size[1] * _FINER), "#ffffff")
    _Brush(ImageDraw.Draw(image), scale * _FINER).paint(picture)
    image.resize((size[0], size[1]), Image.Resampling.BOX).save(path, "PNG")


class _Brush:
    def __init__(self, canvas: Any, scale: float) -> None:
        self.canvas, self.scale = canvas, scale
        self.width = max(1, round(scale))

    def paint(self, picture: Picture) -> None:
        """Paint everything."""
        for rectangle in picture.rectangles:
            self._rectangle(rectangle)
        for line in picture.lines:
            self._line(line)
        for rectangle in picture.cards:
            self._rectangle(rectangle)
        self._texts(picture)

    def _points(self, *points: Point) -> list[Point]:
        return [(x * self.scale, y * self.scale) for x, y in points]

    def _rectangle(self, r: Rectangle) -> None:
        lower = (True, True) if r.low is None or r.low == r.radius else (False, False)
        self.canvas.rounded_rectangle(
            self._points((r.x, r.y), (r.x + r.width, r.y + r.height)),
            r.radius * self.scale, fill=r.fill, outline=r.stroke, width=self.width,
            corners=(True, True, *lower),
        )  # fmt: skip

    def _line(self, line: Line) -> None:
        points = [line.points[0]]
        for a, bend, b in zip(line.points, line.bends(), line.points[1:]):
            points += [b] if bend is None else _curve(a, *bend, b)
        self.canvas.line(
            self._points(*points), fill=line.stroke, width=self.width, joint="curve"
        )
        if line.arrow:
            self.canvas.polygon(self._points(*line.head()), fill=line.stroke)

    def _texts(self, picture: Picture) -> None:
        from PIL import ImageFont

        fonts: dict[float, Any] = {}
        for text in picture.texts:
            size = text.size * self.scale
            font = fonts.setdefault(size, ImageFont.load_default(size))
            self.canvas.text(
                (text.x * self.scale, text.y * self.scale), text.text, fill=text.fill,
                font=font, anchor="rs" if text.end else "ls",
                stroke_width=round(size / 40) if text.bold else 0,
            )  # fmt: skip


def _curve(a: Point, b: Point, c: Point, d: Point) -> list[Point]:
    """Return points of the Bézier curve from `a` to `d`."""
    points = []
    for step in range(1, _STEPS + 1):
        t = step / _STEPS
        w = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
        x = w[0] * a[0] + w[1] * b[0] + w[2] * c[0] + w[3] * d[0]
        y = w[0] * a[1] + w[1] * b[1] + w[2] * c[1] + w[3] * d[1]
        points.append((x, y))
    return points
