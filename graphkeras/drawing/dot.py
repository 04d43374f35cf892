"""A group of cards in the language of Graphviz, for those who have it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from graphkeras.drawing.diagram import Card, Group


class Dot:
    """A description of a picture that Graphviz can draw.

    Args:
        group: what it shows.
        attributes: of the graph, such as ``rankdir``.

    Example:
        >>> print(Dot(Group(parts=[Card("one")]), {"rankdir": "LR"}).to_string())
        digraph model {
          rankdir="LR";
          node [shape=box, fontname="Helvetica"];
          n0 [label="one", style=filled, fillcolor="#cbd2d9"];
        }
        <BLANKLINE>
    """

    def __init__(self, group: Group, attributes: Mapping[str, str]) -> None:
        self._group, self._attributes = group, dict(attributes)

    def to_string(self) -> str:
        """Return the text."""
        numbers: dict[int, str] = {}
        head = [f"  {k}={_quoted(v)};" for k, v in self._attributes.items()]
        lines = [
            "digraph model {", *head, '  node [shape=box, fontname="Helvetica"];',
            *_parts(self._group, "  ", numbers), *_links(self._group, numbers), "}",
        ]  # fmt: skip
        return "\n".join(lines) + "\n"

    def write(self, path: Any) -> None:
        """Write the text to a file."""
        Path(path).write_text(self.to_string(), encoding="utf-8")

    __str__ = to_string


def _quoted(text: str) -> str:
    shown = "".join(c if c.isprintable() else "\ufffd" for c in text)
    return '"' + shown.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _parts(group: Group, indent: str, numbers: dict[int, str]) -> Iterator[str]:
    """Yield the lines of cards and frames, and number the cards."""
    for part in group.parts:
        name = f"{len(numbers)}"
        numbers[id(part)] = f"n{name}"
        if isinstance(part, Card):
            texts = [f"{part.title} {part.note}".strip()]
            texts += [f"{what}: {value}" for what, value in part.rows]
            label = "\\n".join(_quoted(text)[1:-1] for text in texts)
            colour = f'style=filled, fillcolor="{part.colour}"'
            yield f'{indent}n{name} [label="{label}", {colour}];'
        else:
            yield f"{indent}subgraph cluster_{name} {{"
            yield f"{indent}  label={_quoted(part.title)};"
            yield from _parts(part, f"{indent}  ", numbers)
            yield f"{indent}}}"


def _links(group: Group, numbers: dict[int, str]) -> Iterator[str]:
    for link in group.links:
        source = _card(group, link.source, link.leave, "exits")
        target = _card(group, link.target, link.arrive, "entries")
        yield f"  {numbers[id(source)]} -> {numbers[id(target)]};"
    for part in group.parts:
        if isinstance(part, Group):
            yield from _links(part, numbers)


def _card(group: Group, number: int, port: int, side: str) -> Card:
    """Return the card at which a line meets a part: of a group, inside of it."""
    part = group.parts[number]
    while isinstance(part, Group):
        ports = getattr(part, side)
        number, port = ports[min(port, len(ports) - 1)]
        part = part.parts[number]
    return part
