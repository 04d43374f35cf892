"""Numbers of few bits in the place of floats: Keras's `keras.quantizers`."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphkeras import config, dtypes, ops
from graphkeras.errors import ArgumentError, message
from graphkeras.saving.registry import (
    Configurable,
    deserialize_keras_object,
    resolver,
    serialize_keras_object,
)

_RANGE = (-127, 127)


def abs_max_quantize(
    inputs: Any, axis: Any, value_range: tuple[int, int] = _RANGE, dtype: str = "int8",
    epsilon: float | None = None, to_numpy: bool = False,
) -> tuple[Any, Any]:  # fmt: skip
    """Return whole numbers and the scale by which they are larger than `inputs`.

    The largest element along `axis` becomes the end of the range.

    Args:
        inputs: a float tensor.
        axis: axis or axes that share a scale.
        value_range: least and largest whole number.
        dtype: dtype of the whole numbers.
        epsilon: added to the largest element; `config.epsilon()` if None.
        to_numpy: taken for Keras's sake.

    Example:
        >>> numbers, scale = abs_max_quantize(np.array([[1.0, -0.5]], "float32"), -1)
        >>> np.asarray(numbers).tolist()
        [[127, -63]]
    """
    low, high = value_range
    epsilon = config.epsilon() if epsilon is None else epsilon
    axis = tuple(axis) if isinstance(axis, (list, tuple)) else axis
    largest = ops.max(ops.absolute(inputs), axis=axis, keepdims=True)
    scale = ops.cast(ops.divide(float(high), ops.add(largest, epsilon)), inputs.dtype)
    whole = ops.clip(ops.round(ops.multiply(inputs, scale)), low, high)
    return ops.cast(whole, dtype), scale


def pack_int4(
    arr: Any, axis: int = 0, dtype: str = "int8"
) -> tuple[Any, tuple[int, ...], int]:
    """Return numbers of four bits two by two in bytes, their shape, the size before.

    The first of two takes the low bits.

    Example:
        >>> packed, shape, size = pack_int4(np.array([[1], [-2], [3]], "int8"))
        >>> packed.tolist(), shape, size
        ([[-31], [3]], (2, 1), 3)
    """
    array = np.moveaxis(np.asarray(arr), axis, 0)
    if len(array) % 2:
        array = np.concatenate([array, np.zeros_like(array[:1])])
    bits = array.astype("int8").view("uint8") & 15
    packed = np.moveaxis(bits[0::2] | bits[1::2] << 4, 0, axis).view(dtype)
    return packed, packed.shape, np.shape(arr)[axis]


def unpack_int4(packed: Any, orig_len: int, axis: int = 0, dtype: str = "int8") -> Any:
    """Undo `pack_int4`.

    Args:
        packed: bytes.
        orig_len: size of the axis before.
        axis: the axis.
        dtype: "int8" for numbers from -8 to 7, "uint8" for 0 to 15.

    Example:
        >>> unpack_int4(np.array([[-31], [3]], "int8"), 3).tolist()
        [[1], [-2], [3]]
    """
    bits = np.moveaxis(np.asarray(packed), axis, 0).view("uint8")
    both = np.stack([bits & 15, bits >> 4], axis=1).reshape(-1, *bits.shape[1:])
    if dtype == "int8":
        both = ((both ^ 8).astype("int16") - 8).astype("int8")
    return np.moveaxis(both[:orig_len], 0, axis)


def fake_quant_with_min_max_vars(
    inputs: Any, min_vals: Any, max_vals: Any, num_bits: int = 8,
    narrow_range: bool = False, axis: int | None = None,
) -> Any:  # fmt: skip
    """Return inputs rounded to the levels that `num_bits` bits have in a range.

    Zero is always a level. The gradient passes inside the range only. Source: Jacob et
    al., arXiv:1712.05877, section 3.

    Args:
        inputs: a float tensor.
        min_vals, max_vals: ends of the range, or one for each place along `axis`.
        num_bits: how many levels there are, as a power of two.
        narrow_range: whether the lowest level is left out.
        axis: the axis along which ranges differ.

    Example:
        >>> x = np.array([-1.0, 0.3, 2.0], "float32")
        >>> np.asarray(fake_quant_with_min_max_vars(x, 0.0, 1.0, num_bits=1)).tolist()
        [0.0, 0.0, 1.0]
    """
    lowest, highest = int(narrow_range), 2**num_bits - 1
    low, high = (ops.cast(v, config.floatx()) for v in (min_vals, max_vals))
    step = (high - low) / (highest - lowest)
    zero = ops.round(ops.clip(lowest - low / step, lowest, highest))
    ends = [(end - zero) * step for end in (lowest, highest)]
    if axis is not None:
        shape = [1] * len(inputs.shape)
        shape[axis] = -1
        step, *ends = (ops.reshape(v, shape) for v in (step, *ends))
    inside = ops.clip(inputs, *ends)
    levels = ops.floor((inside - ends[0]) / step + 0.5) * step + ends[0]
    rounded = inside + ops.stop_gradient(levels - inside)
    return ops.cast(rounded, dtypes.as_float(dtypes.standardize(inputs.dtype)))


class Quantizer(Configurable):
    """Base: a callable from floats to whole numbers and their scale."""

    def __init__(self, output_dtype: str = "int8") -> None:
        self.output_dtype = output_dtype

    def __call__(self, x: Any) -> Any:
        return x


class AbsMaxQuantizer(Quantizer):
    """`abs_max_quantize` as an object.

    Args:
        axis: axis or axes that share a scale; the last if nobody says.
        value_range: least and largest whole number.
        epsilon: added to the largest element.
        output_dtype: dtype of the whole numbers.
    """

    def __init__(
        self, axis: Any = None, value_range: tuple[int, int] = _RANGE,
        epsilon: float = 1e-7, output_dtype: str = "int8",
    ) -> None:  # fmt: skip
        super().__init__(output_dtype)
        self.axis = (axis,) if isinstance(axis, int) else axis and tuple(axis)
        low, high = value_range
        self.value_range: tuple[int, int] = (low, high)
        self.epsilon = epsilon
        if output_dtype == "int8" and not -128 <= low < high < 128:
            raise ArgumentError(
                message(
                    "AbsMaxQuantizer", "expected a value_range inside (-128, 127).",
                    f"value_range={value_range}",
                )
            )  # fmt: skip

    def __call__(self, x: Any, axis: Any = None, to_numpy: bool = False) -> Any:
        axis = next((a for a in (axis, self.axis) if a is not None), -1)
        return abs_max_quantize(
            x, axis, self.value_range, self.output_dtype, self.epsilon
        )

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        config = super().get_config()
        return {k: v for k, v in config.items() if k != "axis" or v is not None}


class QuantizationConfig:
    """How weights and activations of a layer become whole numbers.

    Args:
        weight_quantizer: quantizer of the weights; that of the layer if None.
        activation_quantizer: quantizer of the inputs; None leaves them floats.
    """

    mode: str | None = None

    def __init__(
        self, weight_quantizer: Any = None, activation_quantizer: Any = None
    ) -> None:
        self.weight_quantizer = weight_quantizer
        self.activation_quantizer = activation_quantizer

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            "weight_quantizer": serialize_keras_object(self.weight_quantizer),
            "activation_quantizer": serialize_keras_object(self.activation_quantizer),
        }  # fmt: skip

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Make one from `get_config`'s result."""
        return cls(**{k: deserialize_keras_object(v) for k, v in config.items()})


