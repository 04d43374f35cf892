"""What a weight has beside its numbers: initializer, regularizer, constraint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphkeras import constraints, initializers, regularizers

KINDS: dict[str, Any] = {
    "initializer": initializers, "regularizer": regularizers,
    "constraint": constraints,
}  # fmt: skip


def given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the named arguments of a constructor, from its `locals()`."""
    left_out = ("self", "kwargs", "__class__")
    return {k: v for k, v in arguments.items() if k not in left_out}


def keep_facets(layer: Any, **facets: Any) -> None:
    """Keep arguments such as ``kernel_initializer`` under their names, made objects."""
    for name, value in facets.items():
        setattr(layer, name, KINDS[name.rsplit("_", 1)[1]].get(value))


def add_weight(
    layer: Any, facet: str, shape: tuple[int, ...], name: str | None = None
) -> Any:
    """Add the weight whose facets the layer keeps under ``{facet}_...``."""
    return layer.add_weight(
        shape, getattr(layer, f"{facet}_initializer"), name=name or facet,
        regularizer=getattr(layer, f"{facet}_regularizer"),
        constraint=getattr(layer, f"{facet}_constraint"),
    )  # fmt: skip
