"""Projections applied to a weight after each optimizer update."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphkeras import config, ops
from graphkeras.saving.registry import (
    Configurable,
    deserialize_keras_object,
    resolver,
    serialize_keras_object,
)


class Constraint(Configurable):
    """Base: a callable from a weight to the nearest allowed weight."""

    def __call__(self, w: Any) -> Any:
        return w


class MaxNorm(Constraint):
    """Scale down what has a norm above `max_value`.

    Args:
        max_value: largest norm along `axis`.
        axis: axis or axes over which the norm is taken.

    Example:
        >>> import numpy as np
        >>> MaxNorm(1.0)(np.array([[3.0], [4.0]], "float32")).round(2).tolist()
        [[0.6000000238418579], [0.800000011920929]]
    """

    def __init__(self, max_value: float = 2, axis: int | Sequence[int] = 0) -> None:
        self.max_value, self.axis = max_value, axis

    def __call__(self, w: Any) -> Any:
        norms = _norms(w, self.axis)
        desired = ops.minimum(norms, float(self.max_value))
        return w * (desired / (config.epsilon() + norms))


class NonNeg(Constraint):
    """Set negative weights to zero."""

    def __call__(self, w: Any) -> Any:
        return ops.maximum(w, 0.0)


class UnitNorm(Constraint):
    """Scale to norm 1 along `axis`."""

    def __init__(self, axis: int | Sequence[int] = 0) -> None:
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        return w / (config.epsilon() + _norms(w, self.axis))


class MinMaxNorm(Constraint):
    """Move norms into ``[min_value, max_value]``, by `rate` of the way each time."""

    def __init__(
        self,
        min_value: float = 0.0,
        max_value: float = 1.0,
        rate: float = 1.0,
        axis: int | Sequence[int] = 0,
    ) -> None:
        self.min_value, self.max_value = min_value, max_value
        self.rate, self.axis = rate, axis

    def __call__(self, w: Any) -> Any:
        norms = _norms(w, self.axis)
        clipped = ops.maximum(ops.minimum(norms, self.max_value), self.min_value)
        desired = self.rate * clipped + (1 - self.rate) * norms
        return w * (desired / (config.epsilon() + norms))


def _norms(w: Any, axis: Any) -> Any:
    return ops.sqrt(ops.sum(ops.square(w), axis=axis, keepdims=True))


max_norm, non_neg, unit_norm, min_max_norm = MaxNorm, NonNeg, UnitNorm, MinMaxNorm

_ALIASES = {
    "max_norm": MaxNorm, "non_neg": NonNeg, "unit_norm": UnitNorm,
    "min_max_norm": MinMaxNorm,
}  # fmt: skip

_get = resolver("keras.constraints", "constraint", _ALIASES, Constraint)


def get(identifier: Any) -> Any:
    """Return the constraint meant by a name, a config, an object or None."""
    return _get(identifier)


def serialize(constraint: Any) -> Any:
    """Return a constraint's config."""
    return serialize_keras_object(constraint)


def deserialize(config: Any, custom_objects: Any = None) -> Any:
    """Return the constraint a config describes."""
    return deserialize_keras_object(config, custom_objects)
