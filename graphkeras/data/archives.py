"""Taking files out of tar and zip archives of strangers.

Nothing is written outside of the folder given: entries that would go elsewhere, links
and devices are refused before the first file is written, as is an archive that grows
beyond measure.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from graphkeras.errors import DataError, message

LARGEST = 64 * 2**30  # bytes in all
FILES = 2_000_000
RATIO = 200  # times the size of the archive, once that is more than ...
FREE = 2**30  # ... this many bytes
_CHUNK = 1 << 20
_DAMAGED = (tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, lzma.LZMAError,
            zlib.error, EOFError, RuntimeError)  # fmt: skip
_PACKED = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ", lzma.open))


@dataclass(frozen=True, slots=True)
class Entry:
    """One file or folder of an archive."""

    name: str
    size: int
    folder: bool
    held: Any


def unpack(path: str, folder: str, archive_format: Any = "auto") -> bool:
    """Take all files of an archive; return whether it was one.

    The folder appears with all of them or not at all.

    Args:
        path: the archive.
        folder: where to put the files.
        archive_format: "tar", "zip", a list of the two, "auto" for both, or None.

    Raises:
        DataError: for an archive that is damaged or not safe.
    """
    formats = ("tar", "zip") if archive_format == "auto" else archive_format or ()
    for kind in (formats,) if isinstance(formats, str) else formats:
        if kind == "tar" and (tarfile.is_tarfile(path) or _is_packed_badly(path)):
            _unpack(path, folder, _Tar)
            return True
        if kind == "zip" and zipfile.is_zipfile(path):
            _unpack(path, folder, _Zip)
            return True
        if kind not in ("tar", "zip"):
            raise DataError(
                message("get_file", 'archive_format must be "auto", "tar", "zip" or'
                        " None.", repr(kind))
            )  # fmt: skip
    return False


def _is_packed_badly(path: str) -> bool:
    """Return whether a file is packed as archives are, but damaged at its head.

    `tarfile` says of such a file that it is no archive.
    """
    with open(path, "rb") as file:
        head = file.read(8)
    for magic, opened in _PACKED:
        if head.startswith(magic):
            try:
                with opened(path) as stream:
                    stream.read(1)
            except (*_DAMAGED, OSError):
                return True
    return False


class _Tar:
    """A tar archive, packed by gzip, bzip2 or xz, or not."""

    def __init__(self, path: str) -> None:
        self.file = tarfile.open(path)  # noqa: SIM115  closed by `close`
        self.close = self.file.close

    def entries(self) -> Iterator[Entry]:
        for member in self.file:
            if not (member.isfile() or member.isdir()):
                raise _refused(member.name, "a link or a device")
            yield Entry(member.name, member.size, member.isdir(), member)

    def finish(self, allowance: int) -> None:
        """Read what comes behind the last file: only then is the sum checked."""
        while chunk := self.file.fileobj.read(_CHUNK):
            allowance -= len(chunk)
            if allowance < 0:
                raise _refused("the end", "the archive goes on without files")

    def open(self, entry: Entry) -> IO[bytes]:
        found = self.file.extractfile(entry.held)
        assert found is not None  # only of folders
        return found


class _Zip:
    """A zip archive."""

    def __init__(self, path: str) -> None:
        self.file = zipfile.ZipFile(path)
        self.close = self.file.close

    def entries(self) -> Iterator[Entry]:
        for info in self.file.infolist():
            mode = info.external_attr >> 16
            kind = stat.S_IFMT(mode)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _refused(info.filename, "a link or a device")
            yield Entry(info.filename, info.file_size, info.is_dir(), info)

    def finish(self, allowance: int) -> None:
        """Each file was checked when it was read."""

    def open(self, entry: Entry) -> IO[bytes]:
        return self.file.open(entry.held)


def _refused(name: str, why: str) -> DataError:
    return DataError(
        message(
            "get_file", "expected an archive of plain files below one folder.",
            f"{name!r}: {why}", "Nothing was unpacked. Do so by hand if you trust it.",
        )
    )  # fmt: skip


def _unpack(path: str, folder: str, kind: Any) -> None:
    parent = os.path.dirname(os.path.abspath(folder))
    os.makedirs(parent, exist_ok=True)
    place = tempfile.mkdtemp(dir=parent, prefix=".unpacking-")
    try:
        archive = kind(path)
        try:
            allowance = max(FREE, RATIO * os.path.getsize(path))
            _take(archive, place, allowance)
            archive.finish(allowance)
        finally:
            archive.close()
        _move(place, folder)
    except _DAMAGED as error:
        raise DataError(
            message("get_file", f"expected a whole archive in {path}.", str(error),
                    "Remove the file, to download it again.")
        ) from error  # fmt: skip
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _move(place: str, folder: str) -> None:
    """Bring what was unpacked into the folder; other files in it are left alone."""
    if not os.path.isdir(folder):
        os.chmod(place, 0o755)  # mkdtemp keeps others out
        os.replace(place, folder)
        return
    for here, _, names in os.walk(place):
        there = os.path.join(folder, os.path.relpath(here, place))
        os.makedirs(there, exist_ok=True)
        for name in names:
            os.replace(os.path.join(here, name), os.path.join(there, name))
    os.utime(folder)


def _take(archive: Any, folder: str, allowance: int) -> None:
    entries = list(_checked(archive.entries(), allowance))
    for entry, target in ((e, os.path.join(folder, *p)) for e, p in entries):
        if entry.folder:
            os.makedirs(target, exist_ok=True)
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if os.path.lexists(target):
            raise _refused(entry.name, "it occurs twice")
        with archive.open(entry) as source, open(target, "wb") as file:
            _copy(source, file, entry)


def _copy(source: IO[bytes], file: IO[bytes], entry: Entry) -> None:
    """Copy at most what the entry says it holds: the sum of that was checked."""
    left = entry.size
    while chunk := source.read(min(_CHUNK, left + 1)):
        left -= len(chunk)
        if left < 0:
            raise _refused(entry.name, f"more than the {entry.size} bytes it declares")
        file.write(chunk)


def _checked(
    entries: Iterator[Entry], allowance: int
) -> Iterator[tuple[Entry, list[str]]]:
    """Yield entries with the parts of their paths; all must be safe."""
    total = 0
    limit = min(allowance, LARGEST)
    for count, entry in enumerate(entries, 1):
        total += max(entry.size, 0)
        if total > limit or count > FILES:
            raise _refused(
                entry.name,
                f"the archive grows beyond {limit:,} bytes or {FILES:,} files",
            )
        parts = _parts(entry.name)
        if parts:
            yield entry, parts


def _parts(name: str) -> list[str]:
    """Return the parts of a path that stays below its folder."""
    plain = name.replace("\\", "/")
    parts = [part for part in plain.split("/") if part not in ("", ".")]
    drive = len(plain) > 1 and plain[1] == ":"
    if plain.startswith("/") or drive or ".." in parts or "\0" in name:
        raise _refused(name, "a path outside of the folder")
    return parts
