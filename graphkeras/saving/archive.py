"""A ``.keras`` file: a zip of a config, weights and assets, checked before it is read.

Limits are compared with what the file declares, before memory is taken for it.
"""

from __future__ import annotations

import io
import json
import stat
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from graphkeras.errors import SavingError

METADATA, CONFIG, WEIGHTS, ASSETS = (
    "metadata.json", "config.json", "model.weights.h5", "assets",
)  # fmt: skip

_MEMBERS = 10_000  # files in the zip
_JSON_BYTES = 32 << 20  # the largest config of keras.applications has 1.5 MB
_JSON_DEPTH = 200  # brackets inside one another
_LAYERS = 5_000  # the largest model of keras.applications has 1,041
_RATIO = 20  # times a member may grow; Keras does not compress at all
_ROOM = 64 << 20  # bytes it may have in any case


@dataclass(frozen=True, slots=True)
class Archive:
    """The contents of a ``.keras`` file.

    Attributes:
        config: the model's config.
        metadata: who saved it, and when.
        weights: the HDF5 file.
        assets: files of layers, by their path in the folder of assets.
    """

    config: dict[str, Any]
    metadata: dict[str, Any]
    weights: bytes
    assets: dict[str, bytes]


def read_archive(path: Path, weights_only: bool = False) -> Archive:
    """Read a ``.keras`` file.

    Args:
        path: the file.
        weights_only: leave config and assets out.

    Raises:
        SavingError: if it is no whole zip of a model, or breaks a limit.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = _checked(archive, path.stat().st_size)
            weights = _content(archive, members, WEIGHTS)
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


def _content(archive: zipfile.ZipFile, members: Mapping[str, Any], name: str) -> bytes:
    if name not in members:
        raise SavingError(
            f"expected {name} in the zip; it has {', '.join(sorted(members)) or 'none'}"
        )
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
    file: BinaryIO, config: str, metadata: str, weights: io.BytesIO, assets: Path
) -> None:
    """Write a ``.keras`` file; like Keras's, its parts are not compressed.

    Args:
        file: where it goes.
        config: the model's config as JSON.
        metadata: who saved it, and when, as JSON.
        weights: the HDF5 file.
        assets: folder of files of the layers.
    """
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(METADATA, metadata)
        archive.writestr(CONFIG, config)
        archive.writestr(WEIGHTS, weights.getbuffer())
        for path in sorted(p for p in assets.rglob("*") if p.is_file()):
            archive.write(path, f"{ASSETS}/{path.relative_to(assets).as_posix()}")
