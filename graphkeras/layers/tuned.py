"""Layers whose matrix may be tuned by a product of thin ones.

In files the matrix stands as Keras has it: with the tuning added.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphkeras import initializers, ops
from graphkeras.errors import ArgumentError, message
from graphkeras.layers.layer import Layer
from graphkeras.layers.validation import positive_int
from graphkeras.saving.hdf5 import assign_all
from graphkeras.variables import Variable


class Tuned(Layer):
    """Base of layers with one matrix.

    The tuning is LoRA: ``matrix + alpha / rank * a @ b`` of which only a and b train.
    Source: Hu et al., arXiv:2106.09685.
    """

    _matrix_name = "kernel"
    _matrix: Variable
    bias: Variable | None = None

    def _keep_tuning(self, lora_rank: int | None, lora_alpha: float | None) -> None:
        if lora_rank is not None:
            positive_int(type(self).__name__, "lora_rank", lora_rank)
        self.lora_rank = lora_rank
        self.lora_alpha = lora_rank if lora_alpha is None else lora_alpha
        self.lora_enabled = False

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

    # ------------------------------------------------------------------------ files

    def _in_file(self) -> list[Variable]:
        """Variables in the order of Keras's files."""
        found = [self._matrix, self.bias] if self.built else []
        return [v for v in found if v is not None]

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Put the matrix with its tuning, and the rest, into `store`."""
        values = {id(v): v.numpy() for v in self._in_file()}
        if self.lora_enabled:
            values |= self._merged()
        for index, variable in enumerate(self._in_file()):
            store[str(index)] = values[id(variable)]

    def _merged(self) -> dict[int, Any]:
        """What stands in a file for variables, by id: the matrix with its tuning."""
        whole = self._matrix.value + ops.cast(self._tuning(), self._matrix.dtype)
        return {id(self._matrix): ops.convert_to_numpy(whole)}

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
