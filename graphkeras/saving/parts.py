"""What of a model is saved, and under which path: the rules of Keras's files.

A part is a layer, an optimizer, a metric or a generator of seeds. Its children are what
its attributes hold: by name in alphabetical order, private ones last; in a list, tuple
or dict by class name and number. Each part counts once, where it is met first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from graphkeras.naming import to_snake_case

Visit = Callable[[str, Any], bool]


def is_part(thing: Any) -> bool:
    """Return whether something may hold state of its own."""
    return hasattr(thing, "save_own_variables") and not isinstance(thing, type)


def children_of(part: Any) -> Iterator[tuple[str, Any]]:
    """Yield what a part holds as (name, value); most of it is of no interest."""
    own = getattr(part, "saved_children", None)
    found = dict(vars(part)) if own is None else own()
    first = found.pop("layers", None) if getattr(part, "layers_first", False) else None
    if first is not None:
        yield "layers", first
    for name in sorted(found, key=lambda n: f"~{n}" if n.startswith("_") else n):
        if not name.startswith("__"):
            yield name, found[name]


class Walk:
    """A walk over a model and all its parts.

    Args:
        visit: called with the path and the part; says whether it is done with it. One
            it is not done with is visited again where it is met next.
        left_out: parts that are not visited, nor what they hold.
    """

    def __init__(self, visit: Visit, left_out: Sequence[Any] = ()) -> None:
        self.visit = visit
        self._done = {id(part) for part in left_out}
        self._open: set[int] = set()  # a part may refer to the one that holds it

    def part(self, part: Any, path: str = "") -> None:
        """Visit a part and what it holds."""
        if id(part) in self._done or id(part) in self._open:
            return
        self._open.add(id(part))
        done = self.visit(path, part)
        for name, child in children_of(part):
            inner = f"{path}/{name}".lstrip("/")
            if is_part(child):
                self.part(child, inner)
            elif isinstance(child, (list, tuple, Mapping)):
                self._container(child, inner)
        self._open.remove(id(part))
        if done:
            self._done.add(id(part))

    def _container(self, items: Any, path: str) -> None:
        if id(items) in self._open:
            return
        self._open.add(id(items))
        counts: dict[str, int] = {}
        for item in list(items.values() if isinstance(items, Mapping) else items):
            if is_part(item):
                name = _numbered(to_snake_case(type(item).__name__), counts)
                self.part(item, f"{path}/{name}")
            elif isinstance(item, (list, tuple, Mapping)):
                self._container(item, f"{path}/{_numbered('container', counts)}")
        self._open.remove(id(items))


def _numbered(name: str, counts: dict[str, int]) -> str:
    """Return ``dense``, ``dense_1``, ``dense_2`` ..."""
    count = counts[name] = counts.get(name, -1) + 1
    return f"{name}_{count}" if count else name


def shared_layers(model: Any) -> list[Any]:
    """Return the layers that stand in more than one of the models inside a model."""
    places: dict[int, int] = {}
    found: dict[int, Any] = {}

    def count(path: str, part: Any) -> bool:
        for layer in (
            getattr(part, "layers", ()) if hasattr(part, "layers_first") else ()
        ):
            found[id(layer)] = layer
            places[id(layer)] = places.get(id(layer), 0) + 1
        return True

    Walk(count).part(model)
    return [layer for key, layer in found.items() if places[key] > 1]
