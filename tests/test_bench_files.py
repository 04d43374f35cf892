"""tools/bench_files.py: what it measures of a file, and its table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from tools import bench_files


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved model, with answers of another program that are 0.5 off."""
    path = tmp_path_factory.mktemp("files") / "small.keras"
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(400)])
    model.save(path)
    x = np.ones((2, 3), "float32")
    np.savez(path.with_suffix(".npz"), x=x, y=model.predict(x, verbose=0) + 0.5)
    return path


def test_a_file_is_loaded_exported_and_compared(file: Path) -> None:
    found = bench_files.measured(file)
    assert found["weights"] == pytest.approx(4 * 400 * 4 / 2**20)
    assert found["difference"] < 1e-5 and found["other"] == pytest.approx(0.5, 1e-3)
    assert found["load"] > 0 and found["export"] > 0 and found["peak"] >= 0
    assert {p.name for p in file.parent.iterdir()} == {"small.keras", "small.npz"}


def test_the_least_of_several_processes_is_shown(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds: list[dict[str, Any]] = [
        {"weights": 2.0, "load": n, "export": 9 - n, "used": n, "peak": 5 + n,
         "difference": 1e-7} for n in (1.0, 2.0)
    ]  # fmt: skip
    monkeypatch.setattr(bench_files, "in_a_process", lambda file: rounds.pop())
    monkeypatch.setattr("sys.argv", ["bench_files.py", str(file), "--repeat", "2"])
    assert bench_files.main() == 0
    *_, line = capsys.readouterr().out.splitlines()
    assert line == "| small.keras | 2 | 1.00 | 7.00 | 1.00 | 6 | 3.00 | 1.0e-07 |  |"
