"""Names given to layers, metrics and ops that have none: "dense", "dense_1", ..."""

from __future__ import annotations

import re
from collections import defaultdict

_uids: defaultdict[str, int] = defaultdict(int)


def to_snake_case(name: str) -> str:
    """Return a class name as Keras spells it in lower case.

    Example:
        >>> to_snake_case("MaxPooling2D"), to_snake_case("PReLU"), to_snake_case("LSTM")
        ('max_pooling2d', 'p_re_lu', 'lstm')
    """
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    name = re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
    return "private" + name if name.startswith("_") else name


def get_uid(prefix: str = "") -> int:
    """Return 1, 2, 3 ... for successive requests of one prefix."""
    _uids[prefix] += 1
    return _uids[prefix]


def uniquify(name: str) -> str:
    """Return `name` the first time, then ``name_1``, ``name_2`` ..."""
    count = get_uid(name) - 1
    return f"{name}_{count}" if count else name


def auto_name(class_name: str) -> str:
    """Return the next free name for an object of a class."""
    return uniquify(to_snake_case(class_name))


def reset_uids() -> None:
    """Forget all names given so far."""
    _uids.clear()


def clear_session(free_memory: bool = True) -> None:
    """Start naming afresh; models hold their own state, so nothing else is global."""
    reset_uids()
