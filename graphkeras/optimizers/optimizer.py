"""What all optimizers share: variables, learning rate, clipping, decay, averages."""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from graphkeras import config, ops
from graphkeras.errors import ArgumentError, GraphKerasError, message
from graphkeras.naming import auto_name
from graphkeras.optimizers.options import with_options
from graphkeras.optimizers.schedules import LearningRateSchedule
from graphkeras.saving.hdf5 import assign_all
from graphkeras.saving.registry import deserialize_keras_object
from graphkeras.variables import Variable, stateless

_CLIPS = ("clipnorm", "clipvalue", "global_clipnorm")


class Optimizer:
    """Changes variables along their gradients.

    Subclasses make their slots in `build` (with `add_optimizer_variables`) and say in
    `update_step(gradient, variable, learning_rate)` what one step does.

    Args:
        learning_rate: a float, a `LearningRateSchedule`, or a callable without
            arguments.
        weight_decay: part of the learning rate by which weights shrink each step.
        clipnorm: largest length of each gradient.
        clipvalue: largest absolute value in a gradient.
        global_clipnorm: largest length of all gradients together.
        use_ema: whether to keep a moving average of the weights, which takes their
            place when training ends.
        ema_momentum: how slowly that average moves.
        ema_overwrite_frequency: every how many steps the weights are set to it.
        loss_scale_factor: by what the loss is multiplied and the gradients divided.
        gradient_accumulation_steps: over how many steps gradients are averaged.
        name: name of the optimizer.

    Raises:
        ArgumentError: for arguments that do not exist, exclude each other or are out
            of range.
    """

    def __init__(
        self,
        learning_rate: Any,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.name = name or auto_name(type(self).__name__)
        self.weight_decay = weight_decay
        self.clipnorm, self.clipvalue = clipnorm, clipvalue
        self.global_clipnorm = global_clipnorm
        self.use_ema, self.ema_momentum = use_ema, ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self._check_arguments(kwargs)
        self.built = False
        self._variables: list[Variable] = []
        self._trainable_variables: list[Variable] = []
        self._index: dict[int, int] = {}
        self._undecayed: tuple[set[int], re.Pattern[str] | None] = (set(), None)
        self._iterations = self.add_variable((), dtype="int32", name="iteration")
        self._learning_rate = self._rate_of(learning_rate)

    _options_after: str | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Let a constructor that ends in ``**options`` show and take them by place."""
        super().__init_subclass__(**kwargs)
        own = cls.__dict__.get("__init__")
        if own is not None and "options" in inspect.signature(own).parameters:
            init = with_options(own, Optimizer.__init__, cls._options_after)
            type.__setattr__(cls, "__init__", init)

    def _check_arguments(self, unknown: dict[str, Any]) -> None:
        unknown.pop("decay", None)  # older programs pass it; Keras ignores it too
        if unknown:
            self._refuse("takes no such argument.", ", ".join(map(str, unknown)))
        clips = [n for n in _CLIPS if getattr(self, n) is not None]
        if len(clips) > 1:
            self._refuse(f"takes one of {', '.join(_CLIPS)}.", ", ".join(clips))
        steps = self.gradient_accumulation_steps
        if steps is not None and steps < 2:
            given = f"gradient_accumulation_steps={steps}"
            self._refuse("accumulates over 2 or more steps.", given)
        every = self.ema_overwrite_frequency
        if self.use_ema and not 0 <= self.ema_momentum <= 1:
            given = f"ema_momentum={self.ema_momentum}"
            self._refuse("needs ema_momentum from 0 to 1.", given)
        if self.use_ema and every is not None and every < 1:
            given = f"ema_overwrite_frequency={every}"
            self._refuse("needs ema_overwrite_frequency of 1 or more.", given)

    def _refuse(self, expected: str, received: str) -> None:
        raise ArgumentError(message(type(self).__name__, expected, received))

    # ------------------------------------------------------------------ variables

    @property
    def variables(self) -> list[Variable]:
        """The step count, the learning rate, and all slots."""
        return self._variables[:]

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str = "none",
        layout: Any = None,
        name: str | None = None,
    ) -> Variable:
        """Make a variable of the optimizer.

        Args:
            shape: sizes, all known.
            initializer: "zeros", a number, or a function ``(shape, dtype) -> array``.
            dtype: dtype, the default float if None.
            name: name of the variable.
        """
        if not callable(initializer):
            start = 0 if initializer == "zeros" else initializer
            initializer = lambda shape, dtype=None: np.full(shape, start)  # noqa: E731
        variable = Variable(
            initializer, tuple(shape), dtype, trainable=False, name=name
        )
        variable.path = f"{self.name}/{variable.name}"
        self._variables.append(variable)
        return variable

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str | None = None,
        initializer: Any = "zeros",
    ) -> Variable:  # fmt: skip
        """Make a variable of the shape and dtype of a model's variable."""
        path = reference_variable.path.replace("/", "_")
        return self.add_variable(
            reference_variable.shape, initializer, reference_variable.dtype,
            name=f"{path}_{name or 'var'}",
        )  # fmt: skip

    def add_optimizer_variables(
        self, trainable_variables: Sequence[Variable], name: Any,
        initializer: Any = "zeros",
    ) -> Any:  # fmt: skip
        """Make a slot for each variable: a list, or for several names some lists."""
        if isinstance(name, str):
            return [
                self.add_variable_from_reference(v, name, initializer)
                for v in trainable_variables
            ]
        each = initializer if isinstance(initializer, (list, tuple)) else None
        starts = each or [initializer] * len(name)
        rows = [
            [self.add_variable_from_reference(v, n, s) for n, s in zip(name, starts)]
            for v in trainable_variables
        ]
        return tuple([row[i] for row in rows] for i in range(len(name)))

    def build(self, variables: Sequence[Variable]) -> None:
        """Make the slots for the variables that will be trained."""
        if self.use_ema:
            self._averages = self.add_optimizer_variables(variables, "average")
        if self.gradient_accumulation_steps:
            self._accumulated = self.add_optimizer_variables(
                variables, "gradient_accumulator"
            )
        self._trainable_variables = list(variables)
        self._index = {id(v): i for i, v in enumerate(variables)}
        self.built = True

    @property
    def iterations(self) -> Any:
        """How many updates there were: steps, unless gradients are accumulated."""
        steps = self.gradient_accumulation_steps
        return self._iterations.value // steps if steps else self._iterations

    def _get_variable_index(self, variable: Variable) -> int:
        return self._index[id(variable)]

    def assign(self, variable: Variable, value: Any) -> None:
        """Give a variable a value."""
        variable.assign(value)

    def assign_add(self, variable: Variable, value: Any) -> None:
        """Add to a variable."""
        variable.assign_add(value)

    def assign_sub(self, variable: Variable, value: Any) -> None:
        """Subtract from a variable."""
        variable.assign_sub(value)

    # -------------------------------------------------------------- learning rate

    @property
    def learning_rate(self) -> Any:
        """The learning rate now; assign a float (or a schedule) to change it."""
        if isinstance(self._learning_rate, LearningRateSchedule):
            return self._learning_rate(self._iterations)
        if isinstance(self._learning_rate, Variable):
            return self._learning_rate
        return self._learning_rate()

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        if not callable(learning_rate):
            if isinstance(self._learning_rate, LearningRateSchedule):
                raise TypeError(
                    message(
                        self.name, "its learning rate follows a schedule.",
                        f"learning_rate={learning_rate}",
                        "Make the optimizer with a float to assign one later.",
                    )
                )  # fmt: skip
            self._learning_rate.assign(learning_rate)
            return
        if isinstance(self._learning_rate, Variable):
            old = self._learning_rate
            self._variables = [v for v in self._variables if v is not old]
        self._learning_rate = learning_rate

    def _rate_of(self, given: Any) -> Any:
        if callable(given):
            return given
        if not isinstance(given, (int, float, np.number)) or isinstance(given, bool):
            self._refuse(
                "needs a number, a schedule or a callable as learning_rate.",
                f"learning_rate={given!r}",
            )
        return self.add_variable(
            (), float(given), config.floatx(), name="learning_rate"
        )

    # ----------------------------------------------------------------- one step

    def update_step(
        self, gradient: Any, variable: Variable, learning_rate: Any
    ) -> None:
        """Change one variable along its gradient; subclasses say how."""
        raise TypeError(
            message(type(self).__name__, "an Optimizer must define update_step.")
        )

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> Any:
        """Take one step for pairs of (gradient, variable)."""
        grads, variables = zip(*grads_and_vars)
        self.apply(grads, variables)
        return self._iterations

    def apply(
        self,
        grads: Sequence[Any],
        trainable_variables: Sequence[Variable] | None = None,
    ) -> None:
        """Take one step.

        Args:
            grads: a gradient for each variable; None where there is none.
            trainable_variables: the variables, by default those it was built with.

        Raises:
            GraphKerasError: for variables it was not built with, or no gradient at all.
        """
        if len(grads) == 0:
            return
        variables = self._known(grads, trainable_variables)
        pairs = self._present(list(grads), variables)
        if self.loss_scale_factor is not None:
            pairs = [(g / self.loss_scale_factor, v) for g, v in pairs]
        self._take_step(pairs)
        for _, variable in pairs:
            if variable.constraint is not None:
                variable.assign(variable.constraint(variable.value))
        self._iterations.assign_add(1)

    def stateless_apply(
        self,
        optimizer_variables: Sequence[Any],
        grads: Sequence[Any],
        trainable_variables: Sequence[Any],
    ) -> tuple[list[Any], list[Any]]:
        """Return what a step makes of given values; the variables stay as they are.

        Args:
            optimizer_variables: a value for each of `variables`.
            grads: a gradient for each trainable variable.
            trainable_variables: a value for each variable it was built with.

        Returns:
            Values of the trainable variables, and of the optimizer's own.

        Raises:
            ArgumentError: if it is not built, or for another number of values.
        """
        if not self.built:
            raise ArgumentError(
                message(self.name, "stateless_apply expected a built optimizer.", "",
                        "Call build(trainable_variables) first.")
            )  # fmt: skip
        trained, own = self._trainable_variables, self.variables
        scope = stateless(
            self.name,
            ("trainable_variables", trained, trainable_variables),
            ("optimizer_variables", own, optimizer_variables),
        )
        with scope:
            self.apply(grads)
        found = scope.get_current_value
        return [found(v) for v in trained], [found(v) for v in own]

    def _known(self, grads: Sequence[Any], given: Any) -> list[Variable]:
        if given is None:
            given = self._trainable_variables
        variables = list(given)
        if not self.built:
            self.build(variables)
            self.built = True
        strange = [v.path for v in variables if id(v) not in self._index]
        if strange or len(variables) != len(grads):
            raise GraphKerasError(
                message(
                    self.name, "expected the variables it was built with, one a"
                    " gradient.",
                    f"{len(grads)} gradients, unknown variables {strange}",
                    "Make a new optimizer for another set of variables.",
                )
            )  # fmt: skip
        return variables

    def _present(self, grads: list[Any], variables: list[Variable]) -> list[Any]:
        pairs = [(g, v) for g, v in zip(grads, variables) if g is not None]
        missing = [v.path for g, v in zip(grads, variables) if g is None]
        if not pairs:
            raise GraphKerasError(
                message(
                    self.name, "no variable has a gradient.", ", ".join(missing),
                    "Check that the loss depends on the variables.",
                )
            )  # fmt: skip
        if missing:
            warnings.warn(
                f"{self.name}: no gradient reaches {', '.join(missing)}, so they stay"
                " as they are.",
                stacklevel=3,
            )
        return pairs

    def _take_step(self, pairs: list[tuple[Any, Variable]]) -> None:
        if self.gradient_accumulation_steps:
            self._accumulate(pairs)
        else:
            self._update(pairs)
        if self.use_ema:
            self._average()

    def _update(self, pairs: list[tuple[Any, Variable]]) -> None:
        grads = self._clipped([g for g, _ in pairs])
        variables = [v for _, v in pairs]
        self._decay(variables)
        self._update_all(grads, variables, self.learning_rate)

    def _update_all(
        self, grads: list[Any], variables: list[Variable], learning_rate: Any
    ) -> None:
        for gradient, variable in zip(grads, variables):
            rate = ops.cast(learning_rate, variable.dtype)
            self.update_step(ops.cast(gradient, variable.dtype), variable, rate)

    def _accumulate(self, pairs: list[tuple[Any, Variable]]) -> None:
        """Update on every n-th step with the mean gradient, else only add it up."""
        steps = self.gradient_accumulation_steps
        due = ops.equal((self._iterations.value + 1) % steps, 0)
        slots = [self._accumulated[self._get_variable_index(v)] for _, v in pairs]
        totals = [g + slot.value for (g, _), slot in zip(pairs, slots)]
        mine = [*self._variables, *(v for _, v in pairs)]
        touched = [v for v in mine if not any(v is s for s in slots)]
        before = [v.value for v in touched]
        self._update([(t / steps, v) for t, (_, v) in zip(totals, pairs)])
        for variable, old in zip(touched, before):
            new = variable.value
            if new is not old:
                variable.assign(ops.where(due, new, old))
        for slot, total in zip(slots, totals):
            slot.assign(ops.where(due, ops.zeros_like(total), total))

    def _clipped(self, grads: list[Any]) -> list[Any]:
        if self.clipnorm:
            return [_clip_by_norm(g, self.clipnorm) for g in grads]
        if self.global_clipnorm:
            return _clip_by_global_norm(grads, self.global_clipnorm)
        if self.clipvalue:
            return [ops.clip(g, -self.clipvalue, self.clipvalue) for g in grads]
        return grads

    def scale_loss(self, loss: Any) -> Any:
        """Multiply the loss by the loss scale, if there is one."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    # -------------------------------------------------------------- weight decay

    def exclude_from_weight_decay(
        self, var_list: Sequence[Variable] | None = None,
        var_names: Sequence[str] | None = None,
    ) -> None:  # fmt: skip
        """Name variables that do not shrink, themselves or by a part of their names."""
        if self.built:
            raise GraphKerasError(
                message(self.name, "exclude_from_weight_decay comes before build.")
            )
        pattern = re.compile("|".join(sorted(set(var_names)))) if var_names else None
        self._undecayed = ({id(v) for v in var_list or ()}, pattern)

    def _decay(self, variables: list[Variable]) -> None:
        listed, pattern = self._undecayed
        for variable in variables:
            decay = self._decay_of(variable)
            named = pattern is not None and pattern.search(variable.name)
            if decay is None or id(variable) in listed or named:
                continue
            rate = ops.cast(self.learning_rate, variable.dtype)
            value = variable.value
            variable.assign(value - value * decay * rate)

    def _decay_of(self, variable: Variable) -> float | None:
        """The part of the learning rate by which a variable shrinks."""
        return self.weight_decay

    # ------------------------------------------------------------ moving average

    def _average(self) -> None:
        started = ops.not_equal(self.iterations, 0)
        for variable, average in self.averaged():
            momentum = ops.cast(started, variable.dtype) * self.ema_momentum
            fresh = momentum * average.value + (1.0 - momentum) * variable.value
            average.assign(fresh)
        every = self.ema_overwrite_frequency
        if every:
            due = ops.equal((self.iterations + 1) % every, 0)
            for variable, average in self.averaged():
                variable.assign(ops.where(due, average.value, variable.value))

    def averaged(self) -> list[tuple[Variable, Variable]]:
        """Return (variable, its moving average) pairs, none without `use_ema`."""
        if not (self.use_ema and self.built):
            return []
        return list(zip(self._trainable_variables, self._averages))

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """Put the moving averages in place of the weights, if there are any."""
        wanted = {id(v) for v in var_list}
        for variable, average in self.averaged():
            if id(variable) in wanted:
                variable.assign(average.value)

    # ------------------------------------------------------------- configuration

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {
            "name": self.name, "learning_rate": self._rate_config(),
            "weight_decay": self.weight_decay, "clipnorm": self.clipnorm,
            "global_clipnorm": self.global_clipnorm, "clipvalue": self.clipvalue,
            "use_ema": self.use_ema, "ema_momentum": self.ema_momentum,
            "ema_overwrite_frequency": self.ema_overwrite_frequency,
            "loss_scale_factor": self.loss_scale_factor,
            "gradient_accumulation_steps": self.gradient_accumulation_steps,
        }  # fmt: skip

    def _rate_config(self) -> Any:
        if isinstance(self._learning_rate, Variable):
            return float(self._learning_rate.numpy())
        return self._learning_rate

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Any = None
    ) -> Optimizer:
        """Return an optimizer made from `get_config`'s result."""
        rate = deserialize_keras_object(config.get("learning_rate"), custom_objects)
        return cls(**{**config, "learning_rate": rate})

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set all variables, in the order of `variables`."""
        for variable, weight in zip(self._variables, weights, strict=True):
            variable.assign(weight)

    def save_own_variables(self, store: Any) -> None:
        """Write all variables into `store`, a mapping, by number."""
        for i, variable in enumerate(self._variables):
            store[str(i)] = variable.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Read all variables from `store`; warn and leave them if the count differs.

        One saved before its first step has no slots: step count and learning rate are
        all that is read then.
        """
        count, own = len(store.keys()), self._variables
        slots = sum(v.ndim > 0 for v in own[:count])
        if count != len(own) and (count > 2 or slots):
            warnings.warn(
                f"{self.name}: it has {len(own)} variables and the file {count}, so"
                " its state is not loaded.",
                stacklevel=2,
            )
            return
        assign_all(self.name, own[:count], store)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


def _clip_by_norm(gradient: Any, limit: float) -> Any:
    """Shorten a gradient to at most `limit`; a zero gradient stays zero."""
    square = ops.sum(ops.square(gradient))
    some = square > 0
    length = ops.where(some, ops.sqrt(ops.where(some, square, 1.0)), square)
    return gradient * limit / ops.maximum(length, limit)


def _clip_by_global_norm(grads: list[Any], limit: float) -> list[Any]:
    """Scale all gradients alike so that together they are at most `limit` long."""
    squares = [ops.sum(ops.square(g)) for g in grads]
    total = squares[0]
    for square in squares[1:]:
        total = total + square
    length = ops.sqrt(total)
    scale = limit * ops.minimum(1.0 / length, 1.0 / limit)
    # Of infinity or NaN this makes NaN: a broken step must not look like a small one.
    scale = scale + (length - length)
    return [g * scale for g in grads]
