"""Layers to configs and back."""

from __future__ import annotations

from typing import Any

from graphkeras.errors import ArgumentError, message
from graphkeras.layers.layer import Layer
from graphkeras.saving.registry import (
    deserialize_keras_object,
    serialize_keras_object,
)


def serialize(layer: Layer) -> dict[str, Any]:
    """Return a layer's config."""
    return serialize_keras_object(layer)


def deserialize(config: Any, custom_objects: Any = None) -> Layer:
    """Return the layer a config describes.

    Raises:
        SavingError: for an unknown class.
        ArgumentError: if the config is not that of a layer.
    """
    layer = deserialize_keras_object(config, custom_objects)
    if not isinstance(layer, Layer):
        raise ArgumentError(
            message("deserialize", "expected the config of a layer.", f"{layer!r}")
        )
    return layer
