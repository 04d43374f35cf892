"""Functional models as configs, in Keras's format, and back.

Layers are listed with the calls made of them; a tensor is named by layer, number of the
call and number of the output. Only calls inside the model are counted.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from graphkeras import tree
from graphkeras.errors import SavingError, message
from graphkeras.layers.arguments import signature_of
from graphkeras.layers.graph import (
    Call,
    Operation,
    SymbolicTensor,
    call_of,
    has_symbolic,
)
from graphkeras.layers.keras_ops import module_of, split_arguments
from graphkeras.saving.argument_types import check_sizes
from graphkeras.saving.registry import (
    CustomObjectScope,
    TensorReference,
    constructor,
    deserialize_keras_object,
    in_safe_mode,
    init_arguments,
    serialize_keras_object,
)

if TYPE_CHECKING:
    from graphkeras.models.functional import Functional


def has_own_constructor(cls: Any) -> bool:
    """Return whether a subclass of Functional takes other arguments than it."""
    names = list(init_arguments(cls))
    kinds = {p.kind for p in constructor(cls).parameters.values()}
    any_arguments = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    return names[:2] != ["inputs", "outputs"] and not any_arguments <= kinds


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
        operation, _, index = x._keras_history
        return [operation.name, self.calls[operation].index(call_of(x)), index]

    def port(self, x: SymbolicTensor) -> list[Any]:
        """Return the reference of one of the model's own inputs or outputs."""
        name, number, index = self.reference(x)
        return [name, number + _first_number(x._keras_history.operation), index]

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
        args, kwargs = list(event.args), event.kwargs
        if isinstance(event.operation, Operation):
            _, args, kwargs = _in_the_way_of_keras(event)
        return {
            "args": tree.map_structure(self.argument, args),
            "kwargs": tree.map_structure(self.argument, kwargs),
        }

    def layer(self, operation: Any) -> dict[str, Any]:
        """Return a layer or op with its calls."""
        events = [c for c in self.calls[operation] if not c.is_input]
        if isinstance(operation, Operation):
            config = _operation_config(operation, events[0])
        else:
            config = serialize_keras_object(operation)
        config |= {
            "name": operation.name,
            "inbound_nodes": [self.call(c) for c in events],
        }
        if any("training" in c.kwargs for c in events):
            config["training_given"] = True  # see _Reader
        return config


def _in_the_way_of_keras(event: Call) -> tuple[dict[str, Any], list[Any], Any]:
    operation = event.operation
    given = operation.bound(event.args, event.kwargs)
    return split_arguments(operation.kind, operation.attributes, given)


def _operation_config(operation: Operation, event: Call) -> dict[str, Any]:
    config, _, _ = _in_the_way_of_keras(event)
    config = {"name": operation.name, **config}
    return {
        "module": module_of(operation.kind), "class_name": operation.kind,
        "config": tree.map_structure(serialize_keras_object, config),
        "registered_name": operation.kind,
    }  # fmt: skip


def serialize_model(model: Functional) -> dict[str, Any]:
    """Return the config of a functional model."""
    writer = _Writer(model)
    return {
        "name": model.name,
        "trainable": model.trainable,
        "layers": [writer.layer(o) for o in model.operations],
        "input_layers": _ports(writer, model.input),
        "output_layers": _ports(writer, model.output),
    }


def _ports(writer: _Writer, structure: Any) -> Any:
    ports = tree.map_structure(writer.port, structure)
    return ports if tree.is_nested(structure) else [ports]


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
    if _is_operation(config):
        inner = deserialize_keras_object(config["config"])
        if in_safe_mode():
            check_sizes(str(config["class_name"]), inner)
        return Operation.of_config(config["class_name"], inner)
    return deserialize_keras_object(config)


def _is_operation(config: Mapping[str, Any]) -> bool:
    """Whether a config is that of an op, or of an activation used like one."""
    parts = (config.get("module") or "").split(".")
    return "ops" in parts or parts[-1] == "activations"


