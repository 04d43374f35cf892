"""Nested structures: flattened, rebuilt, compared and walked as Keras does."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from collections.abc import Callable
from typing import Any

import pytest

from graphkeras import tree

Point = namedtuple("Point", "x y")
NESTED = [(1, 2), [3], {"a": 4}]

EXPECTED: list[tuple[Callable[[], Any], Any]] = [
    (lambda: tree.flatten({"b": 1, "a": [2, None]}), [2, None, 1]),
    (lambda: tree.flatten(OrderedDict([("b", 1), ("a", 2)])), [1, 2]),
    (lambda: tree.flatten([(), {}, []]), []),
    (lambda: tree.map_structure(lambda _: 0, [1, None], none_is_leaf=False), [0, None]),
    (lambda: tree.map_structure(lambda x: -x, Point(1, 2)), Point(-1, -2)),
    (lambda: tree.map_structure_up_to([0, [0, 0]], str, [[1, 1], [2, 2]]),
     ["[1, 1]", ["2", "2"]]),
    (lambda: tree.map_structure_up_to([0, 0], lambda a, b: (a, b), [[1], 2], [3, {}]),
     [([1], 3), (2, {})]),
    (lambda: tree.pack_sequence_as({"k3": "", "k1": ""}, "ab"), {"k3": "b", "k1": "a"}),
    (lambda: tree.pack_sequence_as(OrderedDict(b=1, a=2), [3, 4]), {"b": 3, "a": 4}),
    (lambda: tree.pack_sequence_as(["a", None], [3, 4]), [3, 4]),
    (lambda: tree.lists_to_tuples([[1], {"a": [2]}, Point([1], 2)]),
     ((1,), {"a": (2,)}, Point((1,), 2))),
    (lambda: tree.map_shape_structure(str, [(1, None), {"a": [2, 3]}, [(1,)], ()]),
     ["(1, None)", {"a": "[2, 3]"}, ["(1,)"], "()"]),
    (lambda: tree.traverse(lambda x: x + 1 if isinstance(x, int) else None, NESTED),
     [(2, 3), [4], {"a": 5}]),
    (lambda: tree.traverse(lambda x: tree.MAP_TO_NONE if x == [3] else None, NESTED),
     [(1, 2), None, {"a": 4}]),
]  # fmt: skip

REFUSED: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: tree.map_structure(len), ValueError, "at least one"),
    (lambda: tree.map_structure(min, [1, 2], [1]), ValueError, "shorter"),
    (lambda: tree.map_structure(min, {"a": 1}, {"b": 1}), ValueError, "the same keys"),
    (lambda: tree.map_structure_up_to([0], str), ValueError, "at least one"),
    (lambda: tree.map_structure_up_to([0, 0], str, [1, 2, 3]), ValueError, "different"),
    (lambda: tree.pack_sequence_as([1, 2], [1]), ValueError, "fewer leaves"),
    (lambda: tree.pack_sequence_as("a", [1, 2]), ValueError, "more leaves"),
    (lambda: tree.assert_same_structure([(0, 1)], [[2, 3]]), ValueError, "different"),
    (lambda: tree.assert_same_structure([0, 1], [[2], 1]), ValueError, "different"),
    (lambda: tree.assert_same_structure({"a": 1}, {"b": 1}), ValueError, "different"),
    (lambda: tree.assert_same_structure(Point(1, 2), (1, 2)), ValueError, "different"),
    (
        lambda: tree.assert_same_paths([0, [1]], (2, 3)),
        ValueError,
        r"first has \[\(1, 0",
    ),
    (lambda: tree.traverse(3, [1]), TypeError, "a callable"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("made", "expected"), EXPECTED)
def test_structures_are_handled_as_in_keras(made: Any, expected: Any) -> None:
    found = made()
    assert found == expected
    assert type(found) is type(expected) or isinstance(found, OrderedDict)


@pytest.mark.parametrize(("made", "error", "words"), REFUSED)
def test_structures_that_do_not_fit_are_refused(
    made: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        made()


@pytest.mark.parametrize("top_down", [True, False])
def test_traverse_visits_parents_first_or_last(top_down: bool) -> None:
    seen: list[Any] = []
    assert tree.traverse(seen.append, [(1, 2), {"a": 4}], top_down) == [
        (1, 2),
        {"a": 4},
    ]
    inner = [(1, 2), 1, 2, {"a": 4}, 4] if top_down else [1, 2, (1, 2), 4, {"a": 4}]
    whole = [[(1, 2), {"a": 4}]]
    assert seen == (whole + inner if top_down else inner + whole)


def test_structures_that_are_alike_pass() -> None:
    tree.assert_same_structure({"a": 1, "b": 2}, OrderedDict(b=1, a=2))
    tree.assert_same_paths(Point(1, 2), [3, 4])
