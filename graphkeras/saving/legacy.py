"""The older ``.h5`` files: a config as an attribute, weights listed layer by layer.

The group of a layer names its arrays in an attribute ``weight_names``: trainable ones
first. Layers go by their order, or by their names.
"""

from __future__ import annotations

import itertools
import json
import warnings
from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np

from graphkeras.errors import SavingError
from graphkeras.saving.archive import read_json
from graphkeras.saving.hdf5 import Reader, ReadPart, Stored, assign_all
from graphkeras.saving.legacy_config import each_object, modern_training
from graphkeras.saving.registry import (
    get_registered_name,
    public_module,
    serialize_keras_object,
)
from graphkeras.saving.state import tell_misfits

ENDINGS = (".h5", ".hdf5")
_TOP = "top_level_model_weights"
_HEADER = 64_512  # bytes one attribute may have
_FULL = {
    "mse": "mean_squared_error", "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error", "bce": "binary_crossentropy",
    "msle": "mean_squared_logarithmic_error", "kld": "kl_divergence",
}  # fmt: skip


def read_config(weights: Reader, name: str) -> dict[str, Any] | None:
    """Return a config that is stored as an attribute, or None."""
    text = weights.attribute("", name)
    return None if text is None else read_json(str(text), name)


# ---------------------------------------------------------------------------- reading


def read_layers(
    model: Any,
    weights: Reader,
    root: str,
    by_name: bool = False,
    skip_mismatch: bool = False,
) -> None:
    """Give layers their arrays.

    Args:
        model: a built model.
        weights: the file.
        root: group of the layers.
        by_name: whether layers go by their names, and may be missing.
        skip_mismatch: whether to warn of layers that do not fit.

    Raises:
        SavingError: if there are other layers, or one does not fit.
    """
    if root and root not in weights.parts:
        raise SavingError(f"expected a group {root} in the file")
    names = _listed(weights, root, "layer_names")
    if not names:
        raise SavingError("expected an older .h5 file, which names its layers")
    stored = {n: _arrays(weights, f"{root}/{n}".lstrip("/")) for n in names}
    pairs = (_by_name if by_name else _by_order)(model, stored)
    top = f"{root}/{_TOP}".lstrip("/")
    if top in weights.parts:
        pairs.append((model.name, _own_weights(model), _arrays(weights, top)))
    failed: list[str] = []
    for name, variables, arrays in pairs:
        try:
            part = ReadPart({str(i): array for i, array in enumerate(arrays)})
            assign_all(name, variables, part)
        except Exception as error:  # whatever the file provokes
            failed.append(" ".join(str(error).split()))
    tell_misfits(failed, skip_mismatch)


Pairs = list[tuple[str, list[Any], list[Stored]]]


def _by_order(model: Any, stored: dict[str, list[Stored]]) -> Pairs:
    own = [x for x in model.layers if x.weights]
    filled = [arrays for arrays in stored.values() if arrays]
    if len(own) != len(filled):
        raise SavingError(
            f"expected {len(own)} layers with weights, and there are {len(filled)}"
        )
    return [(x.name, _weights(x), arrays) for x, arrays in zip(own, filled)]


def _by_name(model: Any, stored: dict[str, list[Stored]]) -> Pairs:
    return [(x.name, _weights(x), stored[x.name]) for x in model.layers
            if x.name in stored]  # fmt: skip


def _weights(layer: Any) -> list[Any]:
    """The weights in their older order."""
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def _own_weights(model: Any) -> list[Any]:
    """The weights that are in no layer of the model."""
    inside = {id(v) for layer in model.layers for v in layer.weights}
    return [v for v in _weights(model) if id(v) not in inside]


def _arrays(weights: Reader, path: str) -> list[Stored]:
    if path not in weights.parts:
        raise SavingError(f"expected a group {path} in the file")
    names = _listed(weights, path, "weight_names")
    return [weights.array(f"{path}/{name}") for name in names]


def _listed(weights: Reader, path: str, name: str) -> list[str]:
    """Return a list of names; a long one lies in several attributes."""
    found = weights.attribute(path, name)
    if found is not None:
        return found if isinstance(found, list) else [found]
    names: list[str] = []
    parts = (weights.attribute(path, f"{name}{n}") for n in itertools.count())
    for part in itertools.takewhile(lambda part: part is not None, parts):
        names += part if isinstance(part, list) else [part]
    return names


