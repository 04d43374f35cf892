"""Compiled programs kept on disk for the next process.

One file holds one program, under the name of its key: a digest of everything that
decides what the code is. What is read is trusted only if it is whole, of this format
and of that key, and if nobody else could have put it there; anything else is as good
as no file, and is replaced. Where the files are: see `current`.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
import struct
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

MAGIC = b"GKPROG1\n"  # another number for another format
SUFFIX, UNFINISHED = ".program", ".part"
LIMIT = 512  # MiB
ABANDONED = 3600.0  # seconds after which nobody is still writing an unfinished file
HEAD = struct.Struct("<8s32s32sQ")  # magic, digest of the rest, key, number of parts
OFF = ("off", "0", "none")


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of the cache: what it says it is, its bytes, when it was last used."""

    key: str
    label: str
    size: int
    used: float


@dataclass(frozen=True, slots=True)
class Cache:
    """A folder of programs.

    Attributes:
        folder: made when something is first kept.
        limit: bytes; beyond them the least recently used files go.
    """

    folder: str
    limit: int = LIMIT << 20

    def read(self, key: str) -> list[bytes] | None:
        """Return the parts kept under a key (64 hexadecimal digits), None if none are.

        A file that is damaged, foreign or not to be trusted counts as none.
        """
        path = self._path(key)
        try:
            data = _read_own(path, self.limit)
        except OSError:
            return None
        parts = None if data is None else _unpacked(key, data)
        if parts is not None:
            with suppress(OSError):  # a folder that cannot be written is still read
                os.utime(path)
        return None if parts is None else parts[1:]

    def write(self, key: str, label: str, parts: Sequence[bytes]) -> bool:
        """Keep parts under a key; say whether that was possible.

        Other processes see the whole file or none: it is written under another name
        and renamed. `label` is for people, in `entries`.
        """
        data = _packed(key, [label.encode(), *parts])
        if len(data) > self.limit:
            return False
        unfinished = self._path(key, f".{os.getpid()}.{secrets.token_hex(4)}")
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            if not is_own(os.stat(self.folder)):
                return False
            _write_new(unfinished, data)
            os.replace(unfinished, self._path(key))
        except OSError:  # read-only, full, or open elsewhere on Windows
            with suppress(OSError):
                os.unlink(unfinished)
            return False
        self._evict(keep=key)
        return True

    def entries(self) -> list[Entry]:
        """Return what is kept, the last used first."""
        found = []
        for file in self._files(SUFFIX):
            with suppress(OSError):
                state = file.stat()
                label = _label(file.path)
                key = file.name.removesuffix(SUFFIX)
                found.append(Entry(key, label, state.st_size, state.st_mtime))
        return sorted(found, key=lambda e: -e.used)

    def clear(self) -> int:
        """Remove everything; return the number of programs removed."""
        removed = 0
        for suffix in (SUFFIX, UNFINISHED):
            for file in list(self._files(suffix)):
                with suppress(OSError):
                    os.unlink(file.path)
                    removed += suffix == SUFFIX
        return removed

    def _path(self, key: str, unfinished: str = "") -> str:
        ending = unfinished + UNFINISHED if unfinished else SUFFIX
        return os.path.join(self.folder, key + ending)

    def _files(self, suffix: str) -> Iterator[os.DirEntry[str]]:
        with suppress(OSError), os.scandir(self.folder) as files:
            yield from (f for f in files if f.name.endswith(suffix))

    def _evict(self, keep: str) -> None:
        """Remove what was not used for longest until the rest is within the limit."""
        known = []
        for file in self._files(SUFFIX):
            with suppress(OSError):  # another process may be evicting too
                state = file.stat()
                known.append((state.st_mtime, state.st_size, file.path))
        total = sum(size for _, size, _ in known)
        for _, size, path in sorted(known):
            if total <= self.limit:
                break
            if path != self._path(keep):
                total -= size
                with suppress(OSError):
                    os.unlink(path)
        for file in self._files(UNFINISHED):
            with suppress(OSError):
                if time.time() - file.stat().st_mtime > ABANDONED:
                    os.unlink(file.path)


