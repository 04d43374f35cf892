"""Optimizers: Keras's `keras.optimizers`."""

from __future__ import annotations

from typing import Any

from graphkeras.errors import ArgumentError, message
from graphkeras.optimizers import legacy, schedules
from graphkeras.optimizers.adam import (
    Adam,
    Adamax,
    AdamW,
    Lamb,
    Nadam,
    ScheduleFreeAdamW,
)
from graphkeras.optimizers.descent import SGD, Adadelta, Adagrad, Ftrl, Lion, RMSprop
from graphkeras.optimizers.loss_scale import LossScaleOptimizer
from graphkeras.optimizers.matrices import Adafactor, Muon
from graphkeras.optimizers.nested import MultiOptimizer, OptimizerMap
from graphkeras.optimizers.optimizer import Optimizer
from graphkeras.saving.lookup import look_up
from graphkeras.saving.registry import CustomObjectScope, serialize_keras_object

CLASSES: tuple[type[Optimizer], ...] = (
    SGD, RMSprop, Adam, AdamW, Adagrad, Adadelta, Adamax, Nadam, Ftrl, Lion,
    Adafactor, Lamb, Muon, ScheduleFreeAdamW,
)  # fmt: skip
_KNOWN = {c.__name__.lower(): c for c in CLASSES}


def get(identifier: Any) -> Optimizer | None:
    """Return the optimizer that `identifier` names.

    Args:
        identifier: a name in any case ("adam"), an Optimizer (itself), a class (an
            instance), or None.

    Raises:
        ArgumentError: for an unknown name, with the nearest right one.

    Example:
        >>> type(get("rmsprop")).__name__
        'RMSprop'
    """
    if identifier is None or isinstance(identifier, Optimizer):
        return identifier
    module = "keras.optimizers"
    found = look_up(identifier, _KNOWN, module, "optimizer", fold_case=True)
    if isinstance(found, Optimizer):
        return found
    raise ArgumentError(
        message(
            module, "expected the name of an optimizer, or one.",
            f"optimizer={identifier!r}",
        )
    )  # fmt: skip


def serialize(optimizer: Optimizer) -> Any:
    """Return an optimizer as a config of dicts, lists, strings and numbers."""
    return serialize_keras_object(optimizer)


def deserialize(config: Any, custom_objects: Any = None, **kwargs: Any) -> Any:
    """Return the optimizer a config or name describes."""
    with CustomObjectScope(custom_objects or {}):
        return get(config)
