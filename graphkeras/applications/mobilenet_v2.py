"""MobileNetV2, inverted residuals: Sandler et al. 2018, arXiv:1801.04381."""

from __future__ import annotations

from functools import partial
from typing import Any

from graphkeras import layers
from graphkeras.applications.building import (
    STANDARD,
    Request,
    architecture,
    channels,
    divisible,
    padding_of_stride_2,
    sides,
)
from graphkeras.applications.building import normal as normal_of
from graphkeras.applications.imagenet_utils import decode_predictions, preprocessing
from graphkeras.applications.mobilenet import square
from graphkeras.models import Model

__all__ = ["MobileNetV2", "decode_predictions", "preprocess_input"]

# Filters, stride of the first block, expansion, and how many blocks.
STAGES = (
    (16, 1, 1, 1), (24, 2, 6, 2), (32, 2, 6, 3), (64, 2, 6, 4), (96, 1, 6, 3),
    (160, 2, 6, 3), (320, 1, 6, 1),
)  # fmt: skip
SIZES = (96, 128, 160, 192, 224)
ARGUMENTS: dict[str, Any] = {
    "input_shape": None, "alpha": 1.0,
    **{n: d for n, d in STANDARD.items() if n not in ("input_shape", "name")},
    "name": None,
}  # fmt: skip

normal = partial(normal_of, epsilon=1e-3, momentum=0.999)


def _conv(x: Any, filters: int, name: str) -> Any:
    options: dict[str, Any] = {"padding": "same", "use_bias": False}
    return layers.Conv2D(filters, 1, name=name, **options)(x)


def _block(x: Any, filters: int, stride: int, expansion: int, number: int) -> Any:
    came, before = x, channels(x)
    name = f"block_{number}_" if number else "expanded_conv_"
    if number:
        x = _conv(x, expansion * before, f"{name}expand")
        x = normal(f"{name}expand_BN")(x)
        x = layers.ReLU(6.0, name=f"{name}expand_relu")(x)
    if stride == 2:
        x = layers.ZeroPadding2D(padding_of_stride_2(x, 3), name=f"{name}pad")(x)
    x = layers.DepthwiseConv2D(
        3, strides=stride, padding="same" if stride == 1 else "valid",
        use_bias=False, name=f"{name}depthwise",
    )(x)  # fmt: skip
    x = normal(f"{name}depthwise_BN")(x)
    x = layers.ReLU(6.0, name=f"{name}depthwise_relu")(x)
    x = normal(f"{name}project_BN")(_conv(x, filters, f"{name}project"))
    if before == filters and stride == 1:
        return layers.Add(name=f"{name}add")([came, x])
    return x


def _mobilenet_v2(request: Request) -> Model:
    alpha, side = request.more["alpha"], square(request, SIZES)
    x = request.start(side, 32)
    if request.name == "mobilenetv2":
        request.name = f"mobilenetv2_{alpha:0.2f}_{sides(x)[0]}"
    options: dict[str, Any] = {"strides": 2, "padding": "same", "use_bias": False}
    x = layers.Conv2D(divisible(32 * alpha), 3, name="Conv1", **options)(x)
    x = layers.ReLU(6.0, name="Conv1_relu")(normal("bn_Conv1")(x))
    number = 0
    for filters, stride, expansion, depth in STAGES:
        narrow = divisible(int(filters * alpha))
        for turn in range(depth):
            x = _block(x, narrow, 1 if turn else stride, expansion, number)
            number += 1
    last = divisible(1280 * alpha) if alpha > 1.0 else 1280
    x = layers.Conv2D(last, 1, use_bias=False, name="Conv_1")(x)
    x = layers.ReLU(6.0, name="out_relu")(normal("Conv_1_bn")(x))
    return request.finish(x, pools=(None, None))


MobileNetV2 = architecture(
    "MobileNetV2", None, _mobilenet_v2, source="Sandler et al. 2018, arXiv:1801.04381",
    arguments=ARGUMENTS,
)  # fmt: skip
preprocess_input = preprocessing("tf", "MobileNetV2")
