"""Optimizers that treat a matrix as one: by its rows and columns, or its directions."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from graphkeras import ops
from graphkeras.ops.math import over_root, over_root_plus
from graphkeras.optimizers.optimizer import Optimizer
from graphkeras.variables import Variable


def _root_mean_square(x: Any) -> Any:
    return ops.sqrt(ops.mean(ops.square(x)))


class Adafactor(Optimizer):
    """w <- w - rate size(w) g / sqrt(v), v known by means over rows and columns only.

    A slot for a matrix takes the room of a row and a column, beside one of its size
    that is made from them. Source: Shazeer and Stern, arXiv:1804.04235.

    Args:
        learning_rate: a float or schedule.
        beta_2_decay: exponent by which v moves slower from step to step.
        epsilon_1: added to g^2.
        epsilon_2: least size of w.
        clip_threshold: largest size of g / sqrt(v).
        relative_step: whether the rate is at most 1 / sqrt(step).
        options: arguments of `Optimizer`.
    """

    def __init__(
        self, learning_rate: Any = 0.001, beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30, epsilon_2: float = 1e-3, clip_threshold: float = 1.0,
        relative_step: bool = True, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, **options)
        self.beta_2_decay, self.clip_threshold = beta_2_decay, clip_threshold
        self.epsilon_1, self.epsilon_2 = epsilon_1, epsilon_2
        self.relative_step = relative_step

    def build(self, variables: Sequence[Variable]) -> None:
        """Make means over rows and columns, and v."""
        super().build(variables)
        self._rows: list[Variable] = []
        self._columns: list[Variable] = []
        self._v: list[Variable] = []
        for v in variables:
            # A vector has no rows; a number stands in their place, as in Keras's files.
            rows, columns = v.shape[:-1], (*v.shape[:-2], *v.shape[-1:])
            for slots, shape in ((self._rows, rows), (self._columns, columns)):
                shape, kind = (shape, v.dtype) if v.ndim > 1 else ((), "int32")
                slots.append(self.add_variable(shape, dtype=kind, name=v.name))
            self._v.append(self.add_variable_from_reference(v, "velocity"))

    def update_step(
        self, gradient: Any, variable: Variable, learning_rate: Any
    ) -> None:
        """Change one variable along its gradient."""
        step = ops.cast(self.iterations + 1, variable.dtype)
        rate = ops.minimum(learning_rate, 1 / ops.sqrt(step))
        size = ops.maximum(self.epsilon_2, _root_mean_square(variable.value)) * rate
        velocity = self._velocity(
            gradient, variable, 1 - ops.power(step, self.beta_2_decay)
        )
        change = over_root(gradient, velocity)
        length = _root_mean_square(change) / self.clip_threshold
        variable.assign_sub(size * change / ops.maximum(1.0, length))

    def _velocity(self, gradient: Any, variable: Variable, kept: Any) -> Any:
        """Move the means of g^2, of which `kept` stays, and return v."""
        i = self._get_variable_index(variable)
        square = ops.square(gradient) + self.epsilon_1
        rows, columns, slot = self._rows[i], self._columns[i], self._v[i]
        if variable.ndim < 2:
            fresh = kept * slot.value + (1 - kept) * square
        else:
            r = kept * rows.value + (1 - kept) * ops.mean(square, axis=-1)
            c = kept * columns.value + (1 - kept) * ops.mean(square, axis=-2)
            rows.assign(r)
            columns.assign(c)
            share = r / ops.mean(r, axis=-1, keepdims=True)
            fresh = ops.expand_dims(share, -1) * ops.expand_dims(c, -2)
        slot.assign(fresh)
        return fresh

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {
            **super().get_config(), "beta_2_decay": self.beta_2_decay,
            "epsilon_1": self.epsilon_1, "epsilon_2": self.epsilon_2,
            "clip_threshold": self.clip_threshold, "relative_step": self.relative_step,
        }  # fmt: skip


class Muon(Optimizer):
    """A step of equal length in all directions of a matrix; Adam for the rest.

    The momentum of a matrix is replaced by the nearest orthogonal one, by iterations of
    Newton and Schulz. Source: Liu et al., arXiv:2502.16982.

    Args:
        learning_rate: a float or schedule.
        adam_beta_1, adam_beta_2, epsilon: of Adam.
        adam_weight_decay: part of the rate by which Adam's weights shrink.
        weight_decay: the same for matrices.
        exclude_layers: regular expressions of paths that Adam takes.
        exclude_embeddings: whether Adam takes embeddings.
        muon_a, muon_b, muon_c: of an iteration ``a x + (b y + c y y) x``, y = x x^T.
        adam_lr_ratio: learning rate of Adam, as part of that of matrices.
        momentum: how much of the last step is taken again.
        ns_steps: number of iterations.
        nesterov: whether to look ahead by one momentum step.
        rms_rate: size of a step, such as Adam's would have; None leaves it.
        options: arguments of `Optimizer`.
    """

    _options_after = "weight_decay"

    def __init__(
        self, learning_rate: Any = 0.001, adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999, adam_weight_decay: float | None = 0.004,
        epsilon: float = 1e-7, weight_decay: float | None = 0.004,
        exclude_layers: Sequence[str] | None = None, exclude_embeddings: bool = True,
        muon_a: float = 3.4445, muon_b: float = -4.7750, muon_c: float = 2.0315,
        adam_lr_ratio: float = 1, momentum: float = 0.95, ns_steps: int = 5,
        nesterov: bool = True, rms_rate: float | None = 0.2, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, weight_decay=weight_decay, **options)
        self.adam_beta_1, self.adam_beta_2 = adam_beta_1, adam_beta_2
        self.adam_weight_decay, self.adam_lr_ratio = adam_weight_decay, adam_lr_ratio
        self.epsilon, self.exclude_embeddings = epsilon, exclude_embeddings
        self.exclude_layers = list(exclude_layers or [])
        self.muon_a, self.muon_b, self.muon_c = muon_a, muon_b, muon_c
        self.momentum, self.ns_steps, self.nesterov = momentum, ns_steps, nesterov
        self.rms_rate = rms_rate

    def _is_for_adam(self, variable: Variable) -> bool:
        named = self.exclude_embeddings and "embedding" in variable.path.lower()
        listed = any(re.search(key, variable.path) for key in self.exclude_layers)
        return variable.ndim != 2 or named or listed

    def build(self, variables: Sequence[Variable]) -> None:
        """Make a momentum for each variable, and a velocity for those of Adam."""
        super().build(variables)
        self._momenta: list[Variable] = []
        self._velocities: list[Variable | None] = []
        for v in variables:
            self._momenta.append(self.add_variable_from_reference(v, "momentum"))
            adam = self._is_for_adam(v)
            self._velocities.append(
                self.add_variable_from_reference(v, "velocity") if adam else None
            )

    def update_step(
        self, gradient: Any, variable: Variable, learning_rate: Any
    ) -> None:
        """Change one variable along its gradient."""
        i = self._get_variable_index(variable)
        slot, velocity = self._momenta[i], self._velocities[i]
        if velocity is not None:
            rate = learning_rate * self.adam_lr_ratio
            self._adam(gradient, variable, rate, slot, velocity)
            return
        m = gradient + slot.value * self.momentum
        slot.assign(m)
        ahead = gradient + m * self.momentum if self.nesterov else m
        step = self._orthogonal(ahead) * learning_rate
        if self.rms_rate is not None:
            step = step * (math.sqrt(max(variable.shape)) * self.rms_rate)
        variable.assign_sub(step)

    def _orthogonal(self, x: Any) -> Any:
        tall = x.shape[0] > x.shape[1]
        x = ops.transpose(x) if tall else x
        x = x / (ops.norm(x, axis=(-2, -1), keepdims=True) + 1e-7)
        for _ in range(self.ns_steps):
            y = ops.matmul(x, ops.transpose(x))
            inner = self.muon_b * y + ops.matmul(self.muon_c * y, y)
            x = self.muon_a * x + ops.matmul(inner, x)
        return ops.transpose(x) if tall else x

    def _adam(
        self, gradient: Any, variable: Variable, rate: Any, first: Any, second: Any
    ) -> None:
        step = ops.cast(self.iterations + 1, variable.dtype)
        decays = (self.adam_beta_1, self.adam_beta_2)
        powers = [1 - ops.power(decay, step) for decay in decays]
        m = first.value + (gradient - first.value) * (1 - self.adam_beta_1)
        v = second.value + (ops.square(gradient) - second.value) * (
            1 - self.adam_beta_2
        )
        first.assign(m)
        second.assign(v)
        rate = rate * ops.sqrt(powers[1]) / powers[0]
        variable.assign_sub(over_root_plus(m * rate, v, self.epsilon))

    def _decay_of(self, variable: Variable) -> float | None:
        adam = self._is_for_adam(variable)
        return self.adam_weight_decay if adam else self.weight_decay

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        names = (
            "adam_beta_1", "adam_beta_2", "epsilon", "exclude_layers", "muon_a",
            "muon_b", "muon_c", "adam_lr_ratio", "momentum", "ns_steps", "nesterov",
            "exclude_embeddings", "adam_weight_decay", "rms_rate",
        )  # fmt: skip
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
