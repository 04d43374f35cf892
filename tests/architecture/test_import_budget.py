"""`import graphkeras` is quick because the heavy libraries wait until they are used."""

from __future__ import annotations

import statistics
import subprocess
import sys

import pytest

BUDGET = 0.150  # seconds, on a machine at rest
BUSY = 3.0  # what a crowded machine may multiply it by
HEAVY = ("numba", "llvmlite", "onnx", "onnxruntime", "h5py", "rich", "sklearn", "scipy")
MEASURE = """
import sys, time
import numpy  # counted apart: every program that uses graphkeras has it
start = time.perf_counter()
import graphkeras
graphkeras.__version__
print(time.perf_counter() - start, *sys.modules)
"""


def _fresh_import() -> tuple[float, list[str]]:
    shown = subprocess.run(
        [sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True
    )
    seconds, *modules = shown.stdout.split()
    return float(seconds), modules


@pytest.mark.parametrize("library", HEAVY)
def test_import_leaves_a_heavy_library_alone(library: str, imported: list[str]) -> None:
    assert library not in imported


@pytest.fixture(scope="module")
def imported() -> list[str]:
    return _fresh_import()[1]


def test_import_stays_within_its_budget() -> None:
    times = [_fresh_import()[0] for _ in range(5)]
    assert statistics.median(times) < BUDGET * BUSY, times
