"""Losses as classes: a function, its arguments, and how values are reduced."""

from __future__ import annotations

from typing import Any

from graphkeras.errors import ArgumentError, message
from graphkeras.losses import functions
from graphkeras.losses.loss import NamedLoss

_MEAN = "sum_over_batch_size"


class MeanSquaredError(NamedLoss):
    """mean((y_true - y_pred)^2).

    Args:
        reduction: how the values of the samples become one; see `Loss`.
        name: name of the loss.
        dtype: dtype of the computation.

    Example:
        >>> float(MeanSquaredError()([[0.0, 1.0]], [[1.0, 1.0]]))
        0.5
    """

    def __init__(
        self, reduction: Any = _MEAN, name: str = "mean_squared_error",
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(functions.mean_squared_error, reduction, name, dtype)


class MeanAbsoluteError(NamedLoss):
    """mean(|y_true - y_pred|)."""

    def __init__(
        self, reduction: Any = _MEAN, name: str = "mean_absolute_error",
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(functions.mean_absolute_error, reduction, name, dtype)


class MeanAbsolutePercentageError(NamedLoss):
    """100 mean(|y_true - y_pred| / |y_true|)."""

    def __init__(
        self, reduction: Any = _MEAN, name: str = "mean_absolute_percentage_error",
        dtype: Any = None,
    ) -> None:  # fmt: skip
        function = functions.mean_absolute_percentage_error
        super().__init__(function, reduction, name, dtype)


class MeanSquaredLogarithmicError(NamedLoss):
    """mean((log(1 + y_true) - log(1 + y_pred))^2)."""

    def __init__(
        self, reduction: Any = _MEAN, name: str = "mean_squared_logarithmic_error",
        dtype: Any = None,
    ) -> None:  # fmt: skip
        function = functions.mean_squared_logarithmic_error
        super().__init__(function, reduction, name, dtype)


class CosineSimilarity(NamedLoss):
    """Minus the cosine of the angle between targets and predictions along `axis`."""

    def __init__(
        self, axis: int = -1, reduction: Any = _MEAN, name: str = "cosine_similarity",
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(functions.cosine_similarity, reduction, name, dtype, axis=axis)


class Huber(NamedLoss):
    """Half the squared error up to `delta`, linear beyond."""

    def __init__(
        self, delta: float = 1.0, reduction: Any = _MEAN, name: str = "huber_loss",
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(functions.huber, reduction, name, dtype, delta=delta)


class LogCosh(NamedLoss):
    """mean(log(cosh(y_pred - y_true)))."""

    def __init__(
        self, reduction: Any = _MEAN, name: str = "log_cosh", dtype: Any = None
    ) -> None:
        super().__init__(functions.log_cosh, reduction, name, dtype)


class Hinge(NamedLoss):
    """mean(max(1 - y_true y_pred, 0)); labels are -1 or 1 (0 and 1 are turned)."""

    def __init__(
        self, reduction: Any = _MEAN, name: str = "hinge", dtype: Any = None
    ) -> None:
        super().__init__(functions.hinge, reduction, name, dtype)


class SquaredHinge(NamedLoss):
    """mean(max(1 - y_true y_pred, 0)^2); labels are -1 or 1 (0 and 1 are turned)."""

    def __init__(
        self, reduction: Any = _MEAN, name: str = "squared_hinge", dtype: Any = None
    ) -> None:
        super().__init__(functions.squared_hinge, reduction, name, dtype)


class CategoricalHinge(NamedLoss):
    """max(1 + best wrong score - right score, 0); targets are one-hot."""

    def __init__(
        self, reduction: Any = _MEAN, name: str = "categorical_hinge",
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(functions.categorical_hinge, reduction, name, dtype)


class KLDivergence(NamedLoss):
    """sum(y_true log(y_true / y_pred))."""

    def __init__(
        self, reduction: Any = _MEAN, name: str = "kl_divergence", dtype: Any = None
    ) -> None:
        super().__init__(functions.kl_divergence, reduction, name, dtype)


class Poisson(NamedLoss):
    """mean(y_pred - y_true log(y_pred))."""

    def __init__(
        self, reduction: Any = _MEAN, name: str = "poisson", dtype: Any = None
    ) -> None:
        super().__init__(functions.poisson, reduction, name, dtype)


class BinaryCrossentropy(NamedLoss):
    """Cross-entropy of yes-or-no targets.

    Args:
        from_logits: whether predictions are logits rather than probabilities.
        label_smoothing: how far labels are moved towards 1/2.
        axis: the axis folded away.
        reduction: how the values of the samples become one; see `Loss`.
        name: name of the loss.
        dtype: dtype of the computation.

    Example:
        >>> loss = BinaryCrossentropy(from_logits=True)
        >>> round(float(loss([[0.0], [1.0]], [[0.0], [0.0]])), 4)
        0.6931
    """

    def __init__(
        self, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1,
        reduction: Any = _MEAN, name: str = "binary_crossentropy", dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            functions.binary_crossentropy, reduction, name, dtype,
            from_logits=from_logits, label_smoothing=label_smoothing, axis=axis,
        )  # fmt: skip


class BinaryFocalCrossentropy(NamedLoss):
    """Binary cross-entropy that counts what is already right less.

    Args:
        apply_class_balancing: whether class 1 weighs `alpha` and class 0 the rest.
        alpha: that weight.
        gamma: how fast what is right loses weight.
        from_logits: whether predictions are logits.
        label_smoothing: how far labels are moved towards 1/2.
        axis: the axis folded away.
    """

    def __init__(
        self, apply_class_balancing: bool = False, alpha: float = 0.25,
        gamma: float = 2.0, from_logits: bool = False, label_smoothing: float = 0.0,
        axis: int = -1, reduction: Any = _MEAN, name: str = "binary_focal_crossentropy",
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            functions.binary_focal_crossentropy, reduction, name, dtype,
            apply_class_balancing=apply_class_balancing, alpha=alpha, gamma=gamma,
            from_logits=from_logits, label_smoothing=label_smoothing, axis=axis,
        )  # fmt: skip


class CategoricalCrossentropy(NamedLoss):
    """Cross-entropy of one-hot targets.

    Args:
        from_logits: whether predictions are logits rather than probabilities.
        label_smoothing: part of the certainty spread evenly over the classes.
        axis: the axis of the classes.
        reduction: how the values of the samples become one; see `Loss`.
        name: name of the loss.
        dtype: dtype of the computation.
    """

    def __init__(
        self, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1,
        reduction: Any = _MEAN, name: str = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            functions.categorical_crossentropy, reduction, name, dtype,
            from_logits=from_logits, label_smoothing=label_smoothing, axis=axis,
        )  # fmt: skip


class CategoricalFocalCrossentropy(NamedLoss):
    """Categorical cross-entropy that counts what is already right less."""

    def __init__(
        self, alpha: Any = 0.25, gamma: float = 2.0, from_logits: bool = False,
        label_smoothing: float = 0.0, axis: int = -1, reduction: Any = _MEAN,
        name: str = "categorical_focal_crossentropy", dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            functions.categorical_focal_crossentropy, reduction, name, dtype,
            alpha=alpha, gamma=gamma, from_logits=from_logits,
            label_smoothing=label_smoothing, axis=axis,
        )  # fmt: skip


class SparseCategoricalCrossentropy(NamedLoss):
    """Cross-entropy of integer labels.

    Args:
        from_logits: whether predictions are logits rather than probabilities.
        ignore_class: a label whose samples cost nothing.
        reduction: how the values of the samples become one; see `Loss`.
        axis: the axis of the classes.
        name: name of the loss.
        dtype: dtype of the computation.

    Example:
        >>> loss = SparseCategoricalCrossentropy()
        >>> round(float(loss([1, 0], [[0.1, 0.9], [0.8, 0.2]])), 4)
        0.1643
    """

    def __init__(
        self, from_logits: bool = False, ignore_class: int | None = None,
        reduction: Any = _MEAN, axis: int = -1,
        name: str = "sparse_categorical_crossentropy", dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            functions.sparse_categorical_crossentropy, reduction, name, dtype,
            from_logits=from_logits, ignore_class=ignore_class, axis=axis,
        )  # fmt: skip


class Dice(NamedLoss):
    """1 - 2 |both| / (|y_true| + |y_pred|)."""

    def __init__(
        self, reduction: Any = _MEAN, name: str = "dice", axis: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(functions.dice, reduction, name, dtype, axis=axis)


class Tversky(NamedLoss):
    """1 - |both| / (|both| + alpha |only y_true| + beta |only y_pred|)."""

    def __init__(
        self, alpha: float = 0.5, beta: float = 0.5, reduction: Any = _MEAN,
        name: str = "tversky", axis: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            functions.tversky, reduction, name, dtype, alpha=alpha, beta=beta, axis=axis
        )


class CategoricalGeneralizedCrossEntropy(NamedLoss):
    """(1 - p^q) / q with p the probability of the label."""

    def __init__(
        self, q: float = 0.5, reduction: Any = _MEAN,
        name: str = "categorical_generalized_cross_entropy", dtype: Any = None,
    ) -> None:  # fmt: skip
        if not 0 < q < 1:
            raise ArgumentError(message(name, "q must be between 0 and 1.", f"q={q}"))
        function = functions.categorical_generalized_cross_entropy
        super().__init__(function, reduction, name, dtype, q=q)


class CTC(NamedLoss):
    """-log of the chance that logits are read as the labels; 0 is blank.

    Source: Graves et al., Connectionist temporal classification (2006).
    """

    def __init__(
        self, reduction: Any = _MEAN, name: str = "ctc", dtype: Any = None
    ) -> None:
        super().__init__(functions.ctc, reduction, name, dtype)


class Circle(NamedLoss):
    """How much nearer others are than one's own, of embeddings of norm 1.

    Source: Sun et al., arXiv:2002.10857.

    Args:
        gamma: scale.
        margin: how far apart the two shall be.
        remove_diagonal: whether a sample is not compared with itself.
        reduction: how the values of the samples become one; see `Loss`.
        name: name of the loss.
        dtype: dtype of the computation.
    """

    def __init__(
        self, gamma: float = 80.0, margin: float = 0.4, remove_diagonal: bool = True,
        reduction: Any = _MEAN, name: str = "circle", dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            functions.circle, reduction, name, dtype, gamma=gamma, margin=margin,
            remove_diagonal=remove_diagonal,
        )  # fmt: skip

    def call(
        self, y_true: Any, y_pred: Any, ref_labels: Any = None,
        ref_embeddings: Any = None,
    ) -> Any:  # fmt: skip
        """Return the value of each sample."""
        return functions.circle(
            y_true, y_pred, ref_labels, ref_embeddings, **self._fn_kwargs
        )
