"""The cache of programs: whole or not at all, bounded, and never trusted blindly."""

from __future__ import annotations

import multiprocessing
import os
import sys
from pathlib import Path

import pytest

from graphkeras import cli
from graphkeras.runtime import cache
from graphkeras.runtime.cache import HEAD, SUFFIX, UNFINISHED, Cache

KEY, OTHER = "ab" * 32, "cd" * 32
PARTS = [b"{}", b"code" * 20, b""]
SIZE = HEAD.size + 8 * 4 + len("label") + sum(map(len, PARTS))
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="modes and owners are POSIX")


@pytest.fixture
def kept(tmp_path: Path) -> Cache:
    """A cache in which PARTS are kept under KEY."""
    place = Cache(str(tmp_path / "programs"))
    assert place.write(KEY, "label", PARTS)
    return place


def file_of(place: Cache, key: str = KEY) -> Path:
    return Path(place.folder) / (key + SUFFIX)


def test_what_was_kept_is_found(kept: Cache) -> None:
    assert kept.read(KEY) == PARTS
    assert kept.read(OTHER) is None


def test_nothing_is_found_where_there_is_no_folder(tmp_path: Path) -> None:
    place = Cache(str(tmp_path / "none"))
    assert (place.read(KEY), place.entries(), place.clear()) == (None, [], 0)


@pytest.mark.parametrize("at", range(SIZE))
def test_one_damaged_byte_anywhere_is_noticed(kept: Cache, at: int) -> None:
    data = bytearray(file_of(kept).read_bytes())
    assert len(data) == SIZE
    data[at] ^= 1
    file_of(kept).write_bytes(data)
    assert kept.read(KEY) is None


@pytest.mark.parametrize("length", [0, 1, 7, 8, 40, HEAD.size, SIZE - 1, SIZE + 1])
def test_another_length_is_noticed(kept: Cache, length: int) -> None:
    data = file_of(kept).read_bytes() + b"x"
    file_of(kept).write_bytes(data[:length])
    assert kept.read(KEY) is None


def test_a_file_of_another_key_is_foreign(kept: Cache) -> None:
    file_of(kept).rename(file_of(kept, OTHER))
    assert kept.read(OTHER) is None


def test_a_damaged_file_is_replaced(kept: Cache) -> None:
    file_of(kept).write_bytes(b"not ours")
    assert kept.write(KEY, "label", PARTS)
    assert kept.read(KEY) == PARTS


def test_no_other_version_of_the_format_is_read(
    kept: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "MAGIC", b"GKPROG2\n")
    assert kept.read(KEY) is None


def test_the_least_recently_used_goes_first(tmp_path: Path) -> None:
    place = Cache(str(tmp_path), limit=3 * SIZE)
    keys = [f"{i:02x}" * 32 for i in range(4)]
    for age, key in enumerate(keys[:3]):
        place.write(key, "label", PARTS)
        os.utime(file_of(place, key), (1000 + age, 1000 + age))
    place.read(keys[0])
    place.write(keys[3], "label", PARTS)
    assert {e.key for e in place.entries()} == {keys[0], keys[2], keys[3]}


def test_what_exceeds_the_limit_alone_is_not_kept(tmp_path: Path) -> None:
    place = Cache(str(tmp_path), limit=SIZE - 1)
    assert not place.write(KEY, "label", PARTS)
    assert place.entries() == []


def test_abandoned_files_are_swept_up_and_fresh_ones_left(kept: Cache) -> None:
    old, fresh = (Path(kept.folder) / (name + UNFINISHED) for name in ("a", "b"))
    old.write_bytes(b"x")
    fresh.write_bytes(b"x")
    os.utime(old, (1000, 1000))
    kept.write(OTHER, "label", PARTS)
    assert (old.exists(), fresh.exists()) == (False, True)


def test_clear_removes_programs_and_leaves_other_files(kept: Cache) -> None:
    other = Path(kept.folder) / "notes.txt"
    other.write_text("mine")
    assert kept.clear() == 1
    assert (kept.entries(), other.exists()) == ([], True)


