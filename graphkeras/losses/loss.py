"""What all losses share: the base class, sample weights, masks and reduction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphkeras import config, dtypes, ops, tree
from graphkeras.errors import ArgumentError, message
from graphkeras.ir import dims
from graphkeras.naming import auto_name
from graphkeras.saving.registry import deserialize_keras_object

REDUCTIONS = (
    "sum_over_batch_size", "sum", None, "none", "mean", "mean_with_sample_weight",
)  # fmt: skip
_MEANS = ("sum_over_batch_size", "mean", "mean_with_sample_weight")


class Loss:
    """A number to be made small, from targets and predictions.

    Subclasses override `call(y_true, y_pred)`, which returns one value a sample.

    Args:
        name: name of the loss.
        reduction: "sum_over_batch_size" (the mean of all values, the default), "sum",
            "mean", "mean_with_sample_weight" (divides by the weights' sum), "none" or
            None (no reduction).
        dtype: dtype in which it is computed, the default float if None.

    Raises:
        ArgumentError: for an unknown reduction.

    Example:
        >>> class Cubic(Loss):
        ...     def call(self, y_true, y_pred):
        ...         return ops.mean(ops.absolute(y_true - y_pred) ** 3, axis=-1)
        >>> float(Cubic()([[0.0], [0.0]], [[1.0], [3.0]]))
        14.0
    """

    def __init__(
        self,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        self.name = name or auto_name(type(self).__name__)
        self.reduction = standardize_reduction(reduction)
        self._dtype = dtypes.standardize(dtype or config.floatx())

    @property
    def dtype(self) -> str:
        """Name of the dtype in which the loss is computed."""
        return self._dtype

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the reduced loss.

        Args:
            y_true: targets, of any structure of arrays or tensors.
            y_pred: predictions of the same structure.
            sample_weight: weights that stretch over the values of `call`.
        """
        in_mask = mask_of(y_pred)
        y_pred = self._converted(y_pred)
        y_true = self._converted(y_true)
        values = self.call(y_true, y_pred)
        mask = _both(in_mask, mask_of(values))
        return reduce_weighted_values(
            values, sample_weight, mask, self.reduction, self.dtype
        )

    def _converted(self, x: Any) -> Any:
        """Return the leaves as tensors; a list of numbers is a leaf."""
        if tree.is_nested(x) and not _is_numbers(x):
            return tree.map_structure(self._converted, x)
        return None if x is None else ops.convert_to_tensor(x, dtype=self.dtype)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return one loss value a sample; subclasses say how."""
        raise TypeError(
            message(
                type(self).__name__, "a Loss must define call(self, y_true, y_pred)."
            )
        )

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        """Return a loss made from `get_config`'s result."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


class LossFunctionWrapper(Loss):
    """The loss class around a function of targets and predictions.

    Args:
        fn: ``fn(y_true, y_pred, **kwargs)``, one value a sample.
        kwargs: handed to `fn` at each call.
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.fn = fn
        self._fn_kwargs = kwargs
        for key, value in kwargs.items():
            setattr(self, key, value)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the function's values, `y_true` and `y_pred` brought to one rank."""
        if not tree.is_nested(y_true):
            y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
        else:
            y_true, y_pred = _align_leaves(y_true, y_pred)
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def get_config(self) -> dict[str, Any]:
        """Return the base's config, the function, and its arguments."""
        return {**super().get_config(), "fn": self.fn, **self._fn_kwargs}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        """Return a loss made from `get_config`'s result."""
        return cls(**deserialize_keras_object(config))

    def __repr__(self) -> str:
        return f"<LossFunctionWrapper({self.fn}, kwargs={self._fn_kwargs})>"


class NamedLoss(LossFunctionWrapper):
    """A built-in loss: its class name says the function."""

    def get_config(self) -> dict[str, Any]:
        """Return name, reduction and the arguments of the class."""
        return {**Loss.get_config(self), **self._fn_kwargs}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


def _is_numbers(x: Any) -> bool:
    return isinstance(x, (list, tuple)) and all(
        isinstance(leaf, (int, float)) for leaf in tree.flatten(x)
    )


def standardize_reduction(reduction: str | None) -> str | None:
    """Return `reduction` if there is such a one.

    Raises:
        ArgumentError: if there is none.
    """
    if reduction not in REDUCTIONS:
        raise ArgumentError(
            message(
                "Loss", f"reduction must be one of {', '.join(map(repr, REDUCTIONS))}.",
                f"reduction={reduction!r}",
            )
        )  # fmt: skip
    return reduction


def mask_of(x: Any) -> Any:
    """Return the Keras mask a tensor carries, or None."""
    return getattr(x, "_keras_mask", None)


def _both(mask: Any, other: Any) -> Any:
    if mask is None or other is None:
        return other if mask is None else mask
    return ops.logical_and(mask, other)


def _align_leaves(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    pairs = [
        squeeze_or_expand_to_same_rank(t, p)
        for t, p in zip(tree.flatten(y_true), tree.flatten(y_pred), strict=True)
    ]
    lefts, rights = [t for t, _ in pairs], [p for _, p in pairs]
    return tree.pack_like(y_true, lefts), tree.pack_like(y_pred, rights)


def squeeze_or_expand_to_same_rank(
    x1: Any, x2: Any, expand_rank_1: bool = True
) -> tuple[Any, Any]:
    """Bring two tensors that differ by a last axis of size 1 to one rank.

    A vector gets the axis; of anything larger the other tensor loses it.
    """
    if len(x1.shape) == len(x2.shape) + 1 and x1.shape[-1] == 1:
        if len(x2.shape) == 1 and expand_rank_1:
            return x1, ops.expand_dims(x2, axis=-1)
        return ops.squeeze(x1, axis=-1), x2
    if len(x2.shape) == len(x1.shape) + 1:
        x2, x1 = squeeze_or_expand_to_same_rank(x2, x1, expand_rank_1)
    return x1, x2


def reduce_weighted_values(
    values: Any,
    sample_weight: Any = None,
    mask: Any = None,
    reduction: str | None = "sum_over_batch_size",
    dtype: Any = None,
) -> Any:
    """Weight the values of a loss, leave out what is masked, and reduce."""
    values = ops.convert_to_tensor(values, dtype=dtype)
    if sample_weight is not None:
        sample_weight = ops.convert_to_tensor(sample_weight, dtype=dtype)
    sample_weight = apply_mask(sample_weight, mask, values.dtype, reduction)
    if sample_weight is not None:
        sample_weight = ops.cast(sample_weight, values.dtype)
        values, sample_weight = squeeze_or_expand_to_same_rank(values, sample_weight)
        values = values * sample_weight
    return _reduce(values, sample_weight, reduction)


def apply_mask(sample_weight: Any, mask: Any, dtype: str, reduction: Any) -> Any:
    """Return weights that are zero where the mask is; means count only what is left."""
    if mask is None:
        return sample_weight
    weight = ops.cast(mask, dtype)
    if reduction in ("mean", "sum_over_batch_size"):
        valid = ops.sum(weight)
        count = dims.product(weight.shape)
        # All masked: 0 / 0 must give 0, as the weights are zero anyway.
        weight = weight * count / ops.where(valid > 0, valid, 1.0)
    if sample_weight is None:
        return weight
    sample_weight = ops.cast(sample_weight, dtype)
    weight, sample_weight = squeeze_or_expand_to_same_rank(weight, sample_weight)
    return sample_weight * weight


def _reduce(values: Any, sample_weight: Any, reduction: str | None) -> Any:
    shape = tuple(values.shape)
    if reduction in (None, "none") or shape in ((), (0,)):
        return values
    total = ops.sum(values)
    if reduction not in _MEANS:
        return total
    if reduction == "mean_with_sample_weight" and sample_weight is not None:
        return ops.divide_no_nan(total, ops.sum(sample_weight))
    count = dims.product(shape)
    return total / count if count != 0 else total
