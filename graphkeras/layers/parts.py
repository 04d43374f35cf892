"""What the attributes of an object hold, containers opened.

A list that a user appends to says nothing about it, so whoever asks compares what lies
there with what lay there the last time, by identity: a tenth of the work of looking at
everything anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from operator import is_
from typing import Any

# Never a part, and most of what attributes are.
PLAIN = frozenset({type(None), bool, int, float, str, bytes})


@dataclass(slots=True)
class Parts:
    """All that was found, and where.

    Attributes:
        values: all attributes.
        containers: the lists, tuples, dicts and sets among and in them.
        contents: what each held.
        found: everything else that may be a part, in order.
    """

    values: list[Any]
    containers: list[Any] = field(default_factory=list)
    contents: list[list[Any]] = field(default_factory=list)
    found: list[Any] = field(default_factory=list)
    _chosen: dict[Any, list[Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, attributes: Mapping[str, Any], without: frozenset[str]) -> Parts:
        """Look at all attributes but some."""
        parts = cls(list(attributes.values()))
        shown = list(attributes.items())
        parts._open(value for name, value in shown if name not in without)
        return parts

    def hold(self, attributes: Mapping[str, Any]) -> bool:
        """Whether the attributes, and what is in them, are still the same objects."""
        if not _same(attributes.values(), self.values):
            return False
        return all(map(_same, map(_items, self.containers), self.contents))

    def chosen(self, key: str, which: Callable[[Any], bool]) -> list[Any]:
        """Return the parts for which `which` holds, each once; found once a key."""
        if key not in self._chosen:
            found = {id(part): part for part in self.found if which(part)}
            self._chosen[key] = list(found.values())
        return self._chosen[key]

    def _open(self, items: Iterable[Any]) -> None:
        for item in items:
            if isinstance(item, (Mapping, list, tuple, set)):
                held = list(_items(item))
                self.containers.append(item)
                self.contents.append(held)
                self._open(held)
            elif type(item) not in PLAIN:
                self.found.append(item)


def _items(container: Any) -> Iterable[Any]:
    return container.values() if isinstance(container, Mapping) else container


def _same(items: Iterable[Any], held: list[Any]) -> bool:
    now = list(items)
    return len(now) == len(held) and all(map(is_, now, held))
