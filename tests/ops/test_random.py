"""Random tensors: reproducible, of the right distribution, the same compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphkeras import config, random
from graphkeras.compiler.pipeline import compile_graph
from graphkeras.errors import ArgumentError
from graphkeras.ir import dims
from graphkeras.ir.interpret import interpret
from graphkeras.ir.tensor import Tensor
from graphkeras.ir.trace import trace_function
from graphkeras.ir.types import TensorType
from graphkeras.ops.random import threefry2x32

N = 20_000


def test_threefry_gives_the_published_words() -> None:
    """Known answers of Random123 (kat_vectors: threefry2x32, 20 rounds)."""
    ones = np.uint32(0xFFFFFFFF)
    assert threefry2x32(np.uint32(0), np.uint32(0), np.uint32(0)) == 0x6B200159
    assert threefry2x32(ones, ones, np.uint32(0)) != 0x6B200159


DISTRIBUTIONS: list[tuple[Any, tuple, dict, float, float]] = [
    (random.uniform, (-1.0, 3.0), {}, 1.0, 4 / 12**0.5),
    (random.normal, (2.0, 3.0), {}, 2.0, 3.0),
    (random.truncated_normal, (0.0, 1.0), {}, 0.0, 0.8796),
    (random.randint, (0, 10), {}, 4.5, 8.25**0.5),
    (random.gamma, (3.0,), {}, 3.0, 3.0**0.5),
    (random.gamma, (0.5,), {}, 0.5, 0.5**0.5),
    (random.beta, (2.0, 3.0), {}, 0.4, 0.2),
    (random.binomial, (10, 0.3), {}, 3.0, 2.1**0.5),
]


@pytest.mark.parametrize("case", DISTRIBUTIONS, ids=lambda c: c[0].__name__)
def test_mean_and_deviation_are_right(case: Any) -> None:
    draw, args, more, mean, deviation = case
    x = np.asarray(draw((N,), *args, seed=1, **more), "float64")
    assert x.mean() == pytest.approx(mean, abs=5 * deviation / N**0.5)
    assert x.std() == pytest.approx(deviation, rel=0.05)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_uniform_stays_below_its_upper_bound(dtype: str) -> None:
    x = random.uniform((N,), dtype=dtype, seed=2)
    assert str(x.dtype) == dtype
    assert float(x.min()) >= 0 and float(x.max()) < 1


def test_truncated_normal_stays_within_two_deviations() -> None:
    assert np.abs(random.truncated_normal((N,), 0.0, 0.5, seed=3)).max() <= 1


def test_categorical_follows_the_logits() -> None:
    logits = np.log([[0.1, 0.2, 0.7]])
    drawn = random.categorical(logits, N, seed=4)
    np.testing.assert_allclose(np.bincount(drawn[0]) / N, [0.1, 0.2, 0.7], atol=0.02)


def test_shuffle_keeps_every_slice() -> None:
    x = np.arange(100).reshape(50, 2)
    mixed = random.shuffle(x, seed=5)
    assert not np.array_equal(mixed, x)
    np.testing.assert_array_equal(np.sort(mixed, axis=0), x)


def test_an_int_seed_repeats_and_a_generator_goes_on() -> None:
    assert (random.uniform((9,), seed=6) == random.uniform((9,), seed=6)).all()
    seed = random.SeedGenerator(6)
    first, second = random.uniform((9,), seed=seed), random.uniform((9,), seed=seed)
    assert not np.intersect1d(first, second).size


def test_the_global_seed_makes_everything_repeat() -> None:
    config.set_global_seed(7)
    first = random.normal((4,)), random.SeedGenerator().seed
    config.set_global_seed(7)
    second = random.normal((4,)), random.SeedGenerator().seed
    assert (first[0] == second[0]).all() and first[1] == second[1]


def test_a_config_makes_an_equal_generator() -> None:
    seed = random.SeedGenerator(8)
    again = random.SeedGenerator.from_config(seed.get_config())
    assert (random.uniform((3,), seed=seed) == random.uniform((3,), seed=again)).all()


def test_dropout_keeps_the_mean() -> None:
    x = random.dropout(np.ones(N, "float32"), 0.3, seed=9)
    assert x.mean() == pytest.approx(1, abs=0.03)
    assert set(np.unique(x)) == {np.float32(0), np.float32(1 / 0.7)}


def test_a_noise_shape_drops_whole_rows() -> None:
    x = random.dropout(np.ones((50, 8)), 0.5, noise_shape=(None, 1), seed=10)
    assert (x == x[:, :1]).all() and 0 < (x == 0).mean() < 1


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_dropout_at_its_ends(rate: float) -> None:
    assert (random.dropout(np.ones(9), rate, seed=1) == 1 - rate).all()


def test_wrong_arguments_are_refused() -> None:
    for wrong in (
        lambda: random.dropout(np.ones(3), 1.5),
        lambda: random.uniform((2,), dtype="int32"),
        lambda: random.randint((2,), 0, 5, dtype="float32"),
        lambda: random.SeedGenerator("seed"),
        lambda: random.normal((2,), seed="seed"),
    ):
        with pytest.raises(ArgumentError):
            wrong()


def compiled_and_interpreted(function: Any, x: np.ndarray) -> tuple[Any, Any]:
    type_ = TensorType("float32", (dims.symbol("batch"), *x.shape[1:]))
    graph, variables = trace_function(function, [type_])
    state = [v.array for v in variables]
    expected = interpret(graph, [x], state)
    found = compile_graph(graph, name="random").run([x], state)
    return (found, state), expected


def test_a_compiled_step_draws_the_interpreters_numbers_and_advances() -> None:
    seed = random.SeedGenerator(11)

    def step(x: Tensor) -> list[Tensor]:
        noise = random.normal(x.shape, seed=seed)
        return [random.dropout(x, 0.4, seed=seed), noise]

    found, expected = compiled_and_interpreted(step, np.ones((17, 5), "float32"))
    np.testing.assert_array_equal(found[0][0], expected[0][0])
    np.testing.assert_allclose(found[0][1], expected[0][1], rtol=2e-5, atol=2e-6)
    np.testing.assert_array_equal(found[1], expected[1])
    assert list(seed.state.array) == [11, 2]


@pytest.mark.parametrize(
    "shape", [(1, 1), (3, 21), (2, 32), (5, 64), (7, 100), (40, 9)]
)
def test_bits_that_vectors_share_are_those_of_each_position(shape: Any) -> None:
    def step(x: Tensor) -> list[Tensor]:
        columns = random.dropout(x, 0.25, (None, 1), seed=14)
        return [random.dropout(x, rate, seed=13) for rate in (0.5, 1e-4)] + [columns]

    found, expected = compiled_and_interpreted(step, np.ones(shape, "float32"))
    for compiled, reference in zip(found[0], expected[0], strict=True):
        np.testing.assert_array_equal(compiled, reference)


@pytest.mark.parametrize("rate", [0.5, 0.1, 0.003, 1e-5])
def test_masks_have_their_rate_and_no_pattern(rate: float) -> None:
    kept = random.dropout(np.ones(1 << 18, "float32"), rate, seed=15) != 0
    deviation = (rate * (1 - rate) / kept.size) ** 0.5
    assert 1 - kept.mean() == pytest.approx(rate, abs=5 * deviation)
    if rate < 0.01:
        return
    centred = kept - (1 - rate)
    for lag in (1, 16, 32, 48, 64):  # what shares a block, and what does not
        both = (centred[:-lag] * centred[lag:]).mean()
        assert abs(both) < 5 * rate * (1 - rate) / kept.size**0.5


def test_a_traced_int_seed_is_a_constant() -> None:
    step = lambda x: x * random.uniform(x.shape, seed=12)  # noqa: E731
    found, expected = compiled_and_interpreted(step, np.ones((3, 2), "float32"))
    np.testing.assert_allclose(found[0][0], random.uniform((3, 2), seed=12))
    np.testing.assert_allclose(found[0][0], expected[0][0])
