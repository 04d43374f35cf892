"""Keras's `keras.backend`: a few settings under their old home."""

from typing import Any

from graphkeras.config import (
    backend,
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from graphkeras.dtypes import is_float, result_type
from graphkeras.dtypes import standardize as standardize_dtype
from graphkeras.layers.graph import is_keras_tensor
from graphkeras.naming import clear_session, get_uid


def is_float_dtype(dtype: Any) -> bool:
    """Return whether a dtype (a name, a NumPy dtype) is a float.

    Example:
        >>> is_float_dtype("bfloat16"), is_float_dtype("int8")
        (True, False)
    """
    return is_float(standardize_dtype(dtype))


def is_int_dtype(dtype: Any) -> bool:
    """Return whether a dtype is an integer, with or without sign; not bool.

    Example:
        >>> is_int_dtype("uint8"), is_int_dtype("bool")
        (True, False)
    """
    return standardize_dtype(dtype).lstrip("u").startswith("int")


__all__ = [
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "get_uid",
    "image_data_format",
    "is_float_dtype",
    "is_int_dtype",
    "is_keras_tensor",
    "result_type",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "standardize_dtype",
]
