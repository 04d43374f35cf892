"""Keras's `keras.backend`: a few settings under their old home."""

from graphkeras.config import (
    backend,
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from graphkeras.dtypes import result_type
from graphkeras.dtypes import standardize as standardize_dtype
from graphkeras.layers.graph import is_keras_tensor
from graphkeras.naming import clear_session, get_uid

__all__ = [
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "get_uid",
    "image_data_format",
    "is_keras_tensor",
    "result_type",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "standardize_dtype",
]
