"""A model as a table: layer, output shape, number of parameters."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

from graphkeras import dtypes, tree
from graphkeras.errors import ArgumentError, message
from graphkeras.variables import Variable

_UNITS = ("B", "KB", "MB", "GB", "TB", "PB")


def count_params(weights: Sequence[Variable]) -> int:
    """Return the number of scalars in some variables, each counted once."""
    once = {id(v): v for v in weights}.values()
    return sum(math.prod(v.shape) for v in once)


def memory_text(weights: Sequence[Variable]) -> str:
    """Return the memory some variables take, such as ``1.50 KB``."""
    once = {id(v): v for v in weights}.values()
    size = float(sum(math.prod(v.shape) * dtypes.itemsize(v.dtype) for v in once))
    unit = 0
    while size >= 1024 and unit < len(_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size:.2f} {_UNITS[unit]}"


def print_summary(
    model: Any,
    line_length: int | None,
    positions: Sequence[float] | None,
    print_fn: Callable[[str], Any],
    expand_nested: bool,
    show_trainable: bool,
    layer_range: Sequence[str] | None,
) -> None:
    """Print a model line by line; see `Model.summary`."""
    table = _Table(model, expand_nested, show_trainable)
    width = line_length or table.default_width
    columns = _widths(positions or table.positions, width)
    print_fn(f'Model: "{model.name}"')
    print_fn("_" * width)
    for line in _lines(table.header, columns):
        print_fn(line)
    print_fn("=" * width)
    rows = table.rows(layer_range)
    for index, row in enumerate(rows):
        for line in _lines(row, columns):
            print_fn(line)
        print_fn(("=" if index == len(rows) - 1 else "_") * width)
    for line in _totals(model):
        print_fn(line)
    print_fn("_" * width)


def _widths(positions: Sequence[float], width: int) -> list[int]:
    ends = [int(p * width) if p <= 1 else int(p) for p in positions]
    columns = [end - start for start, end in zip([0, *ends], ends)]
    if min(columns) < 5:
        raise ArgumentError(
            message("summary", "expected a line long enough for its columns.",
                    f"line_length={width}")
        )  # fmt: skip
    return columns


def _lines(cells: Sequence[str], columns: Sequence[int]) -> list[str]:
    """One row, its cells wrapped in their columns."""
    wrapped = [
        textwrap.wrap(cell, width - 1, subsequent_indent=" ", break_on_hyphens=False)
        or [""]
        for cell, width in zip(cells, columns)
    ]
    height = max(len(w) for w in wrapped)
    rows = [[w[i] if i < len(w) else "" for w in wrapped] for i in range(height)]
    return ["".join(f"{c:<{n}}" for c, n in zip(r, columns)).rstrip() for r in rows]


class _Table:
    def __init__(self, model: Any, expand_nested: bool, show_trainable: bool) -> None:
        self.model, self.expand, self.show = model, expand_nested, show_trainable
        self.linear = _is_linear(model)
        self.header = ["Layer (type)", "Output Shape", "Param #"]
        self.positions = [0.46, 0.81, 1.0]
        self.default_width = 72
        if not self.linear:
            self.header.append("Connected to")
            self.positions, self.default_width = [0.34, 0.56, 0.68, 1.0], 100
        if show_trainable:
            self.header.append("Trainable")
            self.default_width += 12
            self.positions = [p * 0.87 for p in self.positions] + [1.0]

    def rows(self, layer_range: Sequence[str] | None) -> list[list[str]]:
        """Return the cells of each layer."""
        parts = getattr(self.model, "operations", None) or self.model.layers
        rows: list[list[str]] = []
        for part in _in_range(parts, layer_range):
            rows += self._rows_of(part, 0)
        return rows

    def _rows_of(self, part: Any, depth: int) -> list[list[str]]:
        prefix = "   " * depth + "└ " if depth else ""
        cells = [
            f"{prefix}{part.name} ({getattr(part, 'kind', type(part).__name__)})",
            _shape_text(part),
            _params_text(part),
        ]
        if not self.linear:
            cells.append(self._connections(part) if depth == 0 else "-")
        if self.show:
            cells.append(_trainable_text(part))
        rows = [cells]
        for inner in getattr(part, "layers", ()) if self.expand else ():
            rows += self._rows_of(inner, depth + 1)
        return rows

    def _connections(self, part: Any) -> str:
        kept = set(self.model._graph.calls)
        parts = [
            f"{o.name}[{node}][{index}]"
            for call in part._inbound_nodes
            if call in kept
            for o, node, index in (x._keras_history for x in call.input_tensors)
        ]
        return ", ".join(parts) or "-"


def _is_linear(model: Any) -> bool:
    """Whether each layer has one input and feeds only the next."""
    graph = getattr(model, "_graph", None)
    if graph is None:
        return True
    levels = graph.depths.values()
    if any(len(calls) > 1 or len(calls[0].input_tensors) > 1 for calls in levels):
        return False
    return len(graph.calls) == len({c.operation for c in graph.calls})


def _in_range(parts: Sequence[Any], layer_range: Sequence[str] | None) -> Sequence[Any]:
    if layer_range is None:
        return parts
    if len(layer_range) != 2 or not all(isinstance(r, str) for r in layer_range):
        raise ArgumentError(
            message("summary", "expected layer_range to be two names.",
                    f"layer_range={layer_range!r}")
        )  # fmt: skip
    places = [
        [i for i, p in enumerate(parts) if re.match(pattern, p.name)]
        for pattern in layer_range
    ]
    if not all(places):
        raise ArgumentError(
            message("summary", "expected layer_range to name layers of the model.",
                    f"layer_range={layer_range!r}")
        )  # fmt: skip
    first, last = sorted((min(places[0]), max(places[1])))
    return parts[first : last + 1]


def _shape_text(part: Any) -> str:
    calls = part._inbound_nodes
    if calls:
        shapes = tree.map_structure(lambda x: x.shape, calls[-1].outputs)
    elif getattr(part, "_build_shapes", None):
        shapes = part.compute_output_shape(**part._build_shapes)
    elif hasattr(part, "output_shape") and part.built:
        shapes = part.output_shape
    else:
        return "?"
    return str(shapes)


def _params_text(part: Any) -> str:
    if not hasattr(part, "built"):
        return "0"
    return f"{part.count_params():,}" if part.built else "0 (unbuilt)"


def _trainable_text(part: Any) -> str:
    if not getattr(part, "weights", None):
        return "-"
    return "Y" if part.trainable else "N"


def _totals(model: Any) -> list[str]:
    optimizer = getattr(model, "optimizer", None)
    slots = []
    if optimizer is not None and optimizer.built:
        slots = list(optimizer.variables)
    groups = {
        "Total": [*model.weights, *slots],
        "Trainable": model.trainable_weights,
        "Non-trainable": model.non_trainable_weights,
    }
    if slots:
        groups["Optimizer"] = slots
    return [
        f"{name} params: {count_params(weights):,} ({memory_text(weights)})"
        for name, weights in groups.items()
    ]
