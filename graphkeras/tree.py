"""Nested structures of lists, tuples and dicts, flattened in a fixed order.

Dicts are walked by sorted key where the keys can be sorted, an OrderedDict in its own
order, as Keras does.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any


class MAP_TO_NONE:
    """What a function given to `traverse` returns to put None in a place."""


def is_nested(structure: Any) -> bool:
    """Return whether `structure` is a list, tuple or dict (not a leaf)."""
    return isinstance(structure, (list, tuple, Mapping))


def sorted_keys(mapping: Mapping[Any, Any]) -> list[Any]:
    """Return the keys in the order in which they are flattened."""
    if isinstance(mapping, OrderedDict):
        return list(mapping)
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


def map_structure(
    func: Callable[..., Any], *structures: Any, none_is_leaf: bool = True
) -> Any:
    """Apply `func` to corresponding leaves; the result has their structure.

    Args:
        func: takes one leaf of each structure.
        *structures: at least one; lists and tuples count as the same.
        none_is_leaf: whether `func` is called with None; else None stays as it is.

    Raises:
        ValueError: if there is no structure, or they nest differently.

    Example:
        >>> map_structure(lambda a, b: a + b, {"x": 1}, {"x": 2})
        {'x': 3}
    """
    if not structures:
        raise ValueError("map_structure: expected at least one structure.")
    first = structures[0]
    if not is_nested(first):
        if first is None and not none_is_leaf:
            return None
        return func(*structures)

    def inner(*parts: Any) -> Any:
        return map_structure(func, *parts, none_is_leaf=none_is_leaf)

    if isinstance(first, Mapping):
        if any(set(s) != set(first) for s in structures[1:]):
            keys = " and ".join(str(list(s)) for s in structures)
            raise ValueError(f"map_structure: expected the same keys. Received {keys}.")
        items = {key: inner(*(s[key] for s in structures)) for key in first}
        return _like_mapping(first, items)
    return _rebuild(first, [inner(*parts) for parts in zip(*structures, strict=True)])


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


# ------------------------------------------------ the rest of Keras's `keras.tree`


def pack_sequence_as(structure: Any, flat_sequence: Sequence[Any]) -> Any:
    """Return the leaves of `flat_sequence` in the shape of `structure`.

    Raises:
        TypeError: if `flat_sequence` is no sequence.
        ValueError: if there are too few or too many leaves.

    Example:
        >>> pack_sequence_as({"b": 0, "a": [0, 0]}, [1, 2, 3])
        {'b': 3, 'a': [1, 2]}
    """
    return pack_like(structure, list(flat_sequence))


def map_structure_up_to(
    shallow_structure: Any, func: Callable[..., Any], *structures: Any
) -> Any:
    """Apply `func` to what `structures` hold where `shallow_structure` has its leaves.

    Raises:
        ValueError: if a structure is not nested as `shallow_structure` down to there.

    Example:
        >>> map_structure_up_to([None, None], len, [[1, 1], [2]])
        [2, 1]
    """
    if not structures:
        raise ValueError("map_structure_up_to: expected at least one structure.")
    parts = [_parts_up_to(shallow_structure, s) for s in structures]
    return pack_like(shallow_structure, [func(*leaves) for leaves in zip(*parts)])


def _parts_up_to(shallow: Any, structure: Any) -> list[Any]:
    """The parts of `structure` at the leaves of `shallow`."""
    if not is_nested(shallow):
        return [structure]
    _assert_same_level(shallow, structure)
    pairs = zip(children(shallow), children(structure), strict=True)
    return [part for (_, a), (_, b) in pairs for part in _parts_up_to(a, b)]


def assert_same_structure(a: Any, b: Any, check_types: Any = None) -> None:
    """Refuse structures that are nested differently, or by other kinds of sequences.

    Args:
        a: any structure.
        b: another.
        check_types: has no effect; Keras deprecated it.

    Raises:
        ValueError: if they differ. Dicts of all kinds count as the same.

    Example:
        >>> assert_same_structure([(0, 1)], [(2, 3)])
    """
    if is_nested(a) or is_nested(b):
        _assert_same_level(a, b)
        for (_, x), (_, y) in zip(children(a), children(b), strict=True):
            assert_same_structure(x, y)


def _assert_same_level(a: Any, b: Any) -> None:
    alike = is_nested(b) and (
        set(a) == set(b) if isinstance(a, Mapping) and isinstance(b, Mapping)
        else type(a) is type(b) and len(a) == len(b)
    )  # fmt: skip
    if not alike:
        raise ValueError(f"The two structures are nested differently: {a!r} and {b!r}.")


def assert_same_paths(a: Any, b: Any) -> None:
    """Refuse structures whose leaves have other paths; kinds of sequences may differ.

    Raises:
        ValueError: if they differ, with the paths that do.

    Example:
        >>> assert_same_paths([0, 1], (2, 3))
    """
    ours = {path for path, _ in flatten_with_path(a)}
    theirs = {path for path, _ in flatten_with_path(b)}
    if ours != theirs:
        raise ValueError(
            "The two structures have other paths: only the first has"
            f" {sorted(ours - theirs, key=str)}, only the second"
            f" {sorted(theirs - ours, key=str)}."
        )


def lists_to_tuples(structure: Any) -> Any:
    """Return the structure with tuples in place of lists.

    Example:
        >>> lists_to_tuples({"a": [1, [2]]})
        {'a': (1, (2,))}
    """
    return traverse(
        lambda part: tuple(part) if isinstance(part, list) else None, structure, False
    )


def map_shape_structure(func: Callable[[Any], Any], structure: Any) -> Any:
    """Apply `func` to the shapes in a structure: lists or tuples of ints and None.

    Example:
        >>> map_shape_structure(len, {"a": (None, 3), "b": [(1,), ()]})
        {'a': 2, 'b': [1, 0]}
    """
    if _is_shape(structure) or not is_nested(structure):
        return func(structure)
    parts = [map_shape_structure(func, part) for _, part in children(structure)]
    return _level(structure, parts)


def _is_shape(structure: Any) -> bool:
    return isinstance(structure, (list, tuple)) and all(
        part is None or isinstance(part, int) for part in structure
    )


def _level(like: Any, parts: list[Any]) -> Any:
    """One level like `like`, of parts in flattening order."""
    if not isinstance(like, Mapping):
        return _rebuild(like, parts)
    by_key = dict(zip(sorted_keys(like), parts, strict=True))
    return _like_mapping(like, {key: by_key[key] for key in like})


def traverse(func: Callable[[Any], Any], structure: Any, top_down: bool = True) -> Any:
    """Walk a structure depth first; `func` may replace any part of it.

    Args:
        func: takes a part. If it returns None, the part stays (from the top down: its
            own parts are visited); otherwise what it returns takes the part's place,
            None itself by `MAP_TO_NONE`.
        structure: any structure.
        top_down: whether parts are visited before what is in them.

    Example:
        >>> traverse(lambda x: -x if isinstance(x, int) else None, [(1, 2), {"a": 3}])
        [(-1, -2), {'a': -3}]
    """
    if not callable(func):
        raise TypeError(f"traverse: expected a callable. Received {func!r}.")
    if top_down:
        found = func(structure)
        if found is not None:
            return _unmarked(found)
    if is_nested(structure):
        parts = [traverse(func, part, top_down) for _, part in children(structure)]
        structure = _level(structure, parts)
    if top_down:
        return structure
    found = func(structure)
    return structure if found is None else _unmarked(found)


def _unmarked(found: Any) -> Any:
    return None if found is MAP_TO_NONE else found
