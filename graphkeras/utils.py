"""Keras's `keras.utils`: names only, each at home elsewhere."""

from graphkeras.config import (
    disable_interactive_logging,
    enable_interactive_logging,
    is_interactive_logging_enabled,
)
from graphkeras.dtypes import standardize as standardize_dtype
from graphkeras.layers.graph import is_keras_tensor
from graphkeras.layers.graph import sources_of as get_source_inputs
from graphkeras.naming import clear_session
from graphkeras.numerical import normalize, to_categorical
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
from graphkeras.seeding import set_random_seed
from graphkeras.training.arrays import (
    pack_x_y_sample_weight,
    unpack_x_y_sample_weight,
)
from graphkeras.training.py_dataset import PyDataset

Sequence = PyDataset  # its name in Keras 2

__all__ = [
    "CustomObjectScope",
    "PyDataset",
    "Sequence",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "disable_interactive_logging",
    "enable_interactive_logging",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "get_source_inputs",
    "is_interactive_logging_enabled",
    "is_keras_tensor",
    "normalize",
    "pack_x_y_sample_weight",
    "register_keras_serializable",
    "serialize_keras_object",
    "set_random_seed",
    "standardize_dtype",
    "to_categorical",
    "unpack_x_y_sample_weight",
]
