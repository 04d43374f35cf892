"""Adam and its relatives: a mean of gradients over the root of a mean of squares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphkeras import ops
from graphkeras.ops.math import over_root_plus
from graphkeras.optimizers.optimizer import Optimizer
from graphkeras.variables import Variable


class _Moments(Optimizer):
    """What all keep: the two decay rates, and the means of g and of g^2."""

    _SLOTS: tuple[str, ...] = ("momentum", "velocity")

    def __init__(
        self, learning_rate: Any, beta_1: float, beta_2: float, epsilon: float,
        **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, **options)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def build(self, variables: Sequence[Variable]) -> None:
        """Make the means for each variable."""
        super().build(variables)
        self._slots = self.add_optimizer_variables(variables, self._SLOTS)

    def _means(self, gradient: Any, variable: Variable) -> tuple[Any, Any]:
        """Move both means and return them."""
        i = self._get_variable_index(variable)
        first, second = self._slots[0][i], self._slots[1][i]
        m, v = first.value, second.value
        m = m + (gradient - m) * (1.0 - self.beta_1)
        v = v + (ops.square(gradient) - v) * (1.0 - self.beta_2)
        first.assign(m)
        second.assign(v)
        return m, v

    def _step(self, variable: Variable) -> Any:
        """The number of this step, counted from 1."""
        return ops.cast(self.iterations + 1, variable.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {
            **super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }  # fmt: skip


class Adam(_Moments):
    """w <- w - rate m / (sqrt(v) + epsilon), m and v moving means of g and g^2.

    Both means start at zero; the rate is corrected for that.

    Args:
        learning_rate: a float or schedule.
        beta_1: how slowly m moves.
        beta_2: how slowly v moves.
        epsilon: keeps the quotient finite.
        amsgrad: whether the largest v so far is used.
        options: arguments of `Optimizer`.

    Source: Kingma and Ba, Adam (2014); Reddi et al. (2018) for amsgrad.

    Example:
        >>> weight = Variable(1.0, name="w")
        >>> Adam(0.1).apply([0.5], [weight])
        >>> round(float(weight), 4)
        0.9
    """

    def __init__(
        self, learning_rate: Any = 0.001, beta_1: float = 0.9, beta_2: float = 0.999,
        epsilon: float = 1e-7, amsgrad: bool = False, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **options)
        self.amsgrad = amsgrad

    def build(self, variables: Sequence[Variable]) -> None:
        """Make the means for each variable."""
        super().build(variables)
        if self.amsgrad:
            self._largest = self.add_optimizer_variables(variables, "velocity_hat")

    def update_step(
        self, gradient: Any, variable: Variable, learning_rate: Any
    ) -> None:
        """Change one variable along its gradient."""
        kind, step = variable.dtype, self._step(variable)
        power_1 = ops.power(ops.cast(self.beta_1, kind), step)
        power_2 = ops.power(ops.cast(self.beta_2, kind), step)
        alpha = learning_rate * ops.sqrt(1.0 - power_2) / (1.0 - power_1)
        m, v = self._means(gradient, variable)
        if self.amsgrad:
            slot = self._largest[self._get_variable_index(variable)]
            v = ops.maximum(slot.value, v)
            slot.assign(v)
        variable.assign_sub(over_root_plus(m * alpha, v, self.epsilon))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "amsgrad": self.amsgrad}


class AdamW(Adam):
    """Adam with weights that shrink by rate weight_decay before each step.

    Source: Loshchilov and Hutter, Decoupled Weight Decay Regularization (2017).
    """

    def __init__(
        self, learning_rate: Any = 0.001, weight_decay: float = 0.004,
        beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-7,
        amsgrad: bool = False, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, amsgrad,
            weight_decay=weight_decay, **options,
        )  # fmt: skip
        if weight_decay is None:
            self._refuse("needs a float weight_decay.", "weight_decay=None")


class Adamax(_Moments):
    """Adam with the largest |g|, slowly forgotten, in place of sqrt(v).

    The arguments are those of `Adam`, without amsgrad.

    Source: Kingma and Ba, Adam (2014), section 7.
    """

    _SLOTS = ("momentum", "norm")

    def __init__(
        self, learning_rate: Any = 0.001, beta_1: float = 0.9, beta_2: float = 0.999,
        epsilon: float = 1e-7, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **options)

    def update_step(
        self, gradient: Any, variable: Variable, learning_rate: Any
    ) -> None:
        """Change one variable along its gradient."""
        i = self._get_variable_index(variable)
        step, kind = self._step(variable), variable.dtype
        power = ops.power(ops.cast(self.beta_1, kind), step)
        m = self._slots[0][i].value
        m = m + (gradient - m) * (1.0 - self.beta_1)
        u = ops.maximum(self.beta_2 * self._slots[1][i].value, ops.absolute(gradient))
        self._slots[0][i].assign(m)
        self._slots[1][i].assign(u)
        variable.assign_sub(learning_rate * m / ((1.0 - power) * (u + self.epsilon)))


class Nadam(_Moments):
    """Adam with Nesterov's look ahead.

    The arguments are those of `Adam`, without amsgrad.

    Source: Dozat, Incorporating Nesterov Momentum into Adam (2016).
    """

    _DECAY = 0.96  # of the momentum's schedule; the paper's constant

    def __init__(
        self, learning_rate: Any = 0.001, beta_1: float = 0.9, beta_2: float = 0.999,
        epsilon: float = 1e-7, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **options)

    def build(self, variables: Sequence[Variable]) -> None:
        """Make the means, and the product of all momentums so far."""
        super().build(variables)
        kind = variables[0].dtype if variables else None
        self._product = self.add_variable((), 1.0, kind, name="u_product")

    def _momentum_at(self, step: Any) -> Any:
        return self.beta_1 * (1.0 - 0.5 * ops.power(self._DECAY, step))

    def _update_all(
        self, grads: list[Any], variables: list[Variable], learning_rate: Any
    ) -> None:
        now = self._momentum_at(self._step(self._product))
        self._product.assign(self._product.value * now)
        super()._update_all(grads, variables, learning_rate)

    def update_step(
        self, gradient: Any, variable: Variable, learning_rate: Any
    ) -> None:
        """Change one variable along its gradient."""
        kind, step = variable.dtype, self._step(variable)
        now, coming = self._momentum_at(step), self._momentum_at(step + 1.0)
        product = ops.cast(self._product.value, kind)
        m, v = self._means(gradient, variable)
        ahead = m * (coming / (1.0 - product * coming))
        ahead = ahead + gradient * ((1.0 - now) / (1.0 - product))
        v = v * (1.0 / (1.0 - ops.power(ops.cast(self.beta_2, kind), step)))
        variable.assign_sub(over_root_plus(ahead * learning_rate, v, self.epsilon))


class Lamb(_Moments):
    """Adam whose steps are as long as the weights: rate |w| of each variable.

    Source: You et al., arXiv:1904.00962.

    Args:
        learning_rate: a float or schedule.
        beta_1: how slowly m moves.
        beta_2: how slowly v moves.
        epsilon: added to the root.
        options: arguments of `Optimizer`.
    """

    def __init__(
        self, learning_rate: Any = 0.001, beta_1: float = 0.9, beta_2: float = 0.999,
        epsilon: float = 1e-7, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **options)

    def update_step(
        self, gradient: Any, variable: Variable, learning_rate: Any
    ) -> None:
        """Change one variable along its gradient."""
        m, v = self._means(gradient, variable)
        step = self._step(variable)
        second = v * (1.0 / (1.0 - ops.power(self.beta_2, step)))
        first = m * (1.0 / (1.0 - ops.power(self.beta_1, step)))
        update = over_root_plus(first, second, self.epsilon)
        own, new = (ops.sqrt(ops.sum(ops.square(x))) for x in (variable.value, update))
        some = ops.logical_and(own > 0, new > 0)
        ratio = ops.where(some, own / ops.where(some, new, 1.0), 1.0)
        variable.assign_sub(ratio * learning_rate * update)


class ScheduleFreeAdamW(_Moments):
    """Adam whose weights lie between a fast point and the mean of all it has been at.

    The learning rate needs no schedule. Source: Defazio et al., arXiv:2405.15682.

    Args:
        learning_rate: a float or schedule.
        beta_1: how near the weights are to the mean.
        beta_2: how slowly v moves.
        epsilon: added to the root.
        warmup_steps: over how many steps the learning rate rises.
        options: arguments of `Optimizer`.
    """

    def __init__(
        self, learning_rate: Any = 0.0025, beta_1: float = 0.9, beta_2: float = 0.999,
        epsilon: float = 1e-8, warmup_steps: int = 0, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **options)
        self.warmup_steps = warmup_steps

    def build(self, variables: Sequence[Variable]) -> None:
        """Make fast points, which begin at the weights, and means of g^2."""
        super().build(variables)
        for point, variable in zip(self._slots[0], variables):
            point.set_array(variable.array)

    def update_step(
        self, gradient: Any, variable: Variable, learning_rate: Any
    ) -> None:
        """Change one variable along its gradient."""
        i, step = self._get_variable_index(variable), self._step(variable)
        point, second = self._slots[0][i], self._slots[1][i]
        if self.warmup_steps > 0:
            learning_rate *= ops.minimum(step / self.warmup_steps, 1.0)
        v = second.value + (ops.square(gradient) - second.value) * (1.0 - self.beta_2)
        second.assign(v)
        v = v * (1.0 / (1.0 - ops.power(self.beta_2, step)))
        old, near = point.value, self.beta_1
        new = old - over_root_plus(learning_rate * gradient, v, self.epsilon)
        point.assign(new)
        mean = (variable.value - (1.0 - near) * old) / near
        mean = mean + (new - mean) / step
        variable.assign((1.0 - near) * new + near * mean)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "warmup_steps": self.warmup_steps}
