"""Layers whose matrix may have eight bits, and be tuned by a product of thin ones.

In files the matrix stands as Keras has it: with the tuning added, and for eight bits
beside its scale.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphkeras import initializers, ops, quantizers
from graphkeras.dtype_policies import QuantizedDTypePolicy
from graphkeras.errors import ArgumentError, message
from graphkeras.layers.layer import Layer
from graphkeras.layers.validation import positive_int
from graphkeras.ops.quantization import laid_out, rounded_einsum
from graphkeras.saving.hdf5 import assign_all
from graphkeras.variables import Variable


class Quantized(Layer):
    """Base of layers with one matrix.

    The tuning is LoRA: ``matrix + alpha / rank * a @ b`` of which only a and b train.
    Source: Hu et al., arXiv:2106.09685.
    """

    _matrix_name = "kernel"
    _letters = ("yz", "z")  # a letter for each axis of the matrix, and of its scale
    _matrix: Variable
    _scale: Variable | None = None
    bias: Variable | None = None

    def _keep_quantization(
        self, lora_rank: int | None, lora_alpha: float | None, config: Any
    ) -> None:
        who = type(self).__name__
        if lora_rank is not None:
            positive_int(who, "lora_rank", lora_rank)
        self.lora_rank = lora_rank
        self.lora_alpha = lora_rank if lora_alpha is None else lora_alpha
        self.lora_enabled = False
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

    def _finish_matrix(self) -> None:
        """Begin the tuning a config asks for, once all else is built."""
        if self.lora_rank is not None and not self.lora_enabled:
            self._add_lora(self.lora_rank, "he_uniform", "zeros")

    def _tuned(self) -> Any:
        """The matrix with its tuning, in floats where there is one."""
        if not self.lora_enabled:
            return self._matrix
        whole = ops.cast(self._matrix, "float32") + self._tuning()
        return ops.cast(whole, self.compute_dtype)

    def _tuning(self) -> Any:
        return ops.matmul(self._lora_a, self._lora_b) * self._lora_gain

    def _tuned_product(self, equation: str, inputs: Any) -> Any:
        """What the tuning adds to a product with the matrix."""
        if not self.lora_enabled:
            return 0.0
        tuning = ops.cast(self._tuning(), self.compute_dtype)
        return ops.einsum(equation, inputs, tuning)

    @property
    def _lora_gain(self) -> float:
        assert self.lora_rank is not None and self.lora_alpha is not None
        return self.lora_alpha / self.lora_rank

    # ------------------------------------------------------------------------- LoRA

    def enable_lora(
        self,
        rank: int,
        lora_alpha: float | None = None,
        a_initializer: Any = "he_uniform",
        b_initializer: Any = "zeros",
    ) -> None:
        """Freeze the matrix, and train a product of two thin ones that is added to it.

        Args:
            rank: how thin they are.
            lora_alpha: `rank` times the factor of the product; `rank` by default.
            a_initializer, b_initializer: their first values.

        Raises:
            ArgumentError: for a layer that is not built, has a constraint, or has LoRA.
        """
        reasons = {
            "a layer without constraint": getattr(
                self, f"{self._matrix_name}_constraint") is None,
            "a built layer": self.built,
            "a layer without LoRA": not self.lora_enabled,
        }  # fmt: skip
        for expected, holds in reasons.items():
            if not holds:
                raise ArgumentError(
                    message(self.name, f"enable_lora expected {expected}.", f"{self!r}")
                )
        self.lora_rank = positive_int(type(self).__name__, "rank", rank)
        self.lora_alpha = rank if lora_alpha is None else lora_alpha
        self._add_lora(rank, a_initializer, b_initializer)

    def _add_lora(self, rank: int, a_initializer: Any, b_initializer: Any) -> None:
        *rows, columns = self._matrix.shape
        name = self._matrix_name
        penalty = getattr(self, f"{name}_regularizer")
        made = [
            self.add_weight(
                shape, initializers.get(initializer), dtype="float32",
                regularizer=penalty, name=f"lora_{name}_{part}",
            )
            for part, shape, initializer in (
                ("a", (*rows, rank), a_initializer),
                ("b", (rank, columns), b_initializer),
            )
        ]  # fmt: skip
        self._lora_a, self._lora_b = made
        self._freeze(self._matrix)
        self.lora_enabled = True

    def _freeze(self, variable: Variable) -> None:
        variable.trainable = False
        self._forget(variable)
        self._track_variable(variable)

    def _forget(self, variable: Variable) -> None:
        for held in (self._trainable_variables, self._non_trainable_variables):
            held[:] = [v for v in held if v is not variable]

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
        found = [self._matrix, self.bias, self._scale] if self.built else []
        return [v for v in found if v is not None]

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Put the matrix with its tuning, and the rest, into `store`."""
        values = {id(v): v.numpy() for v in self._in_file()}
        if self.lora_enabled:
            matrix, scale = self._merged()
            values[id(self._matrix)] = matrix
            values |= {} if scale is None else {id(self._scale): scale}
        for index, variable in enumerate(self._in_file()):
            store[str(index)] = values[id(variable)]

    def _merged(self) -> tuple[Any, Any]:
        if self._scale is None:
            whole = self._matrix.value + ops.cast(self._tuning(), self._matrix.dtype)
            return ops.convert_to_numpy(whole), None
        scale = laid_out(ops.convert_to_tensor(self._scale), *self._letters[::-1])
        exact = ops.cast(self._matrix, "float32") / scale
        whole, scale = self._in_eight_bits(exact + self._tuning())
        return ops.convert_to_numpy(whole), ops.convert_to_numpy(scale)

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Take the variables from `store`; a tuning begins anew."""
        assign_all(self.name, self._in_file(), store)
        if self.lora_enabled:
            self._lora_b.assign(ops.zeros(self._lora_b.shape))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        config = super().get_config()
        if not self.lora_rank:
            config = {k: v for k, v in config.items() if not k.startswith("lora_")}
        return config
