"""Exported models answer in JavaScript as in Python: onnxruntime in Node and as wasm.

The packages are installed once, into pytest's own cache; without Node or without the
registry of npm there is nothing to test with.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from tests.export.served import CASES, answers, as_array, as_json

HERE = Path(__file__).parent
RUNTIMES = ("node", "web")
PATIENCE = 300  # seconds for the packages to come


@pytest.fixture(scope="session")
def packages(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder with run.mjs and what it imports."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        pytest.skip("Node or npm is not installed")
    digest = hashlib.sha256((HERE / "package.json").read_bytes()).hexdigest()[:12]
    kept = getattr(request.config, "cache", None)  # None: pytest is to keep nothing
    folder = kept.mkdir(f"node-{digest}") if kept else tmp_path_factory.mktemp("node")
    shutil.copy(HERE / "run.mjs", folder)
    if not (folder / "installed").exists():
        shutil.copy(HERE / "package.json", folder)
        _install(npm, folder)
        (folder / "installed").touch()
    return folder


def _install(npm: str, folder: Path) -> None:
    # Their scripts only fetch libraries for GPUs.
    command = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund"]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm brought no packages within {PATIENCE} s")
    if done.returncode:
        pytest.skip(f"npm brought no packages: {done.stderr.strip()[-300:]}")


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any]]:
    """A file of cases for run.mjs, and what `predict_on_batch` answers to each."""
    folder, listed, expected = tmp_path_factory.mktemp("js"), [], []
    keras.utils.set_random_seed(0)
    for make in CASES:
        model, feeds, options = make()
        path = folder / f"{make.__name__}.onnx"
        model.export(path, samples=feeds, **options)
        tensors = {name: as_json(array) for name, array in feeds.items()}
        listed.append({"model": str(path), "feeds": tensors})
        expected.append(answers(model, feeds, options.get("labels")))
    (folder / "cases.json").write_text(json.dumps(listed), encoding="utf-8")
    return folder / "cases.json", expected


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_javascript_gives_the_same_answers(
    runtime: str, packages: Path, exported: tuple[Path, list[Any]], tmp_path: Path
) -> None:
    cases, expected = exported
    command = ["node", "run.mjs", runtime, str(cases), str(tmp_path / "answers.json")]
    done = subprocess.run(
        command, cwd=packages, capture_output=True, text=True, timeout=120,
        env={**os.environ, "NODE_OPTIONS": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    given = json.loads((tmp_path / "answers.json").read_text(encoding="utf-8"))
    for case, found, wanted in zip(CASES, given, expected, strict=True):
        for array, answer in zip(map(as_array, found.values()), wanted, strict=True):
            if answer.dtype == object:
                assert array.tolist() == answer.tolist(), case.__name__
                continue
            np.testing.assert_allclose(
                array, answer, rtol=1e-5, atol=1e-6, err_msg=case.__name__
            )
