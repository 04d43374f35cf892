"""tools/coverage.md: what the sweeps check of each layer."""

from __future__ import annotations

from tests.layers.samples import ELSEWHERE
from tools import coverage_table as made


def test_the_table_is_that_of_the_samples() -> None:
    assert made.FILE.read_text(encoding="utf-8") == made.table()


def test_where_a_layer_is_checked_instead_is_a_place() -> None:
    places = [reason.split()[-1] for reason in ELSEWHERE.values()]
    paths = [place for place in places if place.startswith("tests/")]
    assert len(paths) > 5
    assert not [path for path in paths if not (made.ROOT / path).exists()]
