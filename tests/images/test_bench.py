"""tools/bench_images.py: its table, and one real measurement."""

from __future__ import annotations

import sys
import time
from functools import partial

import pytest

from graphkeras import layers
from tools import bench_images


def test_lines_show_both_ways_and_who_is_faster() -> None:
    found = {"ours": [2.0, 4.0], "keras": [3.0, None]}
    assert bench_images.lines("RandomFlip", found) == [
        "| RandomFlip, beside | 2.00 | 3.00 | 1.5 |",
        "| RandomFlip, within | 4.00 |  |  |",
    ]
    assert bench_images.lines("x", {"ours": [1.0, 2.0]})[0] == "| x, beside | 1.00 |"


def test_a_call_takes_time_and_one_that_fails_has_no_figure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bench_images, "SECONDS", 0.01)
    monkeypatch.setattr(bench_images, "MANY", 2)
    for call in bench_images.ours("CenterCrop", 32):
        for measure in (bench_images.best, bench_images.mean):
            taken = partial(measure, call, time.perf_counter)
            assert 0 < bench_images.timed(taken, "CenterCrop") < 1e3
    assert bench_images.timed(lambda: 1 / 0, "none") is None


def test_a_side_that_ends_has_no_more_figures(
    capsys: pytest.CaptureFixture[str],
) -> None:
    side = bench_images.Side("ours", sys.executable, wall=False)
    side.process.kill()
    side.process.wait()
    found = [side.ask("CenterCrop", 32) for _ in range(2)]
    side.end()
    assert found == [[None, None]] * 2 and side.ended
    assert "ended at 'CenterCrop'" in capsys.readouterr().err


def test_every_row_is_of_a_layer() -> None:
    assert all(hasattr(layers, kind) for kind, _ in bench_images.LAYERS.values())
