"""Xception: Chollet 2016, arXiv:1610.02357."""

from __future__ import annotations

from typing import Any

from graphkeras import layers
from graphkeras.applications.building import Request, architecture, normal
from graphkeras.applications.imagenet_utils import decode_predictions, preprocessing
from graphkeras.models import Model

__all__ = ["Xception", "decode_predictions", "preprocess_input"]


def _separable(x: Any, filters: int, block: int, number: int) -> Any:
    name = f"block{block}_sepconv{number}"
    options: dict[str, Any] = {"padding": "same", "use_bias": False}
    x = layers.SeparableConv2D(filters, 3, name=name, **options)(x)
    return normal(f"{name}_bn")(x)


def _relu(x: Any, block: int, number: int) -> Any:
    return layers.Activation("relu", name=f"block{block}_sepconv{number}_act")(x)


def _entry(x: Any) -> Any:
    for number, (filters, stride) in enumerate(((32, 2), (64, 1)), 1):
        name = f"block1_conv{number}"
        x = layers.Conv2D(filters, 3, strides=stride, use_bias=False, name=name)(x)
        x = layers.Activation("relu", name=f"{name}_act")(normal(f"{name}_bn")(x))
    return x


def _smaller(x: Any, block: int, filters: tuple[int, int]) -> Any:
    """Two separable convolutions and a pool, beside a strided projection."""
    short = layers.Conv2D(
        filters[1], 1, strides=2, padding="same", use_bias=False
    )(x)  # fmt: skip
    short = normal()(short)
    if block > 2:
        x = _relu(x, block, 1)
    x = _relu(_separable(x, filters[0], block, 1), block, 2)
    x = _separable(x, filters[1], block, 2)
    name = f"block{block}_pool"
    x = layers.MaxPooling2D(3, strides=2, padding="same", name=name)(x)
    return layers.Add()([x, short])


def _middle(x: Any, block: int) -> Any:
    short = x
    for number in (1, 2, 3):
        x = _separable(_relu(x, block, number), 728, block, number)
    return layers.Add()([x, short])


def _xception(request: Request) -> Model:
    x = _entry(request.start(299, 71))
    for block, filters in ((2, 128), (3, 256), (4, 728)):
        x = _smaller(x, block, (filters, filters))
    for block in range(5, 13):
        x = _middle(x, block)
    x = _smaller(x, 13, (728, 1024))
    for number, filters in enumerate((1536, 2048), 1):
        x = _relu(_separable(x, filters, 14, number), 14, number)
    return request.finish(x, pools=("avg_pool" if request.include_top else None, None))


Xception = architecture(
    "Xception", "xception", _xception, source="Chollet 2016, arXiv:1610.02357",
    size=299, shape=(71, 71, 3),
)  # fmt: skip
preprocess_input = preprocessing("tf", "Xception")
