"""The project's own Python files, and where each stands in the building."""

from __future__ import annotations

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CODE = ("graphkeras", "kernels", "tools", "models", "tests")


@cache
def tracked() -> tuple[str, ...]:
    """Return the paths of all files git knows or would add; all files without git."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
        names = listed.stdout.decode().split("\n")
    except (OSError, subprocess.CalledProcessError):
        names = [str(p.relative_to(ROOT)) for f in CODE for p in (ROOT / f).rglob("*")]
    return tuple(sorted(n for n in names if (ROOT / n).is_file()))


def python_files(*folders: str) -> list[str]:
    """Return the Python files under `folders`, seen once (not through the symlink)."""
    wanted = tuple(f"{folder}/" for folder in folders or CODE)
    return [
        name for name in tracked()
        if name.endswith(".py") and name.startswith(wanted)
        and not name.startswith("graphkeras/kernels/")
    ]  # fmt: skip


@cache
def syntax(name: str) -> ast.Module:
    """Return the parsed file."""
    return ast.parse((ROOT / name).read_text(encoding="utf-8"), name)
