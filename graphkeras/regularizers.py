"""Penalties on weights and activations, added to the loss."""

from __future__ import annotations

from typing import Any

from graphkeras import ops
from graphkeras.errors import ArgumentError, ShapeError, message
from graphkeras.saving.registry import (
    Configurable,
    deserialize_keras_object,
    resolver,
    serialize_keras_object,
)


class Regularizer(Configurable):
    """Base: a callable from a tensor to a scalar."""

    def __call__(self, x: Any) -> Any:
        return 0.0


def _factor(name: str, value: Any) -> float:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not value >= 0 or value == float("inf"):
        raise ArgumentError(
            message("regularizer", f"expected {name} >= 0 and finite.", repr(value))
        )
    return float(value)


class L1(Regularizer):
    """l1 * sum |x|."""

    def __init__(self, l1: float = 0.01) -> None:
        self.l1 = _factor("l1", 0.01 if l1 is None else l1)

    def __call__(self, x: Any) -> Any:
        return self.l1 * ops.sum(ops.absolute(x))


class L2(Regularizer):
    """l2 * sum x^2.

    Example:
        >>> import numpy as np
        >>> float(L2(0.5)(np.array([1.0, 2.0], "float32")))
        2.5
    """

    def __init__(self, l2: float = 0.01) -> None:
        self.l2 = _factor("l2", 0.01 if l2 is None else l2)

    def __call__(self, x: Any) -> Any:
        return self.l2 * ops.sum(ops.square(x))


class L1L2(Regularizer):
    """l1 * sum |x| + l2 * sum x^2."""

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1 = _factor("l1", 0.0 if l1 is None else l1)
        self.l2 = _factor("l2", 0.0 if l2 is None else l2)

    def __call__(self, x: Any) -> Any:
        penalty = self.l1 * ops.sum(ops.absolute(x)) if self.l1 else 0.0
        return penalty + self.l2 * ops.sum(ops.square(x)) if self.l2 else penalty


class OrthogonalRegularizer(Regularizer):
    """Pull the rows (or columns) of a matrix towards being orthogonal.

    Args:
        factor: strength.
        mode: "rows" or "columns".
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        if mode not in ("rows", "columns"):
            raise ArgumentError(
                message(
                    "OrthogonalRegularizer",
                    "expected mode 'rows' or 'columns'.",
                    f"mode={mode!r}",
                )
            )
        self.factor, self.mode = _factor("factor", factor), mode

    def __call__(self, x: Any) -> Any:
        if len(x.shape) != 2:
            raise ShapeError(
                message("OrthogonalRegularizer", "expected rank 2.", f"shape {x.shape}")
            )
        axis = 1 if self.mode == "rows" else 0
        unit = x / ops.sqrt(ops.sum(ops.square(x), axis=axis, keepdims=True))
        other = ops.transpose(unit)
        product = unit @ other if self.mode == "rows" else other @ unit
        size = x.shape[1 - axis]
        off_diagonal = product * (1.0 - ops.eye(size, dtype=x.dtype))
        pairs = max(size * (size - 1) / 2.0, 1.0)
        return self.factor * 0.5 * ops.sum(ops.absolute(off_diagonal)) / pairs


l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer

_ALIASES = {
    "l1": L1, "l2": L2, "l1_l2": L1L2, "l1l2": L1L2,
    "orthogonal_regularizer": OrthogonalRegularizer,
}  # fmt: skip

_get = resolver("keras.regularizers", "regularizer", _ALIASES, Regularizer)


def get(identifier: Any) -> Any:
    """Return the regularizer meant by a name, a config, an object or None."""
    return _get(identifier)


def serialize(regularizer: Any) -> Any:
    """Return a regularizer's config."""
    return serialize_keras_object(regularizer)


def deserialize(config: Any, custom_objects: Any = None) -> Any:
    """Return the regularizer a config describes."""
    return deserialize_keras_object(config, custom_objects)
