"""Preparation of numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from graphkeras import config, ops
from graphkeras.data import Dataset
from graphkeras.errors import ArgumentError, DataError, ShapeError, message
from graphkeras.layers.layer import Layer
from graphkeras.layers.preprocessing.batches import batches_of, plain_as_array
from graphkeras.layers.validation import is_int


class Normalization(Layer):
    """(x - mean) / sqrt(variance), both learned by `adapt` or given.

    Args:
        axis: axis or axes that have a mean and variance of their own, None for one of
            each in all.
        mean, variance: given instead of adapted; they stretch to the kept axes.
        invert: whether to undo the normalization instead.

    Example:
        >>> layer = Normalization()
        >>> layer.adapt(np.array([[0.0], [2.0], [4.0]], "float32"))
        >>> layer(np.array([[2.0]], "float32")).numpy()
        array([[0.]], dtype=float32)
    """

    _not_in_config = ("mean", "variance")

    def __init__(
        self,
        axis: Any = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        axes = () if axis is None else (axis,) if is_int(axis) else tuple(axis)
        if (mean is None) != (variance is None):
            raise ArgumentError(
                message(
                    "Normalization", "expected mean and variance together.",
                    f"mean={mean}, variance={variance}", "Give both or call adapt().",
                )
            )  # fmt: skip
        if np.shape(mean) != np.shape(variance) or np.ndim(mean) > len(axes):
            raise ArgumentError(
                message(
                    "Normalization", "expected mean and variance of one shape, with no "
                    f"more axes than {len(axes)}.",
                    f"shapes {np.shape(mean)} and {np.shape(variance)}, axis={axis}",
                    "Name the axes they go along: axis=...",
                )
            )  # fmt: skip
        self.axis, self.invert = axes, invert
        self.input_mean, self.input_variance = mean, variance
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Make mean and variance of the kept axes, and a count."""
        rank = len(input_shape)
        if any(not -rank <= a < rank for a in self.axis):
            raise ShapeError(
                message("", f"expected axis below rank {rank}.", f"axis={self.axis}")
            )
        self._kept = tuple(sorted(a % rank for a in self.axis))
        if len({*self._kept}) < len(self._kept):
            raise ShapeError(
                message("", "expected different axes.",
                        f"axis={self.axis} for shape {input_shape}")
            )  # fmt: skip
        sizes = tuple(input_shape[a] for a in self._kept)
        if None in sizes:
            raise ShapeError(
                message(
                    "", f"expected known sizes on the axes {self.axis}.",
                    f"shape {input_shape}", "Give the Input fixed sizes there.",
                )
            )  # fmt: skip
        self._around = tuple(
            s if a in self._kept else 1 for a, s in enumerate(input_shape)
        )
        self._check_given(sizes)
        if self.input_mean is None:
            self.adapt_mean = self.add_weight(sizes, "zeros", name="mean",
                                              trainable=False)  # fmt: skip
            self.adapt_variance = self.add_weight(sizes, "ones", name="variance",
                                                  trainable=False)  # fmt: skip
            self.count = self.add_weight((), "zeros", "int32", False, name="count")

    def _check_given(self, sizes: tuple[int, ...]) -> None:
        given = np.shape(self.input_mean)
        try:
            fits = np.broadcast_shapes(given, sizes) == sizes
        except ValueError:
            fits = False
        if not fits:
            raise ShapeError(
                message("", f"expected mean and variance of shape {[*sizes]}, as the "
                        f"inputs have on the axes {self.axis}.", f"shape {[*given]}")
            )  # fmt: skip

    @property
    def mean(self) -> Any:
        """Mean, with axes of size 1 where there is one for all; None before build."""
        return self._statistic("mean")

    @property
    def variance(self) -> Any:
        """Variance, shaped as `mean`."""
        return self._statistic("variance")

    def _statistic(self, name: str) -> Any:
        given = getattr(self, f"input_{name}")
        if not self.built:
            return given
        if given is None:
            return ops.reshape(getattr(self, f"adapt_{name}").value, self._around)
        number = np.asarray(given, self.compute_dtype)
        sizes = tuple(self._around[a] for a in self._kept)
        return np.broadcast_to(number, sizes).reshape(self._around)

    def __call__(self, inputs: Any, **kwargs: Any) -> Any:
        """Compute on arrays, lists of numbers, or tensors of any kind."""
        return super().__call__(plain_as_array(inputs), **kwargs)

    def call(self, inputs: Any) -> Any:
        """Return the inputs normalized, or brought back if `invert`."""
        x = ops.cast(inputs, self.compute_dtype)
        mean = ops.convert_to_tensor(self.mean)
        deviation = ops.maximum(ops.sqrt(self.variance), config.epsilon())
        if self.invert:
            return mean + x * deviation
        return (x - mean) / deviation

    def adapt(self, data: Any) -> None:
        """Learn mean and variance from an array or an iterable of batches.

        Raises:
            DataError: if there is nothing to learn from.
            ShapeError: if the sizes of the kept axes change.
        """
        if self.input_mean is not None:
            raise ArgumentError(
                message(
                    self.name, "expected no adapt(), since mean and variance were "
                    "given.", "", "Leave them out of the constructor to adapt.",
                )
            )  # fmt: skip
        total, mean, variance = 0, 0.0, 0.0
        for batch in _batches(self.name, data):
            if not batch.size:
                continue
            if not self.built:
                kept = {a % max(batch.ndim, 1) for a in self.axis}
                free = batch.shape if 0 in kept else (None, *batch.shape[1:])
                with self._named_errors():
                    self.build(free[: batch.ndim])
            self._check_batch(batch)
            axes = tuple(a for a in range(batch.ndim) if a not in self._kept)
            count = math.prod(batch.shape[a] for a in axes)
            new_mean, new_variance = batch.mean(axis=axes), batch.var(axis=axes)
            total += count
            share = count / total
            # Chan, Golub and LeVeque (1983): variances of two parts make one.
            apart = new_mean - mean
            variance = (1 - share) * variance + share * new_variance
            variance = variance + share * (1 - share) * apart**2
            mean = mean + share * apart
        if not total:
            raise DataError(
                message(self.name, "expected data to adapt to.", "no samples")
            )
        self.adapt_mean.assign(np.asarray(mean))
        self.adapt_variance.assign(np.asarray(variance))
        self.count.assign(np.asarray(total))

    def _check_batch(self, batch: np.ndarray) -> None:
        expected = tuple(self._around[a] for a in self._kept)
        fits = batch.ndim == len(self._around)
        if not fits or tuple(batch.shape[a] for a in self._kept) != expected:
            raise ShapeError(
                message(
                    self.name, f"expected batches with sizes {expected} on the axes "
                    f"{self._kept}.", f"shape {batch.shape}",
                )
            )  # fmt: skip

    def _library_config(self) -> dict[str, Any]:
        given = {"mean": self.input_mean, "variance": self.input_variance}
        plain = {k: None if v is None else np.asarray(v).tolist() for k, v in
                 given.items()}  # fmt: skip
        return super()._library_config() | plain


_ROWS = 128  # of a data set without batches, read at once


def _batches(who: str, data: Any) -> Iterator[np.ndarray]:
    """Yield float64 arrays: the array itself, or the inputs of each batch."""
    if isinstance(data, Dataset):
        data = data.in_batches(_ROWS)
    if isinstance(data, (list, tuple)) and any(hasattr(d, "shape") for d in data):
        data = iter(data)  # of batches
    for batch in batches_of(who, data, None):
        try:
            yield np.asarray(batch, "float64")
        except (TypeError, ValueError):
            raise DataError(
                message(who, "adapt expected numbers in rows of one length.",
                        f"{type(batch).__name__}",
                        "Convert text by StringLookup, and pad rows.")
            ) from None  # fmt: skip
