"""Learning rates that depend on the step: Keras's `keras.optimizers.schedules`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from graphkeras import config, ops
from graphkeras.errors import ArgumentError, message
from graphkeras.saving.registry import (
    deserialize_keras_object,
    serialize_keras_object,
)


class LearningRateSchedule:
    """A learning rate as a function of the step.

    Subclasses define `__call__(step)`, written with `ops` so that it is compiled into
    the training step, and `get_config`.

    Example:
        >>> class Halved(LearningRateSchedule):
        ...     def __call__(self, step):
        ...         return 0.1 * 0.5 ** ops.cast(step, "float32")
        >>> round(float(Halved()(2)), 4)
        0.025
    """

    def __call__(self, step: Any) -> Any:
        """Return the learning rate at a step; subclasses say how."""
        raise TypeError(
            message(type(self).__name__, "a schedule must define __call__(self, step).")
        )

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs; subclasses say what."""
        raise TypeError(
            message(
                type(self).__name__, "a schedule must define get_config to be saved."
            )
        )

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LearningRateSchedule:
        """Return a schedule made from `get_config`'s result."""
        return cls(**config)


def _positive(who: object, **steps: float) -> None:
    for name, value in steps.items():
        if value <= 0:
            raise ArgumentError(
                message(type(who).__name__, f"{name} must be positive.", f"{value}")
            )


def _number(step: Any) -> Any:
    """The step as a float tensor."""
    return ops.cast(ops.convert_to_tensor(step), config.floatx())


class ExponentialDecay(LearningRateSchedule):
    """initial decay_rate^(step / decay_steps).

    Args:
        initial_learning_rate: the rate at step 0.
        decay_steps: after how many steps it is multiplied by `decay_rate`.
        decay_rate: the factor.
        staircase: whether it changes only after every `decay_steps` steps.
        name: name of the schedule.

    Example:
        >>> round(float(ExponentialDecay(0.1, 10, 0.5)(10)), 4)
        0.05
    """

    def __init__(
        self, initial_learning_rate: float, decay_steps: float, decay_rate: float,
        staircase: bool = False, name: str = "ExponentialDecay",
    ) -> None:  # fmt: skip
        _positive(self, decay_steps=decay_steps)
        self.initial_learning_rate, self.decay_steps = (
            initial_learning_rate,
            decay_steps,
        )
        self.decay_rate, self.staircase, self.name = decay_rate, staircase, name

    def __call__(self, step: Any) -> Any:
        """Return the learning rate at a step."""
        part = _number(step) / float(self.decay_steps)
        part = ops.floor(part) if self.staircase else part
        return self.initial_learning_rate * ops.power(float(self.decay_rate), part)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps, "decay_rate": self.decay_rate,
            "staircase": self.staircase, "name": self.name,
        }  # fmt: skip


class PiecewiseConstantDecay(LearningRateSchedule):
    """values[i] up to and including step boundaries[i], the last value after.

    Args:
        boundaries: steps, increasing.
        values: one rate more than there are boundaries.
        name: name of the schedule.

    Example:
        >>> schedule = PiecewiseConstantDecay([2, 4], [1.0, 0.5, 0.25])
        >>> [float(schedule(step)) for step in (2, 3, 5)]
        [1.0, 0.5, 0.25]
    """

    def __init__(
        self, boundaries: Sequence[float], values: Sequence[float],
        name: str = "PiecewiseConstant",
    ) -> None:  # fmt: skip
        if len(boundaries) != len(values) - 1:
            raise ArgumentError(
                message(
                    "PiecewiseConstantDecay", "expected a value more than boundaries.",
                    f"{len(boundaries)} boundaries, {len(values)} values",
                )
            )  # fmt: skip
        self.boundaries, self.values, self.name = boundaries, values, name

    def __call__(self, step: Any) -> Any:
        """Return the learning rate at a step."""
        at = ops.convert_to_tensor(step)
        rate: Any = ops.cast(ops.zeros_like(at), config.floatx()) + self.values[-1]
        for boundary, value in list(zip(self.boundaries, self.values))[::-1]:
            rate = ops.where(at <= boundary, value, rate)
        return rate

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {"boundaries": self.boundaries, "values": self.values, "name": self.name}


class PolynomialDecay(LearningRateSchedule):
    """(initial - end) (1 - step / decay_steps)^power + end, then end.

    Args:
        initial_learning_rate: the rate at step 0.
        decay_steps: at which step `end_learning_rate` is reached.
        end_learning_rate: the last rate.
        power: 1 for a straight line.
        cycle: whether to stretch the decay by whole times and start again.
        name: name of the schedule.
    """

    def __init__(
        self, initial_learning_rate: float, decay_steps: float,
        end_learning_rate: float = 0.0001, power: float = 1.0, cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:  # fmt: skip
        _positive(self, decay_steps=decay_steps)
        self.initial_learning_rate, self.decay_steps = (
            initial_learning_rate,
            decay_steps,
        )
        self.end_learning_rate, self.power = end_learning_rate, power
        self.cycle, self.name = cycle, name

    def __call__(self, step: Any) -> Any:
        """Return the learning rate at a step."""
        at, length = _number(step), float(self.decay_steps)
        if self.cycle:
            times = ops.where(ops.equal(at, 0.0), 1.0, ops.ceil(at / length))
            part = at / (length * times)
        else:
            part = ops.minimum(at, length) / length
        drop = self.initial_learning_rate - self.end_learning_rate
        return drop * ops.power(1.0 - part, float(self.power)) + self.end_learning_rate

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "end_learning_rate": self.end_learning_rate, "power": self.power,
            "cycle": self.cycle, "name": self.name,
        }  # fmt: skip


