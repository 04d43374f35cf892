"""Files that are replaced whole or not at all."""

from __future__ import annotations

import contextlib
import os
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


def _flush(path: Path) -> None:
    """Bring a file to the disk, so that no crash leaves a name without its bytes."""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())
