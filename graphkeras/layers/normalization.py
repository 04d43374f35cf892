"""Activations brought to mean 0 and variance 1."""

from __future__ import annotations

from typing import Any

from graphkeras import config, dtypes, initializers, ops
from graphkeras.errors import ArgumentError, ShapeError, message
from graphkeras.ir.types import normalize_axes, normalize_axis
from graphkeras.layers.facets import add_weight, keep_facets
from graphkeras.layers.input_spec import InputSpec
from graphkeras.layers.layer import Layer
from graphkeras.layers.validation import is_int, positive_int


class _Affine(Layer):
    """Base: scale gamma and offset beta after normalizing."""

    def _keep(self, center: bool, scale: bool, **facets: Any) -> None:
        self.center, self.scale = center, scale
        keep_facets(self, **facets)
        self.supports_masking = True
        self.autocast = False

    def _add_affine(self, shape: tuple[int, ...]) -> None:
        self.gamma = add_weight(self, "gamma", shape) if self.scale else None
        self.beta = add_weight(self, "beta", shape) if self.center else None


def _wide(x: Any) -> Any:
    """Return x in float32 at least: half floats do not hold sums of squares."""
    return ops.cast(x, dtypes.result_type(x.dtype, "float32"))


def _known_size(input_shape: Any, axis: int) -> int:
    place = normalize_axis(axis, len(input_shape))
    if input_shape[place] is None:
        raise ShapeError(
            message(
                "", f"expected a known size on axis {axis}.", f"shape {input_shape}",
                "Give the Input a fixed size there.",
            )
        )  # fmt: skip
    return input_shape[place]


class BatchNormalization(_Affine):
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta, over all axes but one.

    In training mean and variance are those of the batch, and moving averages of them
    are kept; in inference the averages are used (Ioffe and Szegedy, 2015). A frozen
    layer (`trainable = False`) always uses the averages.

    Args:
        axis: the axis of features.
        momentum: share of the old average that is kept.
        epsilon: added to the variance.
        center, scale: whether there is a beta, a gamma.
        beta_initializer, gamma_initializer, moving_mean_initializer,
            moving_variance_initializer: first values.
        beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint: of the
            weights.
        renorm: must be False.
        synchronized: no effect on one machine.

    Shapes: x: any -> the same.

    Example:
        >>> import numpy as np
        >>> layer = BatchNormalization(epsilon=0.0)
        >>> layer(np.array([[1.0], [3.0]]), training=True).numpy()
        array([[-1.],
               [ 1.]], dtype=float32)
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: Any = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        _check_batch_norm(axis, renorm)
        self.axis, self.momentum, self.epsilon = axis, momentum, epsilon
        self.renorm, self.renorm_clipping = renorm, renorm_clipping
        self.renorm_momentum, self.synchronized = renorm_momentum, synchronized
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self._keep(
            center, scale, beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer, beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer, beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )  # fmt: skip

    def build(self, input_shape: Any) -> None:
        """Make gamma, beta and the moving averages, each (features,)."""
        shape = (_known_size(input_shape, self.axis),)
        self._add_affine(shape)
        self.moving_mean = self.add_weight(
            shape, self.moving_mean_initializer, name="moving_mean", trainable=False
        )
        self.moving_variance = self.add_weight(
            shape, self.moving_variance_initializer, name="moving_variance",
            trainable=False,
        )  # fmt: skip
        place = normalize_axis(self.axis, len(input_shape))
        self.input_spec = InputSpec(ndim=len(input_shape), axes={place: shape[0]})

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        """Return the normalized inputs."""
        x = _wide(inputs)
        mean, variance = self.moving_mean, self.moving_variance
        if training and self.trainable:
            mean, variance = self._moments(x, mask)
            self._follow(self.moving_mean, mean)
            self._follow(self.moving_variance, variance)
        x = ops.batch_normalization(
            x, mean, variance, self.axis, self.beta, self.gamma, self.epsilon
        )
        return ops.cast(x, self.compute_dtype)

    def _follow(self, average: Any, now: Any) -> None:
        average.assign(average * self.momentum + now * (1.0 - self.momentum))

    def _moments(self, x: Any, mask: Any) -> tuple[Any, Any]:
        place = normalize_axis(self.axis, len(x.shape))
        axes = tuple(a for a in range(len(x.shape)) if a != place)
        if mask is None:
            return ops.moments(x, axes)
        if len(mask.shape) != len(x.shape) - 1:
            raise ShapeError(
                message(
                    "", "expected a mask of one axis less than the inputs.",
                    f"mask {list(mask.shape)}, inputs {list(x.shape)}",
                )
            )  # fmt: skip
        share = ops.broadcast_to(ops.expand_dims(ops.cast(mask, x.dtype), -1),
                                 tuple(x.shape))  # fmt: skip
        count = ops.sum(share, axis=axes, keepdims=True) + config.epsilon()
        mean = ops.sum(share * x, axis=axes, keepdims=True) / count
        square = share * ops.square(x - mean)
        variance = ops.sum(square, axis=axes, keepdims=True) / count
        return ops.squeeze(mean, axes), ops.squeeze(variance, axes)


def _check_batch_norm(axis: Any, renorm: bool) -> None:
    if not is_int(axis):
        raise ArgumentError(
            message("BatchNormalization", "expected axis to be an int.", f"axis={axis}")
        )
    if renorm:
        raise ArgumentError(
            message(
                "BatchNormalization", "expected renorm=False.", "renorm=True",
                "Use a larger batch, or LayerNormalization.",
            )
        )  # fmt: skip


