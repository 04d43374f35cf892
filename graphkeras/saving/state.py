"""The state of a model, part by part, to and from the stores of a file."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from graphkeras.errors import SavingError
from graphkeras.saving.hdf5 import Reader
from graphkeras.saving.parts import Walk


class Target(Protocol):
    """Where the arrays of parts are written."""

    def part(self, path: str, name: str | None) -> Any:
        """Return a mapping that takes the arrays of one part."""


class Source(Protocol):
    """Where the arrays of parts are read."""

    def part(self, path: str) -> Mapping[str, np.ndarray]:
        """Return the arrays of one part; none if there is no such."""


def write_state(
    model: Any, target: Target, assets: Path | None, left_out: Sequence[Any] = ()
) -> None:
    """Write the arrays of all parts of a model, and the files of its layers.

    Args:
        model: the model.
        target: where the arrays go.
        assets: folder for files of layers; None leaves them out.
        left_out: parts that are not written.
    """

    def write(path: str, part: Any) -> bool:
        named = getattr(part, "name", None) if hasattr(part, "path") else None
        part.save_own_variables(target.part(path, named))
        if assets is not None and hasattr(part, "save_assets"):
            folder = assets / path
            folder.mkdir(parents=True, exist_ok=True)
            part.save_assets(str(folder))
        return True

    Walk(write, left_out).part(model)


def read_state(
    model: Any,
    source: Source,
    assets: Path | None,
    skip_mismatch: bool = False,
    left_out: Sequence[Any] = (),
) -> None:
    """Read what `write_state` wrote.

    Raises:
        SavingError: if a part does not fit, and `skip_mismatch` is not given.
    """
    failed: dict[int, str] = {}

    def read(path: str, part: Any) -> bool:
        try:
            part.load_own_variables(source.part(path))
            folder = None if assets is None else assets / path
            if folder is not None and folder.is_dir() and hasattr(part, "load_assets"):
                part.load_assets(str(folder))
        except Exception as error:  # layers of users may raise anything
            text = " ".join(str(error).split())
            failed.setdefault(id(part), f"{path or 'the model'}: {text}")
            return False
        failed.pop(id(part), None)
        return True

    Walk(read, left_out).part(model)
    tell_misfits(list(failed.values()), skip_mismatch)


def tell_misfits(failed: list[str], skip_mismatch: bool) -> None:
    """Warn of parts that do not fit, or refuse them.

    Raises:
        SavingError: if there are some, and `skip_mismatch` is not given.
    """
    if failed and skip_mismatch:
        for text in failed:
            warnings.warn(f"load_weights skips {text}", stacklevel=5)
    elif failed:
        first, *more = failed
        others = f" (and {len(more)} more do not fit)" if more else ""
        raise SavingError(first + others)


@contextlib.contextmanager
def open_weights(source: Any) -> Iterator[Reader]:
    """Give a checked HDF5 file, closed at the end."""
    reader = Reader(source)
    try:
        yield reader
    finally:
        reader.close()
