"""Inception v3: Szegedy et al. 2015, arXiv:1512.00567."""

from __future__ import annotations

from typing import Any

from graphkeras import layers
from graphkeras.applications.building import Request, architecture, joined, normal
from graphkeras.applications.imagenet_utils import decode_predictions, preprocessing
from graphkeras.models import Model

__all__ = ["InceptionV3", "decode_predictions", "preprocess_input"]

Taps = int | tuple[int, int]
Path = tuple[tuple[int, Taps], ...]  # filters and window of each convolution


def _conv(x: Any, filters: int, taps: Taps, **options: Any) -> Any:
    options = {"padding": "same", **options}
    x = layers.Conv2D(filters, taps, use_bias=False, **options)(x)
    return layers.Activation("relu")(normal(scale=False)(x))


def _path(x: Any, path: Path, **last: Any) -> Any:
    for number, (filters, taps) in enumerate(path, 1):
        x = _conv(x, filters, taps, **(last if number == len(path) else {}))
    return x


def _pooled(x: Any, filters: int) -> Any:
    x = layers.AveragePooling2D(3, strides=1, padding="same")(x)
    return _conv(x, filters, 1)


def _mixed(x: Any, paths: tuple[Path, ...], pooled: int, name: str) -> Any:
    """Paths side by side, and an average over the neighbours."""
    return joined([*(_path(x, p) for p in paths), _pooled(x, pooled)], name)


def _smaller(x: Any, paths: tuple[Path, ...], name: str) -> Any:
    """Paths whose last convolution has stride 2, and a pool."""
    parts = [_path(x, p, strides=2, padding="valid") for p in paths]
    return joined([*parts, layers.MaxPooling2D(3, strides=2)(x)], name)


def _long(x: Any, filters: int, name: str) -> Any:
    """Windows of 7 x 7 as rows and columns."""
    row, column = (1, 7), (7, 1)
    short = ((filters, 1), (filters, row), (192, column))
    far = (
        (filters, 1), (filters, column), (filters, row), (filters, column), (192, row),
    )  # fmt: skip
    return _mixed(x, (((192, 1),), short, far), 192, name)


def _wide(x: Any, number: int) -> Any:
    """Windows of 3 x 3 as rows beside columns."""

    def both(x: Any, name: str | None) -> Any:
        return joined([_conv(x, 384, (1, 3)), _conv(x, 384, (3, 1))], name)

    one = _conv(x, 320, 1)
    three = both(_conv(x, 384, 1), f"mixed9_{number}")
    twice = both(_path(x, ((448, 1), (384, 3))), None)
    return joined([one, three, twice, _pooled(x, 192)], f"mixed{9 + number}")


def _inception(request: Request) -> Model:
    x = _conv(request.start(299, 75), 32, 3, strides=2, padding="valid")
    x = _conv(_conv(x, 32, 3, padding="valid"), 64, 3)
    x = layers.MaxPooling2D(3, strides=2)(x)
    x = _conv(_conv(x, 80, 1, padding="valid"), 192, 3, padding="valid")
    x = layers.MaxPooling2D(3, strides=2)(x)
    near = (((64, 1),), ((48, 1), (64, 5)), ((64, 1), (96, 3), (96, 3)))
    for number, pooled in enumerate((32, 64, 64)):
        x = _mixed(x, near, pooled, f"mixed{number}")
    x = _smaller(x, (((384, 3),), ((64, 1), (96, 3), (96, 3))), "mixed3")
    for number, filters in enumerate((128, 160, 160, 192), 4):
        x = _long(x, filters, f"mixed{number}")
    rows = ((192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3))
    x = _smaller(x, (((192, 1), (320, 3)), rows), "mixed8")
    x = _wide(_wide(x, 0), 1)
    return request.finish(x, pools=("avg_pool" if request.include_top else None, None))


InceptionV3 = architecture(
    "InceptionV3", "inception_v3", _inception,
    source="Szegedy et al. 2015, arXiv:1512.00567", size=299, shape=(75, 75, 3),
)  # fmt: skip
preprocess_input = preprocessing("tf", "InceptionV3")
