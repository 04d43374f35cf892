"""A model as a table: layer, output shape, number of parameters."""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphkeras import dtypes, tree
from graphkeras.errors import ArgumentError, message
from graphkeras.layers.layer import Layer
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
    print_fn: Callable[[str], Any] | None,
    expand_nested: bool,
    show_trainable: bool,
    layer_range: Sequence[str] | None,
) -> None:
    """Print a model as a table; see `Model.summary`."""
    from rich.console import Console

    table = _Table(model, expand_nested, show_trainable)
    drawn = table.drawn(line_length, positions, layer_range)
    lines = [f'[bold]Model: "{_escaped(model.name)}"[/]', drawn, *_totals(model)]
    if print_fn is None:
        console = Console(highlight=False)
        for line in lines:
            console.print(line)
        return
    console = Console(highlight=False, force_terminal=False, color_system=None)
    with console.capture() as capture:
        for line in lines:
            console.print(line)
    print_fn(capture.get())


def _escaped(text: str) -> str:
    """A text in which no brackets mean colours."""
    from rich.markup import escape

    return escape(text)


def _coloured(value: Any) -> str:
    """A number, as it looks on a terminal."""
    return f"[cyan]{value}[/]" if value is None else f"[green]{value}[/]"


class _Table:
    def __init__(self, model: Any, expand_nested: bool, show_trainable: bool) -> None:
        self.model, self.expand, self.show = model, expand_nested, show_trainable
        self.linear = _is_linear(model)
        self.header = ["Layer (type)", "Output Shape", "Param #"]
        self.positions: Sequence[float] = [0.45, 0.80, 1.0]
        self.default_width = 88
        if not self.linear:
            self.header.append("Connected to")
            self.positions, self.default_width = [0.3, 0.56, 0.74, 1.0], 108
        if show_trainable:
            self.header.append("Trainable")
            self.default_width += 12

    def drawn(
        self,
        line_length: int | None,
        positions: Sequence[float] | None,
        layer_range: Sequence[str] | None,
    ) -> Any:
        """Return the table, for rich to print.

        Raises:
            ArgumentError: if a column has no room, or there are no such layers.
        """
        from rich.table import Column, Table

        ends = positions or self.positions
        if self.show:
            ends = [*(0.90 * end for end in ends), 1.0]
        fits = shutil.get_terminal_size().columns - 4
        width = line_length or min(self.default_width, fits)
        sides = {"Param #": "right", "Trainable": "center"}
        columns = [
            Column(name, justify=sides.get(name, "left"), width=size)  # type: ignore
            for name, size in zip(self.header, _widths(ends, width))
        ]
        table = Table(*columns, width=width, show_lines=True)
        parts = getattr(self.model, "operations", None) or self.model.layers
        for part in _in_range(parts, layer_range):
            for row in self._rows_of(part, 0):
                table.add_row(*row)
        return table

    def _rows_of(self, part: Any, depth: int) -> list[list[str]]:
        prefix = "   " * depth + "└ " if depth else ""
        kind = getattr(part, "kind", type(part).__name__)
        cells = [
            f"{_escaped(prefix + part.name)} ([blue]{_escaped(kind)}[/])",
            _shape_text(part),
            _params_text(part),
        ]
        if not self.linear:
            cells.append(self._connections(part))
        if self.show:
            cells.append(_trainable_text(part))
        rows = [cells]
        for inner in getattr(part, "layers", ()) if self.expand else ():
            rows += self._rows_of(inner, depth + 1)
        return rows

    def _connections(self, part: Any) -> str:
        kept = set(self.model._graph.calls)
        parts = [
            f"{_escaped(o.name)}\\[{_coloured(node)}]\\[{_coloured(index)}]"
            for call in part._inbound_nodes
            if call in kept
            for o, node, index in (x._keras_history for x in call.input_tensors)
        ]
        return ", ".join(parts) or "-"


def _widths(positions: Sequence[float], width: int) -> list[int]:
    ends = [int(position * width) for position in positions]
    columns = [end - start for start, end in zip([0, *ends], ends)]
    if min(columns) < 4:
        raise ArgumentError(
            message("summary", "expected a line long enough for its columns.",
                    f"line_length={width}")
        )  # fmt: skip
    return columns


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
        shapes = [_Shape(x.shape) for x in tree.flatten(calls[-1].outputs)]
    elif getattr(part, "_build_shapes", None):
        shapes = _shapes_in(part.compute_output_shape(**part._build_shapes))
    elif hasattr(part, "output_shape") and part.built:
        shapes = _shapes_in(part.output_shape)
    else:
        return "?"
    flat = tree.flatten(shapes)
    return str(flat[0] if len(flat) == 1 else shapes).replace("'", "")


def _shapes_in(found: Any) -> Any:
    """Replace the shapes in a structure of shapes, which are tuples themselves."""
    if isinstance(found, Mapping):
        return {key: _shapes_in(value) for key, value in found.items()}
    if all(size is None or isinstance(size, int) for size in found):
        return _Shape(found)
    return type(found)(map(_shapes_in, found))


class _Shape:
    """A shape that shows itself in colours; `(None)` has one size."""

    def __init__(self, sizes: Sequence[int | None]) -> None:
        self._sizes = sizes

    def __repr__(self) -> str:
        return f"({', '.join(map(_coloured, self._sizes))})"


def _params_text(part: Any) -> str:
    if not hasattr(part, "built"):
        return _coloured(0)
    if not part.built:
        makes_weights = type(part).build is not Layer.build
        return f"{_coloured(0)} (unbuilt)" if makes_weights else _coloured(0)
    return _coloured(f"{part.count_params():,}")


def _trainable_text(part: Any) -> str:
    if not getattr(part, "weights", None):
        return "[bold]-[/]"
    return "[bold green]Y[/]" if part.trainable else "[bold red]N[/]"


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
        f"[bold] {name} params: [/]{_coloured(f'{count_params(weights):,}')} "
        f"({memory_text(weights)})"
        for name, weights in groups.items()
    ]
