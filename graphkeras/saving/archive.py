"""A saved model: a config, weights and assets, in a zip or in a folder.

What is read is checked first: limits are compared with what the file declares, before
memory is taken for it.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import stat
import struct
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

from graphkeras.errors import SavingError

METADATA, CONFIG, WEIGHTS, ASSETS = (
    "metadata.json", "config.json", "model.weights.h5", "assets",
)  # fmt: skip

_MEMBERS = 10_000  # files in the zip
_JSON_BYTES = 32 << 20  # the largest config of keras.applications has 1.5 MB
_JSON_DEPTH = 200  # brackets inside one another
_JSON_PARTS = 1_000_000  # lists and objects; each takes at least 64 bytes of memory
_ASSETS_BYTES = 256 << 20  # vocabularies; they are read into memory
_LAYERS = 5_000  # the largest model of keras.applications has 1,041
_RATIO = 20  # times a member may grow; Keras does not compress at all
_ROOM = 64 << 20  # bytes it may have in any case
_CHUNK = 1 << 20  # bytes read at a time
_LOCAL_HEADER = 30  # bytes before the name of a file in a zip


@dataclass(frozen=True, slots=True)
class Archive:
    """The contents of a saved model, its weights still in the file.

    Attributes:
        config: the model's config.
        metadata: who saved it, and when.
        weights: the HDF5 file, to be closed with `close`.
        assets: files of layers, by their path in the folder of assets.
    """

    config: dict[str, Any]
    metadata: dict[str, Any]
    weights: BinaryIO
    assets: dict[str, bytes]


class Window(io.RawIOBase):
    """A part of an open file, as a file that can be read.

    Args:
        file: open for reading bytes; closed with the window.
        start: where the part begins.
        size: how many bytes it has.
    """

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self._file, self._start, self._size, self._at = file, start, size, 0

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """It can be read from any place."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place and return it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}
        self._at = max(0, base[whence] + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Read as much as fits, and return how much it was."""
        view = memoryview(buffer).cast("B")
        wanted = max(0, min(len(view), self._size - self._at))
        self._file.seek(self._start + self._at)
        read = self._file.readinto(view[:wanted])  # type: ignore[attr-defined]
        self._at += read
        return read

    def close(self) -> None:
        """Close the file too."""
        self._file.close()
        super().close()


def read_archive(path: Path, weights_only: bool = False) -> Archive:
    """Read a saved model: a ``.keras`` file, or a folder with its parts.

    Args:
        path: the file or folder.
        weights_only: leave config and assets out.

    Raises:
        SavingError: if it is no whole zip of a model, or breaks a limit.
    """
    if path.is_dir():
        return _read_folder(path, weights_only)
    try:
        with zipfile.ZipFile(path) as archive:
            members = _checked(archive, path.stat().st_size)
            weights = _opened(archive, members, path)
            if weights_only:
                return Archive({}, {}, weights, {})
            named = {n for n in members if n.startswith(f"{ASSETS}/")}
            return Archive(
                read_json(_content(archive, members, CONFIG), CONFIG),
                read_json(_content(archive, members, METADATA), METADATA),
                weights,
                {n.removeprefix(f"{ASSETS}/"): archive.read(n) for n in sorted(named)},
            )
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise SavingError(f"expected a whole .keras file (a zip); {error}") from error


def _opened(
    archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], path: Path
) -> BinaryIO:
    """Return the weights as a file; they are not copied unless they are compressed.

    Their checksum is compared here, as `archive.read` does.
    """
    _require(members, WEIGHTS)
    info = members[WEIGHTS]
    if info.compress_type != zipfile.ZIP_STORED:
        return _unpacked(archive, info)
    with archive.open(info) as member:
        while member.read(_CHUNK):
            pass
    file = open(path, "rb")  # noqa: SIM115  closed with the window
    file.seek(info.header_offset)
    header = file.read(_LOCAL_HEADER)
    name, extra = struct.unpack("<HH", header[-4:])
    start = info.header_offset + _LOCAL_HEADER + name + extra
    return cast(BinaryIO, Window(file, start, info.file_size))


def _unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> BinaryIO:
    """Return a compressed member as a file on the disk, which vanishes when closed."""
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(tempfile.TemporaryFile())
        with archive.open(info) as member:
            shutil.copyfileobj(member, file, _CHUNK)
        file.seek(0)
        stack.pop_all()  # it stays open
    return cast(BinaryIO, file)


def _read_folder(path: Path, weights_only: bool) -> Archive:
    """Read the parts of a saved model that lie in a folder."""
    files = [p for p in path.rglob("*") if p.is_symlink() or not p.is_dir()]
    if any(p.is_symlink() or not p.is_file() for p in files):
        raise SavingError("expected plain files in the folder, and no links")
    if len(files) > _MEMBERS:
        raise SavingError(f"expected at most {_MEMBERS:,} files in the folder")
    members = {p.relative_to(path).as_posix(): p for p in files}
    _require(members, WEIGHTS)
    if weights_only:
        return Archive({}, {}, open(members[WEIGHTS], "rb"), {})
    texts = {n: _require(members, n).read_bytes() for n in (CONFIG, METADATA)}
    named = sorted(n for n in members if n.startswith(f"{ASSETS}/"))
    return Archive(
        read_json(texts[CONFIG], CONFIG), read_json(texts[METADATA], METADATA),
        open(members[WEIGHTS], "rb"),
        {n.removeprefix(f"{ASSETS}/"): members[n].read_bytes() for n in named},
    )  # fmt: skip


def _checked(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """Return the files of a zip by name, directories left out.

    Raises:
        SavingError: for names, numbers or sizes that no saved model has.
    """
    infos = archive.infolist()
    if len(infos) > _MEMBERS:
        raise SavingError(f"expected at most {_MEMBERS:,} files in the zip")
    if sum(i.compress_size for i in infos) > size:
        raise SavingError("expected a zip as large as its parts say together")
    whole = sum(i.file_size for i in infos)
    if whole > max(_ROOM, _RATIO * size):
        raise SavingError(
            f"expected a zip that does not grow {_RATIO} times; {size:,} bytes would "
            f"become {whole:,}"
        )
    kept = sum(i.file_size for i in infos if i.filename.startswith(f"{ASSETS}/"))
    if kept > _ASSETS_BYTES:
        raise SavingError(f"expected at most {_ASSETS_BYTES:,} bytes of assets")
    members: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        _check_name(info)
        if info.filename in members:
            raise SavingError(f"expected each file once; {info.filename!r} is twice")
        members[info.filename] = info
    return {name: info for name, info in members.items() if not info.is_dir()}


def _check_name(info: zipfile.ZipInfo) -> None:
    """Refuse what would leave the archive's folder if it were written to disk."""
    parts = PurePosixPath(info.filename).parts
    drive = "\\" in info.filename or ":" in info.filename
    if drive or not parts or info.filename.startswith("/") or ".." in parts:
        raise SavingError(f"expected plain paths in the zip; one is {info.filename!r}")
    if stat.S_ISLNK(info.external_attr >> 16):
        raise SavingError(f"expected no links in the zip; {info.filename!r} is one")


def _require(members: Mapping[str, Any], name: str) -> Any:
    if name not in members:
        shown = ", ".join(sorted(members)[:20]) or "none"
        raise SavingError(f"expected {name} among the files; there are {shown}")
    return members[name]


def _content(archive: zipfile.ZipFile, members: Mapping[str, Any], name: str) -> bytes:
    _require(members, name)
    if name.endswith(".json") and members[name].file_size > _JSON_BYTES:
        raise SavingError(f"expected {name} to have at most {_JSON_BYTES:,} bytes")
    return archive.read(name)


# ------------------------------------------------------------------------------- JSON


def read_json(text: bytes | str, name: str) -> dict[str, Any]:
    """Return the object that JSON text describes.

    Raises:
        SavingError: if it is none, too long, or too deep.
    """
    if len(text) > _JSON_BYTES:
        raise SavingError(f"expected {name} to have at most {_JSON_BYTES:,} bytes")
    brackets = (b"[", b"{") if isinstance(text, bytes) else ("[", "{")
    if sum(map(text.count, brackets)) > _JSON_PARTS:  # type: ignore[arg-type]
        raise SavingError(f"expected {name} to have at most {_JSON_PARTS:,} parts")
    try:
        found = json.loads(text)
    except RecursionError:
        raise SavingError(_too_deep(name)) from None
    except ValueError as error:  # bad JSON, bad UTF-8, numbers of 5000 digits
        raise SavingError(f"expected {name} to be JSON; {error}") from error
    if not isinstance(found, dict):
        raise SavingError(f"expected {name} to be an object in braces")
    _check_size(found, name)
    return found


def _too_deep(name: str) -> str:
    return f"expected {name} to be nested at most {_JSON_DEPTH} deep"


def _check_size(found: Any, name: str) -> None:
    """Refuse JSON that is nested too deep or lists too many layers."""
    waiting = [(found, 1)]
    layers = 0
    while waiting:
        item, depth = waiting.pop()
        if depth > _JSON_DEPTH:
            raise SavingError(_too_deep(name))
        if isinstance(item, dict):
            listed = item.get("layers")
            layers += len(listed) if isinstance(listed, list) else 0
            item = list(item.values())
        if isinstance(item, list):
            waiting += [(x, depth + 1) for x in item if isinstance(x, (dict, list))]
    if layers > _LAYERS:
        raise SavingError(f"expected {name} to list at most {_LAYERS:,} layers")


# ---------------------------------------------------------------------------- writing


def write_archive(
    file: BinaryIO, texts: Mapping[str, str], weights: io.BytesIO, assets: Path
) -> None:
    """Write a ``.keras`` file; like Keras's, its parts are not compressed.

    Args:
        file: where it goes.
        texts: the metadata and the config as JSON, by their names.
        weights: the HDF5 file.
        assets: folder of files of the layers.
    """
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in texts.items():
            archive.writestr(name, text)
        archive.writestr(WEIGHTS, weights.getbuffer())
        for path in sorted(p for p in assets.rglob("*") if p.is_file()):
            archive.write(path, f"{ASSETS}/{path.relative_to(assets).as_posix()}")


def write_folder(
    folder: Path, texts: Mapping[str, str], weights: io.BytesIO, assets: Path
) -> None:
    """Write the same parts as files of a new folder; see `write_archive`."""
    folder.mkdir()
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    with open(folder / WEIGHTS, "wb") as file:
        file.write(weights.getbuffer())
    shutil.copytree(assets, folder / ASSETS)
