"""The number of threads: set, asked for, from the environment, from the machine."""

from __future__ import annotations

import os
from typing import Any

import pytest

from graphkeras import config


@pytest.fixture(autouse=True)
def _unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRAPHKERAS_THREADS", raising=False)
    config.set_threads(None)


def test_what_is_set_is_what_one_gets() -> None:
    config.set_threads(3)
    assert config.get_threads() == 3
    config.set_threads(None)
    assert config.get_threads() <= (os.cpu_count() or 1)


def test_the_environment_decides_unless_a_number_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GRAPHKERAS_THREADS", " 5 ")
    assert config.get_threads() == 5
    config.set_threads(2)
    assert config.get_threads() == 2


@pytest.mark.parametrize("given", ["0", "-1", "two", "1.5"])
def test_an_environment_that_says_no_number_is_an_error(
    monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("GRAPHKERAS_THREADS", given)
    with pytest.raises(ValueError, match="GRAPHKERAS_THREADS: expected a number"):
        config.get_threads()


@pytest.mark.parametrize("given", [0, -2, 1.0, "2", True])
def test_only_whole_numbers_from_one_can_be_set(given: Any) -> None:
    with pytest.raises(ValueError, match="set_threads: expected a number of at least"):
        config.set_threads(given)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity")
def test_no_more_threads_than_cores_the_process_may_use() -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert config.get_threads() == 1
    finally:
        os.sched_setaffinity(0, before)


def test_a_quota_of_the_control_group_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "_first_line", lambda path: "150000 100000")
    assert config._quota() == 2
    monkeypatch.setattr(config, "_first_line", lambda path: "max 100000")
    assert config._quota() > 1000