class Int8QuantizationConfig(QuantizationConfig):
    """Weights of eight bits, and inputs too unless `activation_quantizer` is None.

    Example:
        >>> Int8QuantizationConfig().activation_quantizer.value_range
        (-127, 127)
    """

    mode = "int8"

    def __init__(
        self, weight_quantizer: Any = None, activation_quantizer: Any = "default"
    ) -> None:
        if activation_quantizer == "default":
            activation_quantizer = AbsMaxQuantizer()
        super().__init__(weight_quantizer, activation_quantizer)
        kind = getattr(weight_quantizer, "output_dtype", "int8")
        if kind != "int8":
            raise ArgumentError(
                message(
                    "Int8QuantizationConfig", "expected weights of int8.",
                    f"output_dtype={kind!r}",
                )
            )  # fmt: skip


_get = resolver(
    "keras.quantizers", "quantizer",
    {"abs_max_quantizer": AbsMaxQuantizer, "abs_max": AbsMaxQuantizer}, Quantizer,
)  # fmt: skip


def get(identifier: Any, **kwargs: Any) -> Any:
    """Return the quantizer meant by a name, a config, an object or None."""
    return _get(identifier)


def serialize(initializer: Any) -> Any:
    """Return a quantizer's config."""
    return serialize_keras_object(initializer)


def deserialize(config: Any, custom_objects: Any = None) -> Any:
    """Return the quantizer a config describes."""
    return deserialize_keras_object(config, custom_objects)
