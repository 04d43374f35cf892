"""Layers whose matrix may have eight bits: in files it stands beside its scale."""

from __future__ import annotations

from typing import Any

from graphkeras import ops, quantizers
from graphkeras.dtype_policies import QuantizedDTypePolicy
from graphkeras.errors import ArgumentError, message
from graphkeras.layers.tuned import Tuned
from graphkeras.ops.quantization import laid_out, rounded_einsum
from graphkeras.variables import Variable


class Quantized(Tuned):
    """Base of layers whose one matrix may have eight bits."""

    _letters = ("yz", "z")  # a letter for each axis of the matrix, and of its scale
    _scale: Variable | None = None

    def _keep_quantization(
        self, lora_rank: int | None, lora_alpha: float | None, config: Any
    ) -> None:
        self._keep_tuning(lora_rank, lora_alpha)
        self.quantization_config = config
        self._require_mode(self.quantization_mode)

    def _require_mode(self, mode: str | None) -> None:
        if mode not in (None, "int8"):
            raise ArgumentError(
                message(
                    type(self).__name__, "expected quantization to int8, or none.",
                    f"mode {mode!r}", "Load the model in Keras, and save it before it "
                    "is quantized or as int8.",
                )
            )  # fmt: skip

    # ---------------------------------------------------------------------- weights

    def _add_matrix(self, shape: tuple[int, ...]) -> None:
        """Make the matrix, and its scale if it is one of eight bits."""
        name = self._matrix_name
        if self.quantization_mode is None:
            facets = ("initializer", "regularizer", "constraint")
            found = {f: getattr(self, f"{name}_{f}") for f in facets}
            self._matrix = self.add_weight(shape, name=name, **found)
            return
        self._matrix = self.add_weight(
            shape, "zeros", dtype="int8", trainable=False, name=name
        )
        self._scale = self.add_weight(
            self._scale_shape(shape), "ones", trainable=False, name=f"{name}_scale"
        )

    def _scale_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        letters, kept = self._letters
        sizes = dict(zip(letters, shape, strict=True))
        return tuple(sizes.get(c, 1) for c in kept)

    # ------------------------------------------------------------------- eight bits

    def quantize(
        self, mode: str | None = None, type_check: bool = True, config: Any = None
    ) -> None:
        """Hold the matrix in eight bits from now on; it does not train any more.

        Args:
            mode: "int8".
            type_check: whether to refuse a subclass, which may compute otherwise.
            config: a `keras.quantizers.Int8QuantizationConfig`.

        Raises:
            ArgumentError: for another mode, or a layer that is not built or quantized.
        """
        mode = getattr(config, "mode", mode) if mode is None else mode
        self._require_mode(mode or "none")
        if type_check and not type(self).__module__.startswith("graphkeras."):
            raise ArgumentError(
                message(self.name, "expected a layer of Keras's to quantize.",
                        type(self).__name__, "Pass type_check=False.")
            )  # fmt: skip
        if not self.built or self.quantization_mode is not None:
            raise ArgumentError(
                message(self.name, "expected a built layer of floats to quantize.",
                        f"{self!r}")
            )  # fmt: skip
        default = quantizers.Int8QuantizationConfig
        self.quantization_config = default() if config is None else config
        whole, scale = self._in_eight_bits(self._matrix.value)
        matrix, self.dtype_policy = self._matrix, QuantizedDTypePolicy(
            "int8", self.dtype_policy.name
        )  # fmt: skip
        self._forget(matrix)
        with self._open_scope():
            self._add_matrix(matrix.shape)
        self._matrix.assign(whole)
        assert self._scale is not None
        self._scale.assign(scale)

    def _in_eight_bits(self, matrix: Any) -> tuple[Any, Any]:
        """Return whole numbers and their scale."""
        given = getattr(self.quantization_config, "weight_quantizer", None)
        quantizer = quantizers.AbsMaxQuantizer() if given is None else given
        letters, kept = self._letters
        summed = tuple(i for i, c in enumerate(letters) if c not in kept)
        whole, scale = quantizer(matrix, axis=summed)
        return whole, laid_out(scale, letters, kept)

    def _rounded(
        self, inputs: Any, equation: str, matrix: Any, scale: Any, letters: str
    ) -> Any:
        """The product by eight bits, inputs rounded too unless the config says no.

        Args:
            inputs: floats.
            equation: of inputs, matrix and result, a letter for each axis.
            matrix: the whole numbers.
            scale: theirs.
            letters: a letter for each axis of the scale.
        """
        config, output = self.quantization_config, equation.split("->")[1]
        scale = laid_out(ops.convert_to_tensor(scale), letters, output)
        quantizer = quantizers.AbsMaxQuantizer()
        if config is not None:
            quantizer = config.activation_quantizer
        if quantizer is None:
            kernel = ops.cast(matrix, self.compute_dtype)
            return ops.einsum(equation, inputs, kernel) / scale
        low, high = quantizer.value_range
        return rounded_einsum(
            inputs, matrix, scale, equation=equation, low=low, high=high,
            epsilon=quantizer.epsilon,
        )  # fmt: skip

    # ------------------------------------------------------------------------ files

    def _in_file(self) -> list[Variable]:
        """Variables in the order of Keras's files."""
        scale = [] if self._scale is None else [self._scale]
        return [*super()._in_file(), *scale] if self.built else []

    def _merged(self) -> dict[int, Any]:
        if self._scale is None:
            return super()._merged()
        scale = laid_out(ops.convert_to_tensor(self._scale), *self._letters[::-1])
        exact = ops.cast(self._matrix, "float32") / scale
        whole, scale = self._in_eight_bits(exact + self._tuning())
        pairs = ((self._matrix, whole), (self._scale, scale))
        return {id(held): ops.convert_to_numpy(value) for held, value in pairs}
