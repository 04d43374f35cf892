"""Configs of Keras 2, and of the older ``.h5`` files of Keras 3, as those of Keras 3.

Only their form changes here: what they ask for is checked where it is built.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphkeras.errors import SavingError, message
from graphkeras.saving.registry import get_registered_object

# What Keras 3 dropped since it had no effect on a model's outputs.
_GONE = (
    "batch_input_shape", "experimental_autocast", "implementation", "input_length",
    "key_shape", "query_shape", "rng_type", "softmax_robust_masking", "value_shape",
    "output_shape_type", "output_shape_module", "function_type",
)  # fmt: skip
_GONE_OF = {
    "Lambda": ("module",),
    "SeparableConv1D": ("kernel_initializer", "kernel_regularizer",
                        "kernel_constraint"),
    "SeparableConv2D": ("kernel_initializer", "kernel_regularizer",
                        "kernel_constraint"),
}  # fmt: skip
# What Keras 3 dropped that may be left out only if it has this value.
_GONE_IF = {"groups": 1, "noise_shape": None, "time_major": False}
_GROUPED = ("Conv1D", "Conv2D", "Conv3D", "Convolution1D", "Convolution2D")

# Layers whose configs do not say whether they train; that of a function never does.
_SHORT = ("InputLayer", "Discretization", "HashedCrossing")

_SINGLE = ("layer", "cell", "forward_layer", "backward_layer")  # arguments: one layer
_PLACES = {
    "initializer": "initializers", "regularizer": "regularizers",
    "constraint": "constraints", "learning_rate": "optimizers.schedules",
}  # fmt: skip
_POLICIES = ("Policy", "PolicyV1", "DTypePolicy", "FloatDTypePolicy")


def is_legacy(config: Mapping[str, Any], version: Any = "") -> bool:
    """Return whether a model's config is in an older form.

    Args:
        config: of the model.
        version: of the Keras that saved it.
    """
    old = "module" not in config or str(version).startswith("2.")
    return old and "class_name" in config


def modern_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config of a model or layer in the form of Keras 3.

    Raises:
        SavingError: if it is no such config, or asks for what Keras 3 cannot do.

    Example:
        >>> old = {"class_name": "LeakyReLU", "config": {"alpha": 0.25}}
        >>> modern_config(old)["config"]
        {'negative_slope': 0.25}
    """
    if not isinstance(config, Mapping) or not {"class_name", "config"} <= {*config}:
        raise SavingError(
            message("from_config", "expected the config of a layer.", f"{config!r:.80}")
        )
    name, inner = config["class_name"], config["config"]
    if isinstance(inner, list):  # a Sequential before Keras 2.2
        inner = {"layers": inner}
    if name == "Model" and "input_layers" in inner:
        name = "Functional"
    home = {"module": _module(config, name, inner), "class_name": name}
    if "layers" not in inner or "function" in inner:
        return {**config, **home, "config": _arguments(name, inner)}
    return {**config, **home, "config": _model(name, inner)}


def _module(config: Mapping[str, Any], name: str, inner: Mapping[str, Any]) -> str:
    if name in ("Functional", "Model", "Sequential"):
        return "keras.models"
    if "Lambda" in name and name != "Lambda":
        raise SavingError(
            message(name, "expected layers only.",
                    "a function of TensorFlow in a model",
                    "Make it a layer, or use keras.ops, and save the model again.")
        )  # fmt: skip
    given = config.get("module")
    if given:
        return str(given).removeprefix("tf_")
    unlike = "inbound_nodes" in config and "trainable" not in inner
    if unlike and name not in _SHORT and get_registered_object(name) is None:
        return "keras.src.ops.numpy"
    return "keras.layers"


# -------------------------------------------------------------------------- arguments


