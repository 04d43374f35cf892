"""Files and functions stay small enough to be read at one sitting."""

from __future__ import annotations

import ast

import pytest

from tests.architecture.sources import ROOT, python_files, syntax

FILE_LINES = 700
FUNCTION_LINES = 40


@pytest.mark.parametrize("name", python_files())
def test_file_is_short(name: str) -> None:
    count = len((ROOT / name).read_text(encoding="utf-8").splitlines())
    assert count <= FILE_LINES


@pytest.mark.parametrize("name", python_files())
def test_every_function_is_short(name: str) -> None:
    long = {
        f"{node.name} at line {node.lineno}": lines
        for node in ast.walk(syntax(name))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (lines := _code_lines(node)) > FUNCTION_LINES
    }
    assert not long


def _code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count a function's lines from `def` on, its docstring left out."""
    lines = (function.end_lineno or 0) - function.lineno + 1
    first = function.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        lines -= (first.end_lineno or 0) - first.lineno + 1
    return lines


@pytest.mark.parametrize("name", python_files("graphkeras", "kernels", "tools"))
def test_no_module_is_a_drawer_for_odds_and_ends(name: str) -> None:
    stem = name.rsplit("/", 1)[-1].removesuffix(".py")
    assert stem not in ("common", "helpers", "misc")
    assert stem != "utils" or name == "graphkeras/utils.py"  # Keras's public name
