"""Layers with a matrix or table of weights, and the plainest ones."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from graphkeras import (
    activations,
    constraints,
    initializers,
    ops,
    quantizers,
    regularizers,
)
from graphkeras.errors import ArgumentError, SavingError, message
from graphkeras.layers.facets import add_weight
from graphkeras.layers.input_spec import InputSpec
from graphkeras.layers.layer import Layer
from graphkeras.layers.quantized import Quantized
from graphkeras.layers.validation import positive_int
from graphkeras.saving.registry import deserialize_keras_object


class Dense(Quantized):
    """activation(x @ kernel + bias).

    Args:
        units: size of the last axis of the output.
        activation: name or callable; none by default.
        use_bias: whether there is a bias.
        kernel_initializer, bias_initializer: first values.
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties.
        kernel_constraint, bias_constraint: projections after each update.
        lora_rank, lora_alpha: as for `enable_lora`, which is called when built.
        quantization_config: of a layer that was quantized.

    Shapes: x: (batch, ..., features) -> (batch, ..., units).

    Example:
        >>> import numpy as np
        >>> Dense(4, activation="tanh")(np.ones((2, 3), "float32")).shape
        (2, 4)
    """

    def __init__(
        self,
        units: int,
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
        quantization_config: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._keep_quantization(lora_rank, lora_alpha, quantization_config)
        self.units = positive_int("Dense", "units", units)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = InputSpec(min_ndim=2)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Make kernel (features, units) and bias (units,)."""
        self._add_matrix((input_shape[-1], self.units))
        self.bias = add_weight(self, "bias", (self.units,)) if self.use_bias else None
        self.input_spec = InputSpec(min_ndim=2, axes={-1: input_shape[-1]})
        self._finish_matrix()

    @property
    def kernel(self) -> Any:
        """The matrix: a variable, or with LoRA a tensor."""
        return self._tuned()

    def call(self, inputs: Any) -> Any:
        """Return the outputs."""
        x = self._product(inputs)
        return self.activation(x if self.bias is None else ops.add(x, self.bias))

    def _product(self, inputs: Any) -> Any:
        if self.quantization_mode is None:
            return ops.matmul(inputs, self.kernel)
        lead = "abcdefghijklmn"[: len(inputs.shape) - 1]
        equation = f"{lead}y,yz->{lead}z"
        x = self._rounded(inputs, equation, self._matrix, self._scale, "z")
        if not self.lora_enabled:
            return x
        thin = ops.matmul(ops.matmul(inputs, self._lora_a), self._lora_b)
        return x + ops.cast(thin * self._lora_gain, x.dtype)


