"""Set up `.venv` in this clone and run a job in it; needs Python 3.11+ and no more.

::

    python3 tools/start.py demo    train, export and serve two models
    python3 tools/start.py test    pass the tests
    python3 tools/start.py lint    ruff, the format check and mypy
    python3 tools/start.py setup   only make the environment

What follows the job is handed on: ``python3 tools/start.py test tests/ir -x``.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / "installed-for"
JOBS = {
    "demo": ["graphkeras.cli demo"],
    "test": ["pytest -n auto --maxprocesses 8"],
    "lint": ["ruff check .", "ruff format --check .", "mypy"],
    "setup": [],
}


def main(arguments: list[str]) -> int:
    """Run the job named first; return its exit status."""
    if sys.version_info < (3, 11):  # noqa: UP036  nothing has checked it yet
        print(f"graphkeras needs Python 3.11 or later, not {sys.version.split()[0]}.")
        return 2
    if not arguments or arguments[0] not in JOBS:
        print(__doc__)
        return 2
    set_up()
    job, *rest = arguments
    for command in JOBS[job]:
        status = run(["-m", *command.split(), *rest])
        if status:
            return status
    return 0


def set_up() -> None:
    """Make the environment, or renew it when what it was made for has changed."""
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    if STAMP.exists() and STAMP.read_text() == wanted:
        return
    print(f"Setting up {VENV} (once; a few minutes on a slow line) ...", flush=True)
    pip = make_environment()
    install = ["install", "--quiet", "--editable", f"{ROOT}[demo,dev]"]
    subprocess.run([*pip, *install], check=True)
    STAMP.write_text(wanted)


def make_environment() -> list[str]:
    """Make `.venv` and return the command that is its pip."""
    bare = [sys.executable, "-m", "venv", str(VENV)]
    if subprocess.run(bare, capture_output=True).returncode == 0:
        return [str(PYTHON), "-m", "pip"]
    # Debian ships Python without ensurepip: let the pip outside install into it.
    subprocess.run([*bare, "--without-pip", "--clear"], check=True)
    return [sys.executable, "-m", "pip", "--python", str(PYTHON)]


def run(arguments: list[str]) -> int:
    """Run the environment's Python in the clone."""
    return subprocess.run([str(PYTHON), *arguments], cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
