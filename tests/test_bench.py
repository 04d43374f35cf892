"""tools/bench.py: which rivals there are, ratios, and one real measurement."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from tests.runtime.threaded import threads
from tools import bench, gemm, neighbour
from tools.workloads import WORKLOADS, rows_of


def figures(**rounds: list[float]) -> bench.Figures:
    return bench.Figures("1", dict(rounds))


def test_ratios_say_how_far_ahead_we_are_and_of_whom() -> None:
    row = {
        "graphkeras": figures(step=[1.0, 2.0, 9.0], rows=[10.0]),
        "keras-tf": figures(step=[6.0], rows=[5.0]),
        "torch": figures(step=[3.0], rows=[20.0]),
    }
    assert bench.ratio(row, ["keras-tf", "torch"], "step", more=False) == "1.50 (torch)"
    assert bench.ratio(row, ["keras-tf"], "step", more=False) == "3.00 (keras-tf)"
    assert bench.ratio(row, ["keras-tf", "torch"], "rows", more=True) == "0.50 (torch)"
    assert bench.ratio(row, ["jax-scan"], "step", more=False) == "-"


def test_the_table_shows_medians_spread_and_disturbance() -> None:
    row = {"graphkeras": figures(step=[0.001, 0.002, 0.004], others=[0.5])}
    text = bench.report({"lstm": row}, 3)
    assert "| lstm | 2 (1-4)* | - | - |" in text


def test_a_rival_is_found_only_where_it_can_be_imported() -> None:
    homes = bench.found_in([sys.executable])
    assert homes["onnxruntime"] == sys.executable
    assert bench.found_in([]) == {}


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let rounds end as they are said to: figures, or something raised."""

    def answer(*ends: Any) -> None:
        rest = iter(ends)

        def measured(*_: Any) -> Any:
            end = next(rest)
            if isinstance(end, dict):
                return dict(end)
            raise end

        monkeypatch.setattr(bench, "measured", measured)

    return answer


FIGURES = {"version": "1", "step": 0.004}
ONE = ["--what", "steps", "--workloads", "lstm", "--frameworks", "graphkeras"]


def test_a_rival_that_fails_is_named_and_the_others_are_kept(
    rounds: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    rounds(FIGURES, bench.Failed("python failed:\nno memory"), FIGURES)
    options = [*ONE, "onnxruntime", "--rounds", "2"]
    assert bench.main(options) == 1
    shown = capsys.readouterr().out
    assert "| lstm | 4 (4-4) |" in shown and "- lstm, onnxruntime: no memory" in shown


def test_what_was_measured_is_kept_when_stopped_by_hand(
    rounds: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rounds(FIGURES, KeyboardInterrupt())
    out = tmp_path / "bench.md"
    assert bench.main([*ONE, "--rounds", "3", "--out", str(out)]) == 1
    shown = capsys.readouterr().out
    assert "| lstm | 4 |" in shown and "stopped by hand" in shown
    assert out.read_text().strip() == shown.strip()


def test_tables_of_other_tools_are_parts_of_the_report(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tool = os.path.relpath(tmp_path / "tool.py", bench.ROOT / "tools")
    (tmp_path / "tool.py").write_text("print('| one | row |')\nraise SystemExit(3)")
    monkeypatch.setitem(bench.PARTS, "images", ("Layers on images", tool))
    assert bench.main(["--what", "images", "--frameworks", "graphkeras"]) == 1
    shown = capsys.readouterr().out
    assert "## Layers on images\n\n| one | row |\n" in shown
    assert f"- images: tools/{tool} gave 3" in shown and "A training step" not in shown


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_workload_is_a_model_that_takes_its_own_data(name: str) -> None:
    workload = WORKLOADS[name]
    model = workload.build(keras)
    x, y = workload.data(2)
    shapes = model.compute_output_shape(_shapes(x))
    wanted = {k: (2, v.shape[-1]) for k, v in y.items()} if isinstance(y, dict) else y
    if isinstance(wanted, dict):
        assert shapes == wanted
    else:
        assert shapes[0] == len(wanted)
    assert len(rows_of(x, slice(1))) in (1, 3)


def _shapes(x: Any) -> Any:
    return {k: v.shape for k, v in x.items()} if isinstance(x, dict) else x.shape


def test_one_process_measures_all_figures(tmp_path: Any) -> None:
    options = ["--seconds", "0.01"]
    found = bench.process(
        sys.executable, "graphkeras", "ticket", str(tmp_path), options
    )
    training = {"version", "first", "step", "fastest", "memory", "others"}
    assert set(found) == training | {"rows_1", "rows_32", "rows_256", "one"}
    assert all(np.isfinite(v) for k, v in found.items() if k != "version")


def test_products_are_shown_beside_the_peak(capsys: pytest.CaptureFixture[str]) -> None:
    with threads(1):
        gemm.main(["--sizes", "32", "--seconds", "0.01"])
    shown = capsys.readouterr().out
    assert all(f" {layout} " in shown for layout in ("NN", "NT", "TN"))
    assert "GFLOP/s" in shown


def test_a_busy_neighbour_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    with threads(1):
        neighbour.main(["ticket", "--seconds", "0.01", "--rounds", "1"])
    shown = capsys.readouterr().out
    assert "alone" in shown and "1 busy" in shown
