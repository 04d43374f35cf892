"""tools/preprocessing.md: what the tests hold to Keras, and what ONNX cannot say."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphkeras import layers
from graphkeras.errors import ExportError
from tests.preprocessing.refused import REFUSED
from tools import preprocessing_table as made


def test_the_table_is_that_of_the_tests() -> None:
    assert made.FILE.read_text(encoding="utf-8") == made.table()


def test_every_row_is_of_a_layer() -> None:
    named = {row[0] for _, row in made.rows()} - {"FeatureSpace"}
    assert not [name for name in named if not hasattr(layers, name)]


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_what_the_table_calls_refused_is(number: int, tmp_path: Path) -> None:
    *_, make, reason = REFUSED[number]
    with pytest.raises(ExportError, match=reason):
        make().export(tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())
