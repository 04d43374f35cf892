"""Pictures of models: layers as cards, nested models as frames around theirs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from graphkeras import tree
from graphkeras.drawing import Card, Dot, Group, Link, Picture, draw
from graphkeras.errors import ArgumentError, message
from graphkeras.layers.graph import Operation
from graphkeras.models.functional import Functional
from graphkeras.models.sequential import Sequential
from graphkeras.saving.atomic import replacing

_ENDINGS = (".svg", ".png")
_DIRECTIONS = ("TB", "BT", "LR", "RL")
_COLOURS = {  # of a layer, by where it is defined
    "inputs": "#d9e2ec", "core": "#cfe3d4", "einsum_dense": "#cfe3d4",
    "conv": "#c6dbf7", "pooling": "#f7d9c4", "normalization": "#e6d5f0",
    "regularization": "#eceff1",
    "recurrent": "#f6e2b3", "attention": "#f3cfd9", "merging": "#d4ecec",
    "activations": "#fbe3e0", "reshaping": "#e7e5d8", "preprocessing": "#e4ebc8",
}  # fmt: skip
_OTHER = "#dfe3e8"


def plot_model(
    model: Any,
    to_file: Any = "model.svg",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: float = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    **kwargs: Any,
) -> Picture:
    """Draw the layers of a model and what goes from one to the next.

    Args:
        model: a functional or sequential model; any other is drawn as one card.
        to_file: a path that ends in ``.svg``, or in ``.png``, for which Pillow is
            needed; None writes nothing.
        show_shapes: whether to say the shapes of inputs and outputs.
        show_dtype: whether to say the dtypes of outputs.
        show_layer_names: whether to say the names of layers, too.
        rankdir: where the data flows: "TB" (from top to bottom), "BT", "LR" or "RL".
        expand_nested: whether to draw the layers of models inside the model.
        dpi: pixels to an inch of a ``.png`` file.
        show_layer_activations: whether to say the activation of layers that have one.
        show_trainable: whether to say which layers train.
        splines: "line" or "polyline" for lines with corners; anything else curves.

    Returns:
        The picture, which notebooks show.

    Raises:
        ArgumentError: for a model that is not built, or arguments that are not known.

    Example:
        >>> from graphkeras import layers
        >>> model = Sequential([layers.Input((2,)), layers.Dense(1)])
        >>> picture = plot_model(model, to_file=None, show_shapes=True)
        >>> [text.text for text in picture.texts]
        ['Dense', 'input', '(None, 2)', 'output', '(None, 1)']
    """
    _check("plot_model", model, rankdir, kwargs)
    path = None if to_file is None else _target(to_file)
    show = _Show(
        show_shapes, show_dtype, show_layer_names, expand_nested,
        show_layer_activations, show_trainable,
    )  # fmt: skip
    picture = draw(show.group(model), rankdir, splines in ("line", "polyline"))
    if path is not None:
        write_picture(picture, path, dpi)
    return picture


def model_to_dot(
    model: Any,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: float = 200,
    subgraph: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    **kwargs: Any,
) -> Dot:
    """Return the layers of a model in the language of Graphviz.

    Nothing of Graphviz is needed for that. The arguments are those of `plot_model`;
    `subgraph` puts all of it into a frame with the model's name.

    Raises:
        ArgumentError: for a model that is not built, or arguments that are not known.

    Example:
        >>> from graphkeras import layers
        >>> model = Sequential([layers.Input((2,)), layers.Dense(1, name="a")])
        >>> "a (Dense)" in model_to_dot(model).to_string()
        True
    """
    _check("model_to_dot", model, rankdir, kwargs)
    show = _Show(
        show_shapes, show_dtype, show_layer_names, expand_nested,
        show_layer_activations, show_trainable,
    )  # fmt: skip
    group = show.group(model)
    if subgraph:
        group = Group(model.name, [group])
    return Dot(group, {"rankdir": rankdir, "dpi": f"{dpi:g}", "splines": splines})


def _check(who: str, model: Any, rankdir: str, kwargs: dict[str, Any]) -> None:
    if rankdir not in _DIRECTIONS:
        raise ArgumentError(
            message(who, f"expected rankdir in {', '.join(_DIRECTIONS)}.",
                    f"{rankdir!r}")
        )  # fmt: skip
    if kwargs:
        raise ArgumentError(
            message(who, "expected only known arguments.", ", ".join(kwargs))
        )
    if not getattr(model, "built", False):
        raise ArgumentError(
            message(
                who, "expected a built model.", getattr(model, "name", model),
                "Call it on data or use model.build(input_shape) first.",
            )
        )  # fmt: skip


def _target(to_file: Any) -> Path:
    path = Path(to_file)
    if path.suffix.lower() not in _ENDINGS:
        raise ArgumentError(
            message(
                "plot_model", f"expected a path that ends in {' or '.join(_ENDINGS)}.",
                repr(str(path)), f"Write {path.with_suffix('.svg').name!r}.",
            )
        )  # fmt: skip
    return path


def write_picture(picture: Picture, path: Path, dpi: float = 200) -> None:
    """Write a picture in the form that its path says: ``.svg`` or ``.png``.

    Raises:
        ArgumentError: for another ending.
    """
    with replacing(_target(path)) as staged:
        if path.suffix.lower() == ".svg":
            staged.write_text(picture.to_svg(), encoding="utf-8")
        else:
            from graphkeras.drawing.raster import save_png

            save_png(picture, staged, dpi)


class _Show:
    """What is said of each layer."""

    def __init__(
        self, shapes: bool, dtype: bool, names: bool, expand: bool, activations: bool,
        trainable: bool,
    ) -> None:  # fmt: skip
        self.shapes, self.dtype, self.names = shapes, dtype, names
        self.expand, self.activations, self.trainable = expand, activations, trainable

    def group(self, model: Any) -> Group:
        """Return the layers of a model and the lines between them."""
        graph = getattr(getattr(model, "_functional", None) or model, "_graph", None)
        calls = graph.calls if graph is not None else []
        if isinstance(model, Functional):
            return self._functional(model, calls)
        if isinstance(model, Sequential) and model.layers:
            parts = [self._part(layer, calls) for layer in model.layers]
            last = len(parts) - 1
            links = [Link(i, i + 1) for i in range(last)]
            return Group(model.name, parts, links, [(0, 0)], [(last, 0)])
        return Group(model.name, [self._card(model, [])], [], [(0, 0)], [(0, 0)])

    def _functional(self, model: Functional, calls: list[Any]) -> Group:
        operations = model.operations
        number = {id(operation): i for i, operation in enumerate(operations)}

        def port(x: Any) -> tuple[int, int]:
            """Number of the part that gives a tensor, and of its output."""
            operation, _, index = x._keras_history
            cut = model._cut_inputs.get(id(x))
            return (number[id(cut)], 0) if cut else (number[id(operation)], index)

        links: dict[Link, None] = {}
        for call in calls:
            for arrive, x in enumerate(() if call.is_input else call.input_tensors):
                source, leave = port(x)
                link = Link(source, number[id(call.operation)], leave, arrive)
                links[self._drawn(operations, link)] = None
        parts = [self._part(operation, calls) for operation in operations]
        ways_in = [port(x) for x in model.inputs]
        return Group(model.name, parts, [*links], ways_in, [*map(port, model.outputs)])

    def _drawn(self, operations: list[Any], link: Link) -> Link:
        """Leave out what makes no difference to the picture: ports of cards."""
        source, target = operations[link.source], operations[link.target]
        return Link(
            link.source, link.target, link.leave if self._opens(source) else 0,
            link.arrive if self._opens(target) else 0,
        )  # fmt: skip

    def _opens(self, part: Any) -> bool:
        return self.expand and isinstance(part, (Functional, Sequential))

    def _part(self, part: Any, calls: list[Any]) -> Card | Group:
        if self._opens(part):
            return self.group(part)
        return self._card(part, [c for c in calls if c.operation is part])

    def _card(self, part: Any, calls: list[Any]) -> Card:
        kind = part.kind if isinstance(part, Operation) else type(part).__name__
        rows = [*self._shapes(kind, calls), *self._facts(part, calls)]
        title, note = (part.name, f"({kind})") if self.names else (kind, "")
        return Card(title, note, tuple(rows), _colour(part))

    def _shapes(self, kind: str, calls: list[Any]) -> list[tuple[str, str]]:
        if not self.shapes:
            return []
        rows = [] if kind == "InputLayer" else [("input", _of(calls, "input"))]
        return [*rows, ("output", _of(calls, "output"))]

    def _facts(self, part: Any, calls: list[Any]) -> list[tuple[str, str]]:
        rows = []
        if self.dtype:
            rows.append(("dtype", _of(calls, "output", "dtype")))
        activation = getattr(part, "activation", None)
        if self.activations and activation is not None:
            name = getattr(activation, "__name__", None) or getattr(
                activation, "name", type(activation).__name__
            )
            rows.append(("activation", str(name)))
        if self.trainable and getattr(part, "weights", None):
            rows.append(("trains", "yes" if part.trainable else "no"))
        return rows


def _of(calls: list[Any], side: str, what: str = "shape") -> str:
    """Shapes or dtypes of what goes into a layer or comes out, by its calls."""
    found = []
    for call in calls:
        tensors = call.input_tensors if side == "input" else call.outputs
        if side == "input" and len(tensors) == 1:
            tensors = tensors[0]
        shown = tree.map_structure(lambda x: _Plain(getattr(x, what)), tensors)
        found.append(str(shown).replace("'", ""))
    return " and ".join(dict.fromkeys(found)) or "?"


class _Plain:
    """A shape in a structure, which shows itself as it is written."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return str(self.value)


def _colour(part: Any) -> str:
    words = type(part).__module__.split(".")
    return next((_COLOURS[word] for word in words if word in _COLOURS), _OTHER)
