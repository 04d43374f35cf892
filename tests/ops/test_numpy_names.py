"""Functions of several kinds of arguments: as NumPy's where NumPy has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphkeras import ops
from graphkeras.errors import ArgumentError, ShapeError
from graphkeras.ir import dims
from graphkeras.ir.interpret import interpret
from graphkeras.ir.tensor import Tensor
from graphkeras.ir.trace import trace_function
from graphkeras.ir.types import TensorType, type_of

BATCH = dims.symbol("batch")


def both_ways(function: Any, *arrays: Any) -> Any:
    """Run on arrays and through a graph; both must agree."""
    arrays = tuple(np.asarray(a) for a in arrays)
    direct = np.asarray(function(*arrays))
    graph, _ = trace_function(function, [type_of(a) for a in arrays])
    (traced,) = interpret(graph, arrays)[0]
    np.testing.assert_allclose(traced, direct, rtol=1e-6)
    assert traced.dtype == direct.dtype
    return direct


EINSUMS = [
    ("ij,jk->ik", (2, 3), (3, 4)), ("ij,jk", (2, 3), (3, 4)), ("ij->ji", (2, 3)),
    ("ii->i", (3, 3)), ("ii", (3, 3)), ("ij->", (2, 3)), ("i,j->ij", (2,), (3,)),
    ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)), ("...ij,...jk->...ik", (2, 3, 4), (4, 5)),
    ("...j,j", (2, 3), (3,)), ("ij,ij->i", (2, 3), (2, 3)), ("i,i->", (3,), (3,)),
    ("ij,jk,kl->il", (2, 3), (3, 4), (4, 5)), ("bhid,bhjd->bhij", (2, 2, 3, 4),
    (2, 2, 5, 4)), ("ij,k->ik", (2, 3), (4,)), ("...->...", (2, 3)), ("i...->...i",
    (2, 3, 4)), ("ij,jk->k", (1, 3), (3, 4)), ("ab,b->a", (2, 1), (3,)),
]  # fmt: skip


@pytest.mark.parametrize("case", EINSUMS, ids=lambda c: c[0])
def test_einsum_is_numpys(case: Any, rng: np.random.Generator) -> None:
    text, *shapes = case
    arrays = [rng.normal(size=n) for n in shapes]
    found = both_ways(lambda *xs: ops.einsum(text, *xs), *arrays)
    np.testing.assert_allclose(found, np.einsum(text, *arrays), rtol=1e-10)


@pytest.mark.parametrize("text", ["ij,jk", "ijk->i", "ij,ij->ij"])
def test_einsum_refuses_letters_that_do_not_fit(text: str) -> None:
    arrays = [np.ones((2, 3)), np.ones((4, 3))][: text.count(",") + 1]
    with pytest.raises(ShapeError, match="einsum"):
        ops.einsum(text, *arrays)


RANGES = [
    (ops.linspace, np.linspace, (0, 1, 5), {}), (ops.linspace, np.linspace, (2, -1, 4),
    {"endpoint": False}), (ops.logspace, np.logspace, (0, 2, 3), {"base": 2}),
    (ops.geomspace, np.geomspace, (1, 1000, 4), {}), (ops.arange, np.arange, (2, 9, 3),
    {}), (ops.eye, np.eye, (3, 4, 1), {}), (ops.tri, np.tri, (3, 4, -1), {}),
    (ops.identity, np.identity, (3,), {}), (ops.hamming, np.hamming, (5,), {}),
    (ops.kaiser, np.kaiser, (5, 2.0), {}), (ops.linspace, np.linspace, (3, 3, 1), {}),
]  # fmt: skip


@pytest.mark.parametrize("case", RANGES, ids=lambda c: c[0].__name__)
def test_numbers_are_made_as_in_numpy(case: Any) -> None:
    ours, numpys, args, more = case
    np.testing.assert_allclose(ours(*args, **more), numpys(*args, **more), rtol=1e-6)


def test_linspace_of_tensors_runs_along_any_axis() -> None:
    start, stop = np.float32([0, 1]), np.float32([1, 5])
    found = both_ways(lambda a, b: ops.linspace(a, b, 3, axis=-1), start, stop)
    np.testing.assert_allclose(found, np.linspace(start, stop, 3, axis=-1))


def test_free_sizes_make_ranges_and_identities() -> None:
    def function(x: Tensor) -> list[Any]:
        size = ops.shape(x)[0]
        made = [ops.arange(1, size), ops.eye(size), ops.tri(size), ops.zeros((size,))]
        return [m + 0 for m in made]

    graph, _ = trace_function(function, [TensorType("float32", (BATCH,))])
    line, unit, lower, zero = interpret(graph, [np.ones(3)])[0]
    np.testing.assert_array_equal(line, [1, 2])
    np.testing.assert_array_equal(unit, np.eye(3))
    np.testing.assert_array_equal(lower, np.tri(3))
    np.testing.assert_array_equal(zero, np.zeros(3))


def test_a_window_may_begin_at_a_computed_place() -> None:
    x = np.arange(12.0).reshape(3, 4)
    found = both_ways(lambda t, i: ops.slice(t, (i, 1), (2, 2)), x, np.int32(1))
    np.testing.assert_array_equal(found, x[1:3, 1:3])
    put = lambda t, u, i: ops.slice_update(t, (i, 2), u)  # noqa: E731
    found = both_ways(put, x, np.ones((2, 2)), np.int32(1))
    x[1:3, 2:4] = 1
    np.testing.assert_array_equal(found, x)


def test_vander_and_meshgrid_follow_numpy() -> None:
    x = np.float32([1, 2, 3])
    np.testing.assert_allclose(both_ways(lambda t: ops.vander(t, 3), x), np.vander(x))
    for indexing in ("xy", "ij"):
        ours = ops.meshgrid(x, x[:2], indexing=indexing)
        for a, b in zip(ours, np.meshgrid(x, x[:2], indexing=indexing)):
            np.testing.assert_array_equal(a, b)


def test_select_takes_the_first_that_holds() -> None:
    choose = lambda t: ops.select([t < 1, t < 3], [t * 10, t * 100], -1)  # noqa: E731
    found = both_ways(choose, np.arange(4.0))
    np.testing.assert_array_equal(found, [0, 100, 200, -1])


def test_rearrange_splits_and_joins() -> None:
    x = np.arange(24.0).reshape(2, 3, 4)
    split = lambda t: ops.rearrange(t, "b c (h w) -> b (h c) w", h=2)  # noqa: E731
    expected = x.reshape(2, 3, 2, 2).transpose(0, 2, 1, 3).reshape(2, 6, 2)
    np.testing.assert_array_equal(both_ways(split, x), expected)


def test_a_label_outside_of_the_classes_is_no_class() -> None:
    np.testing.assert_array_equal(ops.one_hot(np.array([-1, 3]), 3), np.zeros((2, 3)))


def test_mismatched_labels_name_the_way_out() -> None:
    with pytest.raises(ShapeError, match="categorical_crossentropy"):
        ops.sparse_categorical_crossentropy(np.ones((4, 3)), np.ones((4, 3)))
    with pytest.raises(ShapeError, match="sparse loss for integer labels"):
        ops.categorical_crossentropy(np.ones(4), np.ones((4, 3)))


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: ops.conv(np.ones((1, 4, 4, 3)), np.ones((2, 2, 2, 1))), "multiple"),
        (lambda: ops.conv(np.ones((1, 2, 2, 1)), np.ones((3, 3, 1, 1))), "fit"),
        (lambda: ops.conv(np.ones((4, 4)), np.ones((2, 2))), "rank 3, 4 or 5"),
        (lambda: ops.max_pool(np.ones((1, 4, 4, 1)), (2, 2, 2)), "2 ints"),
        (lambda: ops.max_pool(np.ones((1, 4, 4, 1)), 2, padding="full"), "'same'"),
        (lambda: ops.pad(np.ones(3), 1, mode="wrap"), "reflect"),
        (lambda: ops.split(np.ones(5), 2), "does not divide"),
        (lambda: ops.one_hot(np.ones(3), 3, sparse=True), "dense"),
        (lambda: ops.normalize(np.ones(3), order=0), "at least 1"),
        (lambda: ops.quantile(np.ones(3), 0.5, method="best"), "method among"),
        (lambda: ops.image.pad_images(np.ones((2, 2, 1)), 1), "exactly two"),
        (lambda: ops.norm(np.ones((2, 2)), ord=2, axis=(0, 1)), r"ops\.svd"),
    ],
)
def test_wrong_arguments_are_explained(call: Any, text: str) -> None:
    with pytest.raises((ArgumentError, ShapeError), match=text):
        call()


def test_operators_are_the_ops() -> None:
    def every(x: Tensor) -> list[Tensor]:
        return [x // 2, x % 2, x**2, -x, abs(x), 3 - x, 2 / x, x @ x, x[1:], x >= 2]

    x = np.float32([1, -2, 3])
    graph, _ = trace_function(every, [type_of(x)])
    expected = [x // 2, x % 2, x**2, -x, abs(x), 3 - x, 2 / x, x @ x, x[1:], x >= 2]
    for a, b in zip(interpret(graph, [x])[0], expected):
        np.testing.assert_allclose(a, b)


def test_bits_of_bools_and_integers_combine() -> None:
    def every(x: Tensor) -> list[Tensor]:
        return [(x > 1) & (x < 3), (x > 1) | (x < 1), ~(x > 1), x & 1, x ^ 3]

    x = np.int32([0, 1, 2, 3])
    graph, _ = trace_function(every, [type_of(x)])
    expected = [(x > 1) & (x < 3), (x > 1) | (x < 1), ~(x > 1), x & 1, x ^ 3]
    for a, b in zip(interpret(graph, [x])[0], expected):
        np.testing.assert_array_equal(a, b)