def read_training(model: Any, weights: Reader) -> None:
    """Compile a model as it was, and restore its optimizer."""
    config = read_config(weights, "training_config")
    if config is None:
        return
    model.compile_from_config(modern_training(config))
    if "optimizer_weights" not in weights.parts or model.optimizer is None:
        return
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    if not _restore(model.optimizer, _arrays(weights, "optimizer_weights")):
        warnings.warn(
            "The file's state of the optimizer is in a form that Keras 3 does not have;"
            " training goes on with a fresh optimizer.",
            stacklevel=5,
        )


def _restore(optimizer: Any, arrays: Sequence[Stored]) -> bool:
    """Give an optimizer its variables; return whether they fit."""
    own = list(optimizer.variables)
    scalars = [a for a in arrays if not a.shape]
    if len(scalars) == 1 and len(own) > 1:  # Keras 2 did not store the learning rate
        own = [v for v in own if v.name != "learning_rate"]
    if all(not v.shape for v in own):  # Keras 2 made slots that SGD does not use
        arrays = arrays[: len(own)]
    if [v.shape for v in own] != [a.shape for a in arrays]:
        return False
    for variable, array in zip(own, arrays):
        variable.assign(array.read())
    return True


# ---------------------------------------------------------------------------- writing


def write_model(
    model: Any, file: BinaryIO, include_optimizer: bool, version: str
) -> None:
    """Write a model as one HDF5 file of the older kind.

    Args:
        model: the model.
        file: a new file, open for reading and writing bytes.
        include_optimizer: whether to write the state of training.
        version: of Keras, whose format it is.
    """
    import h5py

    with h5py.File(file, "w") as made:
        made.attrs["keras_version"] = version
        made.attrs["backend"] = "graphkeras"
        # Layers keep the form of Keras 3, in which functions of `ops` may stand too.
        config = {"class_name": _class_name(model), "config": model.get_config()}
        made.attrs["model_config"] = json.dumps(serialize_keras_object(config))
        _write_layers(model, made.create_group("model_weights"), version)
        if not include_optimizer or getattr(model, "optimizer", None) is None:
            return
        config = model.get_compile_config()
        if config is not None:
            made.attrs["training_config"] = json.dumps(_older_training(config))
            group = made.create_group("optimizer_weights")
            _write_arrays(group, model.optimizer.variables)


def _write_layers(model: Any, root: Any, version: str) -> None:
    _write_list(root, "layer_names", [layer.name for layer in model.layers])
    root.attrs["backend"], root.attrs["keras_version"] = "graphkeras", version
    for layer in model.layers:
        _write_arrays(root.create_group(layer.name), _weights(layer))
    _write_arrays(root.create_group(_TOP), _own_weights(model))


def _write_arrays(group: Any, variables: Sequence[Any]) -> None:
    names: list[str] = []
    for variable in variables:
        name = variable.path
        while name in names:
            name += "_"
        names.append(name)
        group.create_dataset(name, data=np.asarray(variable.array))
    _write_list(group, "weight_names", names)


def _write_list(group: Any, name: str, texts: list[str]) -> None:
    """Store names as an attribute, or as several where one would be too long."""
    encoded = [text.encode("utf-8") for text in texts]
    width = max(map(len, encoded), default=1)
    each = max(1, _HEADER // width)
    if len(encoded) <= each:
        group.attrs[name] = np.array(encoded, f"S{width}")
        return
    for number, first in enumerate(range(0, len(encoded), each)):
        part = encoded[first : first + each]
        group.attrs[f"{name}{number}"] = np.array(part, f"S{width}")


def _class_name(model: Any) -> str:
    cls = type(model)
    return cls.__name__ if public_module(cls) else get_registered_name(cls)


def _older_training(config: dict[str, Any]) -> dict[str, Any]:
    found = dict(config)
    optimizer = found.pop("optimizer", None)
    loss = each_object(found.get("loss"), _full_name)
    return {**found, "loss": loss, "optimizer_config": optimizer}


def _full_name(loss: Any) -> Any:
    """The name of a loss as Keras finds it in such files: no "mse"."""
    return _FULL.get(loss.lower(), loss) if isinstance(loss, str) else loss
