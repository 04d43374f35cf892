"""Residual networks: He et al. 2015, arXiv:1512.03385, and 2016, arXiv:1603.05027."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from graphkeras import layers
from graphkeras.applications.building import Request, architecture
from graphkeras.applications.building import normal as normal_of
from graphkeras.applications.imagenet_utils import decode_predictions, preprocessing
from graphkeras.models import Model

__all__ = [
    "ResNet50", "ResNet101", "ResNet152", "decode_predictions", "preprocess_input",
]  # fmt: skip

SOURCE = "He et al. 2015, arXiv:1512.03385"
FILTERS = (64, 128, 256, 512)

normal = partial(normal_of, epsilon=1.001e-5)


def _relu(x: Any, name: str) -> Any:
    return layers.Activation("relu", name=name)(x)


def _conv(x: Any, filters: int, taps: int, name: str, **options: Any) -> Any:
    return layers.Conv2D(filters, taps, name=name, **options)(x)


def _block(x: Any, filters: int, stride: int, short: bool, name: str) -> Any:
    """1 x 1, 3 x 3, 1 x 1, each normalized; added to what came in."""
    add = x
    if short:
        add = _conv(x, 4 * filters, 1, f"{name}_0_conv", strides=stride)
        add = normal(f"{name}_0_bn")(add)
    x = _conv(x, filters, 1, f"{name}_1_conv", strides=stride)
    x = _relu(normal(f"{name}_1_bn")(x), f"{name}_1_relu")
    x = _conv(x, filters, 3, f"{name}_2_conv", padding="same")
    x = _relu(normal(f"{name}_2_bn")(x), f"{name}_2_relu")
    x = _conv(x, 4 * filters, 1, f"{name}_3_conv")
    x = normal(f"{name}_3_bn")(x)
    return _relu(layers.Add(name=f"{name}_add")([add, x]), f"{name}_out")


def _block_v2(x: Any, filters: int, stride: int, short: bool, name: str) -> Any:
    """Normalized before each convolution; what is added is left as it was."""
    before = _relu(normal(f"{name}_preact_bn")(x), f"{name}_preact_relu")
    add = x
    if short:
        add = _conv(before, 4 * filters, 1, f"{name}_0_conv", strides=stride)
    elif stride > 1:
        add = layers.MaxPooling2D(1, strides=stride)(x)
    x = _conv(before, filters, 1, f"{name}_1_conv", use_bias=False)
    x = _relu(normal(f"{name}_1_bn")(x), f"{name}_1_relu")
    x = layers.ZeroPadding2D(1, name=f"{name}_2_pad")(x)
    x = _conv(x, filters, 3, f"{name}_2_conv", strides=stride, use_bias=False)
    x = _relu(normal(f"{name}_2_bn")(x), f"{name}_2_relu")
    x = _conv(x, 4 * filters, 1, f"{name}_3_conv")
    return layers.Add(name=f"{name}_out")([add, x])


def _stage(x: Any, filters: int, depth: int, stride: int, name: str) -> Any:
    """The first block makes the image smaller."""
    for number in range(1, depth + 1):
        step = stride if number == 1 else 1
        x = _block(x, filters, step, number == 1, f"{name}_block{number}")
    return x


def _stage_v2(x: Any, filters: int, depth: int, stride: int, name: str) -> Any:
    """The last block makes the image smaller."""
    for number in range(1, depth + 1):
        step = stride if number == depth else 1
        x = _block_v2(x, filters, step, number == 1, f"{name}_block{number}")
    return x


def _residual(request: Request, depths: Sequence[int], second: bool) -> Model:
    x = request.start(224, 32)
    x = layers.ZeroPadding2D(3, name="conv1_pad")(x)
    x = _conv(x, 64, 7, "conv1_conv", strides=2)
    if not second:
        x = _relu(normal("conv1_bn")(x), "conv1_relu")
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)
    still = 3 if second else 0  # the stage that leaves the image as large as it is
    stage = _stage_v2 if second else _stage
    for number, (filters, depth) in enumerate(zip(FILTERS, depths)):
        stride = 1 if number == still else 2
        x = stage(x, filters, depth, stride, f"conv{number + 2}")
    if second:
        x = _relu(normal("post_bn")(x), "post_relu")
    return request.finish(x)


def residual(
    title: str, depths: Sequence[int], second: bool = False, source: str = SOURCE
) -> Callable[..., Model]:
    """Return the function of a network with so many blocks in each stage."""
    build = partial(_residual, depths=depths, second=second)
    return architecture(title, title.lower(), build, source=source)


ResNet50 = residual("ResNet50", (3, 4, 6, 3))
ResNet101 = residual("ResNet101", (3, 4, 23, 3))
ResNet152 = residual("ResNet152", (3, 8, 36, 3))
preprocess_input = preprocessing("caffe", "ResNet")
