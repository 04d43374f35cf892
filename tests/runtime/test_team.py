"""Threads that work together: beside others, after forks, interrupted, on cores."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from graphkeras import ops
from graphkeras.kernels.cpu import team as kernel_team
from graphkeras.runtime import link, team
from graphkeras.runtime.program import Program
from tests.compiler.machine import BATCH, compiled, floats
from tests.runtime.threaded import threads

FORKS = hasattr(os, "fork")


def layer(x: Any, w: Any) -> Any:
    return ops.softmax(ops.tanh(x @ w) @ ops.transpose(w))


@pytest.fixture(scope="module")
def program() -> Program:
    return compiled(layer, floats(BATCH, 24), floats(24, 40))


@pytest.fixture
def inputs(rng: np.random.Generator) -> list[np.ndarray]:
    sizes = ((50, 24), (24, 40))
    return [rng.standard_normal(size).astype(np.float32) for size in sizes]


@pytest.fixture(autouse=True)
def _together() -> Iterator[None]:
    team.close()  # of tests before, which may have wanted more
    with threads(2):
        yield


def members() -> list[str]:
    return [
        t.name for t in threading.enumerate() if t.name.startswith("graphkeras.team-")
    ]


def test_threads_are_kept_until_they_are_closed(program: Any, inputs: Any) -> None:
    program.run(inputs)
    program.run(inputs)
    assert members() == ["graphkeras.team-1"]
    team.close()
    assert members() == []
    assert program.run(inputs)[0].shape == (50, 24)


def test_a_team_grows_when_more_are_wanted(program: Any, inputs: Any) -> None:
    (alone,) = program.run(inputs)
    for count in (4, 3):
        with threads(count):
            assert program.run(inputs)[0].tobytes() == alone.tobytes()
    assert len(members()) == 3


def test_many_threads_of_the_user_run_programs_at_once(inputs: Any) -> None:
    several = [compiled(layer, floats(BATCH, 24), floats(24, 40)) for _ in range(2)]
    wanted = several[0].run(inputs)[0].tobytes()

    def work(number: int) -> set[bytes]:
        own = several[number % 2]
        return {own.run(inputs)[0].tobytes() for _ in range(50)}

    with ThreadPoolExecutor(5) as pool:
        assert set().union(*pool.map(work, range(5))) == {wanted}


def epoch(program: Program, inputs: list[np.ndarray], rows: int) -> None:
    x, w = inputs
    program.run_epoch([np.resize(x, (rows, 24)), w], [], batch_size=50)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="POSIX signals")
def test_an_interrupt_ends_an_epoch_and_nothing_else(program: Any, inputs: Any) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before, (wanted,) = cores(), program.run(inputs)
    old = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(KeyboardInterrupt):
            epoch(program, inputs, 5_000_000)
    finally:
        signal.signal(signal.SIGALRM, old)
    assert cores() == before
    assert program.run(inputs)[0].tobytes() == wanted.tobytes()


def cores() -> Any:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None


# ----------------------------------------------------------------------------- forks


def in_child(work: Any) -> int:
    """Return the exit status of a forked process that does some work: 0 if it is done
    in time and gives something true."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # numpy has threads, too
        child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if work() else 2
        finally:
            os._exit(status)
    for _ in range(600):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -1


@pytest.mark.skipif(not FORKS, reason="no fork")
def test_a_forked_process_makes_threads_of_its_own(program: Any, inputs: Any) -> None:
    wanted = program.run(inputs)[0].tobytes()

    def work() -> bool:
        same = program.run(inputs)[0].tobytes() == wanted
        return same and members() == ["graphkeras.team-1"]

    assert in_child(work) == 0
    assert program.run(inputs)[0].tobytes() == wanted


@pytest.mark.skipif(not FORKS, reason="no fork")
def test_a_fork_amid_an_epoch_leaves_nothing_locked(program: Any, inputs: Any) -> None:
    wanted = program.run(inputs)[0].tobytes()
    busy = threading.Thread(target=epoch, args=(program, inputs, 20_000))
    busy.start()
    status = in_child(lambda: program.run(inputs)[0].tobytes() == wanted)
    busy.join()
    assert status == 0


# ----------------------------------------------------------------------------- cores


@pytest.mark.skipif(cores() is None, reason="no affinity")
def test_threads_keep_to_the_cores_of_the_process(program: Any, inputs: Any) -> None:
    before = cores()
    try:
        os.sched_setaffinity(0, {min(before)})
        program.run(inputs)
        assert cores() == {min(before)}
        others = [
            t for t in threading.enumerate() if t.name.startswith("graphkeras.team-")
        ]
        assert all(os.sched_getaffinity(t.native_id) == cores() for t in others)  # type: ignore[arg-type]
    finally:
        os.sched_setaffinity(0, before)
    program.run(inputs)
    assert cores() == before


# ------------------------------------------------------------------- other systems


@pytest.mark.skipif(os.name != "posix", reason="usleep")
def test_threads_meet_where_nobody_can_wake_them(
    monkeypatch: pytest.MonkeyPatch, inputs: Any
) -> None:
    (wanted,) = compiled(layer, floats(BATCH, 24), floats(24, 40)).run(inputs)
    library = ctypes.CDLL(None)
    nap = ctypes.cast(library.usleep, ctypes.c_void_p).value
    monkeypatch.setattr(kernel_team, "futex_number", lambda: None)
    monkeypatch.setattr(team, "_system_call", lambda: nap)
    napping = team.Team(link.compile_entry("team", kernel_team.add_team))
    monkeypatch.setattr(team, "_team", napping)
    monkeypatch.setattr(team, "SPINS", 0)
    program = compiled(layer, floats(BATCH, 24), floats(24, 40))
    try:
        assert program.run(inputs)[0].tobytes() == wanted.tobytes()
        assert napping.threads
    finally:
        napping.close()