# ---------------------------------------------------------------------------- place


def current() -> Cache | None:
    """Return the cache the environment asks for, None if there is to be none.

    ``GRAPHKERAS_CACHE`` names the folder, or is ``off``; without it the folder is
    ``graphkeras`` in the user's cache folder. ``GRAPHKERAS_CACHE_LIMIT`` is in MiB.
    """
    named = os.environ.get("GRAPHKERAS_CACHE", "")
    if named.lower() in OFF:
        return None
    folder = os.path.expanduser(named) if named else _default_folder()
    if not os.path.isabs(folder) and not named:  # no home
        return None
    folder = os.path.abspath(folder)
    with suppress(OSError):
        if not is_own(os.stat(folder)):
            _warn_once(folder)
            return None
    return Cache(folder, _limit() << 20)


def _default_folder() -> str:
    windows = os.environ.get("LOCALAPPDATA") if sys.platform == "win32" else None
    base = windows or os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "graphkeras")


def _limit() -> int:
    """Return the limit in MiB; what is no number counts as not said."""
    said = os.environ.get("GRAPHKERAS_CACHE_LIMIT", "")
    return int(said) if said.isdecimal() else LIMIT


_warned: set[str] = set()


def _warn_once(folder: str) -> None:
    if folder not in _warned:
        _warned.add(folder)
        warnings.warn(
            f"cache: {folder} is not used, since others may write there."
            "\n  Set GRAPHKERAS_CACHE to a folder of your own, or to off.",
            RuntimeWarning, stacklevel=2,
        )  # fmt: skip


def is_own(state: os.stat_result) -> bool:
    """Whether only this user (or the system's) decides what a file or folder holds."""
    if sys.platform == "win32":  # the user's folders are guarded by their own lists
        return True
    return state.st_uid in (0, os.geteuid()) and not state.st_mode & stat.S_IWOTH


# --------------------------------------------------------------------------- format


def _packed(key: str, parts: Sequence[bytes]) -> bytes:
    """Return a file: head, the length of each part, the parts."""
    lengths = struct.pack(f"<{len(parts)}Q", *map(len, parts))
    rest = bytes.fromhex(key) + struct.pack("<Q", len(parts)) + lengths
    rest += b"".join(parts)
    return MAGIC + hashlib.sha256(rest).digest() + rest


def _unpacked(key: str, data: bytes) -> list[bytes] | None:
    """Return the parts of a file, None if a single byte is not as it was written."""
    if len(data) < HEAD.size:
        return None
    magic, digest, found, count = HEAD.unpack_from(data)
    rest = memoryview(data)[40:]
    if magic != MAGIC or found.hex() != key or hashlib.sha256(rest).digest() != digest:
        return None
    parts, at = [], HEAD.size + 8 * count
    for (length,) in struct.iter_unpack("<Q", data[HEAD.size : at]):
        parts.append(data[at : at + length])
        at += length
    return parts


def _label(path: str) -> str:
    """Return what a file says it is, unchecked; "" if it says nothing."""
    with open(path, "rb") as file:
        head = file.read(HEAD.size)
        if len(head) < HEAD.size or not head.startswith(MAGIC):
            return ""
        count = HEAD.unpack(head)[3]
        lengths = file.read(8)
        if not 0 < count < 16 or len(lengths) < 8:
            return ""
        file.seek(HEAD.size + 8 * count)
        text = file.read(min(int.from_bytes(lengths, "little"), 200))
        return text.decode("utf-8", "replace")


def _read_own(path: str, most: int) -> bytes | None:
    """Return the bytes of a file, None if another user may have written it."""
    flags = os.O_RDONLY
    for name in ("O_BINARY", "O_NOFOLLOW", "O_NONBLOCK"):  # no link, no waiting pipe
        flags |= getattr(os, name, 0)
    with open(os.open(path, flags), "rb") as file:
        state = os.fstat(file.fileno())
        if not stat.S_ISREG(state.st_mode) or not is_own(state) or state.st_size > most:
            return None
        return file.read()


def _write_new(path: str, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags, 0o600), "wb") as file:
        file.write(data)
