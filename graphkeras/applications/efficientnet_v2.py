"""EfficientNetV2 B0 to B3, S, M and L: Tan and Le 2021, arXiv:2104.00298."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from graphkeras import layers
from graphkeras.applications.building import (
    STANDARD,
    Request,
    architecture,
    channels,
    first,
)
from graphkeras.applications.building import normal as normal_of
from graphkeras.applications.efficientnet import active as active_of
from graphkeras.applications.efficientnet import (
    conv,
    conv_initializer,
    excited,
    skipping,
    top,
)
from graphkeras.applications.imagenet_utils import (
    DEVIATION,
    MEAN,
    decode_predictions,
    preprocessing,
)
from graphkeras.models import Model

__all__ = [
    "EfficientNetV2B0", "EfficientNetV2B1", "EfficientNetV2B2", "EfficientNetV2B3",
    "EfficientNetV2L", "EfficientNetV2M", "EfficientNetV2S", "decode_predictions",
    "preprocess_input",
]  # fmt: skip

# Blocks, filters in and out, expansion, stride of the first block, and the channels
# inside squeeze-and-excite by those of the input; 0: fused, and without it.
Stage = tuple[int, int, int, int, int, float]
BASE: tuple[Stage, ...] = (
    (1, 32, 16, 1, 1, 0), (2, 16, 32, 4, 2, 0), (2, 32, 48, 4, 2, 0),
    (3, 48, 96, 4, 2, 0.25), (5, 96, 112, 6, 1, 0.25), (8, 112, 192, 6, 2, 0.25),
)  # fmt: skip
SMALL: tuple[Stage, ...] = (
    (2, 24, 24, 1, 1, 0), (4, 24, 48, 4, 2, 0), (4, 48, 64, 4, 2, 0),
    (6, 64, 128, 4, 2, 0.25), (9, 128, 160, 6, 1, 0.25), (15, 160, 256, 6, 2, 0.25),
)  # fmt: skip
MEDIUM: tuple[Stage, ...] = (
    (3, 24, 24, 1, 1, 0), (5, 24, 48, 4, 2, 0), (5, 48, 80, 4, 2, 0),
    (7, 80, 160, 4, 2, 0.25), (14, 160, 176, 6, 1, 0.25), (18, 176, 304, 6, 2, 0.25),
    (5, 304, 512, 6, 1, 0.25),
)  # fmt: skip
LARGE: tuple[Stage, ...] = (
    (4, 32, 32, 1, 1, 0), (7, 32, 64, 4, 2, 0), (7, 64, 96, 4, 2, 0),
    (10, 96, 192, 4, 2, 0.25), (19, 192, 224, 6, 1, 0.25), (25, 224, 384, 6, 2, 0.25),
    (7, 384, 640, 6, 1, 0.25),
)  # fmt: skip
DROPPED = 0.2
ARGUMENTS: dict[str, Any] = {**STANDARD, "include_preprocessing": True}
ARGUMENTS["name"] = ARGUMENTS.pop("name")  # it comes last

normal = partial(normal_of, momentum=0.9)
active = partial(active_of, momentum=0.9)


def _rounded(filters: float) -> int:
    """Return a multiple of 8, at least 8."""
    return max(8, int(filters + 4) // 8 * 8)


def _block(
    x: Any, filters: int, stride: int, expansion: int, squeeze: float, rate: float,
    name: str,
) -> Any:  # fmt: skip
    """1 x 1 to more channels, 3 x 3 each by itself, weighed, 1 x 1 back."""
    came, before = x, channels(x)
    x = conv(x, before * expansion, 1, f"{name}expand_conv")
    x = active(x, name, "expand_")
    x = layers.DepthwiseConv2D(
        3, strides=stride, padding="same", use_bias=False,
        depthwise_initializer=conv_initializer(), name=f"{name}dwconv2",
    )(x)  # fmt: skip
    x = excited(active(x, name), max(1, int(before * squeeze)), name)
    x = normal(f"{name}project_bn")(conv(x, filters, 1, f"{name}project_conv"))
    if stride == 1 and before == filters:
        return skipping(x, came, rate, name)
    return x


def _fused(
    x: Any, filters: int, stride: int, expansion: int, rate: float, name: str
) -> Any:
    """3 x 3 to more channels at once, 1 x 1 back; without expansion one 3 x 3."""
    came, before = x, channels(x)
    if expansion != 1:
        x = conv(x, before * expansion, 3, f"{name}expand_conv", strides=stride)
        x = active(x, name, "expand_")
        x = conv(x, filters, 1, f"{name}project_conv")
    else:
        x = conv(x, filters, 3, f"{name}project_conv", strides=stride)
    x = normal(f"{name}project_bn")(x)
    if expansion == 1:
        x = layers.Activation("swish", name=f"{name}project_activation")(x)
    if stride == 1 and before == filters:
        return skipping(x, came, rate, name)
    return x


def _scaled_pixels(request: Request, x: Any, base: bool) -> Any:
    if not request.more["include_preprocessing"]:
        return x
    if base and channels(x) == 3:
        variance = [d**2 for d in DEVIATION]
        x = layers.Rescaling(1 / 255)(x)
        axis = 1 if first() else 3
        return layers.Normalization(axis=axis, mean=list(MEAN), variance=variance)(x)
    return layers.Rescaling(1 / 128, offset=-1)(x)


def _efficient(
    request: Request, stages: tuple[Stage, ...], width: float, depth: float, size: int
) -> Model:
    x = _scaled_pixels(request, request.start(size, 32), stages is BASE)
    x = conv(x, _rounded(stages[0][1] * width), 3, "stem_conv", strides=2)
    x = active(x, "stem_")
    number, total = 0, sum(stage[0] for stage in stages)
    for place, (blocks, _, filters, expansion, stride, squeeze) in enumerate(stages, 1):
        wide = _rounded(filters * width)
        for turn in range(math.ceil(depth * blocks)):
            name, rate = f"block{place}{chr(97 + turn)}_", DROPPED * number / total
            step = 1 if turn else stride
            if squeeze:
                x = _block(x, wide, step, expansion, squeeze, rate, name)
            else:
                x = _fused(x, wide, step, expansion, rate, name)
            number += 1
    x = active(conv(x, _rounded(1280 * width), 1, "top_conv"), "top_")
    return request.finish(
        x, lambda x: top(request, x, 0.2, bias_initializer="zeros")
    )  # fmt: skip


def _v2(
    title: str, stages: tuple[Stage, ...], width: float, depth: float, size: int
) -> Callable[..., Model]:
    build = partial(_efficient, stages=stages, width=width, depth=depth, size=size)
    name = "efficientnetv2-" + title.removeprefix("EfficientNetV2").lower()
    return architecture(
        title, name, build, source="Tan and Le 2021, arXiv:2104.00298",
        arguments=ARGUMENTS, size=size,
    )  # fmt: skip


EfficientNetV2B0 = _v2("EfficientNetV2B0", BASE, 1.0, 1.0, 224)
EfficientNetV2B1 = _v2("EfficientNetV2B1", BASE, 1.0, 1.1, 240)
EfficientNetV2B2 = _v2("EfficientNetV2B2", BASE, 1.1, 1.2, 260)
EfficientNetV2B3 = _v2("EfficientNetV2B3", BASE, 1.2, 1.4, 300)
EfficientNetV2S = _v2("EfficientNetV2S", SMALL, 1.0, 1.0, 384)
EfficientNetV2M = _v2("EfficientNetV2M", MEDIUM, 1.0, 1.0, 480)
EfficientNetV2L = _v2("EfficientNetV2L", LARGE, 1.0, 1.0, 480)
preprocess_input = preprocessing(None, "EfficientNetV2")
