"""Names users did not give: ``dense``, ``dense_1`` ..., counted in one place."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

_counts: defaultdict[str, int] = defaultdict(int)


def to_snake_case(name: str) -> str:
    """Return ``MeanSquaredError`` as ``mean_squared_error``.

    Example:
        >>> to_snake_case("Conv2DTranspose"), to_snake_case("PReLU")
        ('conv2d_transpose', 'p_re_lu')
    """
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    name = re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
    return f"private{name}" if name.startswith("_") else name


def uniquify(name: str) -> str:
    """Return `name` the first time, then ``name_1``, ``name_2`` ..."""
    count = get_uid(name) - 1
    return f"{name}_{count}" if count else name


def auto_name(class_name: str) -> str:
    """Return a fresh name for an object of a class."""
    return uniquify(to_snake_case(class_name))


def object_name(thing: Any) -> str:
    """Return the name of an object, function or class instance."""
    name = getattr(thing, "name", None)
    if isinstance(name, str):
        return name
    plain = getattr(thing, "__name__", None) or type(thing).__name__
    return to_snake_case(plain)


def get_uid(prefix: str = "") -> int:
    """Return 1, 2, 3 ... for successive requests of one prefix."""
    _counts[prefix] += 1
    return _counts[prefix]


def reset() -> None:
    """Start all counts again."""
    _counts.clear()


def clear_session(free_memory: bool = True) -> None:
    """Start names afresh; models hold their own state, so nothing else is global."""
    reset()
