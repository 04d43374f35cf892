"""VGG of 19 layers; see `vgg16`."""

from graphkeras.applications.imagenet_utils import decode_predictions
from graphkeras.applications.vgg16 import preprocess_input, vgg

__all__ = ["VGG19", "decode_predictions", "preprocess_input"]

VGG19 = vgg("VGG19", (2, 2, 4, 4, 4))
