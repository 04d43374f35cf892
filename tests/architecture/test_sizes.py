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
        and (lines := _body_lines(node)) > FUNCTION_LINES
    }
    assert not long


def _body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count a function's lines without signature (Keras's are long) and docstring."""
    body = function.body
    has_docstring = ast.get_docstring(function, clean=False) is not None
    start = body[0].end_lineno if has_docstring else body[0].lineno - 1
    return (function.end_lineno or 0) - (start or 0)


@pytest.mark.parametrize("name", python_files("graphkeras", "kernels", "tools"))
def test_no_module_is_a_drawer_for_odds_and_ends(name: str) -> None:
    stem = name.rsplit("/", 1)[-1].removesuffix(".py")
    assert stem not in ("common", "helpers", "misc")
    assert stem != "utils" or name == "graphkeras/utils.py"  # Keras's public name
