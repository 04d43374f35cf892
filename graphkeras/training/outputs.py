"""Which loss, metric, target and weight belongs to which output of a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from graphkeras import tree
from graphkeras.errors import ArgumentError, message, nearest

Path = tuple[Any, ...]


class OutputNames:
    """The outputs of a model, flat, and the names by which users mean them.

    Args:
        y_pred: what the model returned.
        names: names of the flat outputs, if the model has them.
    """

    def __init__(self, y_pred: Any, names: Sequence[str] | None) -> None:
        self.structure = tree.map_structure(lambda _: None, y_pred)
        self.paths: list[Path] = [p for p, _ in tree.flatten_with_path(y_pred)]
        self.single = len(self.paths) == 1
        fits = names is not None and len(names) == len(self.paths)
        keys = [p[-1] if p and isinstance(p[-1], str) else None for p in self.paths]
        if all(keys):
            self.names: list[str | None] = keys
        else:
            self.names = list(names) if fits and names is not None else keys

    def spread(self, given: Any, what: str) -> list[list[Any]]:
        """Return for each output what of `given` is meant for it.

        Args:
            given: None, one thing for all outputs, a list or dict by output, or a
                structure like the outputs.
            what: name of the argument, for messages.

        Raises:
            ArgumentError: for a name that is no output, or a list of another length.
        """
        found: list[list[Any]] = [[] for _ in self.paths]
        for path, thing in self._assigned(given, self.structure, (), what):
            if thing is not None:
                found[self.paths.index(path)].append(thing)
        return found

    def _assigned(
        self, given: Any, part: Any, at: Path, what: str
    ) -> Iterator[tuple[Path, Any]]:
        """Yield (path of an output, what is given for it)."""
        if not tree.is_nested(given):
            for path, _ in tree.flatten_with_path(part):
                yield (*at, *path), given
        elif isinstance(given, Mapping):
            yield from self._by_name(given, part, at, what)
        elif not tree.is_nested(part):
            yield from ((at, thing) for thing in tree.flatten(given))
        else:
            yield from self._by_number(given, part, at, what)

    def _by_name(
        self, given: Mapping[str, Any], part: Any, at: Path, what: str
    ) -> Iterator[tuple[Path, Any]]:
        for key, thing in given.items():
            if isinstance(part, Mapping) and key in part:
                yield from self._assigned(thing, part[key], (*at, key), what)
            elif not at and key in self.names:
                path = self.paths[self.names.index(key)]
                yield from self._assigned(thing, None, path, what)
            else:
                self._refuse_name(key, part, what)

    def _refuse_name(self, key: str, part: Any, what: str) -> None:
        inside = list(part) if isinstance(part, Mapping) else []
        known = inside or [n for n in self.names if n is not None]
        raise ArgumentError(
            message(
                "compile", f"{what} must name outputs of the model.", f"{key!r}",
                nearest(str(key), known, "output"),
            )
        )  # fmt: skip

    def _by_number(
        self, given: Sequence[Any], part: Any, at: Path, what: str
    ) -> Iterator[tuple[Path, Any]]:
        children = list(tree.children(part))
        leaves = tree.flatten_with_path(part)
        if len(given) == len(children):
            for (key, child), thing in zip(children, given):
                yield from self._assigned(thing, child, (*at, key), what)
        elif len(given) == len(leaves):
            for (path, _), thing in zip(leaves, given):
                yield from self._assigned(thing, None, (*at, *path), what)
        else:
            raise ArgumentError(
                message(
                    "compile", f"a list of {what} has one entry for each output.",
                    f"{len(given)} for {len(leaves)} outputs"
                    f" ({', '.join(map(str, self.names))})",
                    "Give a dict by output names to leave some out.",
                )
            )  # fmt: skip

    def flat(self, given: Any, what: str, used: Sequence[bool] | None = None) -> list:
        """Return targets (or weights) for each output, None where there are none.

        Args:
            given: one tensor, or tensors by name, number or structure.
            what: name of the argument, for messages.
            used: which outputs have a loss: as many targets may be given.

        Raises:
            ArgumentError: if targets and outputs do not correspond.
        """
        count = len(self.paths)
        if given is None or not tree.is_nested(given):
            if count > 1 and given is not None:
                self._refuse_count(1, what)
            return [given] * count
        if isinstance(given, Mapping) and set(given) <= set(self.names):
            return [given.get(n) if n is not None else None for n in self.names]
        if tree.same_structure(given, self.structure):
            by_path = dict(tree.flatten_with_path(given))
            return [by_path[p] for p in self.paths]
        leaves = tree.flatten(given)
        if len(leaves) == count:
            return leaves
        if used is not None and len(leaves) == sum(used):
            rest = iter(leaves)
            return [next(rest) if u else None for u in used]
        return self._refuse_count(len(leaves), what)

    def _refuse_count(self, received: int, what: str) -> list:
        raise ArgumentError(
            message(
                "fit", f"expected {what} for {len(self.paths)} outputs"
                f" ({', '.join(map(str, self.names))}).", f"{received}",
                f"Give {what} as a list in that order, or as a dict by name.",
            )
        )  # fmt: skip