def _write_and_read(folder: str, number: int) -> int:
    """Write and read one key again and again; return how often a read was wrong."""
    place, parts = Cache(folder), [bytes([number]) * 50_000]
    wrong = 0
    for _ in range(40):
        place.write(KEY, "label", parts)
        found = place.read(KEY)
        wrong += found is None or len(set(found[0])) != 1 or len(found[0]) != 50_000
    return wrong


def test_processes_that_write_at_once_see_whole_files(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Pool(3) as pool:
        tasks = [(str(tmp_path), n) for n in range(3)]
        assert pool.starmap(_write_and_read, tasks) == [0, 0, 0]
    assert [p.name for p in tmp_path.iterdir()] == [KEY + SUFFIX]


# ------------------------------------------------------------------------------ trust


@POSIX
@pytest.mark.parametrize("what", ["folder", "file"])
def test_nothing_others_may_write_is_used(
    kept: Cache, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAPHKERAS_CACHE", kept.folder)
    os.chmod(kept.folder if what == "folder" else file_of(kept), 0o777)
    monkeypatch.setattr(cache, "_warned", {kept.folder})
    place = cache.current()
    assert place is None or place.read(KEY) is None


@POSIX
def test_nothing_of_another_user_is_used(
    kept: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = os.stat(kept.folder).st_uid
    if owner == 0:  # what root owns everybody trusts: give it away
        os.chown(file_of(kept), 12345, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    assert kept.read(KEY) is None


@POSIX
def test_folder_that_others_may_write_is_named_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAPHKERAS_CACHE", str(tmp_path))
    monkeypatch.setattr(cache, "_warned", set())
    os.chmod(tmp_path, 0o777)
    with pytest.warns(RuntimeWarning, match="others may write there"):
        assert cache.current() is None
    assert cache.current() is None


@POSIX
def test_link_to_a_file_is_not_followed(kept: Cache, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    file_of(kept).rename(moved)
    file_of(kept).symlink_to(moved)
    assert kept.read(KEY) is None


def test_folder_that_cannot_be_made_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert not Cache(str(tmp_path / "file" / "cache")).write(KEY, "label", PARTS)


def test_read_only_folder_is_read_and_left_alone(
    kept: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("read-only")

    monkeypatch.setattr(cache, "_write_new", refuse)  # root may write anywhere
    monkeypatch.setattr(os, "utime", refuse)
    assert kept.read(KEY) == PARTS
    assert not kept.write(OTHER, "label", PARTS)


# ------------------------------------------------------------------------------ place


@pytest.mark.parametrize("word", ["off", "OFF", "0", "none"])
def test_cache_can_be_switched_off(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHKERAS_CACHE", word)
    assert cache.current() is None


def test_folder_and_limit_can_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAPHKERAS_CACHE", str(tmp_path / "mine"))
    monkeypatch.setenv("GRAPHKERAS_CACHE_LIMIT", "3")
    assert cache.current() == Cache(str(tmp_path / "mine"), 3 << 20)


def test_folder_is_by_default_in_the_users_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GRAPHKERAS_CACHE")
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path))
    assert cache.current() == Cache(str(tmp_path / "graphkeras"))


# ------------------------------------------------------------------- the command line


def test_command_line_lists_and_clears(
    kept: Cache, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GRAPHKERAS_CACHE", kept.folder)
    for action in ("path", "list", "clear", "list"):
        assert cli.main(["cache", action]) == 0
    path, program, total, cleared, empty = capsys.readouterr().out.splitlines()
    assert path == kept.folder
    assert KEY[:12] in program and program.endswith("label")
    assert total.startswith("1 programs, 0.00 MiB of at most 512.00 MiB")
    assert cleared.startswith("removed 1 programs")
    assert empty.startswith("0 programs")


def test_command_line_shows_a_damaged_file(
    kept: Cache, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GRAPHKERAS_CACHE", kept.folder)
    file_of(kept).write_bytes(b"GKPROG1\n")
    cli.main(["cache", "list"])
    assert "(damaged)" in capsys.readouterr().out


def test_command_line_says_when_nothing_is_kept(
    capsys: pytest.CaptureFixture[str],
) -> None:
    cli.main(["cache", "list"])
    assert capsys.readouterr().out.startswith("no programs are kept")
