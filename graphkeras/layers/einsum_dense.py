"""A dense layer whose product is an Einstein sum."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from typing import Any

from graphkeras import activations, constraints, initializers, ops, regularizers
from graphkeras.errors import ArgumentError, ShapeError, message
from graphkeras.layers.facets import add_weight
from graphkeras.layers.quantized import Quantized
from graphkeras.layers.validation import is_int

_EQUATION = re.compile(
    r"(\.\.\.)?([a-zA-Z]+)(\.\.\.)?,([a-zA-Z]+)->(\.\.\.)?([a-zA-Z]+)(\.\.\.)?"
)


class EinsumDense(Quantized):
    """activation(einsum(equation, x, kernel) + bias).

    Args:
        equation: such as ``"abc,cd->abd"``; ``...`` may stand for leading or trailing
            axes of the inputs.
        output_shape: sizes of the output without the batch and without axes under
            ``...``; None where an input says it.
        activation: name or callable.
        bias_axes: letters of the output that the bias has; no bias by default.
        kernel_initializer, bias_initializer: first values.
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties.
        kernel_constraint, bias_constraint: projections after each update.
        lora_rank, lora_alpha: as for `enable_lora`, which is called when built.
        quantization_config: of a layer that was quantized.

    Example:
        >>> import numpy as np
        >>> layer = EinsumDense("...x,xy->...y", output_shape=4, bias_axes="y")
        >>> layer(np.ones((2, 5, 3), "float32")).shape
        (2, 5, 4)
    """

    def __init__(
        self,
        equation: str,
        output_shape: Any,
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._keep_quantization(lora_rank, lora_alpha, quantization_config)
        self.equation, self.bias_axes = equation, bias_axes
        self._words = _parsed(equation)
        listed: Any = (output_shape,) if is_int(output_shape) else output_shape
        self.partial_output_shape = tuple(listed)
        self.activation = activations.get(activation)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    @property
    def output_shape(self) -> tuple[int | None, ...]:
        """The sizes given to the constructor."""
        return self.partial_output_shape

    def build(self, input_shape: Any) -> None:
        """Make kernel and bias of the sizes of their letters."""
        sizes = self._sizes(input_shape)
        _, kernel, _ = self._words
        self._full = _written_out(self._words, len(input_shape))
        self._letters = (kernel, self._full[2])
        self._add_matrix(tuple(sizes[c] for c in kernel))
        self.bias = None
        if self.bias_axes is not None:
            self.bias = add_weight(self, "bias", self._bias_shape(sizes, input_shape))
        self._finish_matrix()

    @property
    def kernel(self) -> Any:
        """The matrix: a variable, or with LoRA a tensor."""
        return self._tuned()

    def _sizes(self, input_shape: Sequence[Any]) -> dict[str, Any]:
        """Size of each letter, from the inputs and from the given output."""
        inputs, _, output = self._words
        letters = inputs.strip(".")
        fits = len(input_shape) >= len(letters) if "." in inputs else (
            len(input_shape) == len(letters))  # fmt: skip
        named = output.strip(".")[0 if output.startswith(".") else 1 :]
        if not fits or len(named) != len(self.partial_output_shape):
            raise ShapeError(
                message(
                    "", f"expected inputs and output to fit {self.equation!r}.",
                    f"inputs {tuple(input_shape)}, output_shape="
                    f"{self.partial_output_shape}",
                )
            )  # fmt: skip
        first = len(input_shape) - len(letters) if inputs.startswith(".") else 0
        sizes = dict(zip(letters, input_shape[first:]))
        for letter, size in zip(named, self.partial_output_shape):
            known = sizes.get(letter)
            if None not in (known, size) and known != size:
                raise ShapeError(
                    message("", f"expected {letter!r} to have one size.",
                            f"{known} in the inputs, {size} in output_shape")
                )  # fmt: skip
            sizes[letter] = known if size is None else size
        return sizes

    def _bias_shape(self, sizes: dict[str, Any], input_shape: Any) -> tuple[Any, ...]:
        output = self._words[2]
        letters, axes = output.strip("."), self.bias_axes or ""
        if not set(axes) <= set(letters):
            raise ArgumentError(
                message("", "expected bias_axes to be letters of the output.",
                        f"bias_axes={axes!r}, equation={self.equation!r}")
            )  # fmt: skip
        start = min(letters.index(c) for c in axes)
        shape = [sizes[c] if c in axes else 1 for c in letters[start:]]
        hidden = len(input_shape) - len(self._words[0].strip("."))
        return tuple(shape + [1] * (hidden if output.endswith(".") else 0))

    def call(self, inputs: Any) -> Any:
        """Return the outputs."""
        x = self._product(inputs)
        return self.activation(x if self.bias is None else ops.add(x, self.bias))

    def _product(self, inputs: Any) -> Any:
        if self.quantization_mode is None:
            return ops.einsum(self.equation, inputs, self.kernel)
        before, kernel, after = self._full
        x = self._rounded(
            inputs, f"{before},{kernel}->{after}", self._matrix, self._scale, after
        )
        return x + self._tuned_product(self.equation, inputs)


def _written_out(words: tuple[str, str, str], rank: int) -> tuple[str, str, str]:
    """Return the words with letters in the place of dots."""
    taken = set("".join(words))
    free = [c for c in string.ascii_letters if c not in taken]
    dots = "".join(free[: rank - len(words[0].strip("."))])
    before, kernel, after = (word.replace("...", dots) for word in words)
    return before, kernel, after


def _parsed(equation: str) -> tuple[str, str, str]:
    """Return the words for inputs, kernel and output."""
    text = equation.replace(" ", "")
    match = _EQUATION.fullmatch(text)
    inputs, rest = text.split(",", 1) if match else ("", "")
    kernel, output = rest.split("->") if match else ("", "")
    dots = [w.startswith(".") + 2 * w.endswith(".") for w in (inputs, output)]
    known = set(kernel) <= set(inputs + output)
    if match is None or dots[0] != dots[1] or dots[0] == 3 or not known:
        raise ArgumentError(
            message(
                "EinsumDense", "expected an equation of inputs, kernel and output such "
                "as 'abc,cd->abd' or '...x,xy->...y'.", repr(equation),
            )
        )  # fmt: skip
    return inputs, kernel, output
