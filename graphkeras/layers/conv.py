"""Convolutions in one, two and three dimensions."""

from __future__ import annotations

from typing import Any

from graphkeras import activations, constraints, initializers, ops, regularizers
from graphkeras.errors import ArgumentError, ShapeError, message
from graphkeras.layers.input_spec import InputSpec
from graphkeras.layers.layer import Layer
from graphkeras.layers.tuned import Tuned
from graphkeras.layers.validation import image_format, int_tuple, one_of, positive_int


class Convolution(Layer):
    """Base of the convolutions: window, layout, bias and activation."""

    rank = 2
    _paddings: tuple[str, ...] = ("valid", "same")

    def _keep_window(
        self, kernel_size: Any, strides: Any, padding: Any, data_format: Any,
        dilation_rate: Any,
    ) -> None:  # fmt: skip
        who, rank = type(self).__name__, self.rank
        self.kernel_size = int_tuple(who, "kernel_size", kernel_size, rank)
        self.strides = int_tuple(who, "strides", strides, rank)
        self.dilation_rate = int_tuple(who, "dilation_rate", dilation_rate, rank)
        self.padding = one_of(who, "padding", padding, self._paddings)
        self.data_format = image_format(who, data_format)
        self.input_spec = InputSpec(min_ndim=rank + 2)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ArgumentError(
                message(
                    who, "expected strides or dilation_rate to be 1.",
                    f"strides={self.strides}, dilation_rate={self.dilation_rate}",
                    "Dilate first and pool afterwards.",
                )
            )  # fmt: skip

    def _keep_bias(
        self, activation: Any, use_bias: bool, initializer: Any, regularizer: Any,
        constraint: Any,
    ) -> None:  # fmt: skip
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.bias_initializer = initializers.get(initializer)
        self.bias_regularizer = regularizers.get(regularizer)
        self.bias_constraint = constraints.get(constraint)

    def _keep_kernel(
        self,
        initializer: Any,
        regularizer: Any,
        constraint: Any,
        prefix: str = "kernel",
    ) -> None:
        setattr(self, f"{prefix}_initializer", initializers.get(initializer))
        setattr(self, f"{prefix}_regularizer", regularizers.get(regularizer))
        setattr(self, f"{prefix}_constraint", constraints.get(constraint))

    def _channels(self, input_shape: Any) -> int:
        """Return the number of channels, and expect it from now on."""
        axis = -1 if self.data_format == "channels_last" else 1
        channels = input_shape[axis]
        if channels is None:
            raise ShapeError(
                message(
                    "", "expected a known number of channels.", f"shape {input_shape}",
                    "Give the Input a fixed size on its channel axis.",
                )
            )  # fmt: skip
        self.input_spec = InputSpec(min_ndim=self.rank + 2, axes={axis: channels})
        return channels

    def _add_kernel(self, shape: tuple, prefix: str = "kernel", name: str = "") -> Any:
        return self.add_weight(
            shape, getattr(self, f"{prefix}_initializer"), name=name or "kernel",
            regularizer=getattr(self, f"{prefix}_regularizer"),
            constraint=getattr(self, f"{prefix}_constraint"),
        )  # fmt: skip

    def _add_bias(self, filters: int) -> None:
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (filters,), self.bias_initializer, name="bias",
                regularizer=self.bias_regularizer, constraint=self.bias_constraint,
            )  # fmt: skip

    def _window(self) -> dict[str, Any]:
        return {
            "strides": self.strides, "padding": self.padding,
            "data_format": self.data_format, "dilation_rate": self.dilation_rate,
        }  # fmt: skip

    def _finished(self, x: Any) -> Any:
        """Add the bias and apply the activation."""
        if self.bias is not None:
            last = self.data_format == "channels_last"
            shape = (-1,) if last else (-1, *(1,) * self.rank)
            x = ops.add(x, self.bias if last else ops.reshape(self.bias, shape))
        return self.activation(x)


