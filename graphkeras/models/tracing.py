"""A model as one tensor graph, with names for what goes in and out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphkeras import dtypes, tree
from graphkeras.errors import ExportError, GraphKerasError, message
from graphkeras.ir import dims
from graphkeras.ir.trace import Trace, untraced
from graphkeras.ir.types import TensorType
from graphkeras.ir.value import Graph
from graphkeras.layers.graph import SymbolicTensor, type_from_shape


@dataclass(frozen=True, slots=True)
class TracedModel:
    """The graph of a model, the variables behind its state, and names."""

    graph: Graph
    variables: Sequence[Any]
    input_names: list[str]
    output_names: list[str]


def trace_model(
    model: Any, input_signature: Any = None, training: bool = False
) -> TracedModel:
    """Trace a model with its free sizes left free.

    A batch size that is fixed becomes free too, where the model can be computed for
    any: a model built by its first call has one by accident. As in Keras. Only symbolic
    tensors in a signature can fix it, and layers that keep states of a batch.

    Args:
        model: a built model.
        input_signature: shapes and dtypes of the inputs (InputSpec, symbolic tensors
            or arrays, in the structure the model takes), where the model does not say.
        training: mode in which it is traced.

    Raises:
        ExportError: if nothing says what the inputs look like.
    """
    structure, names, types = inputs_of(model, input_signature)
    fixed = input_signature is not None or _keeps_states(model)
    freed = types if fixed else _with_free_batch(types)
    try:
        return _traced(model, structure, names, freed, training)
    except GraphKerasError:
        if freed == types:
            raise
        return _traced(model, structure, names, types, training)


def _traced(
    model: Any,
    structure: Any,
    names: list[str],
    types: list[TensorType],
    training: bool,
) -> TracedModel:
    with untraced(), Trace() as trace:
        tensors = [trace.input(n, t) for n, t in zip(names, types)]
        outputs = model(tree.pack_like(structure, tensors), training=training)
        graph, variables = trace.graph(tree.flatten(outputs))
    return TracedModel(graph, variables, names, _output_names(model, outputs))


def _keeps_states(model: Any) -> bool:
    return any(getattr(layer, "stateful", False) for layer in model._flatten_layers())


def _with_free_batch(types: list[TensorType]) -> list[TensorType]:
    """Free the first size of all inputs if it is the same number for all."""
    sizes = {t.shape[:1] for t in types}
    if len(sizes) != 1 or not all(isinstance(s, int) for s in sizes.pop()):
        return types
    batch = dims.symbol("batch")
    return [t.with_shape((batch, *t.shape[1:])) if t.shape else t for t in types]


def inputs_of(
    model: Any, signature: Any = None
) -> tuple[Any, list[str], list[TensorType]]:
    """Return structure, names and types of a model's inputs; see `trace_model`."""
    if signature is not None:
        structure = _unwrapped(signature)
        leaves = tree.flatten(structure)
        names = _named(structure, [getattr(x, "name", None) for x in leaves])
        return structure, names, [_type_of(x, n) for x, n in zip(leaves, names)]
    functional = getattr(model, "_functional", None) or model
    if hasattr(functional, "input_types"):
        return functional.input, functional.input_names, functional.input_types
    seen = getattr(model, "_first_input", None)
    if seen is None:
        raise ExportError(
            message(
                model.name, "expected a model that knows its inputs.", "",
                "Call it on data first, or pass input_signature="
                "[keras.InputSpec(shape=(None, 784), dtype='float32')].",
            )
        )  # fmt: skip
    names = _named(seen, [None] * len(tree.flatten(seen)))
    return seen, names, [_type_of(x, n) for x, n in zip(tree.flatten(seen), names)]


def _unwrapped(signature: Any) -> Any:
    """A list of one signature stands for one input."""
    one = isinstance(signature, (list, tuple)) and len(signature) == 1
    return signature[0] if one else signature


def _named(structure: Any, given: list[str | None]) -> list[str]:
    """Names of inputs: their own, their keys in a dict, or input, input_1 ..."""
    names = []
    for (path, _), own in zip(tree.flatten_with_path(structure), given):
        keys = [str(k) for k in path if isinstance(k, str)]
        names.append(own or "_".join(keys) or "input")
    return distinct(names)


def _type_of(x: Any, name: str) -> TensorType:
    """Type of an example or description of an input; its batch size is free."""
    if isinstance(x, SymbolicTensor):
        return x.type
    shape = tuple(getattr(x, "shape", None) or ())
    dtype = dtypes.standardize(getattr(x, "dtype", None))
    return type_from_shape((None, *shape[1:]) if shape else (), dtype, name)


def _output_names(model: Any, outputs: Any) -> list[str]:
    """Keys of a dict, else names of the layers that give the outputs."""
    if isinstance(outputs, Mapping):
        paths = [path for path, _ in tree.flatten_with_path(outputs)]
        return distinct(["_".join(map(str, path)) for path in paths])
    own = getattr(getattr(model, "_functional", None) or model, "output_names", None)
    if own and len(own) == len(tree.flatten(outputs)):
        return distinct(list(own))
    return distinct(["output"] * len(tree.flatten(outputs)))


def distinct(names: list[str]) -> list[str]:
    """Give repeated names a number.

    Example:
        >>> distinct(["dense", "dense"])
        ['dense', 'dense_1']
    """
    taken: set[str] = set()
    result = []
    for name in names:
        fresh, count = name, 0
        while fresh in taken:
            count += 1
            fresh = f"{name}_{count}"
        taken.add(fresh)
        result.append(fresh)
    return result
