"""Texts in compiled code: tables of words, counters, threads, hashes."""

from __future__ import annotations

import random
from collections import Counter, OrderedDict
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphkeras.compiler import host_ops, texts
from graphkeras.compiler.texts import Cut, IntegerTable, Lookup, WordCounter, WordTable
from graphkeras.ir.value import ConstantData
from graphkeras.ops.hashing import farmhash64, siphash24

WORDS = Cut(None, "whitespace")


def objects(items: Any) -> np.ndarray:
    """An array of objects, one axis."""
    array = np.empty(len(items), object)
    array[:] = items
    return array


def some_words(count: int) -> list[str]:
    """Different words of all lengths, some that differ only at the end."""
    rng = random.Random(0)
    drawn = (rng.choices("abé日", k=rng.randint(1, 40)) for _ in range(count))
    found = {"".join(letters) for letters in drawn}
    return sorted(
        found | {"a" * n for n in range(1, 70)} | {"a" * 15 + c for c in "bc"}
    )


def test_every_word_of_a_table_is_found_and_no_other() -> None:
    words = some_words(20_000)
    table = WordTable.of(objects(words[::2]), np.arange(len(words[::2])))
    how = Lookup(table, Cut(), unknown=-1, width=1)
    found = texts.numbers_of(objects(words), how)[:, 0]
    assert found[::2].tolist() == list(range(len(words[::2])))
    assert (found[1::2] == -1).all()


def test_a_table_keeps_its_words_when_it_grows() -> None:
    counter, words = WordCounter(), some_words(3000)
    for start in range(0, len(words), 700):
        counter.count(objects(words[start : start + 700]), Cut())
    found, _ = counter.total().ranked(set(), None)
    assert found == sorted(words, key=str.encode, reverse=True)


def test_the_most_frequent_come_first_then_the_last_in_order() -> None:
    rng = random.Random(1)
    long = ["x" * 20 + c for c in "abc"] + ["x" * 15, "x" * 15 + "\n", "x" * 16]
    batch = rng.choices([*some_words(50), *long, "\0", "a\0", "a"], k=4000)
    counter = WordCounter()
    counter.count(objects(batch), Cut())
    counts = Counter(batch)
    ranked = sorted(counts, key=lambda w: (counts[w], w.encode()), reverse=True)
    for room in (None, 0, 1, 7, len(ranked) - 1, len(ranked) + 5, -2):
        assert counter.total().ranked(set(), room)[0] == ranked[:room]
    hidden = set(ranked[1:4])
    left = [word for word in ranked if word not in hidden]
    assert counter.total().ranked(hidden, 9)[0] == left[:9]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.binary(max_size=24), min_size=1), max_size=5))
def test_rows_of_a_word_are_counted_once_each(batches: list[list[bytes]]) -> None:
    counter, rows = WordCounter(noted=True), [r.split() for b in batches for r in b]
    for batch in batches:
        counter.count(objects(batch), WORDS)
    found, notes = counter.total().ranked(set(), None)
    expected = Counter(word for row in rows for word in set(row))
    escaped = [word.encode("utf-8", "surrogateescape") for word in found]
    assert dict(zip(escaped, notes.tolist(), strict=True)) == dict(expected)
    assert counter.rows == len(rows)


@pytest.fixture(params=[1, 3])
def threads(request: Any, monkeypatch: Any) -> int:
    """Several small parts, and so many threads for them."""
    monkeypatch.setattr(texts, "PART", 100)
    monkeypatch.setattr(texts, "_threads", lambda: request.param)
    return request.param


@pytest.mark.parametrize("group", [1, 2])
def test_parts_are_put_together_in_order(threads: int, group: int) -> None:
    words, rng = some_words(200), random.Random(2)
    batch = [" ".join(rng.choices(words, k=rng.randint(0, 9))) for _ in range(64)]
    cut = WORDS if group == 1 else Cut(ngrams=(1, 2), group=2)
    table = WordTable.of(objects(words), np.arange(len(words)))
    for width in (None, 5) if group == 1 else (3,):
        how = Lookup(table, cut, -1, -2, width)
        parts = [texts.numbers_of(objects(batch[i : i + group]), how)
                 for i in range(0, 64, group)]  # fmt: skip
        whole = texts.numbers_of(objects(batch), how)
        for line, part in zip(whole, parts, strict=True):
            row = part[0]
            assert line[: len(row)].tolist() == row.tolist()
            assert (line[len(row) :] == -2).all()


