"""Activation functions by name; each is an op or two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphkeras import ops
from graphkeras.errors import ArgumentError, message, nearest
from graphkeras.ops import (  # noqa: F401
    celu,
    elu,
    exponential,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_swish,
    hard_tanh,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    mish,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_shrink,
    softmax,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    swish,
    tanh,
    tanh_shrink,
)
from graphkeras.saving.registry import (
    deserialize_keras_object,
    get_registered_object,
    serialize_keras_object,
)


def linear(x: Any) -> Any:
    """x itself."""
    return x


def relu(
    x: Any,
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
) -> Any:
    """x from `threshold` on, else ``negative_slope * (x - threshold)``.

    Nothing is larger than `max_value`.

    Example:
        >>> import numpy as np
        >>> relu(np.array([-2.0, 1.0, 9.0], "float32"), 0.5, 6.0).tolist()
        [-1.0, 1.0, 6.0]
    """
    if threshold == 0.0 and max_value is None:
        return ops.relu(x) if negative_slope == 0 else _leaky(x, negative_slope, 0.0)
    if threshold == 0.0 and max_value == 6.0 and negative_slope == 0:
        return ops.relu6(x)
    result = _leaky(x, negative_slope, threshold)
    return result if max_value is None else ops.minimum(result, float(max_value))


def _leaky(x: Any, slope: float, threshold: float) -> Any:
    return ops.where(ops.greater_equal(x, threshold), x, (x - threshold) * slope)


threshold = ops.threshold


def gelu(x: Any, approximate: bool = False) -> Any:
    """x times the normal distribution function of x; `approximate` uses tanh."""
    return ops.gelu(x, approximate)


_BY_NAME: dict[str, Callable[..., Any]] = {
    name: globals()[name]
    for name in (
        "celu", "elu", "exponential", "gelu", "glu", "hard_shrink", "hard_sigmoid",
        "hard_silu", "hard_tanh", "leaky_relu", "linear", "log_sigmoid", "log_softmax",
        "mish", "relu", "relu6", "selu", "sigmoid", "silu", "soft_shrink", "softmax",
        "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "sparsemax",
        "squareplus", "tanh", "tanh_shrink", "threshold",
    )
}  # fmt: skip
_BY_NAME |= {"swish": silu, "hard_swish": hard_silu}


def get(identifier: Any) -> Callable[..., Any]:
    """Return the activation meant by a name, a config, a callable or None (linear).

    Raises:
        ArgumentError: for an unknown name, with the nearest right one.

    Example:
        >>> get("tanh") is ops.tanh
        True
    """
    if identifier is None:
        return linear
    if isinstance(identifier, dict):
        identifier = deserialize_keras_object({"module": "keras.layers", **identifier})
    if isinstance(identifier, str):
        found = get_registered_object(identifier) or _BY_NAME.get(identifier)
        if found is not None:
            return found
    elif callable(identifier):
        return identifier
    raise ArgumentError(
        message(
            "activation", "expected the name of an activation function or a callable.",
            repr(identifier), nearest(str(identifier), _BY_NAME, "activation"),
        )
    )  # fmt: skip


def serialize(activation: Any) -> Any:
    """Return the name of an activation, or the config of a registered one."""
    name = getattr(activation, "__name__", "")
    name = "exponential" if activation is exponential else name  # the op is `exp`
    if _BY_NAME.get(name) is activation:
        return name
    return serialize_keras_object(activation)


def deserialize(config: Any, custom_objects: Any = None) -> Any:
    """Return the activation a config or name stands for."""
    if isinstance(config, str) and not custom_objects:
        return get(config)
    return deserialize_keras_object(config, custom_objects)


__all__ = ["deserialize", "get", "hard_swish", "serialize", "swish", *_BY_NAME]
