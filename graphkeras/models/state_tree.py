"""What a model has learnt and gathered, in nested dicts by paths of variables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from graphkeras.errors import ArgumentError, message
from graphkeras.layers.validation import one_of
from graphkeras.variables import Variable


def state_tree(model: Any, value_format: str) -> dict[str, Any]:
    """Return the values of each kind of variables; see `Model.get_state_tree`."""
    formats = ("backend_tensor", "numpy_array")
    tensors = (
        one_of("get_state_tree", "value_format", value_format, formats) == formats[0]
    )
    return {kind: _nested(variables, tensors) for kind, variables in _kinds(model)}


def set_state_tree(model: Any, tree: Mapping[str, Any]) -> None:
    """Assign the values of such a tree; see `Model.set_state_tree`."""
    kinds = dict(_kinds(model))
    for kind, held in tree.items():
        one_of("set_state_tree", "a key", kind, tuple(kinds))
        known = {v.path: v for v in kinds[kind]}
        for path, value in _flat(held):
            if path not in known:
                raise ArgumentError(
                    message(model.name, f"set_state_tree expected paths of {kind}.",
                            repr(path), f"They are {', '.join(known) or 'none'}.")
                )  # fmt: skip
            known[path].assign(value)


def _kinds(model: Any) -> Iterator[tuple[str, Sequence[Variable]]]:
    yield "trainable_variables", model.trainable_variables
    yield "non_trainable_variables", model.non_trainable_variables
    yield "optimizer_variables", getattr(model.optimizer, "variables", [])
    yield "metrics_variables", model.metrics_variables


def _nested(variables: Sequence[Variable], tensors: bool) -> dict[str, Any]:
    root: dict[str, Any] = {}
    for variable in variables:
        *folders, last = variable.path.split("/")
        place = root
        for folder in folders:
            place = place.setdefault(folder, {})
        if last in place:
            raise ArgumentError(
                message("get_state_tree", "expected each path of a variable once.",
                        repr(variable.path), "Give layers names of their own.")
            )  # fmt: skip
        place[last] = variable.value if tensors else variable.numpy()
    return root


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}/")
        else:
            yield f"{prefix}{key}", value
