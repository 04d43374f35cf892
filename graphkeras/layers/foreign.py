"""Layers around code of other frameworks: named, and refused.

They hold a program of TensorFlow, PyTorch or JAX, of which there is none underneath,
and their files hold code, which is never run.
"""

from __future__ import annotations

from typing import Any, NoReturn

from graphkeras.errors import ArgumentError, message
from graphkeras.layers.layer import Layer


class _Foreign(Layer):
    """Base: a name of Keras's that cannot be made here."""

    _framework = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _refuse(type(self).__name__, self._framework)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> NoReturn:
        """There is nothing to make: raise ArgumentError."""
        _refuse(cls.__name__, cls._framework)


def _refuse(who: str, framework: str) -> NoReturn:
    raise ArgumentError(
        message(
            who, "expected a layer written in keras.ops.",
            f"one that runs a program of {framework}",
            "Write its computation as a Layer, and set its weights with set_weights.",
        )
    )  # fmt: skip


class TorchModuleWrapper(_Foreign):
    """A PyTorch module as a layer; there is no PyTorch underneath.

    Raises:
        ArgumentError: always.
    """

    _framework = "PyTorch"


class JaxLayer(_Foreign):
    """A JAX function as a layer; there is no JAX underneath.

    Raises:
        ArgumentError: always.
    """

    _framework = "JAX"


class FlaxLayer(_Foreign):
    """A Flax module as a layer; there is no JAX underneath.

    Raises:
        ArgumentError: always.
    """

    _framework = "JAX"


class TFSMLayer(_Foreign):
    """A SavedModel of TensorFlow as a layer; there is no TensorFlow underneath.

    Raises:
        ArgumentError: always.
    """

    _framework = "TensorFlow"
