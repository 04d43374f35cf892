"""Training in float16: losses scaled up so that gradients do not vanish."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphkeras import ops
from graphkeras.errors import ArgumentError, message
from graphkeras.optimizers.nested import Around
from graphkeras.optimizers.optimizer import Optimizer
from graphkeras.saving.registry import deserialize_keras_object, serialize_keras_object
from graphkeras.variables import Variable

_OF_INNER = (
    "weight_decay", "clipnorm", "global_clipnorm", "clipvalue", "use_ema",
    "ema_momentum", "ema_overwrite_frequency", "loss_scale_factor",
    "gradient_accumulation_steps", "dynamic",
)  # fmt: skip
_DEFAULTS = (None, False, 0.99)  # older files hold them, and they ask for nothing


class LossScaleOptimizer(Around):
    """An optimizer for losses that are multiplied by a scale, which finds itself.

    A step whose gradients are not all finite is skipped, and the scale halved; after
    `dynamic_growth_steps` finite ones it is doubled. Source: Micikevicius et al.,
    arXiv:1710.03740, section 3.2.

    Args:
        inner_optimizer: the optimizer that takes the steps.
        initial_scale: the scale to begin with.
        dynamic_growth_steps: after how many steps it is doubled.

    Example:
        >>> from graphkeras.optimizers import SGD
        >>> optimizer = LossScaleOptimizer(SGD(0.1), initial_scale=8.0)
        >>> float(optimizer.scale_loss(2.0))
        16.0
    """

    def __init__(
        self,
        inner_optimizer: Optimizer,
        initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        for key in [k for k in _OF_INNER if k in kwargs]:
            value = kwargs.pop(key)
            if value not in _DEFAULTS and not (key == "dynamic" and value is True):
                raise ArgumentError(
                    message(
                        "LossScaleOptimizer",
                        f"expected {key} on the optimizer inside.", f"{key}={value!r}",
                    )
                )  # fmt: skip
        super().__init__(learning_rate=0.0, name=name, **kwargs)
        self.inner_optimizer = inner_optimizer
        self.initial_scale = initial_scale
        self.dynamic_growth_steps = dynamic_growth_steps
        inner_optimizer.loss_scale_factor = None  # else gradients are scaled twice
        self.step_counter = self.add_variable((), dtype="int32", name="step_counter")
        self.dynamic_scale = self.add_variable(
            (), initial_scale, "float32", name="dynamic_scale"
        )

    def _inside(self) -> list[Optimizer]:
        return [self.inner_optimizer]

    def build(self, variables: Sequence[Variable]) -> None:
        """Make the slots of the optimizer inside."""
        self.inner_optimizer.build(variables)
        super().build(variables)

    @property
    def iterations(self) -> Any:
        """How many steps were not skipped."""
        return self.inner_optimizer.iterations

    @property
    def learning_rate(self) -> Any:
        """The learning rate of the optimizer inside."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        self.inner_optimizer.learning_rate = learning_rate

    def scale_loss(self, loss: Any) -> Any:
        """Multiply the loss by the scale."""
        return ops.multiply(loss, self.dynamic_scale)

    def apply(
        self,
        grads: Sequence[Any],
        trainable_variables: Sequence[Variable] | None = None,
    ) -> None:
        """Take one step with gradients of the scaled loss, or skip it."""
        if len(grads) == 0:
            return
        variables = self._known(grads, trainable_variables)
        found = [ops.all(ops.isfinite(g)) for g in grads if g is not None]
        finite = found[0] if found else True
        for one in found[1:]:
            finite = ops.logical_and(finite, one)
        ops.cond(finite, lambda: self._step(grads, variables), self._skip)

    def _step(self, grads: Sequence[Any], variables: Sequence[Variable]) -> None:
        scale, steps = self.dynamic_scale.value, self.step_counter.value + 1
        scaled = [
            None if g is None else ops.divide(g, ops.cast(scale, g.dtype))
            for g in grads
        ]
        self.inner_optimizer.apply(scaled, variables)
        full = ops.equal(steps, self.dynamic_growth_steps)
        self.dynamic_scale.assign(ops.where(full, scale * 2.0, scale))
        self.step_counter.assign(ops.where(full, 0, steps))

    def _skip(self) -> None:
        self.step_counter.assign(0)
        self.dynamic_scale.assign(self.dynamic_scale * 0.5)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {
            "name": self.name,
            "inner_optimizer": serialize_keras_object(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }  # fmt: skip

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Any = None
    ) -> LossScaleOptimizer:
        """Return an optimizer made from `get_config`'s result."""
        inner = deserialize_keras_object(config["inner_optimizer"], custom_objects)
        return cls(**{**config, "inner_optimizer": inner})
