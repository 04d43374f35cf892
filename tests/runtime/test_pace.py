"""How many threads a program takes, by the times it is told."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from graphkeras.runtime.pace import BETTER, HICCUP, PROBES, STRETCH, TRIAL, Pace, levels

LEAST = 1e-4


class Clock:
    """A program whose steps take so long on each number of threads."""

    def __init__(self, seconds: Mapping[int, float], least: float = LEAST) -> None:
        self.seconds, self.pace = dict(seconds), Pace(least)
        self.most = max(seconds)
        self.spent, self.steps = 0.0, 0

    def run(self, stretches: int) -> list[int]:
        """Return the number of threads of each stretch."""
        used = []
        for _ in range(stretches):
            threads, steps = self.pace.threads(self.most), self.pace.steps(10_000)
            seconds = self.seconds[threads] * steps
            self.pace.note(threads, seconds, steps)
            self.spent, self.steps = self.spent + seconds, self.steps + steps
            used.append(threads)
        return used


def test_more_threads_are_used_if_they_are_faster() -> None:
    assert set(Clock({1: 1e-3, 2: 6e-4}).run(300)[3:]) == {2}


def test_of_many_counts_the_fastest_is_found() -> None:
    clock = Clock({1: 1e-3, 2: 6e-4, 4: 4e-4, 8: 5e-4})
    assert clock.run(300).count(4) > 260


def test_a_small_gain_is_none() -> None:
    assert Clock({1: 1e-3, 2: BETTER * 1.01e-3}).run(200).count(2) < 25


def test_a_program_that_is_too_small_never_tries() -> None:
    assert set(Clock({1: LEAST / 2, 2: LEAST / 10}).run(100)) == {1}


def test_a_tiny_program_is_soon_left_alone() -> None:
    clock = Clock({1: LEAST / 3, 2: LEAST / 10})
    clock.run(15)
    assert not clock.pace.settled
    clock.run(5)
    assert clock.pace.settled


@pytest.mark.parametrize("slower", [1.01, 1.2, 3, 20, 100])
def test_slower_threads_cost_less_than_a_tenth(slower: float) -> None:
    clock = Clock({1: 1e-3, 2: slower * 1e-3})
    clock.run(300)
    assert clock.spent < 1.06 * clock.steps * 1e-3


@pytest.mark.parametrize("slower", [1.2, 20])
def test_slower_threads_cost_little_call_by_call(slower: float) -> None:
    clock = Clock({1: 1e-3, 2: slower * 1e-3})
    clock.pace.steps = lambda left: 1  # type: ignore[method-assign]
    clock.run(3000)
    assert clock.spent < 1.06 * clock.steps * 1e-3


def test_a_stretch_that_was_held_up_changes_nothing() -> None:
    clock = Clock({1: 1e-3, 2: 6e-4})
    clock.run(20)
    clock.pace.note(2, 20 * STRETCH, int(STRETCH / 6e-4))
    assert set(clock.run(5)) == {2}


def test_threads_are_not_judged_by_the_steps_in_which_they_awake() -> None:
    clock = Clock({1: 3e-4, 2: 6e-4})
    clock.run(100)
    clock.seconds[2] = 2e-4
    while clock.run(1) == [1]:
        clock.seconds[2] = 6e-4  # of the first steps after a sleep
    clock.seconds[2] = 2e-4
    assert clock.run(20).count(2) > 18


def test_a_trial_gets_a_second_chance() -> None:
    clock = Clock({1: 3e-4, 2: 6e-4})
    clock.run(100)
    while clock.run(1) == [1]:
        pass
    clock.seconds[2] = 4e-4
    assert clock.run(1) == [2]
    clock.seconds[2] = 2e-4
    assert clock.run(20).count(2) == 20


def test_what_is_adopted_in_vain_is_tried_less_often() -> None:
    """Threads that look fast for a moment, and are not."""
    clock = Clock({1: 3e-4, 2: 2e-4})
    used = []
    for _ in range(1500):
        short = clock.pace._trial is not None
        clock.seconds[2] = 2e-4 if short else 9e-4
        used += clock.run(1)
    assert used[-500:].count(2) < 60


def test_a_core_that_gets_busy_and_free_again_is_noticed() -> None:
    clock = Clock({1: 1e-3, 2: 5e-4})
    clock.run(20)
    clock.seconds[2] = 3e-3
    assert clock.run(130).count(2) < 12
    clock.seconds[2] = 5e-4
    assert clock.run(200).count(2) > 60


def test_a_machine_that_gets_slower_as_a_whole_keeps_its_threads() -> None:
    clock = Clock({1: 1e-3, 2: 5e-4})
    clock.run(20)
    clock.seconds = {1: 2e-3, 2: 1e-3}
    assert clock.run(200).count(2) > 180


def test_stretches_are_short_while_trying_and_long_after() -> None:
    pace = Pace(LEAST)
    assert pace.steps(1000) == 1
    pace.note(1, 1e-3, 1)
    assert pace.steps(1000) == int(TRIAL / 1e-3)
    pace.note(1, 4e-3, 4)
    pace.threads(2)
    assert pace.steps(1000) == int(TRIAL / PROBES / 1e-3)
    pace.note(2, 1.0, 1)
    pace.threads(2)
    pace.note(2, 4e-3, 8)
    pace.threads(2)
    assert pace.steps(1000) == int(STRETCH / 5e-4)
    assert pace.steps(3) == 3


def test_the_time_in_which_threads_begin_is_no_measure() -> None:
    clock = Clock({1: 1e-2, 2: 6e-3})
    clock.run(2)
    clock.seconds[2] = 1.0
    assert clock.run(1) == [2]
    clock.seconds[2] = 6e-3
    assert set(clock.run(20)) == {2}


def test_one_allowed_thread_is_all() -> None:
    assert levels(1) == [1]
    assert levels(16) == [1, 2, 4, 8, 16]
    assert set(Clock({1: 1.0}).run(5)) == {1}


def test_a_call_that_was_held_up_does_not_count_for_much() -> None:
    clock = Clock({1: 3e-4, 2: 4e-4})
    clock.pace.steps = lambda left: 1  # type: ignore[method-assign]
    clock.run(100)
    clock.pace.note(1, 0.5, 1)
    assert clock.pace.seconds[1] < 2 * 3e-4


def test_a_first_call_that_was_held_up_is_soon_forgotten() -> None:
    pace = Pace(LEAST)
    for seconds in (1e-3, 0.5, 3e-4, 3e-4):
        pace.note(1, seconds, 1)
    assert pace.seconds[1] < HICCUP * 3.1e-4


def test_short_calls_are_tried_again_after_as_many_calls() -> None:
    clock = Clock({1: 3e-5, 2: 4e-5}, least=1e-5)
    clock.pace.steps = lambda left: 1  # type: ignore[method-assign]
    clock.run(1000)
    clock.seconds[2] = 2e-5
    assert clock.run(20_000).count(2) > 10_000


class Calls(Clock):
    """Single calls, not all of which are told of."""

    def run(self, stretches: int) -> list[int]:
        """Return the number of threads of each call."""
        used = []
        for _ in range(stretches):
            told = not self.pace.trusts(self.most)
            threads = self.pace.threads(self.most) if told else self.pace.latest
            if told:
                self.pace.note(threads, self.seconds[threads], 1)
            self.spent, self.steps = self.spent + self.seconds[threads], self.steps + 1
            used.append(threads)
            self.told += told
        return used

    told = 0


def test_of_many_short_calls_few_are_told() -> None:
    calls = Calls({1: 3e-5, 2: 2e-5}, least=1e-5)
    assert calls.run(10_000).count(2) > 9_000
    assert calls.told < 2_500


def test_long_calls_are_all_told() -> None:
    calls = Calls({1: 3e-3, 2: 2e-3}, least=1e-5)
    calls.run(500)
    assert calls.told == 500


def test_short_calls_that_get_slower_are_noticed_though_not_all_are_told() -> None:
    calls = Calls({1: 3e-5, 2: 2e-5}, least=1e-5)
    calls.run(2000)
    calls.seconds[2] = 2e-3
    assert calls.run(2000).count(2) < 100


def test_another_number_of_threads_is_not_trusted() -> None:
    calls = Calls({1: 3e-5, 2: 2e-5}, least=1e-5)
    calls.run(2000)
    assert any(calls.pace.trusts(2) for _ in range(2))
    assert not calls.pace.trusts(1)


@pytest.mark.parametrize("slower", [1.2, 20])
def test_slower_threads_cost_little_in_short_calls(slower: float) -> None:
    calls = Calls({1: 3e-5, 2: slower * 3e-5}, least=1e-5)
    calls.run(30_000)
    assert calls.spent < 1.06 * calls.steps * 3e-5


def test_the_call_that_wakes_threads_is_no_measure() -> None:
    pace = Pace(1e-5)
    for _ in range(3):
        pace.threads(2)
        pace.note(1, 3e-5, 1)
    seconds = [1e-3, 2e-4, *[2e-5] * 15]  # they begin, they wake, they work
    for each in seconds:
        if pace.threads(2) == 2:
            pace.note(2, each, 1)
    assert pace.threads(2) == 2
