"""The public names and signatures are those listed in tests/api.txt."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools import check_api


def test_public_names_are_as_listed(capsys: pytest.CaptureFixture[str]) -> None:
    changed = check_api.main([])
    shown = capsys.readouterr().out
    assert not changed, f"{shown}\n  python tools/check_api.py --write"


def test_signature_shows_no_annotation_and_no_address() -> None:
    def function(x: int, *, by: object = check_api.main) -> None: ...

    assert check_api.signature_text(function) == "(x, *, by=main)"


def test_distance_to_keras_names_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = tmp_path / "names.json"
    names.write_text(json.dumps({"keras.ops": ["exp", "no_such_op"]}))
    check_api.main(["--keras", str(names)])
    shown = capsys.readouterr().out
    assert "keras.ops: 1 of 2\n    no_such_op\n" in shown
