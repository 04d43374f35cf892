"""Files from the network, kept for the next time; files put there beforehand."""

from __future__ import annotations

import hashlib
import os
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import warnings
from typing import Any

from graphkeras.data.archives import unpack
from graphkeras.errors import ArgumentError, DataError, message

_CHUNK = 1 << 20
_PATIENCE = 60  # seconds without a byte


def home() -> str:
    """Return the folder for what is kept: $GRAPHKERAS_HOME or ~/.graphkeras."""
    given = os.environ.get("GRAPHKERAS_HOME")
    return os.path.expanduser(given or os.path.join("~", ".graphkeras"))


def get_file(
    fname: Any = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: Any = "auto",
    cache_dir: Any = None,
    force_download: bool = False,
) -> str:
    """Return the path of a file, downloaded unless it is there already.

    A file that was put there by hand is used without a connection. Archives are
    unpacked only below a folder of their own; see `graphkeras.data.archives`.

    Args:
        fname: name of the file; the last part of `origin` if None. With `extract`, a
            name without a dot is the folder to unpack into.
        origin: where it comes from: a URL.
        untar: the older word for `extract` of a tar file.
        md5_hash: the older word for `file_hash`.
        file_hash: hash the file must have; it is downloaded again if it has another.
        cache_subdir: folder in `cache_dir`; may be an absolute path.
        hash_algorithm: "sha256", "md5", or "auto" by the length of the hash.
        extract: whether to unpack it, and return the folder.
        archive_format: "tar", "zip", a list of the two, or "auto" for both.
        cache_dir: $GRAPHKERAS_HOME or ~/.graphkeras if None.
        force_download: whether to download it even if it is there.

    Raises:
        ArgumentError: for arguments that name no file.
        DataError: if it cannot be had, or is not what its hash promises.
    """
    if md5_hash is not None and file_hash is None:
        file_hash, hash_algorithm = md5_hash, "md5"
    if not origin:
        raise ArgumentError(message("get_file", "expected origin, a URL."))
    name = _name(fname, origin)
    given = os.path.expanduser(os.fspath(cache_dir)) if cache_dir else home()
    folder = os.path.join(given, cache_subdir)
    target, unpacked = _places(folder, name, bool(fname), extract or untar)
    if force_download or not _is_there(target, file_hash, hash_algorithm):
        fetch(origin, target, file_hash, hash_algorithm)
    if not unpacked:
        return target
    if not unpack(target, unpacked, "tar" if untar else archive_format):
        warnings.warn(f"get_file: {target} is no archive.", stacklevel=2)
    return unpacked


def _name(fname: Any, origin: str) -> str:
    name = os.fspath(fname) if fname else ""
    if not name:
        name = os.path.basename(urllib.parse.urlsplit(origin).path)
    if not name or name in (".", "..") or set(name) & {"/", os.sep, "\0"}:
        raise ArgumentError(
            message("get_file", "expected fname to be the name of a file.",
                    f"fname={fname!r}, origin={origin!r}",
                    "Say where it goes by cache_dir and cache_subdir.")
        )  # fmt: skip
    return name


def _places(folder: str, name: str, named: bool, extract: bool) -> tuple[str, str]:
    """Return where the file is kept, and the folder it is unpacked to, or ""."""
    if not extract:
        return os.path.join(folder, name), ""
    if named and "." in name:
        into = f"{name[: name.index('.')]}_extracted"
        return os.path.join(folder, name), os.path.join(folder, into)
    return os.path.join(folder, f"{name}_archive"), os.path.join(folder, name)


def _is_there(path: str, file_hash: str | None, algorithm: str) -> bool:
    if not os.path.exists(path):
        return False
    if file_hash is None or hash_of(path, file_hash, algorithm) == file_hash.lower():
        return True
    print(f"{path} is not the file expected: its hash is not {file_hash}.")
    return False


def hash_of(path: str, file_hash: str, algorithm: str = "auto") -> str:
    """Return the hash of a file, by the algorithm that made `file_hash`."""
    if algorithm not in ("auto", "sha256", "md5"):
        raise ArgumentError(
            message("get_file", 'hash_algorithm must be "auto", "sha256" or "md5".',
                    repr(algorithm))
        )  # fmt: skip
    sha = algorithm == "sha256" or (algorithm == "auto" and len(file_hash) == 64)
    hasher = hashlib.sha256() if sha else hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            hasher.update(chunk)
    return hasher.hexdigest()


def fetch(
    origin: str, target: str, file_hash: str | None = None, algorithm: str = "auto"
) -> None:
    """Download a file; it appears whole, and only if it has the hash.

    Raises:
        DataError: if there is no connection, or it is another file.
    """
    scheme = urllib.parse.urlsplit(origin).scheme
    if scheme not in ("http", "https", "ftp", "file"):
        raise ArgumentError(
            message("get_file", "expected a URL of http, https, ftp or file.", origin)
        )
    folder = os.path.dirname(target)
    os.makedirs(folder, exist_ok=True)
    print(f"Downloading {origin}", flush=True)
    handle, part = tempfile.mkstemp(dir=folder, prefix=".downloading-")
    try:
        with os.fdopen(handle, "wb") as file:
            _download(origin, file, target)
        if file_hash is not None:
            _check_hash(origin, part, file_hash, algorithm)
        os.replace(part, target)
    finally:
        if os.path.exists(part):
            os.remove(part)


def _download(origin: str, file: Any, target: str) -> None:
    try:
        with urllib.request.urlopen(origin, timeout=_PATIENCE) as source:
            total = source.headers.get("Content-Length")
            done = 0
            while chunk := source.read(_CHUNK):
                file.write(chunk)
                done += len(chunk)
        if total is not None and done < int(total):
            raise OSError(f"the connection ended after {done:,} of {total} bytes")
    except (OSError, ValueError) as error:
        raise DataError(
            message(
                "get_file", f"could not download {origin}.", f"{error}",
                f"Put the file at {target}, then no connection is needed.",
            )
        ) from error  # fmt: skip


def _check_hash(origin: str, path: str, file_hash: str, algorithm: str) -> None:
    found = hash_of(path, file_hash, algorithm)
    if found != file_hash.lower():
        raise DataError(
            message("get_file", f"expected {origin} to have the hash {file_hash}.",
                    found, "The file is damaged or has been changed; it was not kept.")
        )  # fmt: skip
