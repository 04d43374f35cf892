"""ResNet50 under the name Keras also has for it; see `resnet`."""

from graphkeras.applications.resnet import (
    ResNet50,
    decode_predictions,
    preprocess_input,
)

__all__ = ["ResNet50", "decode_predictions", "preprocess_input"]
