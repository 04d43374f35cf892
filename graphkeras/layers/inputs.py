"""Where a model begins: Input and the layer behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphkeras import dtypes
from graphkeras.errors import ArgumentError, message
from graphkeras.layers.graph import Call, SymbolicTensor
from graphkeras.layers.input_spec import KerasShape, keras_shape
from graphkeras.layers.layer import Layer


class InputLayer(Layer):
    """The layer that stands for data fed to a model.

    Args:
        shape: sizes without the batch, None where free.
        batch_size: size of the batch if it is fixed.
        dtype: dtype name.
        batch_shape: all sizes, in place of `shape` and `batch_size`.
        input_tensor: an existing symbolic tensor to stand for.
        optional: whether None may be fed.
        name: name of the layer and of the model's input.
    """

    def __init__(
        self,
        shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        dtype: Any = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Sequence[int | None] | None = None,
        input_tensor: SymbolicTensor | None = None,
        optional: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self._dtype = dtypes.standardize(dtype or getattr(input_tensor, "dtype", None))
        self._batch_shape = _batch_shape(
            self.name, shape, batch_size, batch_shape, input_tensor
        )
        self.sparse, self.ragged, self.optional = bool(sparse), bool(ragged), optional
        tensor = SymbolicTensor(
            self._batch_shape, self._dtype, sparse, ragged, name=self.name
        )
        if input_tensor is not None:
            tensor.type = input_tensor.type
        Call(self, (), {}, tensor)
        self.built = True

    @property
    def batch_shape(self) -> KerasShape:
        """All sizes, None where free."""
        return self._batch_shape

    @property
    def dtype(self) -> str:
        """Dtype of the data."""
        return self._dtype

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            "batch_shape": self.batch_shape, "dtype": self.dtype, "sparse": False,
            "ragged": False, "name": self.name, "optional": self.optional,
        }  # fmt: skip


def _batch_shape(
    name: str, shape: Any, batch_size: Any, batch_shape: Any, tensor: Any
) -> KerasShape:
    if tensor is not None:
        return tensor.shape
    if (shape is None) == (batch_shape is None) or None not in (
        batch_size,
        batch_shape,
    ):
        raise ArgumentError(
            message(
                name, "expected either shape (and batch_size) or batch_shape.",
                f"shape={shape}, batch_size={batch_size}, batch_shape={batch_shape}",
                "Write keras.Input(shape=(28, 28)) for batches of 28 x 28.",
            )
        )  # fmt: skip
    sizes = (batch_size, *_sizes(name, shape)) if batch_shape is None else batch_shape
    return keras_shape(_sizes(name, sizes))


def _sizes(name: str, shape: Any) -> tuple[int | None, ...]:
    listed = shape if isinstance(shape, (tuple, list)) else (shape,)
    for size in listed:
        wrong = not (size is None or hasattr(size, "__index__")) or isinstance(
            size, bool
        )
        if wrong or (size is not None and size < 0):
            raise ArgumentError(
                message(
                    name, "expected a shape of positive ints and None.", f"{shape!r}",
                    "Write keras.Input(shape=(784,)).",
                )
            )  # fmt: skip
    return tuple(listed)


def Input(
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
    tensor: SymbolicTensor | None = None,
    optional: bool = False,
) -> SymbolicTensor:
    """Return the symbolic tensor from which a functional model starts.

    Args:
        shape: sizes without the batch, None where free: ``(None, None, 3)`` is an
            image of any size.
        batch_size: size of the batch if it is fixed.
        dtype: dtype name; ``"string"`` for text.
        sparse, ragged: refused; tensors are dense.
        batch_shape: all sizes, in place of `shape` and `batch_size`.
        name: name of the model's input.
        tensor: an existing symbolic tensor to stand for.
        optional: whether None may be fed.

    Raises:
        ArgumentError: for a shape that is none.

    Example:
        >>> Input(shape=(None, 3), name="points").shape
        (None, None, 3)
    """
    layer = InputLayer(
        shape, batch_size, dtype, sparse, ragged, batch_shape, tensor, optional, name
    )
    return layer.output
