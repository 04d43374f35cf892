"""Files that are replaced whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from graphkeras.errors import SavingError, message


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give a path to write to; the file takes the place of `target` if all went well.

    It lies in the same folder, where renaming is one step of the file system: whoever
    reads `target` finds the old file or the new one, also if this process is killed.

    Raises:
        SavingError: if the folder or the file cannot be written.
    """
    staged = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        if target.is_dir():
            raise IsADirectoryError(21, "is a folder")
        yield staged
        _flush(staged)
        os.replace(staged, target)
    except OSError as error:
        raise SavingError(
            message(
                str(target), "expected a path that can be written.",
                error.strerror or str(error),
                "Make the folder first, or choose another path.",
            )
        ) from error  # fmt: skip
    finally:
        staged.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing_folder(target: Path) -> Iterator[Path]:
    """Give a path for a new folder, which takes the place of `target` if all went well.

    A folder that is there is moved aside first and removed last, so whoever kills this
    process in between finds its old contents beside the new ones.

    Raises:
        SavingError: if `target` holds other things than a saved model, or cannot be
            written.
    """
    mark = uuid.uuid4().hex[:8]
    staged, old = (target.with_name(f".{target.name}.{mark}.{x}") for x in _BESIDE)
    try:
        _check_replaceable(target)
        yield staged
        for file in staged.rglob("*"):
            if file.is_file():
                _flush(file)
        if target.exists():
            os.replace(target, old)
        os.replace(staged, target)
    except OSError as error:
        raise SavingError(
            message(
                str(target), "expected a folder that can be written.",
                error.strerror or str(error),
                "Make the folder around it first, or choose another path.",
            )
        ) from error  # fmt: skip
    finally:
        for folder in (staged, old):
            shutil.rmtree(folder, ignore_errors=True)


_BESIDE = ("new", "old")
_PARTS = {"metadata.json", "config.json", "model.weights.h5", "assets"}


def _check_replaceable(target: Path) -> None:
    """Refuse to replace a folder that holds anything but a saved model."""
    if not target.exists():
        return
    if not target.is_dir() or target.is_symlink():
        raise NotADirectoryError(20, "is no folder")
    others = sorted({p.name for p in target.iterdir()} - _PARTS)
    if others:
        raise SavingError(
            message(
                str(target), "expected a new folder, or one with a saved model.",
                f"one that holds {', '.join(others[:5])}", "Choose another path.",
            )
        )  # fmt: skip


def _flush(path: Path) -> None:
    """Bring a file to the disk, so that no crash leaves a name without its bytes."""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())
