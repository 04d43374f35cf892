"""Activation functions as layers."""

from __future__ import annotations

from typing import Any

from graphkeras import activations, constraints, initializers, ops, regularizers
from graphkeras.errors import ArgumentError, message
from graphkeras.layers.layer import Layer
from graphkeras.layers.validation import is_int


class Activation(Layer):
    """An activation function by name or as a callable.

    Example:
        >>> import numpy as np
        >>> Activation("tanh")(np.zeros((1, 2), "float32")).numpy()
        array([[0., 0.]], dtype=float32)
    """

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Return activation(inputs)."""
        return self.activation(inputs)


def _not_negative(who: str, name: str, value: Any) -> Any:
    if (value is not None and value < 0) or (value is None and name != "max_value"):
        raise ArgumentError(message(who, f"expected {name} >= 0.", f"{name}={value}"))
    return value


class ReLU(Layer):
    """x above `threshold`, else a slope; at most `max_value`."""

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.max_value = _not_negative("ReLU", "max_value", max_value)
        self.negative_slope = _not_negative("ReLU", "negative_slope", negative_slope)
        self.threshold = _not_negative("ReLU", "threshold", threshold)
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Return relu(inputs)."""
        return activations.relu(
            inputs, self.negative_slope, self.max_value, self.threshold
        )


class LeakyReLU(Layer):
    """x if x > 0, else negative_slope * x."""

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.negative_slope = _not_negative(
            "LeakyReLU", "negative_slope", negative_slope
        )
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Return leaky_relu(inputs)."""
        return ops.leaky_relu(inputs, self.negative_slope)


class ELU(Layer):
    """x if x > 0, else alpha * (e^x - 1)."""

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = alpha
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Return elu(inputs)."""
        return ops.elu(inputs, self.alpha)


class PReLU(Layer):
    """x if x > 0, else alpha * x with learned alpha.

    Args:
        alpha_initializer, alpha_regularizer, alpha_constraint: of the weight.
        shared_axes: axes along which alpha is one number.
    """

    def __init__(
        self,
        alpha_initializer: Any = "Zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        axes = [shared_axes] if isinstance(shared_axes, int) else shared_axes
        self.shared_axes = None if axes is None else list(axes)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Make alpha of the inputs' shape, 1 along the shared axes."""
        shared = self.shared_axes or []
        sizes = [1 if a in shared else s for a, s in enumerate(input_shape) if a > 0]
        self.alpha = self.add_weight(
            tuple(sizes), self.alpha_initializer, name="alpha",
            regularizer=self.alpha_regularizer, constraint=self.alpha_constraint,
        )  # fmt: skip

    def call(self, inputs: Any) -> Any:
        """Return max(x, 0) + alpha * min(x, 0)."""
        # By relu, since its gradient at zero is zero: so Keras's is, too.
        return ops.relu(inputs) - self.alpha * ops.relu(-inputs)


class Softmax(Layer):
    """softmax over `axis`; masked entries get probability zero.

    Example:
        >>> import numpy as np
        >>> Softmax()(np.zeros((1, 4), "float32")).numpy()
        array([[0.25, 0.25, 0.25, 0.25]], dtype=float32)
    """

    def __init__(self, axis: Any = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis
        self.supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Return the probabilities."""
        axis = self.axis if is_int(self.axis) else tuple(self.axis)
        if mask is None:
            return ops.softmax(inputs, axis=axis)
        if mask.dtype != "bool":
            mask = ops.greater(mask, 0.5)
        lowest = -3e4 if inputs.dtype == "float16" else -1e9
        found = ops.softmax(ops.where(mask, inputs, lowest), axis=axis)
        return ops.where(mask, found, 0)  # where nothing is seen it would be uniform
