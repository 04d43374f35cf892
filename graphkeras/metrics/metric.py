"""The base of all metrics, and the means most of them are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphkeras import config, dtypes, ops, tree
from graphkeras.errors import GraphKerasError, message
from graphkeras.ir.types import Shape
from graphkeras.losses.loss import (
    apply_mask,
    mask_of,
    squeeze_or_expand_to_same_rank,
)
from graphkeras.naming import auto_name
from graphkeras.saving.hdf5 import assign_all
from graphkeras.saving.registry import deserialize_keras_object
from graphkeras.variables import StatelessScope, Variable, stateless


class Metric:
    """A number that gathers over batches.

    Subclasses make variables with `add_variable`, change them in `update_state`, and
    say in `result` what they amount to. Written with `ops`, a metric is compiled into
    the training step.

    Args:
        dtype: dtype of the result, the default float if None.
        name: name under which it is reported.

    Example:
        >>> class Largest(Metric):
        ...     def __init__(self, name="largest"):
        ...         super().__init__(name=name)
        ...         self.best = self.add_variable(shape=(), initializer="zeros")
        ...     def update_state(self, y_true, y_pred, sample_weight=None):
        ...         self.best.assign(ops.maximum(self.best, ops.max(y_pred)))
        ...     def result(self):
        ...         return self.best.value
        >>> metric = Largest()
        >>> metric.update_state(None, np.array([1.0, 5.0, 2.0], "float32"))
        >>> float(metric.result())
        5.0
    """

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        self.name = name or auto_name(type(self).__name__)
        self._dtype = dtypes.standardize(dtype or config.floatx())
        self._own: list[Variable | Metric] = []

    @property
    def dtype(self) -> str:
        """Name of the dtype of the result."""
        return self._dtype

    @property
    def variables(self) -> list[Variable]:
        """The variables in which the metric gathers, those of inner metrics too."""
        found: list[Variable] = []
        for part in self._own:
            found += part.variables if isinstance(part, Metric) else [part]
        return found

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> Variable:
        """Make a variable that `reset_state` sets back to zero.

        Args:
            shape: sizes, all known.
            initializer: name, object or function that gives the first value.
            dtype: dtype, the default float if None.
            name: name of the variable.
        """
        self._require_super()
        start = _initializer(initializer)
        variable = Variable(start, tuple(shape), dtype, trainable=False, name=name)
        variable.path = f"{self.name}/{variable.name}"
        self._own.append(variable)
        return variable

    def add_weight(
        self,
        shape: Sequence[int] = (),
        initializer: Any = None,
        dtype: Any = None,
        name: str | None = None,
    ) -> Variable:
        """Make a variable; the older name of `add_variable`."""
        return self.add_variable(shape, initializer or "zeros", dtype, name=name)

    def update_state(self, *args: Any, **kwargs: Any) -> Any:
        """Gather from one batch; subclasses say how."""
        raise TypeError(
            message(type(self).__name__, "a Metric must define update_state.")
        )

    def result(self) -> Any:
        """Return the value so far; subclasses say how."""
        raise TypeError(message(type(self).__name__, "a Metric must define result."))

    def reset_state(self) -> None:
        """Set all variables to zero."""
        for variable in self.variables:
            variable.assign(np.zeros(variable.shape, dtypes.to_numpy(variable.dtype)))

    def stateless_update_state(
        self, metric_variables: Sequence[Any], *args: Any, **kwargs: Any
    ) -> list[Any]:
        """Return values of the variables after `update_state`; they stay as they are.

        Args:
            metric_variables: a value for each of `variables`.
            args, kwargs: as for `update_state`.

        Raises:
            ArgumentError: for another number of values.
        """
        with self._lent(metric_variables) as scope:
            self.update_state(*args, **kwargs)
        return [scope.get_current_value(v) for v in self.variables]

    def stateless_result(self, metric_variables: Sequence[Any]) -> Any:
        """Return the result for given values of `variables`.

        Raises:
            ArgumentError: for another number of values.
        """
        with self._lent(metric_variables):
            return self.result()

    def stateless_reset_state(self) -> list[Any]:
        """Return the values the variables have after `reset_state`; they stay."""
        with self._lent([v.value for v in self.variables]) as scope:
            self.reset_state()
        return [scope.get_current_value(v) for v in self.variables]

    def _lent(self, values: Sequence[Any]) -> StatelessScope:
        return stateless(self.name, ("metric_variables", self.variables, values))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Gather from one batch and return the value so far."""
        self._require_super()
        self.update_state(*args, **kwargs)
        return self.result()

    def save_own_variables(self, store: Any) -> None:
        """Put what was gathered into `store`."""
        for index, variable in enumerate(self.variables):
            store[str(index)] = variable.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Take it from `store`; Keras's files have none, and it stays."""
        if len(store):
            assign_all(self.name, self.variables, store)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        """Return a metric made from `get_config`'s result."""
        return cls(**config)

    def __setattr__(self, name: str, value: Any) -> None:
        own = self.__dict__.get("_own")
        if own is not None:
            known = {id(part) for part in own}
            for leaf in tree.flatten(value):
                if isinstance(leaf, (Variable, Metric)) and id(leaf) not in known:
                    own.append(leaf)
        super().__setattr__(name, value)

    def _require_super(self) -> None:
        if "_own" not in self.__dict__:
            raise GraphKerasError(
                message(
                    type(self).__name__,
                    "super().__init__() must be the first call of __init__().",
                )
            )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


