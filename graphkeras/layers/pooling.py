"""Windows and whole axes folded to their largest element or their mean."""

from __future__ import annotations

from typing import Any

from graphkeras import ops
from graphkeras.layers.input_spec import InputSpec
from graphkeras.layers.layer import Layer
from graphkeras.layers.validation import image_format, int_tuple, one_of


class _Pooling(Layer):
    """Fold windows of each channel.

    Args:
        pool_size: window, an int or one for each spatial axis.
        strides: distance of windows, by default the window's size.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first".

    Shapes: x: (batch, *space, channels) -> (batch, *fewer, channels).
    """

    rank = 2
    _fold: Any

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        who, rank = type(self).__name__, self.rank
        self.pool_size = int_tuple(who, "pool_size", pool_size, rank)
        strides = self.pool_size if strides is None else strides
        self.strides = int_tuple(who, "strides", strides, rank)
        self.padding = one_of(who, "padding", padding, ("valid", "same"))
        self.data_format = image_format(who, data_format)
        self.input_spec = InputSpec(ndim=rank + 2)

    def call(self, inputs: Any) -> Any:
        """Return the folded windows."""
        return type(self)._fold(
            inputs, self.pool_size, self.strides, self.padding, self.data_format
        )


class MaxPooling1D(_Pooling):
    __doc__ = _Pooling.__doc__
    rank = 1
    _fold = staticmethod(ops.max_pool)


class MaxPooling2D(_Pooling):
    """Largest element of each window.

    Example:
        >>> import numpy as np
        >>> MaxPooling2D(2)(np.ones((1, 28, 28, 3), "float32")).shape
        (1, 14, 14, 3)
    """

    __doc__ = f"{__doc__}\n{_Pooling.__doc__}"
    _fold = staticmethod(ops.max_pool)


class MaxPooling3D(_Pooling):
    __doc__ = _Pooling.__doc__
    rank = 3
    _fold = staticmethod(ops.max_pool)


class AveragePooling1D(_Pooling):
    __doc__ = _Pooling.__doc__
    rank = 1
    _fold = staticmethod(ops.average_pool)


class AveragePooling2D(_Pooling):
    __doc__ = _Pooling.__doc__
    _fold = staticmethod(ops.average_pool)


class AveragePooling3D(_Pooling):
    __doc__ = _Pooling.__doc__
    rank = 3
    _fold = staticmethod(ops.average_pool)


class _GlobalPooling(Layer):
    """Fold all spatial axes of each channel.

    Args:
        data_format: "channels_last" or "channels_first".
        keepdims: whether the folded axes stay with size 1.
    """

    rank = 2

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = image_format(type(self).__name__, data_format)
        self.keepdims = keepdims
        self.input_spec = InputSpec(ndim=self.rank + 2)

    @property
    def _axes(self) -> tuple[int, ...]:
        first = 1 if self.data_format == "channels_last" else 2
        return tuple(range(first, first + self.rank))


class GlobalMaxPooling2D(_GlobalPooling):
    __doc__ = _GlobalPooling.__doc__

    def call(self, inputs: Any) -> Any:
        """Return the largest element of each channel."""
        return ops.max(inputs, axis=self._axes, keepdims=self.keepdims)


class GlobalMaxPooling1D(GlobalMaxPooling2D):
    __doc__ = _GlobalPooling.__doc__
    rank = 1


class GlobalMaxPooling3D(GlobalMaxPooling2D):
    __doc__ = _GlobalPooling.__doc__
    rank = 3


class GlobalAveragePooling2D(_GlobalPooling):
    __doc__ = _GlobalPooling.__doc__

    def call(self, inputs: Any) -> Any:
        """Return the mean of each channel."""
        return ops.mean(inputs, axis=self._axes, keepdims=self.keepdims)


class GlobalAveragePooling3D(GlobalAveragePooling2D):
    __doc__ = _GlobalPooling.__doc__
    rank = 3


class GlobalAveragePooling1D(_GlobalPooling):
    """Mean over the steps that are not masked.

    Args:
        data_format: "channels_last" or "channels_first".
        keepdims: whether the folded axis stays with size 1.
    """

    rank = 1

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Return the mean of each channel."""
        if mask is None:
            return ops.mean(inputs, axis=self._axes, keepdims=self.keepdims)
        last = self.data_format == "channels_last"
        kept = ops.expand_dims(ops.cast(mask, "bool"), 2 if last else 1)
        total = ops.sum(
            ops.where(kept, inputs, 0), axis=self._axes, keepdims=self.keepdims
        )
        count = ops.cast(kept, inputs.dtype)
        return total / ops.sum(count, axis=self._axes, keepdims=self.keepdims)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The steps are gone, and their mask with them."""
        return None


class _AdaptivePooling(Layer):
    """As many windows as asked for, which cover each spatial axis evenly.

    Args:
        output_size: how many, an int or one for each spatial axis.
        data_format: "channels_last" or "channels_first".

    Shapes: x: (batch, *space, channels) -> (batch, *output_size, channels).
    """

    rank = 2
    _fold: Any

    def __init__(
        self, output_size: Any, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        who = type(self).__name__
        self.output_size = int_tuple(who, "output_size", output_size, self.rank)
        self.data_format = image_format(who, data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs: Any) -> Any:
        """Return the folded windows."""
        return type(self)._fold(inputs, self.output_size, self.data_format)


class AdaptiveAveragePooling1D(_AdaptivePooling):
    __doc__ = _AdaptivePooling.__doc__
    rank = 1
    _fold = staticmethod(ops.adaptive_average_pool)


class AdaptiveAveragePooling2D(_AdaptivePooling):
    """Mean of each of as many windows as asked for.

    Example:
        >>> import numpy as np
        >>> AdaptiveAveragePooling2D((2, 3))(np.ones((1, 7, 7, 4), "float32")).shape
        (1, 2, 3, 4)
    """

    __doc__ = f"{__doc__}\n{_AdaptivePooling.__doc__}"
    _fold = staticmethod(ops.adaptive_average_pool)


class AdaptiveAveragePooling3D(_AdaptivePooling):
    __doc__ = _AdaptivePooling.__doc__
    rank = 3
    _fold = staticmethod(ops.adaptive_average_pool)


class AdaptiveMaxPooling1D(_AdaptivePooling):
    __doc__ = _AdaptivePooling.__doc__
    rank = 1
    _fold = staticmethod(ops.adaptive_max_pool)


class AdaptiveMaxPooling2D(_AdaptivePooling):
    __doc__ = _AdaptivePooling.__doc__
    _fold = staticmethod(ops.adaptive_max_pool)


class AdaptiveMaxPooling3D(_AdaptivePooling):
    __doc__ = _AdaptivePooling.__doc__
    rank = 3
    _fold = staticmethod(ops.adaptive_max_pool)


MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D
AvgPool1D, AvgPool2D, AvgPool3D = AveragePooling1D, AveragePooling2D, AveragePooling3D
GlobalMaxPool1D, GlobalMaxPool2D = GlobalMaxPooling1D, GlobalMaxPooling2D
GlobalAvgPool1D, GlobalAvgPool2D = GlobalAveragePooling1D, GlobalAveragePooling2D
GlobalMaxPool3D, GlobalAvgPool3D = GlobalMaxPooling3D, GlobalAveragePooling3D
