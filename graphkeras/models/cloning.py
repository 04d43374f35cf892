"""Models made again, with new weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphkeras import tree
from graphkeras.errors import ArgumentError, message
from graphkeras.layers.graph import Operation
from graphkeras.layers.inputs import Input, InputLayer
from graphkeras.layers.layer import Layer
from graphkeras.models.functional import Functional
from graphkeras.models.model import Model
from graphkeras.models.sequential import Sequential


def _clone_layer(layer: Layer) -> Layer:
    return type(layer).from_config(layer.get_config())


def clone_model(
    model: Model,
    input_tensors: Any = None,
    clone_function: Callable[[Any], Any] | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
    **kwargs: Any,
) -> Any:
    """Return a model of the same layers with newly drawn weights.

    Args:
        model: functional, sequential or subclassed model.
        input_tensors: symbolic tensors to build the clone on.
        clone_function: called with each layer, returns the one to use.
        call_function: called as ``f(layer, *args, **kwargs)`` in place of the layer.
        recursive: whether nested models are cloned layer by layer too.

    Raises:
        ArgumentError: for arguments a subclassed model cannot follow.

    Example:
        >>> from graphkeras import layers
        >>> model = Sequential([layers.Input((2,)), layers.Dense(1)])
        >>> clone_model(model).count_params()
        3
    """
    clone = clone_function or _clone_layer
    if recursive:
        clone = _opening_nested(clone)
    if isinstance(model, Sequential):
        return _clone_sequential(model, clone, input_tensors)
    if isinstance(model, Functional):
        return _clone_functional(model, clone, input_tensors, call_function)
    if clone_function is not None or input_tensors is not None:
        raise ArgumentError(
            message(
                "clone_model", "expected a functional or sequential model with "
                "clone_function or input_tensors.", type(model).__name__,
                "Write get_config() and use type(model).from_config(...).",
            )
        )  # fmt: skip
    return type(model).from_config(model.get_config())


def _opening_nested(clone: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def opened(layer: Any) -> Any:
        if isinstance(layer, (Functional, Sequential)):
            return clone_model(layer, clone_function=clone, recursive=True)
        return clone(layer)

    return opened


def _clone_sequential(model: Sequential, clone: Any, input_tensors: Any) -> Sequential:
    first = tree.flatten(input_tensors)[:1] if input_tensors is not None else []
    if not first and model._first is not None:
        first = [InputLayer.from_config(model._first.get_config())]
    return Sequential([*first, *map(clone, model.layers)], name=model.name)


def _clone_functional(
    model: Functional, clone: Any, input_tensors: Any, call_function: Any
) -> Any:
    given = tree.flatten(input_tensors) if input_tensors is not None else [
        Input(batch_shape=x.shape, dtype=x.dtype, name=name)
        for x, name in zip(model.inputs, model.input_names)
    ]  # fmt: skip
    known: dict[int, Any] = dict(zip(map(id, model.inputs), given))
    copies: dict[Any, Any] = {}
    for event in model._graph.calls:
        if event.is_input:
            continue
        operation = event.operation
        if operation not in copies:
            copies[operation] = _clone_operation(operation, clone)
        event.run(known, _called(copies[operation], call_function))
    inputs = tree.pack_like(model.input, given)
    outputs = tree.map_structure(lambda x: known[id(x)], model.output)
    return type(model)(inputs, outputs, name=model.name)


def _clone_operation(operation: Any, clone: Any) -> Any:
    if isinstance(operation, Operation):
        return Operation.of_config(operation.kind, operation.get_config())
    return clone(operation)


def _called(layer: Any, call_function: Any) -> Callable[..., Any]:
    if call_function is None:
        return layer
    return lambda *args, **kwargs: call_function(layer, *args, **kwargs)