class Embedding(Quantized):
    """Row i of a table for each integer i.

    Args:
        input_dim: number of rows.
        output_dim: length of a row.
        embeddings_initializer: first values.
        embeddings_regularizer: penalty on the table.
        embeddings_constraint: projection after each update.
        mask_zero: whether 0 is padding, masked in the layers after.
        weights: first values as an array (in a list or not).
        lora_rank, lora_alpha: as for `enable_lora`, which is called when built.
        quantization_config: of a layer that was quantized.

    Shapes: ids: (batch, ...) -> (batch, ..., output_dim).

    Example:
        >>> import numpy as np
        >>> Embedding(input_dim=100, output_dim=8)(np.array([[3, 7, 0]])).shape
        (1, 3, 8)
    """

    _not_in_config = ("weights",)
    _matrix_name = "embeddings"
    _letters = ("yz", "y")

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("input_length", None)  # Keras ignores it as well
        super().__init__(**kwargs)
        self._keep_quantization(lora_rank, lora_alpha, quantization_config)
        self.input_dim = positive_int("Embedding", "input_dim", input_dim)
        self.output_dim = positive_int("Embedding", "output_dim", output_dim)
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = self.supports_masking = mask_zero
        self.autocast = False
        self._first_values = weights

    def build(self, input_shape: Any = None) -> None:
        """Make the table (input_dim, output_dim)."""
        self._add_matrix((self.input_dim, self.output_dim))
        if self._first_values is not None:
            given = self._first_values
            self._matrix.assign(given[0] if isinstance(given, list) else given)
        self._finish_matrix()

    @property
    def embeddings(self) -> Any:
        """The table: a variable, or with LoRA a tensor."""
        return self._tuned()

    def call(self, inputs: Any) -> Any:
        """Return the rows."""
        ids = ops.cast(inputs, "int32")
        rows = ops.cast(ops.take(self._matrix, ids, axis=0), self.compute_dtype)
        if self._scale is not None:
            rows = rows / ops.expand_dims(ops.take(self._scale, ids, axis=0), -1)
        if self.lora_enabled:
            thin = ops.matmul(ops.take(self._lora_a, ids, axis=0), self._lora_b)
            rows = rows + thin * self._lora_gain
        return ops.cast(rows, self.compute_dtype)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return where the ids are not padding."""
        return ops.not_equal(inputs, 0) if self.mask_zero else None


class ReversibleEmbedding(Embedding):
    """`Embedding` that also goes back: from rows to a score for each integer.

    Source: Press and Wolf, arXiv:1608.05859.

    Args:
        input_dim, output_dim: size of the table.
        tie_weights: whether the way back uses the same table.
        embeddings_initializer, embeddings_regularizer, embeddings_constraint: of the
            table.
        mask_zero: whether 0 is padding, masked in the layers after.
        reverse_dtype: dtype of the way back, by default that of the layer.
        logit_soft_cap: squash scores into (-cap, cap) by tanh.

    Call arguments: ids, or with ``reverse=True`` rows.

    Example:
        >>> import numpy as np
        >>> layer = ReversibleEmbedding(input_dim=100, output_dim=8)
        >>> layer(layer(np.array([[3, 7, 0]])), reverse=True).shape
        (1, 3, 100)
    """

    _not_in_config = ("weights",)

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        tie_weights: bool = True,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        reverse_dtype: Any = None,
        logit_soft_cap: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            input_dim, output_dim, embeddings_initializer, embeddings_regularizer,
            embeddings_constraint, mask_zero, **kwargs,
        )  # fmt: skip
        self.tie_weights, self.logit_soft_cap = tie_weights, logit_soft_cap
        self.reverse_dtype = reverse_dtype

    def build(self, input_shape: Any = None) -> None:
        """Make the table, and one for the way back if they are not tied."""
        super().build(input_shape)
        if not self.tie_weights:
            self._add_reverse()

    def _add_reverse(self) -> None:
        shape, name = (self.output_dim, self.input_dim), "reverse_embeddings"
        if self.quantization_mode is None:
            self.reverse_embeddings = self.add_weight(
                shape, self.embeddings_initializer, name=name
            )
            return
        self.reverse_embeddings = self.add_weight(
            shape, "zeros", dtype="int8", trainable=False, name=name
        )
        self.reverse_embeddings_scale = self.add_weight(
            shape[1:], "ones", trainable=False, name=f"{name}_scale"
        )

    def quantize(
        self, mode: str | None = None, type_check: bool = True, config: Any = None
    ) -> None:
        """Hold the tables in eight bits from now on; see `Dense.quantize`."""
        super().quantize(mode, type_check, config)
        if not self.tie_weights:
            floats = self.reverse_embeddings
            self._forget(floats)
            self._add_reverse()
            whole, scale = quantizers.abs_max_quantize(floats.value, axis=0)
            self.reverse_embeddings.assign(whole)
            self.reverse_embeddings_scale.assign(ops.squeeze(scale, 0))

    def _in_file(self) -> list[Any]:
        found = super()._in_file()
        names = ("reverse_embeddings", "reverse_embeddings_scale")
        return found + [getattr(self, n) for n in names if hasattr(self, n)]

    def call(self, inputs: Any, reverse: bool = False) -> Any:
        """Return the rows, or the scores of rows."""
        if not reverse:
            rows = super().call(inputs)
            rows._keras_mask = super().compute_mask(inputs)
            return rows
        scores = self._scores(inputs)
        cap = self.logit_soft_cap
        return scores if cap is None else ops.tanh(scores / cap) * cap

    def _scores(self, rows: Any) -> Any:
        tied, lead = self.tie_weights, "abcdefghijklmn"[: len(rows.shape) - 1]
        if self.quantization_mode is None:
            kernel = ops.transpose(self.embeddings) if tied else self.reverse_embeddings
            if self.reverse_dtype is not None:
                rows, kernel = (ops.cast(x, self.reverse_dtype) for x in (rows, kernel))
            return ops.matmul(rows, kernel)
        if tied:
            equation = f"{lead}z,yz->{lead}y"
            scores = self._rounded(rows, equation, self._matrix, self._scale, "y")
            return scores + self._tuned_product(equation, rows)
        equation, scale = f"{lead}z,zy->{lead}y", self.reverse_embeddings_scale
        return self._rounded(rows, equation, self.reverse_embeddings, scale, "y")

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Rows got their mask in `call`; scores have none."""
        return None


