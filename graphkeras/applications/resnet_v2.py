"""Residual networks normalized before each convolution: arXiv:1603.05027."""

from functools import partial

from graphkeras.applications.imagenet_utils import decode_predictions, preprocessing
from graphkeras.applications.resnet import residual

__all__ = [
    "ResNet50V2", "ResNet101V2", "ResNet152V2", "decode_predictions",
    "preprocess_input",
]  # fmt: skip

_second = partial(residual, second=True, source="He et al. 2016, arXiv:1603.05027")

ResNet50V2 = _second("ResNet50V2", (3, 4, 6, 3))
ResNet101V2 = _second("ResNet101V2", (3, 4, 23, 3))
ResNet152V2 = _second("ResNet152V2", (3, 8, 36, 3))
preprocess_input = preprocessing("tf", "ResNet V2")
