"""EfficientNet B0 to B7: Tan and Le 2019, arXiv:1905.11946."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from graphkeras import initializers, layers
from graphkeras.applications.building import (
    Request,
    architecture,
    channels,
    divisible,
    first,
    normal,
    padding_of_stride_2,
)
from graphkeras.applications.imagenet_utils import decode_predictions, preprocessing
from graphkeras.models import Model

__all__ = [
    "EfficientNetB0", "EfficientNetB1", "EfficientNetB2", "EfficientNetB3",
    "EfficientNetB4", "EfficientNetB5", "EfficientNetB6", "EfficientNetB7",
    "decode_predictions", "preprocess_input",
]  # fmt: skip

# Window, blocks, filters, expansion, stride of the first block.
STAGES = (
    (3, 1, 16, 1, 1), (3, 2, 24, 6, 2), (5, 2, 40, 6, 2), (3, 3, 80, 6, 2),
    (5, 3, 112, 6, 1), (5, 4, 192, 6, 2), (3, 1, 320, 6, 1),
)  # fmt: skip
SQUEEZE = 0.25  # channels inside squeeze-and-excite, by those of the block's input
DROPPED = 0.2  # share of samples that skip the last block in training


def conv_initializer() -> Any:
    """Return the initializer of convolutions."""
    return initializers.VarianceScaling(2.0, "fan_out", "truncated_normal")


def dense_initializer() -> Any:
    """Return the initializer of the classifier."""
    return initializers.VarianceScaling(1 / 3, "fan_out", "uniform")


def conv(x: Any, filters: int, taps: int, name: str, **options: Any) -> Any:
    """Convolve without a bias, the size kept unless said otherwise."""
    options = {"padding": "same", "use_bias": False, **options}
    return layers.Conv2D(
        filters, taps, kernel_initializer=conv_initializer(), name=name, **options
    )(x)


def active(x: Any, name: str, begin: str = "", **options: Any) -> Any:
    """Normalize, then swish."""
    x = normal(f"{name}{begin}bn", **options)(x)
    return layers.Activation("swish", name=f"{name}{begin}activation")(x)


def excited(x: Any, inside: int, name: str) -> Any:
    """Each channel by a share made of all channels' averages: arXiv:1709.01507."""
    wide = channels(x)
    share = layers.GlobalAveragePooling2D(name=f"{name}se_squeeze")(x)
    shape = (wide, 1, 1) if first() else (1, 1, wide)
    share = layers.Reshape(shape, name=f"{name}se_reshape")(share)
    again: dict[str, Any] = {"use_bias": True}
    share = conv(share, inside, 1, f"{name}se_reduce", activation="swish", **again)
    share = conv(share, wide, 1, f"{name}se_expand", activation="sigmoid", **again)
    return layers.Multiply(name=f"{name}se_excite")([x, share])


def skipping(x: Any, came: Any, rate: float, name: str) -> Any:
    """Add what came in; in training whole samples may skip the block."""
    if rate > 0:
        shape = (None, 1, 1, 1)
        x = layers.Dropout(rate, noise_shape=shape, name=f"{name}drop")(x)
    return layers.Add(name=f"{name}add")([x, came])


def _block(
    x: Any, filters: int, taps: int, stride: int, expansion: int, rate: float, name: str
) -> Any:
    came, before = x, channels(x)
    if expansion != 1:
        x = conv(x, before * expansion, 1, f"{name}expand_conv")
        x = active(x, name, "expand_")
    if stride == 2:
        pad = padding_of_stride_2(x, taps)
        x = layers.ZeroPadding2D(pad, name=f"{name}dwconv_pad")(x)
    x = layers.DepthwiseConv2D(
        taps, strides=stride, padding="valid" if stride == 2 else "same",
        use_bias=False, depthwise_initializer=conv_initializer(), name=f"{name}dwconv",
    )(x)  # fmt: skip
    x = active(x, name)
    x = excited(x, max(1, int(before * SQUEEZE)), name)
    x = conv(x, filters, 1, f"{name}project_conv")
    x = normal(f"{name}project_bn")(x)
    if stride == 1 and before == filters:
        return skipping(x, came, rate, name)
    return x


def top(request: Request, x: Any, dropout: float, **options: Any) -> Any:
    """Average, drop, classify."""
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    if dropout > 0:
        x = layers.Dropout(dropout, name="top_dropout")(x)
    return request.predictions(x, kernel_initializer=dense_initializer(), **options)


def _efficient(
    request: Request, width: float, depth: float, size: int, dropout: float
) -> Model:
    x = layers.Rescaling(1 / 255)(request.start(size, 32))
    x = layers.Normalization(axis=1 if first() else 3)(x)
    pad = padding_of_stride_2(x, 3)
    x = layers.ZeroPadding2D(pad, name="stem_conv_pad")(x)
    narrow = divisible(32 * width)
    x = conv(x, narrow, 3, "stem_conv", strides=2, padding="valid")
    x = active(x, "stem_")
    repeats = [math.ceil(depth * blocks) for _, blocks, *_ in STAGES]
    number, total = 0, sum(repeats)
    for stage, (taps, _, filters, expansion, stride) in enumerate(STAGES):
        for turn in range(repeats[stage]):
            x = _block(
                x, divisible(filters * width), taps, 1 if turn else stride, expansion,
                DROPPED * number / total, f"block{stage + 1}{chr(97 + turn)}_",
            )  # fmt: skip
            number += 1
    x = active(conv(x, divisible(1280 * width), 1, "top_conv"), "top_")
    return request.finish(x, lambda x: top(request, x, dropout))


def _scaled(
    number: int, width: float, depth: float, size: int, dropout: float
) -> Callable[..., Model]:
    title = f"EfficientNetB{number}"
    build = partial(_efficient, width=width, depth=depth, size=size, dropout=dropout)
    source = "Tan and Le 2019, arXiv:1905.11946"
    return architecture(title, title.lower(), build, source=source, size=size)


EfficientNetB0 = _scaled(0, 1.0, 1.0, 224, 0.2)
EfficientNetB1 = _scaled(1, 1.0, 1.1, 240, 0.2)
EfficientNetB2 = _scaled(2, 1.1, 1.2, 260, 0.3)
EfficientNetB3 = _scaled(3, 1.2, 1.4, 300, 0.3)
EfficientNetB4 = _scaled(4, 1.4, 1.8, 380, 0.4)
EfficientNetB5 = _scaled(5, 1.6, 2.2, 456, 0.4)
EfficientNetB6 = _scaled(6, 1.8, 2.6, 528, 0.5)
EfficientNetB7 = _scaled(7, 2.0, 3.1, 600, 0.5)
preprocess_input = preprocessing(None, "EfficientNet")
