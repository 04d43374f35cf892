"""tools/show_graph.py: stages as text, for a function, a model, or its own example."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tools import show_graph

SOURCE = """
from graphkeras import ops

def twice(x, y):
    return ops.tanh(x + y) * 2.0
"""


@pytest.fixture
def source(tmp_path: Path) -> str:
    path = tmp_path / "model.py"
    path.write_text(SOURCE)
    return f"{path}:twice"


def test_the_example_shows_every_stage(capsys: Any) -> None:
    assert show_graph.main([]) == 0
    text = capsys.readouterr().out
    for name in ("trace", "simplify", "fold", "expand", "settle", "fuse"):
        assert f"=== after {name}" in text


def test_loops_name_the_layer_and_line_they_come_from(capsys: Any) -> None:
    show_graph.main(["--after", "fuse"])
    text = capsys.readouterr().out
    assert "fold j in 4*batch:" in text
    assert "# divide, loss at " in text


def test_a_function_is_traced_on_the_types_given(source: str, capsys: Any) -> None:
    arguments = [source, "--input", "f32[batch, 4]", "--input", "f32[4]"]
    assert show_graph.main([*arguments, "--after", "fuse"]) == 0
    assert "t2 = t0 + t1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (["nowhere"], "expected file.py:name"),
        (["SOURCE", "--input", "float[3]"], "expected a type such as f32"),
        (["SOURCE", "--input", "f32[3]", "--input", "f32[4]"], "do not broadcast"),
    ],
)
def test_what_cannot_be_shown_is_one_message(
    source: str, arguments: list[str], match: str, capsys: Any
) -> None:
    given = [source if a == "SOURCE" else a for a in arguments]
    assert show_graph.main(given) == 1
    assert match in capsys.readouterr().err
