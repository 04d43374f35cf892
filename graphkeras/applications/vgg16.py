"""VGG of 16 and 19 layers: Simonyan and Zisserman 2014, arXiv:1409.1556."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from graphkeras import layers
from graphkeras.applications.building import Request, architecture
from graphkeras.applications.imagenet_utils import decode_predictions, preprocessing
from graphkeras.models import Model

__all__ = ["VGG16", "decode_predictions", "preprocess_input"]

SOURCE = "Simonyan and Zisserman 2014, arXiv:1409.1556"
FILTERS = (64, 128, 256, 512, 512)


def _vgg(request: Request, depths: Sequence[int]) -> Model:
    x = request.start(224, 32)
    for block, (filters, depth) in enumerate(zip(FILTERS, depths), 1):
        for number in range(1, depth + 1):
            x = layers.Conv2D(
                filters, 3, padding="same", activation="relu",
                name=f"block{block}_conv{number}",
            )(x)  # fmt: skip
        x = layers.MaxPooling2D(2, strides=2, name=f"block{block}_pool")(x)

    def top(x: Any) -> Any:
        x = layers.Flatten(name="flatten")(x)
        for name in ("fc1", "fc2"):
            x = layers.Dense(4096, activation="relu", name=name)(x)
        return request.predictions(x)

    return request.finish(x, top, pools=(None, None))


def vgg(title: str, depths: Sequence[int]) -> Callable[..., Model]:
    """Return the function of a VGG with so many convolutions in each block."""
    build = partial(_vgg, depths=depths)
    return architecture(title, title.lower(), build, source=SOURCE)


VGG16 = vgg("VGG16", (2, 2, 3, 3, 3))
preprocess_input = preprocessing("caffe", "VGG")
