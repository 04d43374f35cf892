"""get_file: what is kept, what is checked, and what archives may not do."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras.data import archives
from graphkeras.errors import ArgumentError, DataError

get_file = keras.utils.get_file
TEXT = b"some bytes"
SHA, MD5 = hashlib.sha256(TEXT).hexdigest(), hashlib.md5(TEXT).hexdigest()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GRAPHKERAS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def origin(tmp_path: Path) -> str:
    """The URL of a file on disk; without a network it is as good as any."""
    (tmp_path / "x.bin").write_bytes(TEXT)
    return (tmp_path / "x.bin").as_uri()


NOWHERE = "http://127.0.0.1:9/x.bin"  # nobody listens there


def test_a_file_is_downloaded_once(origin: str, home: Path, tmp_path: Path) -> None:
    path = get_file(origin=origin)
    assert path == str(home / "datasets" / "x.bin")
    (tmp_path / "x.bin").write_bytes(b"other")
    assert Path(get_file(origin=origin)).read_bytes() == TEXT
    assert Path(get_file(origin=origin, force_download=True)).read_bytes() == b"other"
    assert [p.name for p in (home / "datasets").iterdir()] == ["x.bin"]


def test_a_file_that_is_there_needs_no_connection(home: Path) -> None:
    (home / "datasets").mkdir(parents=True)
    (home / "datasets" / "x.bin").write_bytes(TEXT)
    for how in ({}, {"file_hash": SHA}, {"file_hash": MD5}, {"md5_hash": MD5},
                {"file_hash": SHA.upper(), "hash_algorithm": "sha256"}):  # fmt: skip
        assert Path(get_file("x.bin", NOWHERE, **how)).read_bytes() == TEXT


def test_places_are_those_asked_for(origin: str, tmp_path: Path) -> None:
    path = get_file("y", origin, cache_dir=tmp_path / "c", cache_subdir="s")
    assert path == str(tmp_path / "c" / "s" / "y")
    far = get_file("z", origin, cache_subdir=str(tmp_path / "far"))
    assert far == str(tmp_path / "far" / "z")


def test_a_damaged_file_is_downloaded_anew(origin: str, home: Path) -> None:
    (home / "datasets").mkdir(parents=True)
    (home / "datasets" / "x.bin").write_bytes(b"half")
    assert Path(get_file(origin=origin, file_hash=SHA)).read_bytes() == TEXT


def test_a_changed_download_is_not_kept(origin: str, home: Path) -> None:
    with pytest.raises(DataError, match=r"(?s)to have the hash 0+\..*was not kept"):
        get_file(origin=origin, file_hash="0" * 64)
    assert list((home / "datasets").iterdir()) == []


def test_without_a_connection_the_place_is_named(home: Path) -> None:
    with pytest.raises(DataError, match=r"(?s)could not download.*Put the file at .*x"):
        get_file(origin=NOWHERE)
    assert list((home / "datasets").iterdir()) == []


@pytest.mark.parametrize(
    "arguments, text",
    [
        ({}, "expected origin"),
        ({"origin": "http://a.b/"}, "fname to be the name of a file"),
        ({"origin": NOWHERE, "fname": "a/b"}, "fname to be the name of a file"),
        ({"origin": NOWHERE, "fname": ".."}, "fname to be the name of a file"),
        ({"origin": "gopher://a/b"}, "expected a URL of http, https, ftp or file"),
        ({"fname": "x", "origin": NOWHERE, "file_hash": "0", "hash_algorithm": "crc"},
         "hash_algorithm must be"),
    ],
)  # fmt: skip
def test_mistakes_are_named(arguments: Any, text: str, home: Path) -> None:
    (home / "datasets").mkdir(parents=True)
    (home / "datasets" / "x").write_bytes(TEXT)
    with pytest.raises(ArgumentError, match=text):
        get_file(**arguments)


# --------------------------------------------------------------------------- archives


def tar(path: Path, *members: tuple[str, Any], mode: str = "w:gz") -> str:
    """Write an archive of (name, bytes or TarInfo)."""
    with tarfile.open(path, mode) as file:  # type: ignore[call-overload]
        for name, held in members:
            info = held if isinstance(held, tarfile.TarInfo) else tarfile.TarInfo(name)
            data = held if isinstance(held, bytes) else b""
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    return path.as_uri()


def zipped(path: Path, *members: tuple[Any, bytes]) -> str:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members:
            file.writestr(name, data)
    return path.as_uri()


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[str, Any]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return name, info


FILES = (("d/a.txt", b"a"), ("d/e/b.txt", b"b"), ("./c.txt", b"c"))


@pytest.mark.parametrize("ending", ["tar", "tar.gz", "tar.bz2", "tar.xz", "zip"])
def test_archives_are_unpacked(ending: str, tmp_path: Path, home: Path) -> None:
    path = tmp_path / f"x.{ending}"
    if ending == "zip":
        url = zipped(path, *FILES)
    else:
        url = tar(path, *FILES, mode="w:" + ending[4:])
    folder = Path(get_file("data", url, extract=True))
    assert folder == home / "datasets" / "data"
    assert {str(p.relative_to(folder)) for p in folder.rglob("*.txt")} == {
        "d/a.txt", "d/e/b.txt", "c.txt"
    }  # fmt: skip
    assert (folder / "d" / "e" / "b.txt").read_bytes() == b"b"
    named = get_file(path.name, url, extract=True)
    assert named == str(home / "datasets" / "x_extracted")


def test_the_older_word_is_for_tar_only(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="is no archive"):
        get_file("data", zipped(tmp_path / "x.zip", *FILES), untar=True)


def test_other_files_of_the_folder_stay(tmp_path: Path, home: Path) -> None:
    (home / "datasets" / "data" / "d").mkdir(parents=True)
    (home / "datasets" / "data" / "d" / "mine.txt").write_text("mine")
    folder = Path(get_file("data", tar(tmp_path / "x.tar", *FILES), extract=True))
    assert (folder / "d" / "mine.txt").read_text() == "mine"
    assert (folder / "d" / "a.txt").read_bytes() == b"a"


def device() -> tuple[str, tarfile.TarInfo]:
    info = tarfile.TarInfo("null")
    info.type = tarfile.CHRTYPE
    return "null", info


def linked_zip(path: Path) -> str:
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return zipped(path, (info, b"/etc/passwd"))


HOSTILE: dict[str, Callable[[Path], str]] = {
    "up and out": lambda p: tar(p, ("../out.txt", b"x")),
    "further up": lambda p: tar(p, ("a/../../out.txt", b"x")),
    "from the root": lambda p: tar(p, ("/tmp/out.txt", b"x")),
    "by a drive": lambda p: zipped(p, ("C:\\out.txt", b"x")),
    "by backslashes": lambda p: zipped(p, ("..\\out.txt", b"x")),
    "up and out of a zip": lambda p: zipped(p, ("../out.txt", b"x")),
    "a link": lambda p: tar(p, link("a", "/etc/passwd")),
    "a link within": lambda p: tar(p, ("b", b"x"), link("a", "b")),
    "a hard link": lambda p: tar(p, link("a", "b", tarfile.LNKTYPE)),
    "a link, then a file through it": lambda p: tar(
        p, link("a", ".."), ("a/out.txt", b"x")
    ),
    "a link in a zip": linked_zip,
    "a device": lambda p: tar(p, device()),
    "one name twice": lambda p: tar(p, ("a", b"x"), ("a", b"y")),
    "a bomb": lambda p: zipped(p, ("a", bytes(3_000_000))),
    "a bomb of a tar": lambda p: tar(p, ("a", bytes(3_000_000))),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_nothing_of_a_hostile_archive_is_kept(
    kind: str, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "FREE", 1_000_000)
    url = HOSTILE[kind](tmp_path / "x")
    with pytest.raises(DataError, match=r"(?s)expected an archive of plain files"):
        get_file("data", url, extract=True)
    left = {str(p.relative_to(home)) for p in home.rglob("*")}
    assert left == {"datasets", os.path.join("datasets", "data_archive")}
    assert not list(tmp_path.rglob("out.txt"))


@pytest.mark.parametrize("place", [20, 3000, 9000])
@pytest.mark.parametrize("ending", ["tar.gz", "tar.bz2", "tar.xz", "zip"])
def test_a_damaged_archive_is_named(
    ending: str, place: int, tmp_path: Path, home: Path
) -> None:
    path = tmp_path / f"x.{ending}"
    random = np.random.default_rng(place)
    many = [(f"{i}", random.bytes(999)) for i in range(9)]
    if ending == "zip":
        zipped(path, *many)
    else:
        tar(path, *many, mode=ending.replace("tar.", "w:"))
    data = bytearray(path.read_bytes())
    data[place : place + 100] = bytes(100)
    path.write_bytes(data)
    with pytest.raises(DataError, match="expected a whole archive"):
        get_file("data", path.as_uri(), extract=True)
    assert not (home / "datasets" / "data").exists()


def test_an_entry_that_holds_more_than_it_says_is_refused(tmp_path: Path) -> None:
    entry = archives.Entry("a", 3, False, None)
    with open(tmp_path / "a", "wb") as file, pytest.raises(DataError, match="declares"):
        archives._copy(io.BytesIO(b"four"), file, entry)
