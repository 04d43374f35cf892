"""Metrics that are means of a loss function, and those of regression."""

from __future__ import annotations

from typing import Any

from graphkeras import config, ops
from graphkeras.errors import ArgumentError, ShapeError, message
from graphkeras.losses import functions
from graphkeras.losses.loss import squeeze_or_expand_to_same_rank
from graphkeras.metrics.metric import Mean, Metric, NamedMean


class MeanSquaredError(NamedMean):
    """mean((y_true - y_pred)^2).

    Example:
        >>> metric = MeanSquaredError()
        >>> metric.update_state([[0.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [0.0, 0.0]])
        >>> float(metric.result())
        0.25
    """

    _direction = "down"

    def __init__(self, name: str = "mean_squared_error", dtype: Any = None) -> None:
        super().__init__(functions.mean_squared_error, name, dtype)


class MeanAbsoluteError(NamedMean):
    """mean(|y_true - y_pred|)."""

    _direction = "down"

    def __init__(self, name: str = "mean_absolute_error", dtype: Any = None) -> None:
        super().__init__(functions.mean_absolute_error, name, dtype)


class MeanAbsolutePercentageError(NamedMean):
    """100 mean(|y_true - y_pred| / |y_true|)."""

    _direction = "down"

    def __init__(
        self, name: str = "mean_absolute_percentage_error", dtype: Any = None
    ) -> None:
        super().__init__(functions.mean_absolute_percentage_error, name, dtype)


class MeanSquaredLogarithmicError(NamedMean):
    """mean((log(1 + y_true) - log(1 + y_pred))^2)."""

    _direction = "down"

    def __init__(
        self, name: str = "mean_squared_logarithmic_error", dtype: Any = None
    ) -> None:
        super().__init__(functions.mean_squared_logarithmic_error, name, dtype)


class CosineSimilarity(NamedMean):
    """The cosine of the angle between targets and predictions along `axis`."""

    _direction = "up"

    def __init__(
        self, name: str = "cosine_similarity", dtype: Any = None, axis: int = -1
    ) -> None:
        super().__init__(functions.cosine_of_angle, name, dtype, axis=axis)


class LogCoshError(NamedMean):
    """mean(log(cosh(y_pred - y_true)))."""

    _direction = "down"

    def __init__(self, name: str = "logcosh", dtype: Any = None) -> None:
        super().__init__(functions.log_cosh, name, dtype)


class Hinge(NamedMean):
    """mean(max(1 - y_true y_pred, 0)); labels are -1 or 1 (0 and 1 are turned)."""

    _direction = "down"

    def __init__(self, name: str = "hinge", dtype: Any = None) -> None:
        super().__init__(functions.hinge, name, dtype)


class SquaredHinge(NamedMean):
    """mean(max(1 - y_true y_pred, 0)^2); labels are -1 or 1 (0 and 1 are turned)."""

    _direction = "down"

    def __init__(self, name: str = "squared_hinge", dtype: Any = None) -> None:
        super().__init__(functions.squared_hinge, name, dtype)


class CategoricalHinge(NamedMean):
    """max(1 + best wrong score - right score, 0); targets are one-hot."""

    _direction = "down"

    def __init__(self, name: str = "categorical_hinge", dtype: Any = None) -> None:
        super().__init__(functions.categorical_hinge, name, dtype)


class KLDivergence(NamedMean):
    """sum(y_true log(y_true / y_pred))."""

    def __init__(self, name: str = "kl_divergence", dtype: Any = None) -> None:
        super().__init__(functions.kl_divergence, name, dtype)


class Poisson(NamedMean):
    """mean(y_pred - y_true log(y_pred))."""

    def __init__(self, name: str = "poisson", dtype: Any = None) -> None:
        super().__init__(functions.poisson, name, dtype)


class BinaryCrossentropy(NamedMean):
    """Cross-entropy of yes-or-no targets."""

    _direction = "down"

    def __init__(
        self, name: str = "binary_crossentropy", dtype: Any = None,
        from_logits: bool = False, label_smoothing: float = 0,
    ) -> None:  # fmt: skip
        super().__init__(
            functions.binary_crossentropy, name, dtype, from_logits=from_logits,
            label_smoothing=label_smoothing,
        )  # fmt: skip