def test_counts_do_not_depend_on_threads(threads: int) -> None:
    words, rng = some_words(300), random.Random(3)
    batch = [" ".join(rng.choices(words, k=20)) for _ in range(100)]
    counter = WordCounter(noted=True)
    for _ in range(2):
        counter.count(objects(batch), WORDS)
    found, notes = counter.total().ranked(set(), 50)
    counts = Counter(" ".join(batch).split())
    ranked = sorted(counts, key=lambda w: (counts[w], w.encode()), reverse=True)[:50]
    assert found == ranked
    rows = [2 * sum(word in text.split() for text in batch) for word in found]
    assert notes.tolist() == rows


def test_an_error_of_a_thread_is_raised(threads: int) -> None:
    def fail(item: int) -> int:
        raise ValueError(str(item))

    with pytest.raises(ValueError, match="7"):
        texts._each(fail, [7, 7, 7])


def test_one_text_may_be_larger_than_all_the_memory_set_aside() -> None:
    text = " ".join(some_words(9000))
    counter = WordCounter()
    counter.count(objects([text, "", text]), WORDS)
    assert len(counter.total()) == len(set(text.split()))


def test_nothing_is_counted_of_nothing() -> None:
    counter = WordCounter()
    counter.count(objects([]), WORDS)
    counter.count(objects(["", " "]), WORDS)
    assert counter.total().ranked(set(), None)[0] == []


def test_integers_of_any_size_are_found() -> None:
    edges = [0, -1, 1, 2**63 - 1, -(2**63), texts.ENDLESS]
    keys = np.array([*edges, *range(100, 5000, 7)])
    table = IntegerTable.of(keys, np.arange(len(keys)))
    assert table.find(keys, -5).tolist() == list(range(len(keys)))
    assert table.find(np.array([[2, -(2**62)]]), -5).tolist() == [[-5, -5]]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=8), st.tuples(*[st.integers(0)] * 2))
def test_hashes_are_those_of_the_references(batch: list[bytes], salt: Any) -> None:
    assert texts.fingerprints(objects(batch), None).tolist() == [
        *map(farmhash64, batch)
    ]
    salted = [siphash24(item, salt) for item in batch]
    assert texts.fingerprints(objects(batch), salt).tolist() == salted


@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0, 9, 10, -10])))
def test_integers_are_hashed_as_their_digits(numbers: list[int]) -> None:
    expected = [farmhash64(str(n).encode()) for n in numbers]
    assert texts.fingerprints(np.array(numbers, np.int64), None).tolist() == expected
    wide = np.array(numbers, np.int64).astype(np.uint64)
    unsigned = [farmhash64(str(n).encode()) for n in wide.tolist()]
    assert texts.fingerprints(wide, None).tolist() == unsigned


def test_tables_are_kept_for_the_vocabulary_itself() -> None:
    words = ConstantData.of(objects(["a", "b"]))
    table = host_ops.word_table(words, 2, 0)
    assert host_ops.word_table(words, 2, 0) is table
    assert host_ops.word_table(words, 1, 0) is not table
    assert host_ops.word_table(ConstantData.of(objects(["a"])), 2, 0) is not table


def test_as_many_tables_are_kept_as_are_of_use(monkeypatch: Any) -> None:
    monkeypatch.setattr(host_ops, "MOST_TABLES", 2)
    monkeypatch.setattr(host_ops, "_tables", OrderedDict())
    for number in range(5):
        host_ops.word_table(ConstantData.of(objects([f"w{number}"])), 2, 0)
    assert len(host_ops._tables) == 2
