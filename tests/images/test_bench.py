"""tools/bench_images.py: its table, and one real measurement."""

from __future__ import annotations

import time

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
    for call in bench_images.ours("CenterCrop", 32):
        assert 0 < bench_images.timed(call, time.perf_counter, "CenterCrop") < 1e3
    assert bench_images.timed(lambda: 1 / 0, time.perf_counter, "none") is None


def test_every_row_is_of_a_layer() -> None:
    assert all(hasattr(layers, kind) for kind, _ in bench_images.LAYERS.values())
