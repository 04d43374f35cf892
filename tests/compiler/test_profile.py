"""Profiles: cycles of each step, only when asked for; and tools/profile.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras import config, ops
from graphkeras.compiler import profile as profiles
from tests.compiler.machine import BATCH, compiled, floats
from tools import profile as tool

JOB = """
import numpy as np
import graphkeras as keras

def job():
    image = keras.Input((6, 6, 2))
    x = keras.layers.Conv2D(3, 3, name="window")(image)
    y = keras.layers.Dense(2, name="last")(keras.layers.Flatten()(x))
    model = keras.Model(image, y)
    model.compile("sgd", "mse")
    return model, np.ones((8, 6, 6, 2), "float32"), np.ones((8, 2), "float32")
"""


@pytest.fixture
def counting() -> Iterator[None]:
    config.set_debug("profile")
    yield
    config.set_debug("")
    profiles.profiles.clear()


@pytest.mark.usefixtures("counting")
def test_every_step_of_every_run_is_counted() -> None:
    program = compiled(lambda x, w: ops.exp(x) @ w, floats(BATCH, 300), floats(300, 40))
    x, w = np.ones((50, 300), "float32"), np.ones((300, 40), "float32")
    for _ in range(3):
        program.run([x, w])
    (profile,) = profiles.profiles
    assert profile.runs == 3
    costs = {cost.what: cost for cost in profile.costs({"batch": 50})}
    assert all(cost.cycles > 0 for cost in costs.values())
    assert costs["matmul.gemm"].operations == 2 * 50 * 300 * 40
    assert costs["matmul.gemm"].moved == 4 * (50 * 300 + 300 * 40 + 50 * 40)
    profile.reset()
    assert profile.runs == 0


@pytest.mark.usefixtures("counting")
@pytest.mark.parametrize("layer, gates", [("SimpleRNN", 1), ("LSTM", 4), ("GRU", 3)])
def test_products_of_loops_over_time_are_counted(layer: str, gates: int) -> None:
    model = keras.Sequential([keras.Input((7, 2)), getattr(keras.layers, layer)(5)])
    model.compile("sgd", "mse")
    model.train_on_batch(np.ones((4, 7, 2)), np.ones((4, 5)))
    counts = [
        cost.operations
        for profile in profiles.profiles
        for cost in profile.costs({"batch": 4})
        if cost.what.startswith("recurrent.")
    ]
    assert counts == [2 * 4 * 7 * 5 * 5 * gates] * 2


def test_nothing_is_counted_unless_asked_for() -> None:
    compiled(lambda x: ops.exp(x) - 1.5, floats(BATCH, 3)).run([np.ones((2, 3))])
    assert profiles.profiles == []


@pytest.mark.usefixtures("counting")
def test_the_tool_names_kernels_and_layers(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "job.py").write_text(JOB)
    assert tool.main([f"{tmp_path}/job.py:job", "--batch", "4", "--epochs", "1"]) == 0
    text = capsys.readouterr().out
    for expected in ("conv.conv2d", "window", "last", "2 steps", "GFLOP/s"):
        assert expected in text


@pytest.mark.usefixtures("counting")
def test_inference_can_be_profiled_too(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "job.py").write_text(JOB)
    assert tool.main([f"{tmp_path}/job.py:job", "--predict"]) == 0
    assert "backward" not in capsys.readouterr().out


def test_an_unknown_job_is_refused() -> None:
    with pytest.raises(SystemExit, match=r"expected a workload or file.py:function"):
        tool.job("nothing", 1)