class _Conv(Tuned, Convolution):
    """activation(conv(x, kernel) + bias).

    Args:
        filters: number of output channels.
        kernel_size: window, an int or one for each spatial axis.
        strides: distance of windows.
        padding: "valid", "same", or in 1-D "causal".
        data_format: "channels_last" or "channels_first".
        dilation_rate: distance of the kernel's taps.
        groups: number of groups into which the channels are divided.
        activation: name or callable.
        use_bias: whether there is a bias.
        kernel_initializer, bias_initializer: first values.
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties.
        kernel_constraint, bias_constraint: projections after each update.
        lora_rank, lora_alpha: as for `enable_lora`, which is called when built.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        who = type(self).__name__
        self.filters = positive_int(who, "filters", filters)
        self.groups = positive_int(who, "groups", groups)
        self._keep_window(kernel_size, strides, padding, data_format, dilation_rate)
        self._keep_bias(
            activation, use_bias, bias_initializer, bias_regularizer, bias_constraint
        )
        self._keep_kernel(kernel_initializer, kernel_regularizer, kernel_constraint)
        self._keep_tuning(lora_rank, lora_alpha)
        self._check_groups(self.filters, "filters")

    def _check_groups(self, number: int, what: str) -> None:
        if number % self.groups:
            raise ArgumentError(
                message(
                    type(self).__name__, f"expected groups to divide {what}.",
                    f"groups={self.groups}, {what}={number}",
                )
            )  # fmt: skip

    def build(self, input_shape: Any) -> None:
        """Make kernel (*window, channels / groups, filters) and bias."""
        channels = self._channels(input_shape)
        self._check_groups(channels, "the input channels")
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        self._matrix = self._add_kernel(shape)
        self._add_bias(self.filters)
        self._finish_matrix()

    @property
    def kernel(self) -> Any:
        """The kernel: a variable, or with LoRA a tensor."""
        return self._tuned()

    def call(self, inputs: Any) -> Any:
        """Return the feature maps."""
        return self._finished(ops.conv(inputs, self.kernel, **self._window()))


class Conv1D(_Conv):
    """Convolution along one axis.

    Shapes: x: (batch, steps, channels) -> (batch, new steps, filters).
    """

    __doc__ = f"{__doc__}\n{_Conv.__doc__}"
    rank = 1
    _paddings = ("valid", "same", "causal")


class Conv2D(_Conv):
    """Convolution of images.

    Shapes: x: (batch, height, width, channels) -> (batch, height, width, filters).

    Example:
        >>> import numpy as np
        >>> Conv2D(8, 3, activation="relu")(np.ones((1, 28, 28, 1), "float32")).shape
        (1, 26, 26, 8)
    """

    __doc__ = f"{__doc__}\n{_Conv.__doc__}"


class Conv3D(_Conv):
    """Convolution of volumes.

    Shapes: x: (batch, depth, height, width, channels) -> (batch, ..., filters).

    Example:
        >>> import numpy as np
        >>> Conv3D(8, 3)(np.ones((1, 5, 6, 7, 1), "float32")).shape
        (1, 3, 4, 5, 8)
    """

    __doc__ = f"{__doc__}\n{_Conv.__doc__}"
    rank = 3


class _DepthwiseConv(Convolution):
    """Each channel convolved with kernels of its own.

    Args:
        kernel_size, strides, padding, data_format, dilation_rate: as for Conv2D.
        depth_multiplier: output channels for each input channel.
        activation, use_bias: as for Conv2D.
        depthwise_initializer, bias_initializer: first values.
        depthwise_regularizer, bias_regularizer, activity_regularizer: penalties.
        depthwise_constraint, bias_constraint: projections after each update.
    """

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.depth_multiplier = positive_int(
            type(self).__name__, "depth_multiplier", depth_multiplier
        )
        self._keep_window(kernel_size, strides, padding, data_format, dilation_rate)
        self._keep_bias(
            activation, use_bias, bias_initializer, bias_regularizer, bias_constraint
        )
        self._keep_kernel(
            depthwise_initializer, depthwise_regularizer, depthwise_constraint,
            "depthwise",
        )  # fmt: skip

    def build(self, input_shape: Any) -> None:
        """Make kernel (*window, channels, multiplier) and bias."""
        channels = self._channels(input_shape)
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self.kernel = self._add_kernel(shape, "depthwise")
        self._add_bias(channels * self.depth_multiplier)

    def call(self, inputs: Any) -> Any:
        """Return the feature maps."""
        return self._finished(ops.depthwise_conv(inputs, self.kernel, **self._window()))


class DepthwiseConv1D(_DepthwiseConv):
    __doc__ = _DepthwiseConv.__doc__
    rank = 1


class DepthwiseConv2D(_DepthwiseConv):
    __doc__ = _DepthwiseConv.__doc__


class _SeparableConv(Convolution):
    """A depthwise convolution followed by one of window 1.

    Args:
        filters: number of output channels.
        kernel_size, strides, padding, data_format, dilation_rate: as for Conv2D.
        depth_multiplier: channels between the two for each input channel.
        activation, use_bias: as for Conv2D.
        depthwise_initializer, pointwise_initializer, bias_initializer: first values.
        depthwise_regularizer, pointwise_regularizer, bias_regularizer,
            activity_regularizer: penalties.
        depthwise_constraint, pointwise_constraint, bias_constraint: projections.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        who = type(self).__name__
        self.filters = positive_int(who, "filters", filters)
        self.depth_multiplier = positive_int(who, "depth_multiplier", depth_multiplier)
        self._keep_window(kernel_size, strides, padding, data_format, dilation_rate)
        self._keep_bias(
            activation, use_bias, bias_initializer, bias_regularizer, bias_constraint
        )
        self._keep_kernel(
            depthwise_initializer, depthwise_regularizer, depthwise_constraint,
            "depthwise",
        )  # fmt: skip
        self._keep_kernel(
            pointwise_initializer, pointwise_regularizer, pointwise_constraint,
            "pointwise",
        )  # fmt: skip

    def build(self, input_shape: Any) -> None:
        """Make depthwise and pointwise kernels and bias."""
        channels = self._channels(input_shape)
        deep = (*self.kernel_size, channels, self.depth_multiplier)
        wide = (*(1,) * self.rank, channels * self.depth_multiplier, self.filters)
        self.depthwise_kernel = self._add_kernel(deep, "depthwise", "depthwise_kernel")
        self.pointwise_kernel = self._add_kernel(wide, "pointwise", "pointwise_kernel")
        self._add_bias(self.filters)

    def call(self, inputs: Any) -> Any:
        """Return the feature maps."""
        x = ops.separable_conv(
            inputs, self.depthwise_kernel, self.pointwise_kernel, **self._window()
        )
        return self._finished(x)


