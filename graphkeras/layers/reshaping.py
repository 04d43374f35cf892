"""Layers that only move elements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphkeras import ops
from graphkeras.errors import ArgumentError, ShapeError, message
from graphkeras.ir import dims
from graphkeras.ir.dims import Dim
from graphkeras.layers.input_spec import InputSpec
from graphkeras.layers.layer import Layer
from graphkeras.layers.validation import (
    Pairs,
    image_format,
    int_pairs,
    int_tuple,
    is_int,
    one_of,
    positive_int,
)
from graphkeras.ops.resize import METHODS, resized


class Flatten(Layer):
    """All axes after the batch as one.

    Shapes: x: (batch, ...) -> (batch, product of the rest).

    Example:
        >>> import numpy as np
        >>> Flatten()(np.ones((2, 3, 4), "float32")).shape
        (2, 12)
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = image_format("Flatten", data_format)
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs: Any) -> Any:
        """Return the inputs as rows."""
        rank = len(inputs.shape)
        if self.data_format == "channels_first" and rank > 1:
            inputs = ops.transpose(inputs, (0, *range(2, rank), 1))
        return ops.reshape(inputs, (inputs.shape[0], dims.product(inputs.shape[1:])))


class Reshape(Layer):
    """The elements after the batch in another shape; one size may be -1.

    Args:
        target_shape: sizes without the batch.

    Example:
        >>> import numpy as np
        >>> Reshape((-1, 2))(np.ones((1, 6), "float32")).shape
        (1, 3, 2)
    """

    def __init__(self, target_shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        listed: Any = (target_shape,) if is_int(target_shape) else target_shape
        sizes = tuple(listed)
        wrong = not all(is_int(s) and s >= -1 for s in sizes) or sizes.count(-1) > 1
        if wrong:
            raise ArgumentError(
                message(
                    "Reshape", "expected target_shape of ints, at most one of them -1.",
                    f"target_shape={target_shape!r}",
                )
            )  # fmt: skip
        self.target_shape = tuple(int(s) for s in sizes)

    def call(self, inputs: Any) -> Any:
        """Return the inputs in the target shape."""
        sizes: list[Dim] = list(self.target_shape)
        if -1 in sizes:
            rest = dims.product(s for s in sizes if s != -1)
            whole = dims.product(inputs.shape[1:])
            known = isinstance(rest, int) and isinstance(whole, int)
            if known and (rest == 0 or whole % rest):
                raise ShapeError(
                    message(
                        "",
                        f"expected {whole} elements to fill {self.target_shape}.",
                        f"{list(inputs.shape)}",
                    )
                )
            sizes[sizes.index(-1)] = dims.floordiv(whole, rest)
        return ops.reshape(inputs, (inputs.shape[0], *sizes))


class Permute(Layer):
    """The axes after the batch in another order, counted from 1.

    Example:
        >>> import numpy as np
        >>> Permute((2, 1))(np.ones((1, 3, 4), "float32")).shape
        (1, 4, 3)
    """

    def __init__(self, dims: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ArgumentError(
                message(
                    "Permute", "expected dims to name the axes from 1, each once.",
                    f"dims={dims}", "Axis 0 is the batch and stays.",
                )
            )  # fmt: skip
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs: Any) -> Any:
        """Return the inputs with their axes moved."""
        return ops.transpose(inputs, (0, *self.dims))


class RepeatVector(Layer):
    """(batch, features) repeated to (batch, n, features)."""

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n = positive_int("RepeatVector", "n", n)
        self.input_spec = InputSpec(ndim=2)

    def call(self, inputs: Any) -> Any:
        """Return the inputs n times."""
        batch, features = inputs.shape
        wide = ops.expand_dims(inputs, 1)
        return ops.broadcast_to(wide, (batch, self.n, features))


class _Border(Layer):
    """Base of padding and cropping: pairs (before, after) of spatial axes."""

    rank = 2

    def _pairs(self, name: str, value: Any, data_format: str | None) -> Pairs:
        who = type(self).__name__
        self.data_format = image_format(who, data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        return int_pairs(who, name, value, self.rank)

    def _around(self, pairs: Any) -> list[tuple[int, int]]:
        """One pair for each axis of the input."""
        if self.data_format == "channels_last":
            return [(0, 0), *pairs, (0, 0)]
        return [(0, 0), (0, 0), *pairs]


class ZeroPadding2D(_Border):
    """Zeros around the images.

    Args:
        padding: an int, two ints (height, width), or two pairs.
        data_format: "channels_last" or "channels_first".

    Example:
        >>> import numpy as np
        >>> ZeroPadding2D(((1, 0), (2, 2)))(np.ones((1, 2, 3, 1), "float32")).shape
        (1, 3, 7, 1)
    """

    def __init__(
        self, padding: Any = 1, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.padding = self._pairs("padding", padding, data_format)

    def call(self, inputs: Any) -> Any:
        """Return the padded inputs."""
        return ops.pad(inputs, self._around(self.padding))


class ZeroPadding3D(ZeroPadding2D):
    """Zeros around the volumes.

    Args:
        padding: an int, three ints (depth, height, width), or three pairs.
        data_format: "channels_last" or "channels_first".
    """

    rank = 3


class ZeroPadding1D(_Border):
    """Zeros before and after the steps.

    Args:
        padding: an int or a pair (before, after).
        data_format: "channels_last" or "channels_first".
    """

    rank = 1

    def __init__(
        self, padding: Any = 1, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        (self.padding,) = self._pairs("padding", padding, data_format)

    def call(self, inputs: Any) -> Any:
        """Return the padded inputs."""
        return ops.pad(inputs, self._around([self.padding]))


def _cropped(x: Any, borders: list[tuple[int, int]]) -> Any:
    keys = []
    for size, (before, after) in zip(x.shape, borders):
        if isinstance(size, int) and before + after >= size and (before or after):
            raise ShapeError(
                message(
                    "", f"expected an axis longer than the crop of {before} + {after}.",
                    f"{list(x.shape)}",
                )
            )  # fmt: skip
        keys.append(slice(before, size - after))
    return x[tuple(keys)]


class Cropping2D(_Border):
    """The images without their borders.

    Args:
        cropping: an int, two ints (height, width), or two pairs.
        data_format: "channels_last" or "channels_first".
    """

    def __init__(
        self,
        cropping: Any = ((0, 0), (0, 0)),
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.cropping = self._pairs("cropping", cropping, data_format)

    def call(self, inputs: Any) -> Any:
        """Return the cropped inputs."""
        return _cropped(inputs, self._around(self.cropping))


class Cropping3D(Cropping2D):
    """The volumes without their borders.

    Args:
        cropping: an int, three ints (depth, height, width), or three pairs.
        data_format: "channels_last" or "channels_first".
    """

    rank = 3

    def __init__(
        self, cropping: Any = 1, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(cropping, data_format, **kwargs)


class Cropping1D(_Border):
    """The steps without the first and the last.

    Args:
        cropping: an int or a pair (before, after).
    """

    rank = 1

    def __init__(self, cropping: Any = (1, 1), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        (self.cropping,) = self._pairs("cropping", cropping, "channels_last")

    def call(self, inputs: Any) -> Any:
        """Return the cropped inputs."""
        return _cropped(inputs, self._around([self.cropping]))


class UpSampling1D(Layer):
    """Each step repeated `size` times."""

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = positive_int("UpSampling1D", "size", size)
        self.input_spec = InputSpec(ndim=3)

    def call(self, inputs: Any) -> Any:
        """Return the longer inputs."""
        return ops.repeat(inputs, self.size, axis=1)


class UpSampling2D(Layer):
    """Images larger by whole numbers.

    Args:
        size: an int or two (height, width).
        data_format: "channels_last" or "channels_first".
        interpolation: "nearest" repeats each pixel; else "bilinear", "bicubic",
            "lanczos3", "lanczos5" or "area".
    """

    rank = 2

    def __init__(
        self,
        size: Any = 2,
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._keep(size, data_format)
        self.interpolation = one_of(
            "UpSampling2D", "interpolation", interpolation, METHODS
        )

    def _keep(self, size: Any, data_format: str | None) -> None:
        who = type(self).__name__
        self.size = int_tuple(who, "size", size, self.rank)
        self.data_format = image_format(who, data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs: Any) -> Any:
        """Return the larger images."""
        if self.interpolation == "nearest":
            return self._repeated(inputs)
        first = self._first_axis
        pairs = zip(inputs.shape[first : first + 2], self.size)
        height, width = (size * times for size, times in pairs)
        axes = (first, first + 1)
        large = resized(inputs, axes, (height, width), self.interpolation, False)
        return ops.cast(large, inputs.dtype)

    @property
    def _first_axis(self) -> int:
        return 1 if self.data_format == "channels_last" else 2

    def _repeated(self, x: Any) -> Any:
        for axis, times in enumerate(self.size, self._first_axis):
            x = ops.repeat(x, times, axis=axis)
        return x


class UpSampling3D(UpSampling2D):
    """Each cell of a volume repeated.

    Args:
        size: an int or three (depth, height, width).
        data_format: "channels_last" or "channels_first".
    """

    rank = 3
    interpolation = "nearest"

    def __init__(
        self, size: Any = 2, data_format: str | None = None, **kwargs: Any
    ) -> None:
        Layer.__init__(self, **kwargs)
        self._keep(size, data_format)
