"""The repository says nothing of the machine on which it was written."""

from __future__ import annotations

import re

import pytest

from tests.architecture.sources import ROOT, tracked

# Assembled, so that this file passes its own test.
FOLDERS = "|".join(("work", "root", "home", "Users"))
MACHINE_PATH = re.compile(rf"(?<![\w.~/-])/(?:{FOLDERS})/\w|[A-Z]:\\\\?Users")


@pytest.mark.parametrize("name", tracked())
def test_file_names_no_path_of_one_machine(name: str) -> None:
    text = (ROOT / name).read_bytes().decode("utf-8", "replace")
    assert MACHINE_PATH.search(text) is None


MADE_BY_KERAS = (
    "tests/saving/data/",
    *(f"tests/{area}/recorded.npz" for area in ("images", "tables", "text")),
)


@pytest.mark.parametrize(
    "name", [name for name in tracked() if not name.startswith(MADE_BY_KERAS)]
)
def test_file_is_text(name: str) -> None:
    assert b"\0" not in (ROOT / name).read_bytes()
