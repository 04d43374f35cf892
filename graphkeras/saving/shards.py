"""Weights spread over several HDF5 files, which a ``.weights.json`` lists.

The list maps the path of a part's arrays to the file, or files, that hold them.
"""

from __future__ import annotations

import contextlib
import json
import math
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from graphkeras.errors import SavingError, message
from graphkeras.saving.archive import read_json
from graphkeras.saving.atomic import replacing
from graphkeras.saving.hdf5 import Reader, ReadPart, Stored, Writer

_GIBIBYTE = 1 << 30


def check_shard_size(max_shard_size: Any) -> float:
    """Return the largest size of a file in bytes.

    Raises:
        SavingError: unless it is a number of GiB above zero.
    """
    number = isinstance(max_shard_size, (int, float)) and not isinstance(
        max_shard_size, bool
    )
    if not number or not 0 < max_shard_size < math.inf:
        raise SavingError(
            message("save_weights", "expected max_shard_size to be a number of GiB.",
                    f"max_shard_size={max_shard_size!r}", "Write 5 for files of 5 GiB.")
        )  # fmt: skip
    return float(max_shard_size) * _GIBIBYTE


@contextlib.contextmanager
def writing_shards(target: Path, limit: float) -> Iterator[ShardWriter]:
    """Give a writer; the list takes its place at the end, after all files it names.

    Args:
        target: the ``.weights.json`` file.
        limit: largest number of bytes of arrays in one file.
    """
    with contextlib.ExitStack() as files:
        listing = files.enter_context(replacing(target))
        writer = ShardWriter(target, limit, files)
        yield writer
        writer.close()
        about = {"total_size": writer.total, "saved_as": writer.saved_as}
        listed = {"metadata": about, "weight_map": writer.places}
        listing.write_text(json.dumps(listed, indent=4), encoding="utf-8")


class ShardWriter:
    """Takes arrays and begins a new file when one is full.

    Args:
        target: the ``.weights.json`` file.
        limit: largest number of bytes of arrays in one file.
        files: closed at the end, puts the finished files in their places.
    """

    def __init__(self, target: Path, limit: float, files: contextlib.ExitStack) -> None:
        self._base = target.name.removesuffix(".json").removesuffix(".weights")
        self._target, self._limit, self._files = target, limit, files
        self._number = self._used = 0
        self._writer: Writer | None = None
        self.total = 0
        self.places: dict[str, Any] = {}
        self.saved_as = uuid.uuid4().hex  # tells the files of one save from others
        self._begin()

    def _begin(self) -> None:
        self.close()
        self.name = f"{self._base}_{self._number:05}.weights.h5"
        self._number, self._used = self._number + 1, 0
        staged = self._files.enter_context(replacing(self._target.with_name(self.name)))
        file = self._files.enter_context(staged.open("w+b"))
        self._writer = Writer(file)
        self._files.callback(self._writer.close)
        self._writer.file.attrs["saved_as"] = self.saved_as

    def part(self, path: str, name: str | None) -> ShardPart:
        """Return where the arrays of one part of a model go."""
        return ShardPart(self, path, name)

    def put(self, path: str, name: str | None, key: str, array: np.ndarray) -> None:
        """Write one array, into a new file if this one would grow too large."""
        if array.nbytes > self._limit:
            raise SavingError(
                message(
                    "save_weights", f"expected arrays of at most {self._limit:,.0f} "
                    "bytes.", f"{path}: {array.nbytes:,}", "Raise max_shard_size.",
                )
            )  # fmt: skip
        if self._used + array.nbytes > self._limit:
            self._begin()
        self._used += array.nbytes
        self.total += array.nbytes
        assert self._writer is not None
        self._writer.part(path, name)[key] = array
        self._note(f"/{path}/vars".replace("//", "/"))

    def _note(self, place: str) -> None:
        known = self.places.get(place)
        files = known if isinstance(known, list) else [known] if known else []
        if self.name not in files:
            files = [*files, self.name]
        self.places[place] = files if len(files) > 1 else files[0]

    def close(self) -> None:
        """Finish the file that is being written."""
        if self._writer is not None:
            self._writer.close()


@dataclass(frozen=True, slots=True)
class ShardPart:
    """Takes the arrays of one part under names, like a dict."""

    _writer: ShardWriter
    _path: str
    _name: str | None

    def __setitem__(self, key: str, array: Any) -> None:
        self._writer.put(self._path, self._name, key, np.asarray(array))


@dataclass(slots=True)
class ShardReader:
    """Reads the files a list names; they lie beside it, and are opened when needed.

    Args:
        path: the ``.weights.json`` file.

    Raises:
        SavingError: if the list is none, or names a file that is not beside it.
    """

    path: Path
    _places: Mapping[str, Any] = field(init=False)
    _saved_as: Any = field(init=False)
    _readers: dict[str, Reader] = field(init=False, default_factory=dict)
    _files: contextlib.ExitStack = field(
        init=False, default_factory=contextlib.ExitStack
    )

    def __post_init__(self) -> None:
        listed = read_json(self.path.read_bytes(), "the list")
        places, about = listed.get("weight_map"), listed.get("metadata")
        self._saved_as = about.get("saved_as") if isinstance(about, Mapping) else None
        if not isinstance(places, Mapping):
            raise SavingError("expected the list to have a weight_map")
        self._places = places
        for names in places.values():
            for name in names if isinstance(names, list) else [names]:
                self._check_name(name)

    def _check_name(self, name: Any) -> None:
        plain = isinstance(name, str) and name == Path(name).name and "\\" not in name
        if not plain or not name.endswith(".h5"):
            raise SavingError(
                f"expected names of .h5 files beside it, not {name!r:.80}"
            )

    def __enter__(self) -> ShardReader:
        return self

    def __exit__(self, *exception: object) -> None:
        self._files.close()

    def part(self, path: str) -> ReadPart:
        """Return the arrays of one part of a model; none if no file has it."""
        names = self._places.get(f"/{path}/vars".replace("//", "/"), [])
        arrays: dict[str, Stored] = {}
        for name in names if isinstance(names, list) else [names]:
            arrays |= self._reader(name).part(path).arrays
        return ReadPart(arrays)

    def _reader(self, name: str) -> Reader:
        if name not in self._readers:
            place = self.path.with_name(name)
            if place.is_symlink() or not place.is_file():
                raise SavingError(f"expected the file {name!r} beside it")
            file = self._files.enter_context(place.open("rb"))
            reader = self._readers[name] = Reader(file)
            self._files.callback(reader.close)
            if self._saved_as not in (None, reader.attribute("", "saved_as")):
                raise SavingError(f"expected files of one save; {name!r} is of another")
        return self._readers[name]
