"""Densely connected networks: Huang et al. 2016, arXiv:1608.06993."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from graphkeras import layers
from graphkeras.applications.building import (
    Request,
    architecture,
    channels,
    joined,
)
from graphkeras.applications.building import normal as normal_of
from graphkeras.applications.imagenet_utils import decode_predictions, preprocessing
from graphkeras.models import Model

__all__ = [
    "DenseNet121", "DenseNet169", "DenseNet201", "decode_predictions",
    "preprocess_input",
]  # fmt: skip

SOURCE = "Huang et al. 2016, arXiv:1608.06993"
GROWTH = 32  # channels that each block adds

normal = partial(normal_of, epsilon=1.001e-5)


def _active(x: Any, normal_name: str, relu_name: str) -> Any:
    return layers.Activation("relu", name=relu_name)(normal(normal_name)(x))


def _conv(x: Any, filters: int, taps: int, name: str, **options: Any) -> Any:
    return layers.Conv2D(filters, taps, use_bias=False, name=name, **options)(x)


def _block(x: Any, name: str) -> Any:
    new = _active(x, f"{name}_0_bn", f"{name}_0_relu")
    new = _conv(new, 4 * GROWTH, 1, f"{name}_1_conv")
    new = _active(new, f"{name}_1_bn", f"{name}_1_relu")
    new = _conv(new, GROWTH, 3, f"{name}_2_conv", padding="same")
    return joined([x, new], f"{name}_concat")


def _transition(x: Any, name: str) -> Any:
    """Half as many channels, a quarter of the places."""
    x = _active(x, f"{name}_bn", f"{name}_relu")
    x = _conv(x, channels(x) // 2, 1, f"{name}_conv")
    return layers.AveragePooling2D(2, strides=2, name=f"{name}_pool")(x)


def _dense(request: Request, depths: Sequence[int]) -> Model:
    x = layers.ZeroPadding2D(3)(request.start(224, 32))
    x = _conv(x, 64, 7, "conv1_conv", strides=2)
    x = layers.ZeroPadding2D(1)(_active(x, "conv1_bn", "conv1_relu"))
    x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
    for stage, depth in enumerate(depths, 2):
        for number in range(1, depth + 1):
            x = _block(x, f"conv{stage}_block{number}")
        if stage < len(depths) + 1:
            x = _transition(x, f"pool{stage}")
    return request.finish(_active(x, "bn", "relu"))


def _densenet(title: str, depths: Sequence[int]) -> Callable[..., Model]:
    build = partial(_dense, depths=depths)
    return architecture(title, title.lower(), build, source=SOURCE)


DenseNet121 = _densenet("DenseNet121", (6, 12, 24, 16))
DenseNet169 = _densenet("DenseNet169", (6, 12, 32, 32))
DenseNet201 = _densenet("DenseNet201", (6, 12, 48, 32))
preprocess_input = preprocessing("torch", "DenseNet")
