"""Optimizers around others: which variables each of them changes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from typing import Any, NoReturn

from graphkeras.errors import ArgumentError, message
from graphkeras.optimizers.optimizer import Optimizer
from graphkeras.saving.hdf5 import assign_all
from graphkeras.saving.registry import deserialize_keras_object, serialize_keras_object
from graphkeras.variables import Variable


class Around(Optimizer):
    """Base: an optimizer whose variables are its own and those of others inside."""

    def _inside(self) -> Sequence[Optimizer]:
        raise NotImplementedError

    @property
    def variables(self) -> list[Variable]:
        """The own variables, then those of the optimizers inside."""
        inner = [v for optimizer in self._inside() for v in optimizer.variables]
        return [*self._variables, *inner]

    def averaged(self) -> list[tuple[Variable, Variable]]:
        """Return (variable, its moving average) pairs of the optimizers inside."""
        return [pair for optimizer in self._inside() for pair in optimizer.averaged()]

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """Let the optimizers inside finish."""
        for optimizer in self._inside():
            optimizer.finalize_variable_values(var_list)

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set all variables, in the order of `variables`."""
        for variable, weight in zip(self.variables, weights, strict=True):
            variable.assign(weight)

    def save_own_variables(self, store: Any) -> None:
        """Write all variables into `store`, a mapping, by number."""
        for i, variable in enumerate(self.variables):
            store[str(i)] = variable.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Read all variables from `store`; one saved before its first step has few."""
        assign_all(self.name, self.variables[: len(store.keys())], store)


class OptimizerMap(MutableMapping):
    """Optimizers by the paths of variables.

    Args:
        default_optimizer: of variables that are not named.
        optimizer_map: optimizers by path, or by a regular expression that matches one.

    Example:
        >>> from graphkeras.optimizers import SGD, Adam
        >>> chosen = OptimizerMap(SGD(), {"encoder/.*": Adam(name="slow")})
        >>> chosen["encoder/dense/kernel"].name
        'slow'
    """

    def __init__(
        self, default_optimizer: Optimizer,
        optimizer_map: dict[str, Optimizer] | None = None,
    ) -> None:  # fmt: skip
        self.default_optimizer = _plain("default_optimizer", default_optimizer)
        self.optimizers: dict[str, Optimizer] = {}
        self.update(optimizer_map or {})

    def __getitem__(self, path: str) -> Optimizer:
        if path in self.optimizers:
            return self.optimizers[path]
        found = [key for key in self.optimizers if re.fullmatch(key, path)]
        if len(found) > 1:
            raise ArgumentError(
                message("OptimizerMap", f"expected one pattern for {path!r}.",
                        ", ".join(found), "Make the patterns narrower.")
            )  # fmt: skip
        return self.optimizers[found[0]] if found else self.default_optimizer

    def __setitem__(self, path: str, optimizer: Optimizer) -> None:
        if path in self.optimizers or not isinstance(path, str):
            raise ArgumentError(
                message("OptimizerMap", "expected a path that is not there yet.",
                        repr(path))
            )  # fmt: skip
        self.optimizers[path] = _plain(path, optimizer)

    def __delitem__(self, path: str) -> None:
        del self.optimizers[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self.optimizers)

    def __len__(self) -> int:
        return len(self.optimizers)

    def __call__(self, variable: Variable) -> Optimizer:
        return self[variable.path]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            "default_optimizer": serialize_keras_object(self.default_optimizer),
            "optimizer_map": serialize_keras_object(self.optimizers),
        }  # fmt: skip

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Any = None
    ) -> OptimizerMap:
        """Make a map from `get_config`'s result."""
        parts = ("default_optimizer", "optimizer_map")
        return cls(
            *(deserialize_keras_object(config[p], custom_objects) for p in parts)
        )


def _plain(what: str, optimizer: Any) -> Optimizer:
    if not isinstance(optimizer, Optimizer) or isinstance(optimizer, Around):
        raise ArgumentError(
            message(
                "MultiOptimizer", f"expected an optimizer for {what} that holds no "
                "other.", f"{optimizer!r}",
            )
        )  # fmt: skip
    return optimizer


class MultiOptimizer(Around):
    """Several optimizers, each for variables of its own.

    Args:
        optimizer_map: an `OptimizerMap`, or a function from a variable to its
            optimizer.
        loss_scale_factor: by what the loss is multiplied and gradients divided.

    Example:
        >>> from graphkeras.optimizers import SGD
        >>> slow, fast = SGD(0.1), SGD(1.0)
        >>> optimizer = MultiOptimizer(lambda v: fast if v.name == "b" else slow)
        >>> weights = [Variable(0.0, name="a"), Variable(0.0, name="b")]
        >>> optimizer.apply([-1.0, -1.0], weights)
        >>> [round(float(w), 3) for w in weights]
        [0.1, 1.0]
    """

    def __init__(
        self,
        optimizer_map: OptimizerMap | Callable[[Variable], Optimizer],
        loss_scale_factor: float | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(0.0, loss_scale_factor=loss_scale_factor, name=name)
        self.optimizer_map = optimizer_map
        self._optimizers: list[Optimizer] = []
        self._of: dict[int, Optimizer] = {}  # id of a variable -> its optimizer
        if isinstance(optimizer_map, OptimizerMap):
            held = (*optimizer_map.optimizers.values(), optimizer_map.default_optimizer)
            for optimizer in held:
                self._admit(optimizer)

    def _admit(self, optimizer: Optimizer) -> None:
        if not any(optimizer is known for known in self._optimizers):
            optimizer.loss_scale_factor = self.loss_scale_factor
            self._optimizers.append(optimizer)

    def _inside(self) -> Sequence[Optimizer]:
        return self._optimizers

    @property
    def optimizers(self) -> list[Optimizer]:
        """The optimizers inside."""
        return self._optimizers

    def build(self, variables: Sequence[Variable]) -> None:
        """Find the optimizer of each variable, and make the slots of them all."""
        for variable in variables:
            optimizer = _plain(variable.path, self.optimizer_map(variable))
            self._admit(optimizer)
            self._of[id(variable)] = optimizer
        for optimizer in self._optimizers:
            own = [v for v in variables if self._of[id(v)] is optimizer]
            if own:
                optimizer.build(own)
        super().build(variables)

    def apply(
        self,
        grads: Sequence[Any],
        trainable_variables: Sequence[Variable] | None = None,
    ) -> None:
        """Take one step of each optimizer."""
        if len(grads) == 0:
            return
        variables = self._known(grads, trainable_variables)
        for optimizer in self._optimizers:
            pairs = [
                (g, v) for g, v in zip(grads, variables) if self._of[id(v)] is optimizer
            ]
            if pairs:
                optimizer.apply(*map(list, zip(*pairs)))
        self._iterations.assign_add(1)

    @property
    def learning_rate(self) -> NoReturn:
        """There is none: ask the optimizers inside."""
        self._refuse_rate()

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> NoReturn:
        self._refuse_rate()

    def _refuse_rate(self) -> NoReturn:
        raise AttributeError(
            message(
                self.name, "expected one optimizer, to have a learning rate.",
                f"{len(self._optimizers)}", "Use those in `optimizers`.",
            )
        )  # fmt: skip

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {
            "optimizer_map": serialize_keras_object(self.optimizer_map),
            "loss_scale_factor": self.loss_scale_factor, "name": self.name,
        }  # fmt: skip

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Any = None
    ) -> MultiOptimizer:
        """Return an optimizer made from `get_config`'s result."""
        found = deserialize_keras_object(config["optimizer_map"], custom_objects)
        return cls(**{**config, "optimizer_map": found})
