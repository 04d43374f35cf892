"""Rows of tables that are updated late: nobody can tell from the numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras import layers
from graphkeras import optimizers as o
from graphkeras.compiler import overdue, programs
from tests.runtime.threaded import threads

WORDS, WIDTH, LENGTH = 61, 21, 3
ROWS, BATCH = 2 * (overdue.KEPT + 7) + 1, 2  # all catch up on the way, and at the end
NEVER = 1 << 60


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[int]]:
    """Set how large a table must be; see how many are updated late from then on."""

    def begin(smallest: int) -> list[int]:
        found: list[int] = []
        put_off = overdue.put_off

        def note(memory: Any) -> list[int]:
            blocks = put_off(memory)
            found.append(len(blocks) // 4)
            return blocks

        programs._kept.clear()
        monkeypatch.undo()
        monkeypatch.setattr(overdue, "SMALLEST", smallest)
        monkeypatch.setattr(overdue, "put_off", note)
        return found

    return begin


def read(words: Any) -> Any:
    return layers.GlobalAveragePooling1D()(layers.Embedding(WORDS, WIDTH)(words))


def built(network: Callable[[Any], Any], optimizer: Any) -> Any:
    keras.utils.clear_session()
    keras.utils.set_random_seed(3)
    words = keras.Input((LENGTH,), dtype="int32")
    model = keras.Model(words, layers.Dense(1)(network(words)))
    model.compile(optimizer, "mse")
    return model


def data() -> tuple[np.ndarray, np.ndarray]:
    """Sentences of words of which some are rare, and one is never used."""
    rng = np.random.default_rng(5)
    x = (rng.random((ROWS, LENGTH)) ** 3 * (WORDS - 1)).astype("int32")
    return x, rng.random((ROWS, 1), dtype=np.float32)


def bits(model: Any) -> list[bytes]:
    states = [*model.weights, *model.optimizer.variables]
    return [np.asarray(v).tobytes() for v in states]


def trained(
    network: Callable[[Any], Any], optimizer: Any, batch: int = BATCH
) -> list[bytes]:
    model = built(network, optimizer)
    model.fit(*data(), batch_size=batch, epochs=2, verbose=0)
    return bits(model)


def decayed() -> Any:
    rate = o.schedules.ExponentialDecay(0.01, 9, 0.8)
    return o.AdamW(rate, weight_decay=0.02, use_ema=True)


OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "adam": o.Adam,
    "decayed": decayed,
    "rmsprop": lambda: o.RMSprop(0.01, momentum=0.5, centered=True),
    "sgd": lambda: o.SGD(0.1, momentum=0.9, nesterov=True),
    "accumulating": lambda: o.Adam(clipvalue=0.1, gradient_accumulation_steps=3),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_late_updates_end_in_the_bits_of_those_in_time(name: str, tables: Any) -> None:
    tables(NEVER)
    expected = trained(read, OPTIMIZERS[name]())
    late = tables(1)
    assert trained(read, OPTIMIZERS[name]()) == expected
    assert 1 in late


def test_late_updates_do_not_depend_on_threads(tables: Any) -> None:
    tables(1)
    with threads(1):
        alone = trained(read, "adam")
    with threads(2):
        assert trained(read, "adam") == alone


def test_batches_of_many_words_are_in_time(tables: Any) -> None:
    batch = WORDS // LENGTH
    assert batch * LENGTH * overdue.FEW > WORDS > BATCH * LENGTH * overdue.FEW
    tables(NEVER)
    expected = trained(read, "adam", batch)
    late = tables(1)
    with threads(2):
        assert trained(read, "adam", batch) == expected
    assert 1 in late


def test_batches_one_by_one_are_as_an_epoch(tables: Any) -> None:
    tables(1)
    x, y = data()
    whole, single = built(read, "adam"), built(read, "adam")
    whole.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0)
    with threads(2):
        for i in range(0, ROWS, BATCH):
            single.train_on_batch(x[i : i + BATCH], y[i : i + BATCH])
    assert bits(single)[:3] == bits(whole)[:3]


def test_half_precision_tables_may_be_late(tables: Any) -> None:
    def half(words: Any) -> Any:
        table = layers.Embedding(WORDS, WIDTH, dtype="bfloat16")
        return layers.GlobalAveragePooling1D(dtype="bfloat16")(table(words))

    tables(NEVER)
    expected = trained(half, "adam")
    late = tables(1)
    assert trained(half, "adam") == expected
    assert 1 in late


def test_two_tables_of_the_same_words_are_both_late(tables: Any) -> None:
    def twice(words: Any) -> Any:
        return layers.Concatenate()([read(words), read(words)])

    tables(NEVER)
    expected = trained(twice, "adam")
    late = tables(1)
    assert trained(twice, "adam") == expected
    assert 2 in late


def penalised(words: Any) -> Any:
    table = layers.Embedding(WORDS, WIDTH, embeddings_regularizer="l2")
    return layers.GlobalAveragePooling1D()(table(words))


def shared(words: Any) -> Any:
    table = layers.Embedding(WORDS, WIDTH)
    return layers.Flatten()(table(words) * table(words + 1))


def bounded(words: Any) -> Any:
    table = layers.Embedding(WORDS, WIDTH, embeddings_constraint="max_norm")
    return layers.GlobalAveragePooling1D()(table(words))


@pytest.mark.parametrize("network", [penalised, shared, bounded])
def test_a_table_that_others_read_is_updated_in_time(
    network: Callable[[Any], Any], tables: Any
) -> None:
    late = tables(1)
    trained(network, "adam")
    assert set(late) == {0}


def test_an_update_of_all_gradients_together_is_in_time(tables: Any) -> None:
    late = tables(1)
    trained(read, o.Adam(global_clipnorm=0.1))
    assert set(late) == {0}
