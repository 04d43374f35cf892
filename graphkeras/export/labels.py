"""Names of classes: beside a model's numbers, its file gives the winner's name."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np

from graphkeras import dtypes
from graphkeras.errors import ExportError, message, nearest
from graphkeras.ir.value import Graph, Value
from graphkeras.ops.compare import greater, isnan, where
from graphkeras.ops.creation import cast
from graphkeras.ops.index import argmax
from graphkeras.ops.lookup import look_up
from graphkeras.ops.reduce import any as any_of
from graphkeras.ops.shape import reshape

Labels = Sequence[str] | Mapping[str, Sequence[str]]


def add_labels(
    graph: Graph, names: Sequence[str], labels: Labels, logits: Collection[str] = ()
) -> tuple[Graph, list[str], dict[str, str]]:
    """Return the graph with a string output for each output that has labels.

    The output `digit` gets `digit_label` beside it: the name of the largest number
    along the last axis, the first of equals. One number between two classes is cut at
    1/2 (a logit at 0); whole numbers count the classes from 0. What is no number, or
    names no class, has the name "".

    Args:
        graph: the computation.
        names: names of its outputs.
        labels: names of the classes in their order, of the only output or by output.
        logits: outputs that are logits.

    Returns:
        The graph, the names of its outputs, and the names of classes for the file's
        ``metadata_props``.

    Raises:
        ExportError: for labels that are no strings, too few or too many, or of an
            output that does not exist.
    """
    found = {n: _checked(n, part) for n, part in _by_output(names, labels).items()}
    outputs = dict(zip(names, graph.outputs, strict=True))
    given = [_named(n, outputs[n], part, n in logits) for n, part in found.items()]
    whole = Graph(graph.inputs, (*graph.outputs, *given), graph.state, graph.updates)
    about = json.dumps(found, ensure_ascii=False)
    return whole, _with_names(names, found), {"labels": about}


def _with_names(names: Sequence[str], labelled: Iterable[str]) -> list[str]:
    """Return names of all outputs; one that is taken gets a number."""
    found = list(names)
    for name in labelled:
        wanted = [
            f"{name}_label",
            *(f"{name}_label_{k}" for k in range(1, len(found) + 1)),
        ]
        found.append(next(n for n in wanted if n not in found))
    return found


def _by_output(names: Sequence[str], labels: Labels) -> dict[str, Sequence[str]]:
    if not isinstance(labels, Mapping):
        if len(names) == 1:
            return {names[0]: labels}
        raise ExportError(
            message("export", "expected labels by output: the model has several.",
                    f"labels of type {type(labels).__name__}",
                    f"Give a dict with some of the keys {', '.join(names)}.")
        )  # fmt: skip
    for name in labels:
        if name not in names:
            raise ExportError(
                message("export", "expected labels of the model's outputs.",
                        f"{name!r}", nearest(str(name), [*names], "output"))
            )  # fmt: skip
    return {n: labels[n] for n in names if n in labels}


def _checked(name: str, labels: Sequence[str]) -> list[str]:
    several = isinstance(labels, Iterable) and not isinstance(labels, (str, bytes))
    found = list(labels) if several else []
    if not found or not all(isinstance(label, str) for label in found):
        raise ExportError(
            message(f"export: {name}", "expected labels to be a list of strings.",
                    f"{labels!r:.80}", "Name the classes in the order of the output.")
        )  # fmt: skip
    return [str(label) for label in found]


def _named(name: str, y: Value, labels: list[str], logit: bool) -> Value:
    """Return the name of the class that an output says."""
    count = len(labels)
    if dtypes.is_integer(y.dtype):
        place = cast(y, "int64")
    elif y.dtype in ("string", "bool"):
        raise _misfit(name, y, count)
    else:
        y = cast(y, "float32") if y.dtype in ("float16", "bfloat16") else y
        place = _winner(name, y, count, logit)
    return look_up(place, keys=range(count), values=labels, default="")


def _winner(name: str, y: Value, count: int, logit: bool) -> Value:
    """Return the number of the class, `count` if it is none."""
    size = y.shape[-1] if y.shape else 1
    if size == count and count > 1:
        none, place = any_of(isnan(y), axis=-1), argmax(y, axis=-1)
    elif count == 2 and (size == 1 or y.rank == 1):
        y = reshape(y, y.shape[:-1]) if size == 1 and y.shape else y
        cut = np.asarray(0.0 if logit else 0.5, dtypes.to_numpy(y.dtype))
        none, place = isnan(y), greater(y, cut)
    else:
        raise _misfit(name, y, count)
    return where(none, np.int64(count), cast(place, "int64"))


def _misfit(name: str, y: Value, count: int) -> ExportError:
    return ExportError(
        message(f"export: {name}", "expected as many labels as the output has classes, "
                "or two for an output of one probability.",
                f"{count} labels for {y.type}",
                "Name every class, in the order of the output.")
    )  # fmt: skip
