"""What is built is whole, and installs the right runtime on every platform."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.architecture.sources import ROOT, python_files, tracked
from tools import start

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PLATFORMS = [
    ("linux", "x86_64", "onnxruntime-gpu"),
    ("linux", "aarch64", "onnxruntime"),
    ("win32", "AMD64", "onnxruntime-gpu"),
    ("win32", "ARM64", "onnxruntime"),
    ("darwin", "arm64", "onnxruntime"),
    ("darwin", "x86_64", "onnxruntime"),
]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a clean copy of what git knows."""
    clone = tmp_path_factory.mktemp("clone")
    for name in tracked():
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, clone / name)
    (clone / "graphkeras" / "kernels").symlink_to("../kernels")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "dist"]
    subprocess.run(build, cwd=clone, check=True, capture_output=True)
    return next((clone / "dist").glob("*.whl"))


def test_wheel_holds_every_module_and_every_kernel_once(wheel: Path) -> None:
    packed = [n for n in zipfile.ZipFile(wheel).namelist() if n.endswith(".py")]
    kernels = [f"graphkeras/{name}" for name in python_files("kernels")]
    references = [f"graphkeras/demo/{name}.py" for name in ("digits", "docstrings")]
    assert sorted(packed) == sorted(
        [*python_files("graphkeras"), *kernels, *references]
    )


def test_wheel_says_it_is_typed_and_licensed(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "graphkeras/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)


@pytest.mark.parametrize(("system", "machine", "expected"), PLATFORMS)
def test_one_onnxruntime_is_installed(system: str, machine: str, expected: str) -> None:
    place = {"sys_platform": system, "platform_machine": machine}
    wanted = [Requirement(r) for r in PROJECT["project"]["dependencies"]]
    names = [
        r.name
        for r in wanted
        if r.name.startswith("onnxruntime") and r.marker and r.marker.evaluate(place)
    ]
    assert names == [expected]


def test_kernels_are_found_where_the_link_was_lost(tmp_path: Path) -> None:
    for name in python_files("graphkeras", "kernels"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, tmp_path / name)
    (tmp_path / "graphkeras" / "kernels").write_text("../kernels")  # as git leaves it
    show = "import graphkeras.kernels as k; print(k.__file__)"
    command = [sys.executable, "-c", show]
    shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert Path(shown.stdout.strip()) == tmp_path / "kernels" / "__init__.py"


@pytest.mark.parametrize("job", ["demo", "test", "lint"])
def test_every_job_runs_a_program_that_is_there(job: str) -> None:
    for command in start.JOBS[job]:
        shown = [sys.executable, "-m", command.split()[0], "--version"]
        assert subprocess.run(shown, capture_output=True).returncode == 0, command


def test_link_to_the_kernels_is_committed() -> None:
    link = ROOT / "graphkeras" / "kernels"
    assert link.is_symlink(), "checked out without symlinks: wheels would lack kernels"
    assert link.resolve() == ROOT / "kernels"
