"""Models in files, configs of objects, and the registry of what may be built.

See `files` for `.keras` and `.weights.h5`, `registry` for configs.
"""

from graphkeras.saving.editor import KerasFileEditor
from graphkeras.saving.files import load_model, load_weights, save_model, save_weights
from graphkeras.saving.registry import (
    CustomObjectScope,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)

__all__ = [
    "CustomObjectScope",
    "KerasFileEditor",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "load_model",
    "load_weights",
    "register_keras_serializable",
    "save_model",
    "save_weights",
    "serialize_keras_object",
]