def _first_number(operation: Any) -> int:
    """Number of an operation's first call where a model's outputs are listed.

    There Keras counts the calls of a nested functional model from 1, while as an
    argument of a call the same tensor is counted from 0.
    """
    return int(any(c.__name__ == "Functional" for c in type(operation).__mro__))


class _NotYet(Exception):
    """A call refers to a call of `layer` that was not repeated yet."""

    def __init__(self, layer: str) -> None:
        super().__init__(layer)
        self.layer = layer


class _Reader:
    """Repeats the calls of a config on revived layers.

    Keras writes ``training: False`` into every call of a layer that knows the argument,
    given or not. It counts only where our own writer says that it was given.
    """

    def __init__(self, layers: dict[str, Any], config: Mapping[str, Any]) -> None:
        self.layers = layers
        self.made: dict[str, list[Any]] = {
            name: [c.outputs for c in layer._inbound_nodes[:1] if c.is_input]
            for name, layer in layers.items()
        }
        self.training_given = {
            c["name"] for c in config["layers"] if c.get("training_given")
        }
        self.waiting = {c["name"]: deque(c["inbound_nodes"]) for c in config["layers"]}

    def repeat_all(self) -> None:
        """Repeat all calls, each as soon as its arguments exist."""
        blocked: dict[str, list[str]] = {}  # layer -> those that need a call of it
        ready = deque(self.waiting)
        while ready:
            name = ready.popleft()
            missing, done = self._repeat(name)
            if missing is not None:
                blocked.setdefault(missing, []).append(name)
            if done:
                ready.extend(blocked.pop(name, ()))
        stuck = [name for name, nodes in self.waiting.items() if nodes]
        if stuck:
            raise SavingError(
                message(
                    "from_config", "expected a graph without loops or missing calls.",
                    f"calls of {', '.join(stuck)} that cannot be made",
                    "Check inbound_nodes of these layers.",
                )
            )  # fmt: skip

    def _repeat(self, name: str) -> tuple[str | None, bool]:
        """Make the calls of a layer that can be made.

        Returns:
            The layer whose call is missing for the next one, and whether any was made.
        """
        nodes, done = self.waiting[name], False
        while nodes:
            try:
                args, kwargs = self._arguments(nodes[0])
            except _NotYet as error:
                return error.layer, done
            if getattr(self.layers[name], "kind", "") == "GetItem":
                args = [tuple(a) if isinstance(a, list) else a for a in args]
            if not has_symbolic(args, kwargs):
                raise SavingError(
                    message(name, "expected a call on tensors of the model.",
                            "one on numbers only")
                )  # fmt: skip
            kwargs = self._meant(name, kwargs)
            self.made[name].append(self.layers[name](*args, **kwargs))
            nodes.popleft()
            done = True
        return None, done

    def _meant(self, name: str, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Leave out what Keras writes of arguments nobody gave."""
        layer = self.layers[name]
        kwargs = dict(kwargs)
        if kwargs.get("training") is False and name not in self.training_given:
            del kwargs["training"]
        if isinstance(layer, Operation):
            return kwargs
        known = signature_of(type(layer).call).parameters
        if any(p.kind is p.VAR_KEYWORD for p in known.values()):
            return kwargs
        return {k: v for k, v in kwargs.items() if v is not None or k in known}

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
        if not 0 <= call < len(self.made[name]):
            raise _NotYet(name)
        outputs = tree.flatten(self.made[name][call])
        if not 0 <= index < len(outputs):
            raise SavingError(
                message(
                    "from_config", f"expected {name} to have an output {index}.",
                    f"{len(outputs)} output(s)",
                )
            )  # fmt: skip
        return outputs[index]

    def tensors(self, structure: Any) -> Any:
        """Return the model's inputs or outputs from a structure of references."""
        if _is_reference(structure):
            name, call, index = structure
            first = _first_number(self.layers.get(name))
            return self.tensor(name, call - first, index)
        if isinstance(structure, Mapping):
            return {k: self.tensors(v) for k, v in structure.items()}
        found = [self.tensors(v) for v in structure]
        return tuple(found) if isinstance(structure, tuple) else found


def _is_reference(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 3 and isinstance(
        value[0], str
    )  # fmt: skip