def _initializer(given: Any) -> Any:
    """Zeros and ones by name, without the initializers' machinery."""
    if isinstance(given, str):
        fill = {"zeros": np.zeros, "ones": np.ones}.get(given)
        if fill is None:
            raise GraphKerasError(
                message(
                    "add_variable", "expected 'zeros', 'ones' or an initializer.",
                    f"initializer={given!r}",
                )
            )  # fmt: skip
        return lambda shape, dtype=None: fill(shape, dtypes.to_numpy(dtype))
    return given


# --------------------------------------------------------------------------- means


def per_sample(
    values: Any, sample_weight: Any, fold: Callable[..., Any], dtype: str
) -> tuple[Any, Any]:
    """Return (values, weights) with one number a sample, weights applied."""
    mask = mask_of(values)
    values = ops.cast(ops.convert_to_tensor(values), dtype)
    if sample_weight is not None:
        weight = ops.convert_to_tensor(sample_weight, dtype=dtype)
        weight = apply_mask(weight, mask, dtype, "sum")
        values, sample_weight = _weighted(values, weight, fold)
    if len(values.shape) > 1:
        values = fold(values, axis=tuple(range(1, len(values.shape))))
    return values, sample_weight


def _weighted(values: Any, weight: Any, fold: Callable[..., Any]) -> tuple[Any, Any]:
    values, weight = squeeze_or_expand_to_same_rank(values, weight)
    rank, given = len(values.shape), len(weight.shape)
    if rank > given:
        values = fold(values, axis=tuple(range(given, rank)))
    weight = ops.broadcast_to(weight, tuple(values.shape))
    values = values * weight
    if given > 1:
        weight = fold(weight, axis=tuple(range(1, given)))
    return values, weight


class Sum(Metric):
    """The (weighted) sum of values.

    Example:
        >>> metric = Sum()
        >>> metric.update_state([1, 3, 5, 7])
        >>> float(metric.result())
        16.0
    """

    def __init__(self, name: str = "sum", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable((), dtype=self.dtype, name="total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add values, each times its weight."""
        values, _ = per_sample(values, sample_weight, ops.sum, self.dtype)
        self.total.assign_add(ops.sum(values))

    def result(self) -> Any:
        """Return the sum so far."""
        return self.total.value


class Mean(Metric):
    """The (weighted) mean of values.

    Example:
        >>> metric = Mean()
        >>> metric.update_state([1, 3, 5, 7], sample_weight=[1, 1, 0, 0])
        >>> float(metric.result())
        2.0
    """

    def __init__(self, name: str = "mean", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable((), dtype=self.dtype, name="total")
        self.count = self.add_variable((), dtype=self.dtype, name="count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add values, each times its weight."""
        values, weight = per_sample(values, sample_weight, ops.mean, self.dtype)
        self.total.assign_add(ops.sum(values))
        self.count.assign_add(_count(values, weight))

    def result(self) -> Any:
        """Return the mean so far, 0 before anything came."""
        return ops.divide_no_nan(self.total.value, self.count.value)


def _count(values: Any, weight: Any) -> Any:
    if weight is not None:
        return ops.sum(weight)
    shape: Shape = tuple(values.shape)
    return shape[0] if shape else 1


class MeanMetricWrapper(Mean):
    """The mean of ``fn(y_true, y_pred, **kwargs)``.

    Args:
        fn: gives one value a sample.
        name: name under which it is reported.
        dtype: dtype of the result.
        kwargs: handed to `fn`.

    Example:
        >>> metric = MeanMetricWrapper(lambda y_true, y_pred: abs(y_true - y_pred))
        >>> metric.update_state(np.zeros(2, "float32"), np.ones(2, "float32"))
        >>> float(metric.result())
        1.0
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name or auto_name("MeanMetricWrapper"), dtype=dtype)
        self._fn = fn
        self._fn_kwargs = kwargs

    def update_state(  # type: ignore[override]  # two operands, as in Keras
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        """Add the function's values, each times its weight."""
        values = self._fn(y_true, y_pred, **self._fn_kwargs)
        if sample_weight is not None:
            sample_weight = ops.convert_to_tensor(sample_weight, dtype=self.dtype)
        weight = apply_mask(sample_weight, mask_of(y_pred), self.dtype, "sum")
        super().update_state(values, sample_weight=weight)

    def get_config(self) -> dict[str, Any]:
        """Return the base's config, the function, and its arguments."""
        return {**super().get_config(), "fn": self._fn, **self._fn_kwargs}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        """Return a metric made from `get_config`'s result."""
        return cls(**deserialize_keras_object(config))


class NamedMean(MeanMetricWrapper):
    """A built-in mean: its class name says the function."""

    _direction: str | None = None  # "up" or "down": which way is better

    def __init__(
        self, fn: Callable[..., Any], name: str, dtype: Any, **kwargs: Any
    ) -> None:
        super().__init__(fn, name, dtype, **kwargs)
        for key, value in kwargs.items():
            setattr(self, key, value)

    def get_config(self) -> dict[str, Any]:
        """Return name, dtype and the arguments of the class."""
        return {**Metric.get_config(self), **self._fn_kwargs}