class CategoricalCrossentropy(NamedMean):
    """Cross-entropy of one-hot targets."""

    _direction = "down"

    def __init__(
        self, name: str = "categorical_crossentropy", dtype: Any = None,
        from_logits: bool = False, label_smoothing: float = 0, axis: int = -1,
    ) -> None:  # fmt: skip
        super().__init__(
            functions.categorical_crossentropy, name, dtype, from_logits=from_logits,
            label_smoothing=label_smoothing, axis=axis,
        )  # fmt: skip


class SparseCategoricalCrossentropy(NamedMean):
    """Cross-entropy of integer labels."""

    _direction = "down"

    def __init__(
        self, name: str = "sparse_categorical_crossentropy", dtype: Any = None,
        from_logits: bool = False, ignore_class: int | None = None, axis: int = -1,
    ) -> None:  # fmt: skip
        super().__init__(
            functions.sparse_categorical_crossentropy, name, dtype,
            from_logits=from_logits, ignore_class=ignore_class, axis=axis,
        )  # fmt: skip


class RootMeanSquaredError(Mean):
    """sqrt(mean((y_true - y_pred)^2)).

    Example:
        >>> metric = RootMeanSquaredError()
        >>> metric.update_state([[0.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [0.0, 0.0]])
        >>> float(metric.result())
        0.5
    """

    _direction = "down"

    def __init__(
        self, name: str = "root_mean_squared_error", dtype: Any = None
    ) -> None:
        super().__init__(name, dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Add the squared errors, each times its weight."""
        y_true = ops.convert_to_tensor(y_true, dtype=self.dtype)
        y_pred = ops.convert_to_tensor(y_pred, dtype=self.dtype)
        y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
        super().update_state(ops.square(y_pred - y_true), sample_weight)

    def result(self) -> Any:
        """Return the root of the mean so far."""
        return ops.sqrt(super().result())


# --------------------------------------------------------------------- correlation


def pearson_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """mean of the product of both, each centred and scaled to variance 1."""
    y_true, y_pred = _aligned(y_true, y_pred)
    return ops.mean(_standard(y_true, axis) * _standard(y_pred, axis), axis=axis)


def _standard(x: Any, axis: int) -> Any:
    x = x - ops.mean(x, axis=axis, keepdims=True)
    return x / ops.std(x, axis=axis, keepdims=True)


def _aligned(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.convert_to_tensor(y_true, dtype=y_pred.dtype)
    return squeeze_or_expand_to_same_rank(y_true, y_pred)


def concordance_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """2 cov / (var_true + var_pred + (mean_true - mean_pred)^2) over `axis`."""
    y_true, y_pred = _aligned(y_true, y_pred)
    mean_true = ops.mean(y_true, axis=axis, keepdims=True)
    mean_pred = ops.mean(y_pred, axis=axis, keepdims=True)
    var_true = ops.var(y_true, axis=axis, keepdims=True)
    var_pred = ops.var(y_pred, axis=axis, keepdims=True)
    # Centring y_true by the wrong mean changes nothing: y_pred's residuals sum to 0.
    covariance = (y_true - mean_pred) * (y_pred - mean_pred)
    norm = var_true + var_pred + ops.square(mean_true - mean_pred)
    return ops.mean(2.0 * covariance / (norm + config.epsilon()), axis=axis)


class PearsonCorrelation(NamedMean):
    """Pearson's correlation of targets and predictions along `axis`."""

    _direction = "up"

    def __init__(
        self, name: str = "pearson_correlation", dtype: Any = None, axis: int = -1
    ) -> None:
        super().__init__(pearson_correlation, name, dtype, axis=axis)


class ConcordanceCorrelation(NamedMean):
    """Lin's concordance correlation along `axis`."""

    _direction = "up"

    def __init__(
        self, name: str = "concordance_correlation", dtype: Any = None, axis: int = -1
    ) -> None:
        super().__init__(concordance_correlation, name, dtype, axis=axis)


# ------------------------------------------------------------------------------ R2


class R2Score(Metric):
    """1 - residual variance / total variance.

    Args:
        class_aggregation: over the output columns: "uniform_average" (their mean),
            "variance_weighted_average", or None (one score a column).
        num_regressors: number of predictors, for the adjusted score; 0 for none.
        name: name under which it is reported.
        dtype: dtype of the result.

    Raises:
        ArgumentError: for an unknown aggregation or a negative number of regressors.

    Example:
        >>> metric = R2Score()
        >>> metric.update_state([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]])
        >>> round(float(metric.result()), 4)
        0.5714
    """

    _direction = "up"
    _AGGREGATIONS = (None, "uniform_average", "variance_weighted_average")

    def __init__(
        self, class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0, name: str = "r2_score", dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(name=name, dtype=dtype)
        if class_aggregation not in self._AGGREGATIONS or num_regressors < 0:
            raise ArgumentError(
                message(
                    "R2Score", f"class_aggregation must be one of {self._AGGREGATIONS}"
                    " and num_regressors at least 0.",
                    f"class_aggregation={class_aggregation!r},"
                    f" num_regressors={num_regressors}",
                )
            )  # fmt: skip
        self.class_aggregation = class_aggregation
        self.num_regressors = num_regressors
        self.num_samples = self.add_variable((), name="num_samples")
        self._built = False

    def _build(self, shape: tuple[Any, ...]) -> None:
        if len(shape) != 2 or not isinstance(shape[1], int):
            raise ShapeError(
                message(
                    "R2Score", "expected (batch, columns) with a known column count.",
                    f"y_pred: {list(shape)}",
                )
            )  # fmt: skip
        columns = (shape[1],)
        self.squared_sum = self.add_variable(columns, name="squared_sum")
        self.sum = self.add_variable(columns, name="sum")
        self.total_mse = self.add_variable(columns, name="residual")
        self.count = self.add_variable(columns, name="count")
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add the sums from which the variances come."""
        y_true = ops.convert_to_tensor(y_true, dtype=self.dtype)
        y_pred = ops.convert_to_tensor(y_pred, dtype=self.dtype)
        y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
        if not self._built:
            self._build(tuple(y_pred.shape))
        weight = ops.ones_like(y_true)
        if sample_weight is not None:
            given = ops.convert_to_tensor(sample_weight, dtype=self.dtype)
            weight = weight * (given if given.ndim > 1 else ops.expand_dims(given, -1))
        self.sum.assign_add(ops.sum(y_true * weight, axis=0))
        self.squared_sum.assign_add(ops.sum(y_true * y_true * weight, axis=0))
        residual = ops.square(y_true - y_pred) * weight
        self.total_mse.assign_add(ops.sum(residual, axis=0))
        self.count.assign_add(ops.sum(weight, axis=0))
        self.num_samples.assign_add(ops.sum(ops.ones_like(y_true)))

    def result(self) -> Any:
        """Return the score so far."""
        total = self.squared_sum - self.sum * (self.sum / self.count)
        raw = 1.0 - self.total_mse / total
        raw = ops.where(ops.isinf(raw), 0.0, raw)
        if self.class_aggregation == "uniform_average":
            score = ops.mean(raw)
        elif self.class_aggregation == "variance_weighted_average":
            score = ops.sum(total * raw) / ops.sum(total)
        else:
            score = raw
        return self._adjusted(score)

    def _adjusted(self, score: Any) -> Any:
        """Pay for predictors, where there are more samples than predictors."""
        if not self.num_regressors:
            return score
        n, p = self.num_samples.value, float(self.num_regressors)
        spare = n - p - 1.0
        adjusted = 1.0 - (1.0 - score) * (n - 1.0) / ops.where(spare > 0, spare, 1.0)
        return ops.where(spare > 0, adjusted, score)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {
            **super().get_config(),
            "class_aggregation": self.class_aggregation,
            "num_regressors": self.num_regressors,
        }
