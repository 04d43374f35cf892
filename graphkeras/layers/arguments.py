"""How the arguments of `Layer.__call__` map onto `call` and `build`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from graphkeras import tree
from graphkeras.errors import ArgumentError, message
from graphkeras.ir.tensor import Tensor
from graphkeras.layers.input_spec import keras_shape


@lru_cache(maxsize=1024)
def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """Return a method's signature without `self`."""
    signature = inspect.signature(function)
    return signature.replace(parameters=list(signature.parameters.values())[1:])


class CallSpec:
    """The arguments of one call of a layer.

    Attributes:
        arguments: all arguments by name, defaults filled in.
        given: those that were given.
        tensors: those that are tensors or structures of tensors.
        first: the first argument, whose shape and mask count.
    """

    def __init__(self, call: Callable[..., Any], args: Any, kwargs: Any) -> None:
        signature = signature_of(call)
        kwargs = dict(kwargs)
        self.training = kwargs.get("training")
        if "training" not in signature.parameters:
            kwargs.pop("training", None)
        bound = signature.bind(*args, **kwargs)
        self.given = dict(bound.arguments)
        bound.apply_defaults()
        self.arguments = dict(bound.arguments)
        if self.training is None:
            self.training = self.given.get("training")
        self.tensors = {k: v for k, v in self.arguments.items() if _is_tensors(k, v)}
        self.first = next(iter(self.arguments.values()), None)

    def shapes(self) -> dict[str, Any]:
        """Return ``{argument_shape: Keras shape}`` for each tensor argument."""
        return {
            f"{name}_shape": tree.map_structure(_shape_or_none, value)
            for name, value in self.tensors.items()
            if name not in ("mask", "args", "kwargs")
        }

    def masks(self) -> dict[str, Any]:
        """Return mask arguments nobody gave, taken from the tensors they belong to."""
        if len(self.tensors) == 1:
            wanted = {"mask": next(iter(self.tensors.values()))}
        else:
            wanted = {f"{name}_mask": value for name, value in self.tensors.items()}
        return {
            name: tree.map_structure(mask_of, value)
            for name, value in wanted.items()
            if name in self.arguments and self.arguments[name] is None
        }


def _is_tensors(name: str, value: Any) -> bool:
    leaves = tree.flatten(value)
    found = [isinstance(x, Tensor) for x in leaves]
    if not any(found):
        return False
    if not all(f or x is None for f, x in zip(found, leaves)):
        raise ArgumentError(
            message(
                "", "expected tensors only in a nested argument.",
                f"{name}={value!r}", "Pass the other things as arguments of their own.",
            )
        )  # fmt: skip
    return True


def mask_of(x: Any) -> Any:
    """Return the mask that travels with a tensor, or None."""
    return getattr(x, "_keras_mask", None)


def _shape_or_none(x: Any) -> Any:
    return None if x is None else keras_shape(x.shape)


def shapes_for(
    build: Callable[..., Any], shapes: Mapping[str, Any], spec: CallSpec, who: str
) -> dict[str, Any]:
    """Return the arguments of a layer's `build` for a call.

    One parameter gets the first shape, whatever its name; several must be called after
    the arguments of `call`, with ``_shape`` behind.

    Raises:
        ArgumentError: for a parameter that matches no argument of `call`.
    """
    parameters = signature_of(build).parameters
    expected = [n for n, p in parameters.items() if p.kind is not p.VAR_KEYWORD]
    if len(expected) == 1:
        return {expected[0]: next(iter(shapes.values()), None)}
    for name in expected:
        if name.removesuffix("_shape") not in spec.arguments or "_shape" not in name:
            raise ArgumentError(
                message(
                    who, "expected build() to take one shape, or one argument X_shape "
                    "for each argument X of call().", f"build(..., {name})",
                    f"call() takes {', '.join(spec.arguments)}.",
                )
            )  # fmt: skip
    return {name: shapes[name] for name in expected if name in shapes}
