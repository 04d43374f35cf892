"""Several tensors made one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphkeras import ops
from graphkeras.errors import ArgumentError, ShapeError, message
from graphkeras.ir import dims
from graphkeras.layers.layer import Layer
from graphkeras.layers.validation import is_int


class _Merge(Layer):
    """Base: a list of tensors, stretched to one shape, folded by `_merge`."""

    _fewest = 1

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Return the merged tensors."""
        return self._merge(_same_rank(_listed(self, inputs, self._fewest)))

    def _merge(self, xs: list[Any]) -> Any:
        return _fold(type(self)._pair, xs)

    _pair: Callable[[Any, Any], Any]

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return where any of the inputs is not masked; None if one has no mask."""
        if mask is None or any(m is None for m in mask):
            return None
        return _fold(ops.logical_or, list(mask))


def _listed(layer: Layer, inputs: Any, fewest: int) -> list[Any]:
    if not isinstance(inputs, (list, tuple)) or len(inputs) < fewest:
        count = len(inputs) if isinstance(inputs, (list, tuple)) else "a single tensor"
        raise ArgumentError(
            message(
                "", f"expected a list of at least {fewest} tensor(s).", f"{count}",
                f"Write {type(layer).__name__}()([a, b]).",
            )
        )  # fmt: skip
    return list(inputs)


def _same_rank(xs: list[Any]) -> list[Any]:
    """Give tensors of lower rank axes of size 1 after the batch, as Keras does."""
    rank = max(len(x.shape) for x in xs)
    for i, x in enumerate(xs):
        for _ in range(rank - len(x.shape)):
            xs[i] = ops.expand_dims(xs[i], axis=1)
    return xs


def _fold(function: Callable[[Any, Any], Any], xs: list[Any]) -> Any:
    total = xs[0]
    for x in xs[1:]:
        total = function(total, x)
    return total


class Add(_Merge):
    """Sum of the inputs, elementwise.

    Example:
        >>> import numpy as np
        >>> Add()([np.ones((1, 2)), np.ones((1, 2))]).numpy()
        array([[2., 2.]], dtype=float32)
    """

    _pair = staticmethod(ops.add)


class Multiply(_Merge):
    """Product of the inputs, elementwise."""

    _pair = staticmethod(ops.multiply)


class Maximum(_Merge):
    """Largest of the inputs, elementwise."""

    _pair = staticmethod(ops.maximum)


class Minimum(_Merge):
    """Smallest of the inputs, elementwise."""

    _pair = staticmethod(ops.minimum)


class Average(_Merge):
    """Mean of the inputs, elementwise."""

    def _merge(self, xs: list[Any]) -> Any:
        return _fold(ops.add, xs) / len(xs)


class Subtract(_Merge):
    """The first of two inputs minus the second, elementwise."""

    _fewest = 2

    def _merge(self, xs: list[Any]) -> Any:
        if len(xs) != 2:
            raise ArgumentError(message("", "expected two tensors.", str(len(xs))))
        return ops.subtract(xs[0], xs[1])


class Concatenate(Layer):
    """The inputs joined along an axis.

    Args:
        axis: axis along which they are joined.

    Example:
        >>> import numpy as np
        >>> Concatenate()([np.ones((1, 2)), np.zeros((1, 1))]).numpy()
        array([[1., 1., 0.]], dtype=float32)
    """

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not is_int(axis):
            raise ArgumentError(
                message("Concatenate", "expected axis to be an int.", f"axis={axis!r}")
            )
        self.axis = axis
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Return the joined tensors."""
        return ops.concatenate(_listed(self, inputs, 1), axis=self.axis)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the joined masks; an input without one counts as unmasked."""
        if mask is None or all(m is None for m in mask):
            return None
        masks = [_full_mask(x, m) for x, m in zip(inputs, mask)]
        return ops.any(ops.concatenate(masks, axis=self.axis), axis=-1)


def _full_mask(x: Any, mask: Any) -> Any:
    if mask is None:
        return ops.ones_like(x, dtype="bool")
    if len(mask.shape) < len(x.shape):
        return ops.broadcast_to(ops.expand_dims(mask, -1), tuple(x.shape))
    return mask


class Dot(Layer):
    """Products of two tensors, summed over an axis of each, batch by batch.

    Args:
        axes: axis to sum over, one for both inputs or a pair.
        normalize: whether the inputs are first given norm 1 (cosine proximity).

    Shapes: (batch, ..., n) and (batch, n, ...) -> (batch, ..., ...).

    Example:
        >>> import numpy as np
        >>> Dot(axes=1)([np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])]).numpy()
        array([[11.]], dtype=float32)
    """

    def __init__(self, axes: Any, normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        pair = (axes, axes) if is_int(axes) else axes
        if not isinstance(pair, (list, tuple)) or len(pair) != 2 or not all(
            map(is_int, pair)
        ):  # fmt: skip
            raise ArgumentError(
                message("Dot", "expected axes to be an int or two.", f"axes={axes!r}")
            )
        self.axes, self.normalize = axes, normalize
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Return the sums of products."""
        pair = _listed(self, inputs, 2)
        if len(pair) != 2:
            raise ArgumentError(message("", "expected two tensors.", str(len(pair))))
        given = (self.axes, self.axes) if is_int(self.axes) else self.axes
        axes = [a % len(x.shape) for x, a in zip(pair, given)]
        self._check(pair, axes)
        if self.normalize:
            pair = [ops.normalize(x, axis=a) for x, a in zip(pair, axes)]
        left = ops.moveaxis(pair[0], axes[0], -1)
        right = ops.moveaxis(pair[1], axes[1], 1)
        return _batch_product(left, right)

    def _check(self, pair: list[Any], axes: list[int]) -> None:
        sizes = [x.shape[a] for x, a in zip(pair, axes)]
        if sizes[0] != sizes[1] or 0 in axes:
            raise ShapeError(
                message(
                    "", "expected axes after the batch, of one size.",
                    f"shapes {list(pair[0].shape)} and {list(pair[1].shape)}, "
                    f"axes={self.axes}",
                )
            )  # fmt: skip

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The axes of the masks are gone."""
        return None


def _batch_product(left: Any, right: Any) -> Any:
    """(b, *m, k) and (b, k, *n) -> (b, *m, *n), at least of rank 2."""
    batch, *rows, size = left.shape
    columns = right.shape[2:]
    flat_left = ops.reshape(left, (batch, dims.product(rows), size))
    flat_right = ops.reshape(right, (right.shape[0], size, dims.product(columns)))
    kept = (*rows, *columns) or (1,)
    return ops.reshape(ops.matmul(flat_left, flat_right), (batch, *kept))


def add(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Return the sum of the inputs; see Add."""
    return Add(**kwargs)(inputs)


def subtract(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Return the difference of two inputs; see Subtract."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Return the product of the inputs; see Multiply."""
    return Multiply(**kwargs)(inputs)


def average(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Return the mean of the inputs; see Average."""
    return Average(**kwargs)(inputs)


def maximum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Return the largest of the inputs; see Maximum."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Return the smallest of the inputs; see Minimum."""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs: Sequence[Any], axis: int = -1, **kwargs: Any) -> Any:
    """Return the inputs joined along an axis; see Concatenate."""
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs: Sequence[Any], axes: Any = -1, **kwargs: Any) -> Any:
    """Return sums of products of two inputs; see Dot."""
    return Dot(axes=axes, **kwargs)(inputs)
