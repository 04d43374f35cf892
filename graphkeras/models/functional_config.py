"""Functional models as configs, in Keras's format, and back.

Layers are listed with the calls made of them; a tensor is named by layer, number of the
call and number of the output. Only calls inside the model are counted.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from graphkeras import tree
from graphkeras.errors import SavingError, message
from graphkeras.layers.graph import Call, MaskOf, Operation, SymbolicTensor, call_of
from graphkeras.saving.registry import (
    CustomObjectScope,
    TensorReference,
    deserialize_keras_object,
    serialize_keras_object,
)

if TYPE_CHECKING:
    from graphkeras.models.functional import Functional


def has_own_constructor(cls: type) -> bool:
    """Return whether a subclass of Functional takes other arguments than it."""
    parameters = list(inspect.signature(cls.__init__).parameters)[1:]
    free = inspect.getfullargspec(cls.__init__)
    return parameters[:2] != ["inputs", "outputs"] and not (free.varargs and free.varkw)


# ------------------------------------------------------------------------- writing


class _Writer:
    """Names tensors by the calls that are kept."""

    def __init__(self, model: Functional) -> None:
        self.model = model
        kept = set(model._graph.calls)
        self.calls = {
            operation: [c for c in operation._inbound_nodes if c in kept]
            for operation in model.operations
        }

    def reference(self, x: SymbolicTensor) -> list[Any]:
        """Return [layer, call, output] of a tensor."""
        if id(x) in self.model._cut_inputs:
            return [self.model._cut_inputs[id(x)].name, 0, 0]
        event, history = call_of(x), x._keras_history
        return [
            history.operation.name,
            self.calls[history.operation].index(event),
            history.tensor_index,
        ]

    def argument(self, value: Any) -> Any:
        """Return one argument of a call, tensors as references."""
        if not isinstance(value, SymbolicTensor):
            return serialize_keras_object(value)
        config = {
            "shape": value.shape, "dtype": value.dtype,
            "keras_history": self.reference(value),
        }  # fmt: skip
        return {"class_name": "__keras_tensor__", "config": config}

    def call(self, event: Call) -> dict[str, Any]:
        """Return one call."""
        return {
            "args": tree.map_structure(self.argument, list(event.args)),
            "kwargs": tree.map_structure(self.argument, event.kwargs),
        }

    def layer(self, operation: Any) -> dict[str, Any]:
        """Return a layer or op with its calls."""
        config = _operation_config(operation)
        events = [c for c in self.calls[operation] if not c.is_input]
        return config | {
            "name": operation.name,
            "inbound_nodes": [self.call(c) for c in events],
        }


def _operation_config(operation: Any) -> dict[str, Any]:
    if not isinstance(operation, Operation):
        return serialize_keras_object(operation)
    return {
        "module": "graphkeras.layers", "class_name": type(operation).__name__,
        "config": operation.get_config(), "registered_name": None,
    }  # fmt: skip


def serialize_model(model: Functional) -> dict[str, Any]:
    """Return the config of a functional model."""
    writer = _Writer(model)
    return {
        "name": model.name,
        "trainable": model.trainable,
        "layers": [writer.layer(o) for o in model.operations],
        "input_layers": tree.map_structure(writer.reference, model.input)
        if tree.is_nested(model.input) else [writer.reference(model.input)],
        "output_layers": tree.map_structure(writer.reference, model.output)
        if tree.is_nested(model.output) else [writer.reference(model.output)],
    }  # fmt: skip


# ------------------------------------------------------------------------- reading


def revive_model(
    cls: type, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None
) -> Any:
    """Make a functional model of class `cls` from a config.

    Raises:
        SavingError: if a call refers to a layer or call that does not exist, or waits
            for its own result.
    """
    config = dict(config)
    with CustomObjectScope(custom_objects or {}):
        layers = {c["name"]: _revive_operation(c) for c in config["layers"]}
    calls = _Reader(layers, config)
    calls.repeat_all()
    rest = {k: v for k, v in config.items()
            if k not in ("layers", "input_layers", "output_layers")}  # fmt: skip
    return cls(
        inputs=calls.tensors(config["input_layers"]),
        outputs=calls.tensors(config["output_layers"]),
        **rest,
    )


def _revive_operation(config: Mapping[str, Any]) -> Any:
    known = {"Operation": Operation, "MaskOf": MaskOf}
    if config["class_name"] in known:
        return known[config["class_name"]].from_config(config["config"])
    return deserialize_keras_object(config)


class _NotYet(Exception):
    """A call refers to a call that was not repeated yet."""


class _Reader:
    """Repeats the calls of a config on revived layers."""

    def __init__(self, layers: dict[str, Any], config: Mapping[str, Any]) -> None:
        self.layers = layers
        # Calls made by the layer itself (a nested model's own) come before ours.
        self.made: dict[str, list[Any]] = {
            name: [c.outputs for c in layer._inbound_nodes[:1] if c.is_input]
            for name, layer in layers.items()
        }
        self.waiting = {c["name"]: list(c["inbound_nodes"]) for c in config["layers"]}
        self.offset = {name: _own_calls(layer) for name, layer in layers.items()}

    def repeat_all(self) -> None:
        """Repeat all calls, each as soon as its arguments exist."""
        while any(self.waiting.values()):
            progress = [self._repeat(name) for name in self.waiting]
            if not any(progress):
                stuck = [name for name, nodes in self.waiting.items() if nodes]
                raise SavingError(
                    message(
                        "from_config", "expected a graph without loops or missing "
                        "calls.", f"calls of {', '.join(stuck)} that cannot be made",
                        "Check inbound_nodes of these layers.",
                    )
                )  # fmt: skip

    def _repeat(self, name: str) -> bool:
        nodes, done = self.waiting[name], False
        while nodes:
            try:
                args, kwargs = self._arguments(nodes[0])
            except _NotYet:
                break
            self.made[name].append(self.layers[name](*args, **kwargs))
            nodes.pop(0)
            done = True
        return done

    def _arguments(self, node: Any) -> tuple[Any, Any]:
        if isinstance(node, list):  # Keras 2 wrote [[layer, call, output, kwargs], ...]
            found = [self.tensor(*reference[:3]) for reference in node]
            return [found[0] if len(found) == 1 else found], {}
        args, kwargs = (deserialize_keras_object(node[k]) for k in ("args", "kwargs"))
        return tree.map_structure(self._revived, (list(args), dict(kwargs)))

    def _revived(self, value: Any) -> Any:
        if isinstance(value, TensorReference):
            return self.tensor(value.layer, value.call, value.index)
        return value

    def tensor(self, name: str, call: int, index: int) -> SymbolicTensor:
        """Return the tensor a reference names."""
        if name not in self.made:
            raise SavingError(
                message(
                    "from_config", "expected the name of a layer of the model.",
                    repr(name), f"Its layers are {', '.join(self.layers)}.",
                )
            )  # fmt: skip
        # Keras counts a nested functional model's own call as number 0.
        shift = self.offset[name] if call >= len(self.made[name]) else 0
        if call - shift >= len(self.made[name]) or call - shift < 0:
            raise _NotYet
        return tree.flatten(self.made[name][call - shift])[index]

    def tensors(self, structure: Any) -> Any:
        """Return a structure of references as tensors."""
        if _is_reference(structure):
            return self.tensor(*structure)
        if isinstance(structure, Mapping):
            return {k: self.tensors(v) for k, v in structure.items()}
        found = [self.tensors(v) for v in structure]
        return tuple(found) if isinstance(structure, tuple) else found


def _own_calls(layer: Any) -> int:
    from graphkeras.models.functional import Functional

    return int(isinstance(layer, Functional))


def _is_reference(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 3 and isinstance(
        value[0], str
    )  # fmt: skip
