"""Optimizers that follow the gradient, scaled by its history or not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphkeras import ops
from graphkeras.errors import ArgumentError, message
from graphkeras.ops.math import over_root
from graphkeras.optimizers.optimizer import Optimizer
from graphkeras.variables import Variable


class SGD(Optimizer):
    """w <- w - rate g; with momentum, v <- momentum v - rate g and w <- w + v.

    Args:
        learning_rate: a float or schedule.
        momentum: how much of the last step is taken again, from 0 to 1.
        nesterov: whether to look ahead by one momentum step.
        options: arguments of `Optimizer`.

    Raises:
        ArgumentError: if momentum is outside 0 to 1.

    Example:
        >>> weight = Variable(1.0, name="w")
        >>> SGD(0.5).apply([0.2], [weight])
        >>> round(float(weight), 4)
        0.9
    """

    def __init__(
        self, learning_rate: Any = 0.01, momentum: float = 0.0, nesterov: bool = False,
        **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, **options)
        if not 0 <= momentum <= 1:
            raise ArgumentError(
                message("SGD", "momentum must be from 0 to 1.", f"momentum={momentum}")
            )
        self.momentum, self.nesterov = momentum, nesterov

    def build(self, variables: Sequence[Variable]) -> None:
        """Make a velocity for each variable, if there is momentum."""
        super().build(variables)
        if self.momentum:
            self.momentums = self.add_optimizer_variables(variables, "momentum")

    def update_step(
        self, gradient: Any, variable: Variable, learning_rate: Any
    ) -> None:
        """Change one variable along its gradient."""
        step = gradient * learning_rate
        if not self.momentum:
            variable.assign_sub(step)
            return
        slot = self.momentums[self._get_variable_index(variable)]
        velocity = slot.value * self.momentum - step
        slot.assign(velocity)
        if self.nesterov:
            velocity = velocity * self.momentum - step
        variable.assign_add(velocity)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        own = {"momentum": self.momentum, "nesterov": self.nesterov}
        return {**super().get_config(), **own}


class RMSprop(Optimizer):
    """w <- w - rate g / sqrt(mean of g^2), the mean moving.

    Args:
        learning_rate: a float or schedule.
        rho: how slowly the mean moves.
        momentum: how much of the last step is taken again.
        epsilon: added under the root.
        centered: whether the mean gradient's square is taken off (the variance).
        options: arguments of `Optimizer`.

    Source: Hinton, lecture 6 of Neural Networks for Machine Learning (2012).
    """

    def __init__(
        self, learning_rate: Any = 0.001, rho: float = 0.9, momentum: float = 0.0,
        epsilon: float = 1e-7, centered: bool = False, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, **options)
        self.rho, self.momentum = rho, momentum
        self.epsilon, self.centered = epsilon, centered

    def build(self, variables: Sequence[Variable]) -> None:
        """Make the moving averages for each variable."""
        super().build(variables)
        make = self.add_optimizer_variables
        self._velocities = make(variables, "velocity")
        self._momentums = make(variables, "momentum") if self.momentum > 0 else []
        self._means = make(variables, "average_gradient") if self.centered else []

    def update_step(
        self, gradient: Any, variable: Variable, learning_rate: Any
    ) -> None:
        """Change one variable along its gradient."""
        i, rho = self._get_variable_index(variable), self.rho
        slot = self._velocities[i]
        velocity = rho * slot.value + (1.0 - rho) * ops.square(gradient)
        slot.assign(velocity)
        if self.centered:
            mean = rho * self._means[i].value + (1.0 - rho) * gradient
            self._means[i].assign(mean)
            velocity = velocity - ops.square(mean)
        step = over_root(learning_rate * gradient, velocity + self.epsilon)
        if self.momentum > 0:
            step = self.momentum * self._momentums[i].value + step
            self._momentums[i].assign(step)
        variable.assign_sub(step)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {
            **super().get_config(), "rho": self.rho, "momentum": self.momentum,
            "epsilon": self.epsilon, "centered": self.centered,
        }  # fmt: skip


class Adagrad(Optimizer):
    """w <- w - rate g / sqrt(sum of g^2).

    Args:
        learning_rate: a float or schedule.
        initial_accumulator_value: where the sums start.
        epsilon: added under the root.
        options: arguments of `Optimizer`.

    Source: Duchi et al., Adaptive Subgradient Methods (2011).
    """

    def __init__(
        self, learning_rate: Any = 0.001, initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, **options)
        self.initial_accumulator_value = initial_accumulator_value
        self.epsilon = epsilon

    def build(self, variables: Sequence[Variable]) -> None:
        """Make a sum for each variable."""
        super().build(variables)
        self._accumulators = self.add_optimizer_variables(
            variables, "accumulator", self.initial_accumulator_value
        )

    def update_step(
        self, gradient: Any, variable: Variable, learning_rate: Any
    ) -> None:
        """Change one variable along its gradient."""
        slot = self._accumulators[self._get_variable_index(variable)]
        total = slot.value + ops.square(gradient)
        slot.assign(total)
        step = over_root(learning_rate * gradient, total + self.epsilon)
        variable.assign_sub(step)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {
            **super().get_config(), "epsilon": self.epsilon,
            "initial_accumulator_value": self.initial_accumulator_value,
        }  # fmt: skip


class Adadelta(Optimizer):
    """w <- w - rate g rms(last steps) / rms(gradients).

    Args:
        learning_rate: a float or schedule.
        rho: how slowly the means move.
        epsilon: added under the roots.
        options: arguments of `Optimizer`.

    Source: Zeiler, ADADELTA (2012).
    """

    def __init__(
        self, learning_rate: Any = 0.001, rho: float = 0.95, epsilon: float = 1e-7,
        **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, **options)
        self.rho, self.epsilon = rho, epsilon

    def build(self, variables: Sequence[Variable]) -> None:
        """Make the two moving averages for each variable."""
        super().build(variables)
        self._grads, self._deltas = self.add_optimizer_variables(
            variables, ["accumulated_grad", "accumulated_delta_var"]
        )

    def update_step(
        self, gradient: Any, variable: Variable, learning_rate: Any
    ) -> None:
        """Change one variable along its gradient."""
        i, rho = self._get_variable_index(variable), self.rho
        grads = rho * self._grads[i].value + (1.0 - rho) * ops.square(gradient)
        self._grads[i].assign(grads)
        deltas = self._deltas[i].value
        up = ops.sqrt(deltas + self.epsilon)
        delta = -over_root(up * gradient, grads + self.epsilon)
        self._deltas[i].assign(rho * deltas + (1.0 - rho) * ops.square(delta))
        variable.assign_add(learning_rate * delta)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "rho": self.rho, "epsilon": self.epsilon}


class Ftrl(Optimizer):
    """Follow the regularized leader: gradient sums with L1 and L2 that give zeros.

    Args:
        learning_rate: a float or schedule.
        learning_rate_power: how the rate falls with the sum of g^2; not positive.
        initial_accumulator_value: where the sums of g^2 start.
        l1_regularization_strength: pull to exactly zero.
        l2_regularization_strength: pull towards zero.
        l2_shrinkage_regularization_strength: penalty on the size of weights.
        beta: added to the rate's denominator.
        options: arguments of `Optimizer`.

    Raises:
        ArgumentError: for a strength below zero, or a positive power.

    Source: McMahan et al., Ad Click Prediction (2013).
    """

    def __init__(
        self, learning_rate: Any = 0.001, learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1, l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0, beta: float = 0.0,
        **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, **options)
        self.learning_rate_power = learning_rate_power
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self.beta = beta
        for name, value in self._own_config().items():
            wrong = value > 0 if name == "learning_rate_power" else value < 0
            if wrong:
                side = "at most" if name == "learning_rate_power" else "at least"
                self._refuse(f"needs {name} of {side} 0.", f"{name}={value}")

    def _own_config(self) -> dict[str, Any]:
        names = (
            "learning_rate_power", "initial_accumulator_value",
            "l1_regularization_strength", "l2_regularization_strength",
            "l2_shrinkage_regularization_strength", "beta",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names}

    def build(self, variables: Sequence[Variable]) -> None:
        """Make the sums for each variable."""
        super().build(variables)
        self._accumulators, self._linears = self.add_optimizer_variables(
            variables, ["accumulator", "linear"],
            [self.initial_accumulator_value, "zeros"],
        )  # fmt: skip

    def update_step(
        self, gradient: Any, variable: Variable, learning_rate: Any
    ) -> None:
        """Change one variable along its gradient."""
        i, power = self._get_variable_index(variable), -self.learning_rate_power
        old, weight = self._accumulators[i].value, variable.value
        l2 = self.l2_regularization_strength + self.beta / (2.0 * learning_rate)
        pull = 2.0 * self.l2_shrinkage_regularization_strength * weight
        new = old + ops.square(gradient)
        change = (ops.power(new, power) - ops.power(old, power)) / learning_rate
        linear = self._linears[i].value + (gradient + pull - change * weight)
        self._linears[i].assign(linear)
        quadratic = ops.power(new, power) / learning_rate + 2.0 * l2
        limit = self.l1_regularization_strength
        variable.assign((ops.clip(linear, -limit, limit) - linear) / quadratic)
        self._accumulators[i].assign(new)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), **self._own_config()}


class Lion(Optimizer):
    """w <- w - rate sign(beta_1 m + (1 - beta_1) g), m a moving mean of g.

    Args:
        learning_rate: a float or schedule.
        beta_1: weight of the mean against the gradient in a step, above 0 to 1.
        beta_2: how slowly the mean moves.
        options: arguments of `Optimizer`.

    Raises:
        ArgumentError: if beta_1 is out of range.

    Source: Chen et al., Symbolic Discovery of Optimization Algorithms (2023).
    """

    def __init__(
        self, learning_rate: Any = 0.001, beta_1: float = 0.9, beta_2: float = 0.99,
        **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, **options)
        if not 0 < beta_1 <= 1:
            self._refuse("needs beta_1 above 0 and at most 1.", f"beta_1={beta_1}")
        self.beta_1, self.beta_2 = beta_1, beta_2

    def build(self, variables: Sequence[Variable]) -> None:
        """Make a mean for each variable."""
        super().build(variables)
        self._momentums = self.add_optimizer_variables(variables, "momentum")

    def update_step(
        self, gradient: Any, variable: Variable, learning_rate: Any
    ) -> None:
        """Change one variable along its gradient."""
        slot = self._momentums[self._get_variable_index(variable)]
        mean = slot.value
        mixed = mean * self.beta_1 + gradient * (1.0 - self.beta_1)
        variable.assign_sub(learning_rate * ops.sign(mixed))
        slot.assign(mean * self.beta_2 + gradient * (1.0 - self.beta_2))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2}