class SeparableConv1D(_SeparableConv):
    __doc__ = _SeparableConv.__doc__
    rank = 1
    _paddings = ("valid", "same", "causal")


class SeparableConv2D(_SeparableConv):
    __doc__ = _SeparableConv.__doc__


class _ConvTranspose(Convolution):
    """What a convolution does to gradients: images grow by `strides`.

    Args:
        filters: number of output channels.
        kernel_size, strides, padding, data_format, dilation_rate: as for Conv2D.
        output_padding: cells added at the end of each axis.
        activation, use_bias, kernel_initializer, bias_initializer: as for Conv2D.
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties.
        kernel_constraint, bias_constraint: projections after each update.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        who = type(self).__name__
        self.filters = positive_int(who, "filters", filters)
        self.output_padding = output_padding
        if output_padding is not None:
            self.output_padding = int_tuple(
                who, "output_padding", output_padding, self.rank, 0
            )
        self._keep_window(kernel_size, strides, padding, data_format, dilation_rate)
        self._keep_bias(
            activation, use_bias, bias_initializer, bias_regularizer, bias_constraint
        )
        self._keep_kernel(kernel_initializer, kernel_regularizer, kernel_constraint)

    def build(self, input_shape: Any) -> None:
        """Make kernel (*window, filters, channels) and bias."""
        channels = self._channels(input_shape)
        self.kernel = self._add_kernel((*self.kernel_size, self.filters, channels))
        self._add_bias(self.filters)

    def call(self, inputs: Any) -> Any:
        """Return the larger feature maps."""
        x = ops.conv_transpose(
            inputs, self.kernel, output_padding=self.output_padding, **self._window()
        )
        return self._finished(x)


class Conv1DTranspose(_ConvTranspose):
    __doc__ = _ConvTranspose.__doc__
    rank = 1


class Conv2DTranspose(_ConvTranspose):
    __doc__ = _ConvTranspose.__doc__


class Conv3DTranspose(_ConvTranspose):
    __doc__ = _ConvTranspose.__doc__
    rank = 3


Convolution1D, Convolution2D, Convolution3D = Conv1D, Conv2D, Conv3D
Convolution1DTranspose, Convolution2DTranspose = Conv1DTranspose, Conv2DTranspose
Convolution3DTranspose = Conv3DTranspose
SeparableConvolution1D, SeparableConvolution2D = SeparableConv1D, SeparableConv2D
