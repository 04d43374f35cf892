"""Nested structures of lists, tuples and dicts, flattened in a fixed order.

Dicts are walked by sorted key where the keys can be sorted, as Keras does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any


def is_nested(structure: Any) -> bool:
    """Return whether `structure` is a list, tuple or dict (not a leaf)."""
    return isinstance(structure, (list, tuple, Mapping))


def sorted_keys(mapping: Mapping[Any, Any]) -> list[Any]:
    """Return the keys in the order in which they are flattened."""
    try:
        return sorted(mapping)
    except TypeError:
        return list(mapping)


def children(structure: Any) -> Iterator[tuple[Any, Any]]:
    """Yield ``(key, child)`` of one level, in flattening order."""
    if isinstance(structure, Mapping):
        for key in sorted_keys(structure):
            yield key, structure[key]
    else:
        yield from enumerate(structure)


def flatten(structure: Any) -> list[Any]:
    """Return the leaves; ``None`` is a leaf.

    Example:
        >>> flatten({"b": 1, "a": [2, (3,)]})
        [2, 3, 1]
    """
    if not is_nested(structure):
        return [structure]
    return [leaf for _, child in children(structure) for leaf in flatten(child)]


def flatten_with_path(structure: Any, path: tuple = ()) -> list[tuple[tuple, Any]]:
    """Return ``(path, leaf)`` pairs, a path being the keys from the root."""
    if not is_nested(structure):
        return [(path, structure)]
    pairs: list[tuple[tuple, Any]] = []
    for key, child in children(structure):
        pairs += flatten_with_path(child, (*path, key))
    return pairs


def map_structure(function: Callable[..., Any], *structures: Any) -> Any:
    """Apply `function` to corresponding leaves; the result has their structure.

    Example:
        >>> map_structure(lambda a, b: a + b, {"x": 1}, {"x": 2})
        {'x': 3}
    """
    first = structures[0]
    if not is_nested(first):
        return function(*structures)
    if isinstance(first, Mapping):
        out = {k: map_structure(function, *(s[k] for s in structures)) for k in first}
        return _like_mapping(first, out)
    items = [map_structure(function, *parts) for parts in zip(*structures, strict=True)]
    return _rebuild(first, items)


def pack_like(structure: Any, leaves: list[Any]) -> Any:
    """Put `leaves` (in flattening order) into the shape of `structure`.

    Raises:
        ValueError: if the number of leaves differs.
    """
    iterator = iter(leaves)
    packed = _pack(structure, iterator)
    if next(iterator, _END) is not _END:
        raise ValueError("pack_like: more leaves than places.")
    return packed


_END = object()


def _pack(structure: Any, leaves: Iterator[Any]) -> Any:
    if not is_nested(structure):
        leaf = next(leaves, _END)
        if leaf is _END:
            raise ValueError("pack_like: fewer leaves than places.")
        return leaf
    packed = {key: _pack(child, leaves) for key, child in children(structure)}
    if isinstance(structure, Mapping):
        return _like_mapping(structure, {key: packed[key] for key in structure})
    return _rebuild(structure, list(packed.values()))


def _like_mapping(like: Any, items: dict[Any, Any]) -> Any:
    return items if type(like) is dict else type(like)(items)


def _rebuild(like: Any, items: list[Any]) -> Any:
    if hasattr(like, "_fields"):  # a namedtuple
        return type(like)(*items)
    return tuple(items) if isinstance(like, tuple) else list(items)


def same_structure(a: Any, b: Any) -> bool:
    """Return whether two structures nest alike (list and tuple count as the same)."""
    if is_nested(a) != is_nested(b):
        return False
    if not is_nested(a):
        return True
    if isinstance(a, Mapping) != isinstance(b, Mapping) or len(a) != len(b):
        return False
    if isinstance(a, Mapping) and set(a) != set(b):
        return False
    pairs = zip(children(a), children(b))
    return all(same_structure(x, y) for (_, x), (_, y) in pairs)
