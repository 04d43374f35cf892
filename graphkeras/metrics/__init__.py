"""Metrics: Keras's `keras.metrics`."""

from __future__ import annotations

from typing import Any

from graphkeras.losses import SHORT_NAMES as _LOSS_NAMES
from graphkeras.losses.functions import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_hinge,
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
)
from graphkeras.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from graphkeras.metrics.auc import AUC
from graphkeras.metrics.confusion import (
    FalseNegatives,
    FalsePositives,
    Precision,
    PrecisionAtRecall,
    Recall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
    TrueNegatives,
    TruePositives,
)
from graphkeras.metrics.metric import Mean, MeanMetricWrapper, Metric, Sum
from graphkeras.metrics.overlap import (
    BinaryIoU,
    F1Score,
    FBetaScore,
    IoU,
    MeanIoU,
    OneHotIoU,
    OneHotMeanIoU,
)
from graphkeras.metrics.regression import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    ConcordanceCorrelation,
    CosineSimilarity,
    Hinge,
    KLDivergence,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    PearsonCorrelation,
    Poisson,
    R2Score,
    RootMeanSquaredError,
    SparseCategoricalCrossentropy,
    SquaredHinge,
    concordance_correlation,
    pearson_correlation,
)
from graphkeras.naming import to_snake_case
from graphkeras.saving.lookup import look_up
from graphkeras.saving.registry import CustomObjectScope, serialize_keras_object

CLASSES: tuple[type[Metric], ...] = (
    AUC, Accuracy, BinaryAccuracy, BinaryCrossentropy, BinaryIoU, CategoricalAccuracy,
    CategoricalCrossentropy, CategoricalHinge, ConcordanceCorrelation,
    CosineSimilarity, F1Score, FBetaScore, FalseNegatives, FalsePositives, Hinge, IoU,
    KLDivergence, LogCoshError, Mean, MeanAbsoluteError, MeanAbsolutePercentageError,
    MeanIoU, MeanMetricWrapper, MeanSquaredError, MeanSquaredLogarithmicError,
    OneHotIoU, OneHotMeanIoU, PearsonCorrelation, Poisson, Precision,
    PrecisionAtRecall, R2Score, Recall, RecallAtPrecision, RootMeanSquaredError,
    SensitivityAtSpecificity, SparseCategoricalAccuracy, SparseCategoricalCrossentropy,
    SparseTopKCategoricalAccuracy, SpecificityAtSensitivity, SquaredHinge, Sum,
    TopKCategoricalAccuracy, TrueNegatives, TruePositives,
)  # fmt: skip

FUNCTIONS = (
    binary_accuracy, binary_crossentropy, binary_focal_crossentropy,
    categorical_accuracy, categorical_crossentropy, categorical_focal_crossentropy,
    categorical_hinge, concordance_correlation, hinge, huber, kl_divergence, log_cosh,
    mean_absolute_error, mean_absolute_percentage_error, mean_squared_error,
    mean_squared_logarithmic_error, pearson_correlation, poisson,
    sparse_categorical_accuracy, sparse_categorical_crossentropy,
    sparse_top_k_categorical_accuracy, squared_hinge, top_k_categorical_accuracy,
)  # fmt: skip

_SHORT: dict[str, type[Metric]] = {
    "bce": BinaryCrossentropy,
    "mse": MeanSquaredError,
    "mae": MeanAbsoluteError,
    "mape": MeanAbsolutePercentageError,
    "msle": MeanSquaredLogarithmicError,
    "rmse": RootMeanSquaredError,
}

_KNOWN: dict[str, Any] = {
    **_LOSS_NAMES,
    **{f.__name__: f for f in FUNCTIONS},
    **{to_snake_case(c.__name__): c for c in CLASSES},
    **{c.__name__: c for c in CLASSES},
    **_SHORT,
    **{name.upper(): c for name, c in _SHORT.items()},
}


def get(identifier: Any) -> Any:
    """Return the metric that `identifier` names.

    Args:
        identifier: a class's name, in either spelling, or a short one ("AUC",
            "top_k_categorical_accuracy", "mse": an instance), a function's name
            ("huber": the function), a callable or Metric (itself), or None.

    Raises:
        ArgumentError: for an unknown name, with the nearest right one.

    Example:
        >>> get("mae").name, get("huber").__name__
        ('mean_absolute_error', 'huber')
    """
    also = ("accuracy", "acc", "crossentropy", "ce")
    return look_up(identifier, _KNOWN, "keras.metrics", "metric", also=also)


def serialize(metric: Any) -> Any:
    """Return a metric as a config of dicts, lists, strings and numbers."""
    return serialize_keras_object(metric)


def deserialize(config: Any, custom_objects: Any = None) -> Any:
    """Return the metric a config or name describes."""
    with CustomObjectScope(custom_objects or {}):
        return get(config)
