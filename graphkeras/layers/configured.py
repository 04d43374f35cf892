"""How a layer becomes a config and a config a layer."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from graphkeras import activations, dtype_policies, regularizers
from graphkeras.errors import SavingError, message
from graphkeras.layers.shapes import shape_from_json
from graphkeras.saving.registry import (
    constructor,
    deserialize_keras_object,
    init_arguments,
    serialize_keras_object,
)

_BASE_ARGUMENTS = ("name", "trainable", "dtype", "activity_regularizer", "autocast")


class ConfiguredLayer:
    """The part of Layer that makes configs and reads them.

    The arguments of a user's `__init__` are captured when a layer is made; those of
    our own classes are read from the attributes of the same names.
    """

    # Arguments that are state, not configuration.
    _not_in_config: tuple[str, ...] = ()

    name: str
    trainable: bool
    activity_regularizer: Any
    dtype_policy: dtype_policies.DTypePolicy
    _captured_arguments: dict[str, Any]
    _build_shapes: dict[str, Any] | None
    build: Callable[..., None]

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs to make the layer anew.

        Raises:
            SavingError: if an argument of `__init__` has no config.
        """
        config: dict[str, Any] = {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": dtype_policies.serialize(self.dtype_policy),
        }
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = regularizers.serialize(
                self.activity_regularizer
            )
        config = {k: v for k, v in config.items() if k not in self._not_in_config}
        config |= self._library_config()
        if type(self).get_config is ConfiguredLayer.get_config:
            given = self._captured_arguments.items()
            config |= {k: self._serialized_argument(k, v) for k, v in given}
        return config

    def _library_config(self) -> dict[str, Any]:
        """Arguments of the nearest class of graphkeras, read from the attributes."""
        cls = next(c for c in type(self).__mro__ if is_library_class(c))
        left_out = {*_BASE_ARGUMENTS, *self._not_in_config} - {"activity_regularizer"}
        names = [n for n in init_arguments(cls) if n not in left_out]
        return {n: self._serialized_argument(n, getattr(self, n)) for n in names}

    def _serialized_argument(self, name: str, value: Any) -> Any:
        try:
            if inspect.isfunction(value):
                return activations.serialize(value)
            return serialize_keras_object(value)
        except SavingError as error:
            raise SavingError(
                message(
                    self.name, f"expected argument {name} of {type(self).__name__} to "
                    "have a config.", f"{name}={value!r}",
                    f"Write get_config() and from_config(). ({error})",
                )
            ) from error  # fmt: skip

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Make a layer from `get_config`'s result."""
        config = dict(config)
        if isinstance(config.get("dtype"), dict):
            config["dtype"] = dtype_policies.get(config["dtype"])
        if is_library_class(cls):
            return cls(**_without_unknown_defaults(cls, config))
        if cls.get_config is not ConfiguredLayer.get_config:
            return cls(**config)
        return _remade(cls, {k: _revived(v) for k, v in config.items()})

    def get_build_config(self) -> dict[str, Any] | None:
        """Return the shapes the layer was built with, or None."""
        if self._build_shapes is None:
            return None
        if len(self._build_shapes) == 1:
            return {"input_shape": next(iter(self._build_shapes.values()))}
        return {"shapes_dict": dict(self._build_shapes)}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build with the shapes of `get_build_config`."""
        if "input_shape" in config:
            self.build(shape_from_json(config["input_shape"]))
        elif "shapes_dict" in config:
            shapes = config["shapes_dict"].items()
            self.build(**{k: shape_from_json(v) for k, v in shapes})


def is_library_class(cls: type) -> bool:
    """Return whether a layer class comes with graphkeras."""
    return cls.__module__.startswith("graphkeras.")


def captured(cls: Any, args: Any, kwargs: Any) -> dict[str, Any]:
    """The arguments of a user's class, by name, defaults filled in."""
    if is_library_class(cls):
        return {}
    signature = constructor(cls)
    try:
        bound = signature.bind(None, *args, **kwargs)
    except TypeError:  # __init__ will say so itself, or it is a copy
        return {}
    bound.apply_defaults()
    found: dict[str, Any] = {}
    for name, value in list(bound.arguments.items())[1:]:
        kind = signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            found.update(value)
        elif kind is not inspect.Parameter.VAR_POSITIONAL:
            found[name] = value
    return {k: v for k, v in found.items() if k not in _BASE_ARGUMENTS}


def _without_unknown_defaults(cls: type, config: dict[str, Any]) -> dict[str, Any]:
    """Leave out arguments of Keras that we do not have and that ask for nothing."""
    config = {k: _revived(v) for k, v in config.items()}
    known = (*init_arguments(cls), *_BASE_ARGUMENTS)
    return {k: v for k, v in config.items() if k in known or v not in (None, False)}


def _remade(cls: Any, config: dict[str, Any]) -> Any:
    """Make a layer of a user's class, whose __init__ may not take a name."""
    taken = constructor(cls).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in taken):
        return cls(**config)
    names = {p.name for p in taken}
    layer = cls(**{k: v for k, v in config.items() if k in names})
    layer.name = config.get("name", layer.name)
    layer.trainable = config.get("trainable", True)
    return layer


def _revived(value: Any) -> Any:
    """Objects inside a config, made again; everything else as it is."""
    if isinstance(value, dict) and {"class_name", "config"} <= set(value):
        return deserialize_keras_object(value)
    if isinstance(value, list):
        return [_revived(v) for v in value]
    if isinstance(value, dict):
        return {k: _revived(v) for k, v in value.items()}
    return value
