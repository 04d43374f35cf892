"""What a layer holds: variables, sublayers, metrics, seeds, and whether they train.

Attributes are found when they are asked for, in the order in which they were set, also
inside lists, tuples and dicts; nothing is wrapped.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphkeras import (
    constraints,
    dtypes,
    initializers,
    naming,
    regularizers,
)
from graphkeras.errors import ArgumentError, ShapeError, message
from graphkeras.layers.parts import Parts
from graphkeras.saving.hdf5 import assign_all
from graphkeras.variables import Variable


class State:
    """Base of Layer that tracks its state; see Layer for the public description."""

    # Attributes that hold bookkeeping, not parts of the layer.
    _untracked: frozenset[str] = frozenset({
        "_inbound_nodes", "_eager_losses", "_seen_parts", "_captured_arguments",
        "_trainable_variables", "_non_trainable_variables",
    })  # fmt: skip

    _seen_parts: list[Parts]
    _trainable_variables: list[Variable]
    _non_trainable_variables: list[Variable]
    _trainable: bool
    _name: str
    _path: str | None
    built: bool
    variable_dtype: str

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        self = object.__new__(cls)
        self.__dict__["_trainable_variables"] = []
        self.__dict__["_non_trainable_variables"] = []
        self.__dict__["_seen_parts"] = []  # one at most; the list stays the same
        return self

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Variable):
            self._track_variable(value)
        object.__setattr__(self, name, value)

    @property
    def name(self) -> str:
        """Name of the layer."""
        return self._name

    @name.setter
    def name(self, value: str) -> None:
        self._name = checked_name(value)

    @property
    def path(self) -> str:
        """Names of the layers around it and its own, joined by slashes."""
        return self._path or self.name

    # ------------------------------------------------------------------ variables

    def add_weight(
        self,
        shape: Sequence[int] | int | None = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str = "none",
        overwrite_with_gradient: bool = False,
        name: str | None = None,
    ) -> Variable:
        """Make a variable that belongs to the layer.

        Args:
            shape: fully known sizes; a scalar by default.
            initializer: name, object or callable; by default glorot_uniform for floats
                and zeros for other dtypes.
            dtype: dtype name, by default the layer's.
            trainable: whether the optimizer changes it.
            autocast: whether a layer of mixed precision reads it in its own dtype.
            regularizer, constraint: penalty on it, and projection after each update.
            name: last part of its path.

        Raises:
            ShapeError: if a size is not known.
        """
        if isinstance(shape, str):
            raise ArgumentError(
                message("add_weight", "expected a shape.", f"{shape!r}",
                        f"Write add_weight(shape=..., name={shape!r}).")
            )  # fmt: skip
        sizes = _known_sizes(shape, name, self.path)
        kind = dtypes.standardize(dtype or self.variable_dtype)
        if initializer is None:
            initializer = "glorot_uniform" if dtypes.is_float(kind) else "zeros"
        variable = Variable(
            initializers.get(initializer), shape=sizes, dtype=kind, trainable=trainable,
            autocast=autocast, name=name or naming.auto_name("variable"),
        )  # fmt: skip
        variable.path = f"{self.path}/{variable.name}"
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        self._track_variable(variable)
        return variable

    def add_variable(
        self, shape: Any, initializer: Any, *args: Any, **kwargs: Any
    ) -> Variable:
        """Do the same as `add_weight`."""
        return self.add_weight(shape, initializer, *args, **kwargs)

    def _track_variable(self, variable: Variable) -> None:
        known = (*self._trainable_variables, *self._non_trainable_variables)
        if any(variable is v for v in known):
            return
        train = variable.trainable
        (self._trainable_variables if train else self._non_trainable_variables).append(
            variable
        )
        if train and not self.__dict__.get("_trainable", True):
            variable.trainable = False

    def _parts(self) -> Parts:
        """Everything the attributes hold, containers opened."""
        for seen in self._seen_parts:
            if seen.hold(self.__dict__):
                return seen
        seen = Parts.of(self.__dict__, self._untracked)
        self._seen_parts[:] = [seen]
        for part in seen.found:
            if isinstance(part, Variable):
                self._track_variable(part)
        return seen

    def _own_variables(self) -> list[Variable]:
        self._parts()  # what was put into containers is known then
        return [*self._trainable_variables, *self._non_trainable_variables]

    @property
    def _layers(self) -> list[Any]:
        """Sublayers in the order in which they were set, each once."""
        found = self._parts().chosen("layers", _is_state)
        return [layer for layer in found if layer is not self]

    @property
    def _metrics(self) -> list[Any]:
        """Metrics held by attributes of this layer itself."""
        return list(self._parts().chosen("metrics", _is_metric))

    @property
    def _seed_generators(self) -> list[Any]:
        return list(self._parts().chosen("seeds", _is_seed_generator))

    def _flatten_layers(
        self, include_self: bool = True, recursive: bool = True
    ) -> list[Any]:
        """Return the layer and all below it, parents first, each once."""
        if not recursive:
            return [self, *self._layers] if include_self else self._layers
        seen: set[int] = set()
        order: list[Any] = []
        stack: list[Any] = [self]
        while stack:
            layer = stack.pop()
            if id(layer) not in seen:
                seen.add(id(layer))
                order.append(layer)
                stack.extend(reversed(layer._layers))
        return order if include_self else order[1:]

    @property
    def weights(self) -> list[Variable]:
        """Variables of the layer and its sublayers, without seeds and metrics."""
        return _unique(v for layer in self._flatten_layers()
                       for v in layer._own_variables())  # fmt: skip

    @property
    def variables(self) -> list[Variable]:
        """Weights, and the states of random seeds."""
        found: list[Variable] = []
        for layer in self._flatten_layers():
            found += layer._own_variables()
            found += [seed.state for seed in layer._seed_generators]
        return _unique(found)

    @property
    def trainable_weights(self) -> list[Variable]:
        """Weights the optimizer changes; none if the layer is frozen."""
        return [v for v in self.weights if v.trainable] if self.trainable else []

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """Weights the optimizer leaves alone."""
        weights = self.weights
        return [v for v in weights if not v.trainable] if self.trainable else weights

    @property
    def trainable_variables(self) -> list[Variable]:
        """Variables the optimizer changes."""
        return [v for v in self.variables if v.trainable] if self.trainable else []

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """Variables the optimizer leaves alone, the states of seeds included."""
        found = self.variables
        return [v for v in found if not v.trainable] if self.trainable else found

    @property
    def trainable(self) -> bool:
        """Whether the layer trains; setting it reaches all sublayers and weights."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        value = bool(value)
        self._own_variables()  # also those in containers are known before they freeze
        self._trainable = value
        for variable in self._trainable_variables:
            variable.trainable = value
        for layer in self._layers:
            layer.trainable = value

    @property
    def metrics(self) -> list[Any]:
        """Metrics of the layer and its sublayers."""
        found = list(self._metrics)
        for layer in self._layers:
            found.extend(layer.metrics)
        return found

    @property
    def metrics_variables(self) -> list[Variable]:
        """Variables of all metrics."""
        return [v for metric in self.metrics for v in metric.variables]

    # --------------------------------------------------------------------- values

    def get_weights(self) -> list[np.ndarray]:
        """Return copies of the weights as arrays."""
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Give the weights new values, in the order of `weights`.

        Raises:
            ShapeError: if their number or a shape differs.
        """
        own = self.weights
        if len(own) != len(weights):
            raise ShapeError(
                message(
                    self.name, f"set_weights expected {len(own)} arrays.",
                    f"{len(weights)}", "Build the layer first; give one a weight.",
                )
            )  # fmt: skip
        for variable, value in zip(own, weights):
            if tuple(np.shape(value)) != variable.shape:
                raise ShapeError(
                    message(
                        variable.path,
                        f"set_weights expected shape {list(variable.shape)}.",
                        f"shape {list(np.shape(value))}",
                    )
                )
        for variable, value in zip(own, weights):
            variable.assign(value)

    def count_params(self) -> int:
        """Return the number of scalars in the weights.

        Raises:
            ArgumentError: if the layer is not built.
        """
        if not self.built:
            raise ArgumentError(
                message(
                    self.name, "count_params expected a built layer.", "",
                    "Call it on data or use layer.build(input_shape) first.",
                )
            )  # fmt: skip
        return sum(math.prod(v.shape) for v in self.weights)

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Put the layer's own variables into `store` under "0", "1", ..."""
        for index, variable in enumerate(self._own_variables()):
            store[str(index)] = variable.numpy()

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Take the layer's own variables from `store`.

        Raises:
            ShapeError: if their number or a shape differs; nothing is changed then.
        """
        assign_all(self.name, self._own_variables(), store)

    def saved_children(self) -> dict[str, Any]:
        """Return what may hold state that is saved, by the name of the attribute.

        Properties of a user's class count as attributes, as they do for Keras.
        """
        found = {k: v for k, v in vars(self).items() if k not in self._untracked}
        for cls in type(self).__mro__:
            if cls.__module__.startswith("graphkeras.") or cls is object:
                continue
            names = [k for k, v in vars(cls).items() if isinstance(v, property)]
            for name in names:
                with contextlib.suppress(Exception):  # it may not have a value yet
                    found[name] = getattr(self, name)
        return found


def checked_name(name: Any) -> Any:
    """Return a name that can be part of a path.

    Raises:
        ArgumentError: for anything but a string without slashes.
    """
    if name is not None and (not isinstance(name, str) or "/" in name):
        raise ArgumentError(
            message("name", "expected a string without '/'.", f"name={name!r}")
        )
    return name


def _is_state(part: Any) -> bool:
    return isinstance(part, State)


def _is_metric(part: Any) -> bool:
    return hasattr(part, "update_state") and hasattr(part, "result")  # else it adapts


def _is_seed_generator(part: Any) -> bool:
    return isinstance(getattr(part, "state", None), Variable) and hasattr(part, "next")


def _unique(variables: Any) -> list[Variable]:
    return list({id(v): v for v in variables}.values())


def _known_sizes(shape: Any, name: str | None, path: str) -> tuple[int, ...]:
    sizes = (shape,) if isinstance(shape, int) else tuple(shape or ())
    if any(not isinstance(s, (int, np.integer)) for s in sizes):
        raise ShapeError(
            message(
                f"{path}/{name or 'weight'}", "expected a shape of known sizes for a "
                "weight.", f"shape={tuple(sizes)}",
                "Give the Input a fixed size on the axis the weight depends on.",
            )
        )  # fmt: skip
    return tuple(int(s) for s in sizes)
