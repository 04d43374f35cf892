"""Keras's `keras.optimizers.legacy`: names that say what to use in their place."""

from __future__ import annotations

from typing import Any

from graphkeras.errors import message

__all__ = ["SGD", "Adagrad", "Adam", "Ftrl", "Optimizer", "RMSprop"]


class Optimizer:
    """What Keras 2 had; Keras 3 keeps the name and refuses to make one.

    Raises:
        ImportError: always.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        name = type(self).__name__
        raise ImportError(
            message(f"keras.optimizers.legacy.{name}", "is not part of Keras 3.", "",
                    f"Use keras.optimizers.{name}, with learning_rate in place of lr.")
        )  # fmt: skip


class Adagrad(Optimizer):
    """See `Optimizer`."""


class Adam(Optimizer):
    """See `Optimizer`."""


class Ftrl(Optimizer):
    """See `Optimizer`."""


class RMSprop(Optimizer):
    """See `Optimizer`."""


class SGD(Optimizer):
    """See `Optimizer`."""
