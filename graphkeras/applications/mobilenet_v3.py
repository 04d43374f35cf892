"""MobileNetV3, small and large: Howard et al. 2019, arXiv:1905.02244."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from graphkeras import layers
from graphkeras.applications.building import (
    Request,
    architecture,
    channels,
    divisible,
    padding_of_stride_2,
)
from graphkeras.applications.building import normal as normal_of
from graphkeras.applications.imagenet_utils import decode_predictions, preprocessing
from graphkeras.models import Model

__all__ = ["decode_predictions", "preprocess_input"]

# Expansion, filters, window (0: 5, or 3 if minimalistic), stride, whether channels are
# weighed (squeeze and excite), whether the activation is hard-swish.
SMALL = (
    (1, 16, 3, 2, True, False), (72 / 16, 24, 3, 2, False, False),
    (88 / 24, 24, 3, 1, False, False), (4, 40, 0, 2, True, True),
    (6, 40, 0, 1, True, True), (6, 40, 0, 1, True, True), (3, 48, 0, 1, True, True),
    (3, 48, 0, 1, True, True), (6, 96, 0, 2, True, True), (6, 96, 0, 1, True, True),
    (6, 96, 0, 1, True, True),
)  # fmt: skip
LARGE = (
    (1, 16, 3, 1, False, False), (4, 24, 3, 2, False, False),
    (3, 24, 3, 1, False, False), (3, 40, 0, 2, True, False), (3, 40, 0, 1, True, False),
    (3, 40, 0, 1, True, False), (6, 80, 3, 2, False, True),
    (2.5, 80, 3, 1, False, True), (2.3, 80, 3, 1, False, True),
    (2.3, 80, 3, 1, False, True), (6, 112, 3, 1, True, True),
    (6, 112, 3, 1, True, True), (6, 160, 0, 2, True, True), (6, 160, 0, 1, True, True),
    (6, 160, 0, 1, True, True),
)  # fmt: skip
ARGUMENTS: dict[str, Any] = {
    "input_shape": None, "alpha": 1.0, "minimalistic": False, "include_top": True,
    "weights": "imagenet", "input_tensor": None, "classes": 1000, "pooling": None,
    "dropout_rate": 0.2, "classifier_activation": "softmax",
    "include_preprocessing": True, "name": None,
}  # fmt: skip

normal = partial(normal_of, epsilon=1e-3, momentum=0.999)


def _active(x: Any, swish: bool) -> Any:
    return layers.Activation("hard_swish")(x) if swish else layers.ReLU()(x)


def _conv(x: Any, filters: int, name: str, **options: Any) -> Any:
    return layers.Conv2D(filters, 1, padding="same", name=name, **options)(x)


def _weighed(x: Any, filters: int, name: str) -> Any:
    """Each channel by a number of its own in [0, 1], made of all channels' averages."""
    name = f"{name}squeeze_excite"
    share = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_avg_pool")(x)
    share = _conv(share, divisible(filters * 0.25), f"{name}_conv")
    share = layers.ReLU(name=f"{name}_relu")(share)
    share = _conv(share, filters, f"{name}_conv_1")
    share = layers.ReLU(6.0)(share + 3.0) * (1.0 / 6.0)
    return layers.Multiply(name=f"{name}_mul")([x, share])


def _block(
    x: Any, expansion: float, filters: int, taps: int, stride: int, weigh: bool,
    swish: bool, number: int,
) -> Any:  # fmt: skip
    came, before = x, channels(x)
    wide = divisible(before * expansion)
    name = f"expanded_conv_{number}_" if number else "expanded_conv_"
    if number:
        x = _conv(x, wide, f"{name}expand", use_bias=False)
        x = _active(normal(f"{name}expand_bn")(x), swish)
    if stride == 2:
        pad = padding_of_stride_2(x, taps)
        x = layers.ZeroPadding2D(pad, name=f"{name}depthwise_pad")(x)
    x = layers.DepthwiseConv2D(
        taps, strides=stride, padding="same" if stride == 1 else "valid",
        use_bias=False, name=f"{name}depthwise",
    )(x)  # fmt: skip
    x = _active(normal(f"{name}depthwise_bn")(x), swish)
    if weigh:
        x = _weighed(x, wide, name)
    x = _conv(x, filters, f"{name}project", use_bias=False)
    x = normal(f"{name}project_bn")(x)
    if stride == 1 and before == filters:
        return layers.Add(name=f"{name}add")([came, x])
    return x


def _mobilenet_v3(request: Request, blocks: Sequence[Any], last: int) -> Model:
    alpha, plain = request.more["alpha"], request.more["minimalistic"]
    x = request.start(224, 32, fixed=False)
    if request.more["include_preprocessing"]:
        x = layers.Rescaling(1 / 127.5, offset=-1.0)(x)
    x = layers.Conv2D(
        16, 3, strides=2, padding="same", use_bias=False, name="conv"
    )(x)  # fmt: skip
    x = _active(normal("conv_bn")(x), not plain)
    for number, (expansion, filters, taps, stride, weigh, swish) in enumerate(blocks):
        x = _block(
            x, expansion, divisible(filters * alpha), taps or (3 if plain else 5),
            stride, weigh and not plain, swish and not plain, number,
        )  # fmt: skip
    x = _conv(x, divisible(channels(x) * 6), "conv_1", use_bias=False)
    x = _active(normal("conv_1_bn")(x), not plain)
    wide = divisible(last * alpha) if alpha > 1.0 else last

    def top(x: Any) -> Any:
        x = layers.GlobalAveragePooling2D(keepdims=True)(x)
        x = _active(_conv(x, wide, "conv_2"), not plain)
        if request.more["dropout_rate"] > 0:
            x = layers.Dropout(request.more["dropout_rate"])(x)
        x = layers.Flatten()(_conv(x, request.classes, "logits"))
        return layers.Activation(request.classifier_activation, name="predictions")(x)

    return request.finish(x, top)


def _v3(title: str, blocks: Sequence[Any], last: int) -> Callable[..., Model]:
    build = partial(_mobilenet_v3, blocks=blocks, last=last)
    return architecture(
        title, title, build, source="Howard et al. 2019, arXiv:1905.02244",
        arguments={**ARGUMENTS},
    )  # fmt: skip


MobileNetV3Small = _v3("MobileNetV3Small", SMALL, 1024)
MobileNetV3Large = _v3("MobileNetV3Large", LARGE, 1280)
preprocess_input = preprocessing(None, "MobileNetV3")