class LayerNormalization(_Affine):
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta over `axis` of each sample.

    Args:
        axis: axis or axes that are normalized together.
        epsilon: added to the variance.
        center, scale: whether there is a beta, a gamma.
        beta_initializer, gamma_initializer: first values.
        beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint: of the
            weights.
        rms_scaling: only for older files: divide by the deviation, and do no more.

    Shapes: x: any -> the same.
    """

    def __init__(
        self,
        axis: Any = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        self.rms_scaling = kwargs.pop("rms_scaling", False)
        super().__init__(**kwargs)
        self.axis, self.epsilon = _axes_of("LayerNormalization", axis), epsilon
        self._keep(
            center, scale, beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer, beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer, beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )  # fmt: skip

    def build(self, input_shape: Any) -> None:
        """Make gamma and beta of the sizes of `axis`."""
        self.axis = sorted(self.axis) if isinstance(self.axis, list) else [self.axis]
        sizes = tuple(_known_size(input_shape, a) for a in self.axis)
        if self.rms_scaling:
            self.gamma, self.beta = add_weight(self, "gamma", sizes), None
        else:
            self._add_affine(sizes)

    def call(self, inputs: Any) -> Any:
        """Return the normalized inputs."""
        x = _wide(inputs)
        axes = normalize_axes(self.axis, len(x.shape))
        if self.rms_scaling:
            spread = ops.var(x, axis=axes, keepdims=True)
            shape = [s if a in axes else 1 for a, s in enumerate(x.shape)]
            x = x * ops.rsqrt(spread + self.epsilon) * ops.reshape(self.gamma, shape)
        else:
            x = ops.layer_normalization(x, self.gamma, self.beta, axes, self.epsilon)
        return ops.cast(x, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "rms_scaling": self.rms_scaling}


class GroupNormalization(_Affine):
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta over groups of channels.

    Args:
        groups: number of groups; -1 for one of each channel (instance normalization).
        axis: the axis of channels.
        epsilon: added to the variance.
        center, scale: whether there is a beta, a gamma.
        beta_initializer, gamma_initializer: first values.
        beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint: of the
            weights.

    Shapes: x: (batch, ..., channels) -> the same.
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.groups = groups
        if groups != -1:
            positive_int("GroupNormalization", "groups", groups)
        self.axis, self.epsilon = axis, epsilon
        self._keep(
            center, scale, beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer, beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer, beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )  # fmt: skip

    def build(self, input_shape: Any) -> None:
        """Make gamma and beta, each (channels,)."""
        channels = _known_size(input_shape, self.axis)
        self.groups = channels if self.groups == -1 else self.groups
        if channels % self.groups:
            raise ShapeError(
                message(
                    "", "expected groups to divide the channels.",
                    f"groups={self.groups}, {channels} channels",
                )
            )  # fmt: skip
        place = normalize_axis(self.axis, len(input_shape))
        self.input_spec = InputSpec(ndim=len(input_shape), axes={place: channels})
        self._add_affine((channels,))

    def call(self, inputs: Any) -> Any:
        """Return the normalized inputs."""
        shape = tuple(inputs.shape)
        place = normalize_axis(self.axis, len(shape))
        split = (self.groups, shape[place] // self.groups)
        x = _wide(inputs)
        x = ops.reshape(x, (*shape[:place], *split, *shape[place + 1 :]))
        axes = tuple(a for a in range(1, len(shape) + 1) if a != place)
        mean, variance = ops.moments(x, axes, keepdims=True)
        x = (x - mean) * ops.rsqrt(variance + self.epsilon)
        x = ops.reshape(x, shape)
        around = tuple(s if a == place else 1 for a, s in enumerate(shape))
        if self.gamma is not None:
            x = x * ops.reshape(self.gamma, around)
        if self.beta is not None:
            x = x + ops.reshape(self.beta, around)
        return ops.cast(x, self.compute_dtype)


def _axes_of(who: str, axis: Any) -> Any:
    if is_int(axis):
        return int(axis)
    if isinstance(axis, (list, tuple)) and all(map(is_int, axis)):
        return [int(a) for a in axis]
    raise ArgumentError(
        message(who, "expected axis to be an int or a list of ints.", f"axis={axis!r}")
    )


class RMSNormalization(Layer):
    """x / sqrt(mean(x^2) + epsilon) * scale over `axis` of each sample."""

    def __init__(self, axis: Any = -1, epsilon: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis, self.epsilon = _axes_of("RMSNormalization", axis), epsilon

    def build(self, input_shape: Any) -> None:
        """Make scale of the sizes of `axis`."""
        self.axis = sorted(self.axis) if isinstance(self.axis, list) else [self.axis]
        sizes = tuple(_known_size(input_shape, a) for a in self.axis)
        self.scale = self.add_weight(sizes, "ones", name="scale")

    def call(self, inputs: Any) -> Any:
        """Return the normalized inputs."""
        return ops.rms_normalization(inputs, self.scale, tuple(self.axis), self.epsilon)


class UnitNormalization(Layer):
    """x / norm(x) over `axis` of each sample."""

    def __init__(self, axis: Any = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = _axes_of("UnitNormalization", axis)
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Return the inputs with norm 1."""
        axes = tuple(self.axis) if isinstance(self.axis, list) else self.axis
        return ops.normalize(inputs, axis=axes, order=2, epsilon=1e-12)
