"""Which processors the threads of a team are given."""

from __future__ import annotations

import os

import pytest

from graphkeras.runtime import pins

# allowed, here, how many others -> where they may run; 0 and 1 are one core, and so on
CASES = [
    ({0, 2}, 0, 1, [{2}]),
    ({0, 2, 4, 6}, 4, 3, [{0}, {2}, {6}]),
    ({0, 2, 4, 6}, 4, 2, [{0, 2, 6}, {0, 2, 6}]),
    ({0, 1, 2, 3}, 1, 1, [{2, 3}]),
    ({0, 1, 2, 3}, 0, 3, [{1}, {2}, {3}]),
    ({0, 1, 2, 3}, 0, 2, [{1, 2, 3}, {1, 2, 3}]),
    ({0, 1}, 0, 1, [{1}]),
]


@pytest.mark.parametrize(("allowed", "here", "count", "wanted"), CASES)
def test_threads_keep_off_the_core_of_the_leading_one(
    monkeypatch: pytest.MonkeyPatch,
    allowed: set[int],
    here: int,
    count: int,
    wanted: list[set[int]],
) -> None:
    monkeypatch.setattr(pins, "siblings", lambda processor: str(processor // 2))
    assert pins._places(allowed, here, count) == wanted


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no such system call")
def test_threads_follow_when_the_process_is_moved_to_other_processors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moved: list[tuple[int, set[int]]] = []
    monkeypatch.setattr(pins, "_move", lambda *where: moved.append(where))
    held = pins.Pins()
    for allowed in ({0}, {0}, {1}):  # too few for two threads: they share
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, a=allowed: a)
        with held.held([77]) as apart:
            assert not apart
    assert moved == [(77, {0}), (77, {1})]


@pytest.fixture
def near(monkeypatch: pytest.MonkeyPatch) -> pins.Pins:
    """Of a thread on processor 0; nothing is moved."""
    monkeypatch.setattr(pins, "_move", lambda *where: None)
    made = pins.Pins()
    made._where = lambda: 0
    return made


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no such system call")
def test_brief_work_looks_at_its_processors_now_and_then(
    monkeypatch: pytest.MonkeyPatch, near: pins.Pins
) -> None:
    looks: list[int] = []
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: looks.append(1) or {0, 1})
    others = [77]
    assert all(near.near(others) for _ in range(pins.LOOKS))
    assert len(looks) == 1
    near._where = lambda: 1  # the calling thread has moved on
    assert near.near(others) and len(looks) == 2
    assert near.near([77]) and len(looks) == 3  # other threads, maybe
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    assert not all([near.near(others) for _ in range(pins.LOOKS)])
