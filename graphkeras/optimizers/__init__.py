"""Optimizers: Keras's `keras.optimizers`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphkeras.errors import ArgumentError, message, nearest
from graphkeras.optimizers import schedules
from graphkeras.optimizers.adam import Adam, Adamax, AdamW, Nadam
from graphkeras.optimizers.descent import SGD, Adadelta, Adagrad, Ftrl, Lion, RMSprop
from graphkeras.optimizers.optimizer import Optimizer

CLASSES: tuple[type[Optimizer], ...] = (
    SGD, RMSprop, Adam, AdamW, Adagrad, Adadelta, Adamax, Nadam, Ftrl, Lion,
)  # fmt: skip
_KNOWN: dict[str, Callable[[], Optimizer]] = {c.__name__.lower(): c for c in CLASSES}


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
    if isinstance(identifier, type) and issubclass(identifier, Optimizer):
        make: Callable[[], Optimizer] = identifier
        return make()
    if isinstance(identifier, str) and identifier.lower() in _KNOWN:
        return _KNOWN[identifier.lower()]()
    known = [c.__name__ for c in CLASSES]
    hint = nearest(identifier, known, "optimizer") if type(identifier) is str else ""
    raise ArgumentError(
        message(
            "optimizers", "expected the name of an optimizer, or one.",
            f"optimizer={identifier!r}", hint,
        )
    )  # fmt: skip
