"""What a batch is made of: inputs, targets and weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from graphkeras import config
from graphkeras.data.arrays import as_array
from graphkeras.errors import ArgumentError, message


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """Split a batch into inputs, targets and weights, None where there are none.

    Raises:
        ArgumentError: if a tuple has more than three parts.

    Example:
        >>> unpack_x_y_sample_weight((1, 2))
        (1, 2, None)
    """
    if not isinstance(data, (tuple, list)):
        return data, None, None
    if len(data) > 3:
        raise ArgumentError(
            message(
                "batch", "expected x, (x,), (x, y) or (x, y, sample_weight).",
                f"a tuple of {len(data)}",
            )
        )  # fmt: skip
    x, y, sample_weight = (*data, None, None, None)[:3]
    return x, y, sample_weight


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """Return a batch as short as can be: x, (x, y) or (x, y, sample_weight).

    Example:
        >>> pack_x_y_sample_weight(1, 2)
        (1, 2)
    """
    if sample_weight is not None:
        return x, y, sample_weight
    if y is not None:
        return x, y
    return (x,) if isinstance(x, (tuple, list)) else x


def class_weight_to_sample_weights(y: Any, class_weight: Mapping[int, float]) -> Any:
    """Return one weight a sample from the weights of classes, 1 where none is given.

    Args:
        y: (batch,) or (batch, 1) labels, or (batch, classes) one-hot.
        class_weight: weights by label.
    """
    labels = as_array(y)
    if labels.ndim > 1:
        one = labels.shape[-1] == 1
        labels = labels[..., 0] if one else labels.argmax(-1)
    labels = np.round(labels).astype(np.int64)
    found, places = np.unique(labels, return_inverse=True)
    weights = [class_weight.get(int(label), 1.0) for label in found]
    return np.asarray(weights, config.floatx())[places].reshape(labels.shape)