class Masking(Layer):
    """Mask the time steps all of whose features equal `mask_value`.

    Shapes: x: (batch, time, features) -> the same.

    Example:
        >>> import numpy as np
        >>> Masking()(np.array([[[1.0], [0.0]]]))._keras_mask.numpy()
        array([[ True, False]])
    """

    def __init__(self, mask_value: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mask_value = mask_value
        self.supports_masking = True

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return where a step holds something else."""
        return ops.any(ops.not_equal(inputs, self.mask_value), axis=-1)

    def call(self, inputs: Any) -> Any:
        """Return the inputs with masked steps set to zero."""
        kept = ops.any(ops.not_equal(inputs, self.mask_value), axis=-1, keepdims=True)
        return ops.where(kept, inputs, 0)


class Identity(Layer):
    """The inputs themselves."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Return the inputs."""
        return inputs


class Lambda(Layer):
    """A function of the user's as a layer.

    Its code is never stored: to save a model with it, use a named function registered
    with `keras.saving.register_keras_serializable`.

    Args:
        function: callable written in `keras.ops`; it may take `mask` and `training`.
        output_shape: accepted for Keras's sake; the shape is found by tracing.
        mask: mask of the output, or a callable ``(inputs, mask) -> mask``.
        arguments: further keyword arguments for `function`.

    Example:
        >>> import numpy as np
        >>> float(Lambda(lambda x: x * 2)(np.array([3.0]))[0])
        6.0
    """

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not callable(function):
            raise ArgumentError(
                message("Lambda", "expected a callable.", f"function={function!r}")
            )
        self.function, self.output_shape, self.mask = function, output_shape, mask
        self.arguments = arguments or {}
        self.supports_masking = mask is not None
        self._takes = set(inspect.signature(function).parameters)

    def call(self, inputs: Any, mask: Any = None, training: Any = None) -> Any:
        """Return the function's result."""
        extra = {"mask": mask, "training": training}
        known = {k: v for k, v in extra.items() if k in self._takes}
        return self.function(inputs, **{**known, **self.arguments})

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the mask that was given, or what the given callable makes."""
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, functions by their registered names.

        Raises:
            SavingError: for a lambda or an unnamed function.
        """
        if getattr(self.function, "__name__", "<").startswith("<"):
            raise SavingError(
                message(
                    self.name, "expected a named function, since code is never stored.",
                    "a Python lambda", "Define it with def and "
                    "@keras.saving.register_keras_serializable(), or write a Layer.",
                )
            )  # fmt: skip
        return super().get_config()

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Lambda:
        """Make the layer; its function must be registered."""
        config = {k: _revive_function(v) for k, v in config.items()}
        return super().from_config(config)


def _revive_function(value: Any) -> Any:
    tagged = isinstance(value, dict) and "class_name" in value
    known = ("function", "__lambda__")
    if tagged and value["class_name"] in known:
        return deserialize_keras_object(value)
    return value