def _arguments(name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a layer."""
    found = dict(config)
    if name == "InputLayer" and "batch_input_shape" in found:
        found["batch_shape"] = found.pop("batch_input_shape")
    if name == "LeakyReLU" and "alpha" in found:
        found["negative_slope"] = found.pop("alpha")
    if isinstance(found.get("axis"), list) and name == "BatchNormalization":
        (found["axis"],) = found["axis"]
    if name == "Lambda" and isinstance(found.get("function"), list):
        code, defaults, closure = found["function"]
        stored = {"code": code, "defaults": defaults, "closure": closure}
        found["function"] = {"class_name": "__lambda__", "config": stored}
    gone = {*_GONE, *_GONE_OF.get(name, ())}
    kept = {k: v for k, v in found.items() if k not in gone}
    for key, harmless in _GONE_IF.items():
        if key in kept and kept[key] == harmless and name not in _GROUPED:
            del kept[key]
    return {k: _argument(k, v) for k, v in kept.items()}


def _argument(key: str, value: Any) -> Any:
    if key == "cells":
        return [modern_config(cell) for cell in value]
    if not isinstance(value, Mapping) or "class_name" not in value:
        return value
    if value["class_name"] == "__tuple__":
        return list(value.get("items", ()))
    if value["class_name"] in _POLICIES and key == "dtype":
        return {**value, "module": "keras", "class_name": "DTypePolicy"}
    if key in _SINGLE:
        return modern_config(value)
    for ending, place in _PLACES.items():
        if key.endswith(ending) and "config" in value:
            return {"module": f"keras.{place}", **value}
    return value


# ----------------------------------------------------------------------------- models


def _model(name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a Sequential or a functional model."""
    layers = [modern_config(layer) for layer in config["layers"]]
    if "input_layers" not in config:
        found = {k: v for k, v in config.items() if k != "layers"}
        return {**found, "layers": [*_first_input(config["layers"]), *layers]}
    nested = {x["name"]: x["class_name"] for x in layers if "layers" in x["config"]}
    nodes = _Nodes(nested)
    for layer in layers:
        layer["inbound_nodes"] = [nodes.node(n) for n in layer["inbound_nodes"]]
    outputs = nodes.outputs(config["output_layers"]) if nodes.old else None
    return {
        **config, "layers": layers,
        "output_layers": config["output_layers"] if outputs is None else outputs,
    }  # fmt: skip


def _first_input(layers: list[Any]) -> list[dict[str, Any]]:
    """The input layer that the first layer of a Sequential stands for."""
    first = layers[0]["config"] if layers else {}
    if not isinstance(first, Mapping) or layers[0]["class_name"] == "InputLayer":
        return []
    shape = first.get("batch_input_shape")
    if shape is None:
        return []
    config = {"batch_shape": shape, "name": f"{first.get('name', 'input')}_input"}
    if layers[0]["class_name"] == "Embedding":
        config["dtype"] = "float32"
    return [{"module": "keras.layers", "class_name": "InputLayer", "config": config}]


class _Nodes:
    """Calls of layers as Keras 2 wrote them: ``[layer, call, output, kwargs]``.

    It counted the calls of nested models from 1, Keras 3 counts them from 0.
    """

    def __init__(self, nested: Mapping[str, str]) -> None:
        self.nested = nested
        self.old = False  # whether there was such a call

    def node(self, node: Any) -> Any:
        """Return one call as args and kwargs."""
        if isinstance(node, Mapping) and {"args", "kwargs"} <= {*node}:
            return node
        self.old = True
        references = _references(node)
        kwargs = references[0][3] if references and len(references[0]) > 3 else {}
        args = _mapped(node, self.tensor)
        if isinstance(args, list) and len(args) == 1:
            (args,) = args
        values = {k: self.value(v) for k, v in kwargs.items()}
        return {"args": [args], "kwargs": values}

    def tensor(self, reference: list[Any]) -> Any:
        """Return what a reference names."""
        layer, call, output = reference[:3]
        if layer == "_CONSTANT_VALUE":
            return output
        number = call - 1 if layer in self.nested else call
        history = [layer, number, output]
        tensor = {"shape": [], "dtype": "float32", "keras_history": history}
        return {"class_name": "__keras_tensor__", "config": tensor}

    def value(self, value: Any) -> Any:
        """Return an argument given by name, which may be a tensor."""
        return _mapped(value, self.tensor)

    def outputs(self, structure: Any) -> Any:
        """Return the model's outputs; those of nested Sequentials counted from 0."""

        def counted(reference: list[Any]) -> list[Any]:
            layer, call, output = reference[:3]
            return [layer, call - (self.nested.get(layer) == "Sequential"), output]

        return _mapped(structure, counted)


def _is_reference(value: Any) -> bool:
    if not isinstance(value, list) or len(value) not in (3, 4):
        return False
    named = isinstance(value[0], str) and isinstance(value[1], int)
    return named and (len(value) == 3 or isinstance(value[3], Mapping))


def _references(structure: Any) -> list[list[Any]]:
    found: list[list[Any]] = []
    _mapped(structure, found.append)
    return found


def _mapped(structure: Any, change: Callable[[list[Any]], Any]) -> Any:
    """Change all references inside lists and dicts."""
    if _is_reference(structure):
        return change(structure)
    if isinstance(structure, list):
        return [_mapped(x, change) for x in structure]
    if isinstance(structure, Mapping):
        return {k: _mapped(x, change) for k, x in structure.items()}
    return structure


# --------------------------------------------------------------------------- training


def modern_training(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the compile config that a training config stands for."""
    found = {
        "optimizer": _optimizer(config.get("optimizer_config")),
        "loss": each_object(config.get("loss"), _loss),
        "loss_weights": config.get("loss_weights"),
    }
    for key in ("metrics", "weighted_metrics"):
        found[key] = each_object(config.get(key), _metric) or None
    for key in ("run_eagerly", "steps_per_execution"):
        if config.get(key):
            found[key] = config[key]
    return found


def modern_compile_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the compile config of a ``.keras`` file of Keras 2 as one of Keras 3."""
    given = {**config, "optimizer_config": config.get("optimizer")}
    return {k: v for k, v in modern_training(given).items() if v is not None}


def each_object(structure: Any, change: Callable[[Any], Any]) -> Any:
    """Change the objects inside lists and dicts by output; None in lists is dropped."""
    if isinstance(structure, Mapping) and "class_name" not in structure:
        return {k: each_object(v, change) for k, v in structure.items()}
    if isinstance(structure, (list, tuple)):
        return [each_object(x, change) for x in structure if x is not None]
    return None if structure is None else change(structure)


def _optimizer(config: Any) -> Any:
    if not isinstance(config, Mapping):
        return config
    inner = dict(config.get("config") or {})
    for key in ("is_legacy_optimizer", "jit_compile"):
        inner.pop(key, None)
    decay = inner.pop("decay", 0.0)
    if isinstance(inner.get("learning_rate"), Mapping):
        inner["learning_rate"] = _argument("learning_rate", inner["learning_rate"])
    elif decay:  # what the argument meant in Keras 2
        inner["learning_rate"] = {
            "module": "keras.optimizers.schedules", "class_name": "InverseTimeDecay",
            "config": {"initial_learning_rate": inner["learning_rate"],
                       "decay_steps": 1, "decay_rate": decay},
        }  # fmt: skip
    name = str(config.get("class_name"))
    if get_registered_object(name) is None:  # Keras 2 registered even its own
        name = name.removeprefix("Custom>")
    home = {"module": "keras.optimizers", "class_name": name}
    return {**config, **home, "config": inner}


def _loss(config: Any) -> Any:
    if not isinstance(config, Mapping):
        return config
    inner = {k: v for k, v in (config.get("config") or {}).items() if k != "fn"}
    if config["class_name"] == "LossFunctionWrapper":
        return (config.get("config") or {}).get("fn")
    if inner.get("reduction") == "auto":
        inner["reduction"] = "sum_over_batch_size"
    return {"module": "keras.losses", **config, "config": inner}


def _metric(config: Any) -> Any:
    if not isinstance(config, Mapping):
        return config
    inner = config.get("config") or {}
    if config["class_name"] == "MeanMetricWrapper":
        return inner.get("fn")
    return {"module": "keras.metrics", **config}
