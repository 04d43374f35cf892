"""Exported files run in the oldest onnxruntime they are meant for.

It wants an older NumPy than we do, so another Python has it: its path is given by the
environment variable `GRAPHKERAS_OLD_RUNTIME`. Such a Python is made by ``python3.11 -m
venv old`` and ``old/bin/pip install "numpy<2" "onnxruntime==1.17.*"``.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import graphkeras as keras
from tests.export.served import CASES, Case, answers, as_array, as_json, references

VARIABLE = "GRAPHKERAS_OLD_RUNTIME"
OLDEST = "1.17."
RUN = Path(__file__).parent / "run_old.py"


@pytest.fixture(scope="module")
def old() -> str:
    """The Python that has the old onnxruntime."""
    python = os.environ.get(VARIABLE)
    if not python:
        pytest.skip(f"{VARIABLE} names no Python with onnxruntime {OLDEST}*")
    command = [python, "-c", "import onnxruntime; print(onnxruntime.__version__)"]
    version = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert version.stdout.startswith(OLDEST), version.stdout + version.stderr
    return python


def cases() -> Iterator[tuple[str, Case]]:
    """Every model, with its name."""
    keras.utils.set_random_seed(0)
    for make in CASES:
        yield make.__name__, make()
    for name, (model, feeds) in references().items():
        yield name, (model, feeds, {})


def written(folder: Path, name: str, case: Case) -> dict[str, Any]:
    """Export a model; return what to run of it."""
    model, feeds, options = case
    path = folder / f"{name}.onnx"
    model.export(path, samples=feeds, **options)
    tensors = {key: as_json(array) for key, array in feeds.items()}
    return {"model": str(path), "outputs": model.output_names, "feeds": tensors}


def test_answers_of_the_old_runtime_are_those_of_the_model(
    old: str, tmp_path: Path
) -> None:
    made = dict(cases())
    listed = [written(tmp_path, *item) for item in made.items()]
    (tmp_path / "cases.json").write_text(json.dumps(listed), encoding="utf-8")
    command = [old, str(RUN), str(tmp_path / "cases.json"), str(tmp_path / "out.json")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    results = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    for (name, (model, feeds, _)), found in zip(made.items(), results, strict=True):
        for tensor, wanted in zip(found, answers(model, feeds), strict=True):
            np.testing.assert_allclose(
                as_array(tensor), wanted, rtol=1e-5, atol=1e-6, err_msg=name
            )


@pytest.mark.parametrize("make", CASES)
def test_file_says_that_old_runtimes_can_read_it(
    make: Callable[[], Case], tmp_path: Path
) -> None:
    model, _, options = make()
    model.export(tmp_path / "m.onnx", check=False, **options)
    written = onnx.load(tmp_path / "m.onnx")
    versions = {opset.domain: opset.version for opset in written.opset_import}
    assert written.ir_version <= 9  # onnxruntime 1.17 refuses newer ones
    assert versions.pop("") <= 20
    assert versions.pop("ai.onnx.ml", 3) <= 4
    assert versions in ({}, {"com.microsoft": 1})
