"""Losses: Keras's `keras.losses`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphkeras.losses.classes import (
    CTC,
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    CategoricalHinge,
    Circle,
    CosineSimilarity,
    Dice,
    Hinge,
    Huber,
    KLDivergence,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    SparseCategoricalCrossentropy,
    SquaredHinge,
    Tversky,
)
from graphkeras.losses.functions import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_generalized_cross_entropy,
    categorical_hinge,
    circle,
    cosine_similarity,
    ctc,
    dice,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
    tversky,
)
from graphkeras.losses.loss import Loss, LossFunctionWrapper
from graphkeras.saving.lookup import look_up
from graphkeras.saving.registry import CustomObjectScope, serialize_keras_object

FUNCTIONS: tuple[Callable[..., Any], ...] = (
    binary_crossentropy, binary_focal_crossentropy, categorical_crossentropy,
    categorical_focal_crossentropy, categorical_generalized_cross_entropy,
    categorical_hinge, circle, cosine_similarity, ctc, dice, hinge, huber,
    kl_divergence, log_cosh, mean_absolute_error, mean_absolute_percentage_error,
    mean_squared_error, mean_squared_logarithmic_error, poisson,
    sparse_categorical_crossentropy, squared_hinge, tversky,
)  # fmt: skip

CLASSES: tuple[type[Loss], ...] = (
    BinaryCrossentropy, BinaryFocalCrossentropy, CategoricalCrossentropy,
    CategoricalFocalCrossentropy, CategoricalGeneralizedCrossEntropy, CategoricalHinge,
    Circle, CosineSimilarity, CTC, Dice, Hinge, Huber, KLDivergence, LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError, MeanSquaredError, MeanSquaredLogarithmicError, Poisson,
    SparseCategoricalCrossentropy, SquaredHinge, Tversky,
)  # fmt: skip

SHORT_NAMES: dict[str, Callable[..., Any]] = {
    "bce": binary_crossentropy,
    "kld": kl_divergence,
    "mae": mean_absolute_error,
    "mse": mean_squared_error,
    "mape": mean_absolute_percentage_error,
    "msle": mean_squared_logarithmic_error,
    "logcosh": log_cosh,
    "kullback_leibler_divergence": kl_divergence,
}

_KNOWN: dict[str, Any] = {
    **{f.__name__: f for f in FUNCTIONS},
    **{c.__name__: c for c in CLASSES},
    **SHORT_NAMES,
    **{name.upper(): f for name, f in SHORT_NAMES.items() if len(name) <= 4},
}


def get(identifier: Any) -> Any:
    """Return the loss that `identifier` names.

    Args:
        identifier: a function's name ("mse", "mean_squared_error": the function), a
            class's name ("MeanSquaredError": an instance), a config dict, a callable or
            a Loss (returned as they are), or None.

    Raises:
        ArgumentError: for an unknown name, with the nearest right one.

    Example:
        >>> get("mae").__name__, get("Huber").name
        ('mean_absolute_error', 'huber_loss')
    """
    also = ("crossentropy", "ce")
    return look_up(identifier, _KNOWN, "keras.losses", "loss", also=also)


def serialize(loss: Any) -> Any:
    """Return a loss as a config of dicts, lists, strings and numbers."""
    return serialize_keras_object(loss)


def deserialize(name: Any, custom_objects: Any = None) -> Any:
    """Return the loss a config or name describes."""
    with CustomObjectScope(custom_objects or {}):
        return get(name)
