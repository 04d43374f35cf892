"""Inception-ResNet v2: Szegedy et al. 2016, arXiv:1602.07261."""

from __future__ import annotations

from typing import Any

from graphkeras import layers
from graphkeras.applications.building import (
    Request,
    architecture,
    channels,
    joined,
    normal,
)
from graphkeras.applications.imagenet_utils import decode_predictions, preprocessing
from graphkeras.models import Model

__all__ = ["InceptionResNetV2", "decode_predictions", "preprocess_input"]

Taps = int | list[int]
Path = tuple[tuple[int, Taps], ...]
# The paths of each kind of block, how it is scaled, and how many there are.
BLOCKS: dict[str, tuple[tuple[Path, ...], float, int]] = {
    "block35": (
        (((32, 1),), ((32, 1), (32, 3)), ((32, 1), (48, 3), (64, 3))), 0.17, 10,
    ),
    "block17": (
        (((192, 1),), ((128, 1), (160, [1, 7]), (192, [7, 1]))), 0.1, 20,
    ),
    "block8": (
        (((192, 1),), ((192, 1), (224, [1, 3]), (256, [3, 1]))), 0.2, 10,
    ),
}  # fmt: skip


class CustomScaleLayer(layers.Layer):
    """The first of two tensors plus the second by a number.

    Args:
        scale: that number.

    Example:
        >>> import numpy as np
        >>> CustomScaleLayer(0.5)([np.ones((1, 2)), np.ones((1, 2))]).numpy()
        array([[1.5, 1.5]], dtype=float32)
    """

    def __init__(self, scale: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, inputs: Any) -> Any:
        """Compute it."""
        return inputs[0] + inputs[1] * self.scale


def _conv(
    x: Any, filters: int, taps: Taps, name: str | None = None, **options: Any
) -> Any:
    def named(ending: str) -> str | None:
        return name and name + ending

    options = {"padding": "same", **options}
    x = layers.Conv2D(filters, taps, use_bias=False, name=name, **options)(x)
    x = normal(named("_bn"), scale=False)(x)
    return layers.Activation("relu", name=named("_ac"))(x)


def _path(x: Any, path: Path, **last: Any) -> Any:
    for number, (filters, taps) in enumerate(path, 1):
        x = _conv(x, filters, taps, **(last if number == len(path) else {}))
    return x


def _block(x: Any, kind: str, number: int) -> Any:
    """What paths find, scaled down and added; the very last block is not."""
    paths, scale, count = BLOCKS[kind]
    name = f"{kind}_{number}"
    last = kind == "block8" and number == count
    mixed = joined([_path(x, p) for p in paths], f"{name}_mixed")
    new = layers.Conv2D(channels(x), 1, padding="same", name=f"{name}_conv")(mixed)
    x = CustomScaleLayer(1.0 if last else scale)([x, new])
    return x if last else layers.Activation("relu", name=f"{name}_ac")(x)


def _smaller(x: Any, paths: tuple[Path, ...], name: str) -> Any:
    parts = [_path(x, p, strides=2, padding="valid") for p in paths]
    return joined([*parts, layers.MaxPooling2D(3, strides=2)(x)], name)


def _stem(x: Any) -> Any:
    x = _conv(x, 32, 3, strides=2, padding="valid")
    x = _conv(_conv(x, 32, 3, padding="valid"), 64, 3)
    x = layers.MaxPooling2D(3, strides=2)(x)
    x = _conv(_conv(x, 80, 1, padding="valid"), 192, 3, padding="valid")
    x = layers.MaxPooling2D(3, strides=2)(x)
    paths: tuple[Path, ...] = (
        ((96, 1),), ((48, 1), (64, 5)), ((64, 1), (96, 3), (96, 3)),
    )  # fmt: skip
    pool = layers.AveragePooling2D(3, strides=1, padding="same")
    return joined([*(_path(x, p) for p in paths), _conv(pool(x), 64, 1)], "mixed_5b")


def _inception(request: Request) -> Model:
    x = _stem(request.start(299, 75))
    between: dict[str, tuple[tuple[Path, ...], str]] = {
        "block17": ((((384, 3),), ((256, 1), (256, 3), (384, 3))), "mixed_6a"),
        "block8": (
            (
                ((256, 1), (384, 3)),
                ((256, 1), (288, 3)),
                ((256, 1), (288, 3), (320, 3)),
            ),
            "mixed_7a",
        ),
    }
    for kind, (_, _, count) in BLOCKS.items():
        if kind in between:
            x = _smaller(x, *between[kind])
        for number in range(1, count + 1):
            x = _block(x, kind, number)
    x = _conv(x, 1536, 1, "conv_7b")
    return request.finish(x, pools=("avg_pool" if request.include_top else None, None))


InceptionResNetV2 = architecture(
    "InceptionResNetV2", "inception_resnet_v2", _inception,
    source="Szegedy et al. 2016, arXiv:1602.07261", size=299, shape=(75, 75, 3),
)  # fmt: skip
preprocess_input = preprocessing("tf", "InceptionResNetV2")