class InverseTimeDecay(LearningRateSchedule):
    """initial / (1 + decay_rate step / decay_steps).

    The arguments are those of `ExponentialDecay`.
    """

    def __init__(
        self, initial_learning_rate: float, decay_steps: float, decay_rate: float,
        staircase: bool = False, name: str = "InverseTimeDecay",
    ) -> None:  # fmt: skip
        _positive(self, decay_steps=decay_steps)
        self.initial_learning_rate, self.decay_steps = (
            initial_learning_rate,
            decay_steps,
        )
        self.decay_rate, self.staircase, self.name = decay_rate, staircase, name

    def __call__(self, step: Any) -> Any:
        """Return the learning rate at a step."""
        part = _number(step) / float(self.decay_steps)
        part = ops.floor(part) if self.staircase else part
        return self.initial_learning_rate / (1.0 + self.decay_rate * part)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps, "decay_rate": self.decay_rate,
            "staircase": self.staircase, "name": self.name,
        }  # fmt: skip


class CosineDecay(LearningRateSchedule):
    """A half cosine from the initial rate to alpha times it, after a linear warm-up.

    Args:
        initial_learning_rate: the rate at step 0.
        decay_steps: length of the cosine.
        alpha: the last rate as a part of the largest.
        name: name of the schedule.
        warmup_target: the rate after the warm-up; None for no warm-up.
        warmup_steps: length of the warm-up.

    Source: Loshchilov and Hutter, SGDR (2016).
    """

    def __init__(
        self, initial_learning_rate: float, decay_steps: float, alpha: float = 0.0,
        name: str = "CosineDecay", warmup_target: float | None = None,
        warmup_steps: float = 0,
    ) -> None:  # fmt: skip
        _positive(self, decay_steps=decay_steps)
        self.initial_learning_rate, self.decay_steps = (
            initial_learning_rate,
            decay_steps,
        )
        self.alpha, self.name = alpha, name
        self.warmup_target, self.warmup_steps = warmup_target, warmup_steps

    def _decayed(self, step: Any, start: float) -> Any:
        length = float(self.decay_steps)
        cosine = 0.5 * (1.0 + ops.cos(math.pi * (ops.minimum(step, length) / length)))
        return start * ((1.0 - self.alpha) * cosine + self.alpha)

    def __call__(self, step: Any) -> Any:
        """Return the learning rate at a step."""
        at = _number(step)
        if self.warmup_target is None:
            return self._decayed(at, self.initial_learning_rate)
        warm = float(self.warmup_steps)
        rise = self.warmup_target - self.initial_learning_rate
        rising = rise * (at / max(warm, 1.0)) + self.initial_learning_rate
        return ops.where(
            at < warm, rising, self._decayed(at - warm, self.warmup_target)
        )

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps, "alpha": self.alpha, "name": self.name,
            "warmup_target": self.warmup_target, "warmup_steps": self.warmup_steps,
        }  # fmt: skip


class CosineDecayRestarts(LearningRateSchedule):
    """Half cosines one after the other, each `t_mul` times as long as the last.

    Args:
        initial_learning_rate: the rate at step 0.
        first_decay_steps: length of the first cosine.
        t_mul: factor from one length to the next.
        m_mul: factor from one starting rate to the next.
        alpha: the lowest rate as a part of the initial one.
        name: name of the schedule.

    Source: Loshchilov and Hutter, SGDR (2016).
    """

    def __init__(
        self, initial_learning_rate: float, first_decay_steps: float,
        t_mul: float = 2.0, m_mul: float = 1.0, alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:  # fmt: skip
        _positive(self, first_decay_steps=first_decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps = first_decay_steps
        self._t_mul, self._m_mul, self.alpha, self.name = t_mul, m_mul, alpha, name

    def __call__(self, step: Any) -> Any:
        """Return the learning rate at a step."""
        done = _number(step) / float(self.first_decay_steps)
        growth = float(self._t_mul)
        if growth == 1.0:
            restart = ops.floor(done)
            done = done - restart
        else:
            restart = ops.floor(ops.log(1.0 - done * (1.0 - growth)) / math.log(growth))
            length = ops.power(growth, restart)
            done = (done - (1.0 - length) / (1.0 - growth)) / length
        height = 0.5 * ops.power(float(self._m_mul), restart)
        cosine = height * (1.0 + ops.cos(math.pi * done))
        return self.initial_learning_rate * ((1.0 - self.alpha) * cosine + self.alpha)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "first_decay_steps": self.first_decay_steps, "t_mul": self._t_mul,
            "m_mul": self._m_mul, "alpha": self.alpha, "name": self.name,
        }  # fmt: skip


def serialize(learning_rate_schedule: LearningRateSchedule) -> Any:
    """Return a schedule as a config of dicts, lists, strings and numbers."""
    return serialize_keras_object(learning_rate_schedule)


def deserialize(config: Any, custom_objects: Any = None) -> Any:
    """Return the schedule a config describes."""
    return deserialize_keras_object(config, custom_objects)
