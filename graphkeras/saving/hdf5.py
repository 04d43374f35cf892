"""Weights in HDF5, laid out as Keras lays them out; what is read is checked first.

A group ``<path>/vars`` holds the arrays of one part of a model under "0", "1", ... When
a file is opened, everything in it is looked at but no array is read: only groups and
plain arrays whose bytes lie in the file itself are let in.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np

from graphkeras import dtypes
from graphkeras.errors import DTypeError, SavingError, ShapeError, message
from graphkeras.saving.hdf5_texts import Headers

_LINKS = 200_000  # most names in a file; a ResNet152 in training has about 6,000
_DEPTH = 64  # most groups inside one another
_KINDS = "fiubVS"  # floats, ints, bools, bytes; bfloat16 is stored as V2
_OLD_NAME = "_layer_checkpoint_dependencies"  # of "layers", in files of Keras 2.13


class Writer:
    """An HDF5 file being written.

    Args:
        file: a new file, open for reading and writing bytes.
    """

    def __init__(self, file: BinaryIO) -> None:
        import h5py

        self.file = h5py.File(file, "w")

    def part(self, path: str, name: str | None) -> WrittenPart:
        """Return where the arrays of one part of a model go.

        Args:
            path: its place in the model.
            name: its name, stored beside; without one an empty part leaves no trace.
        """
        part = WrittenPart(self.file, f"{path}/vars".lstrip("/"))
        if name is not None:
            part.group.attrs["name"] = name
        return part

    def close(self) -> None:
        """Finish the file."""
        self.file.close()


class WrittenPart:
    """Takes arrays under names, like a dict."""

    def __init__(self, file: Any, path: str) -> None:
        self._file, self._path = file, path

    @property
    def group(self) -> Any:
        """The HDF5 group, made when it is first needed."""
        return self._file.require_group(self._path)

    def __setitem__(self, name: str, array: Any) -> None:
        array = np.asarray(array)
        stored = self.group.create_dataset(name, data=array)
        if dtypes.of_array(array) == "bfloat16":
            stored.attrs["dtype"] = "bfloat16"  # HDF5 has no word for it


@dataclass(frozen=True, slots=True)
class Stored:
    """One array of a file: what it is, before it is read."""

    shape: tuple[int, ...]
    dtype: np.dtype
    _dataset: Any = field(repr=False)

    def read_into(self, out: np.ndarray) -> None:
        """Read it into an array of its shape."""
        direct = out.flags.c_contiguous and out.size and self.dtype == out.dtype
        if direct and self.dtype.kind != "V":
            self._dataset.read_direct(out)
        else:
            out[...] = self.read()

    def read(self) -> np.ndarray:
        """Return its numbers."""
        return self._dataset[()].view(self.dtype).reshape(self.shape)


class Reader:
    """An HDF5 file that was looked over.

    Args:
        source: the file, open for reading bytes.

    Raises:
        SavingError: for links, arrays outside the file, or what no weights are.
    """

    def __init__(self, source: BinaryIO) -> None:
        import h5py

        self._h5py = h5py
        self._size = source.seek(0, os.SEEK_END)
        self._source = source
        self._headers: Headers | None = None
        self._seen: set[Any] = set()
        self.parts: dict[str, dict[str, Stored]] = {"": {}}
        self.bytes = 0
        try:
            self.file = h5py.File(source, "r")
            self._look_at(self.file, "", 0)
        except SavingError:
            raise
        except Exception as error:  # h5py raises whatever the file provokes
            raise SavingError(f"expected a whole HDF5 file; {error}") from error
        if self.bytes > self._size:
            raise SavingError(
                f"expected arrays that lie in the file; they need {self.bytes:,} bytes "
                f"and it has {self._size:,}"
            )

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def part(self, path: str) -> ReadPart:
        """Return the arrays of one part of a model; none if the file has no such."""
        for known in (path, path.replace("layers", _OLD_NAME)):
            found = self.parts.get(f"{known}/vars".lstrip("/"))
            if found is not None:
                return ReadPart(found)
        return ReadPart({})

    def attribute(self, path: str, name: str) -> Any:
        """Return an attribute of a group: a text or a list of texts, or None.

        Raises:
            SavingError: if it is something else, or longer than the file.
        """
        group = self.file[path or "/"]
        if name not in group.attrs:
            return None
        stored = self._h5py.h5a.open(group.id, name.encode())
        shape = (0,) if stored.shape is None else stored.shape
        size = math.prod(shape) * stored.dtype.itemsize
        if len(shape) > 1 or size > self._size:
            raise SavingError(f"expected attribute {name} to be one text, or a list")
        if not size:
            return []
        if not isinstance(stored.get_type(), self._h5py.h5t.TypeStringID):
            raise SavingError(f"expected attribute {name} to be text")
        if stored.get_type().is_variable_str():
            self._headers = self._headers or Headers(self._source, self._size)
            address = self._h5py.h5o.get_info(group.id).addr
            self._headers.check_texts(address, name)
        try:
            value = group.attrs[name]
        except Exception as error:  # h5py raises whatever the file provokes
            raise SavingError(f"expected a whole HDF5 file; {error}") from error
        listed = isinstance(value, np.ndarray)
        texts = [_text(x, name) for x in (value.tolist() if listed else [value])]
        return texts if listed else texts[0]

    def array(self, path: str) -> Stored:
        """Return one array by its path.

        Raises:
            SavingError: if there is none.
        """
        group, _, name = path.rpartition("/")
        found = self.parts.get(group, {}).get(name)
        if found is None:
            raise SavingError(f"expected an array {path} in the file")
        return found

    def _look_at(self, group: Any, path: str, depth: int) -> None:
        if depth > _DEPTH:
            raise SavingError(f"expected at most {_DEPTH} groups inside one another")
        for name in group:
            inner = f"{path}/{name}".lstrip("/")
            thing = self._thing(group, name, inner)
            if isinstance(thing, self._h5py.Group):
                self.parts[inner] = {}
                self._look_at(thing, inner, depth + 1)
            else:
                self.parts[path][name] = self._checked(thing, inner)

    def _thing(self, group: Any, name: str, path: str) -> Any:
        link = group.get(name, getlink=True)
        if not isinstance(link, self._h5py.HardLink):
            kind = type(link).__name__
            raise SavingError(f"expected no links in the HDF5 file; {path} is a {kind}")
        thing = group[name]
        if not isinstance(thing, (self._h5py.Group, self._h5py.Dataset)):
            raise SavingError(f"expected groups and arrays; {path} is neither")
        info = self._h5py.h5o.get_info(thing.id)
        if (info.fileno, info.addr) in self._seen:
            raise SavingError(f"expected each part once; {path} is there twice")
        self._seen.add((info.fileno, info.addr))
        if len(self._seen) > _LINKS:
            raise SavingError(f"expected at most {_LINKS:,} names in the HDF5 file")
        return thing

    def _checked(self, dataset: Any, path: str) -> Stored:
        made = dataset.id.get_create_plist()
        layout = made.get_layout()
        shape, dtype = dataset.shape, dataset.dtype
        if dataset.is_virtual or made.get_external_count():
            raise SavingError(f"expected arrays inside the file; {path} points outside")
        if layout not in (self._h5py.h5d.CONTIGUOUS, self._h5py.h5d.COMPACT):
            raise SavingError(
                f"expected plain arrays; {path} is chunked or compressed (repack it by "
                "h5repack -f NONE -l CONTI)"
            )
        if shape is None or dtype.kind not in _KINDS or dtype.names or dtype.hasobject:
            raise SavingError(f"expected arrays of numbers; {path} is {dtype}")
        size = math.prod(shape) * dtype.itemsize
        if size > dataset.id.get_storage_size():
            raise SavingError(
                f"expected arrays that lie in the file; {path} says it has shape "
                f"{list(shape)} of {dtype}, and its bytes are not there"
            )
        self.bytes += size
        return Stored(tuple(shape), self._true_dtype(dataset), dataset)

    def _true_dtype(self, dataset: Any) -> np.dtype:
        if dataset.dtype.kind == "V" and dataset.dtype.itemsize == 2:
            return dtypes.to_numpy("bfloat16")
        return dataset.dtype


def _text(value: Any, name: str) -> str:
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            raise SavingError(f"expected attribute {name} to be UTF-8 text") from None
    if not isinstance(value, str):
        kind = type(value).__name__
        raise SavingError(f"expected attribute {name} to be text, and it is {kind}")
    return value


class ReadPart(Mapping[str, np.ndarray]):
    """The arrays of one part of a model, read when they are asked for."""

    def __init__(self, arrays: dict[str, Stored]) -> None:
        self.arrays = arrays

    def __getitem__(self, name: str) -> np.ndarray:
        return self.arrays[name].read()

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)


def assign_all(who: str, variables: list[Any], store: Mapping[str, Any]) -> None:
    """Give variables the arrays "0", "1", ... of a part, all of them or none.

    Shapes and dtypes are compared before anything is read.

    Args:
        who: name for messages.
        variables: have `shape`, `dtype`, `path` and `set_array` or `assign`.
        store: a `ReadPart`, or a mapping of arrays.

    Raises:
        ShapeError: if the number of arrays or a shape differs.
        DTypeError: if numbers would become others: floats as ints, say.
    """
    if len(store) != len(variables):
        names = ", ".join(v.name for v in variables) or "the layer is not built"
        raise ShapeError(
            message(
                who, f"expected {len(variables)} saved variables ({names}).",
                f"{len(store)}", "Build the layer as it was when it was saved.",
            )
        )  # fmt: skip
    arrays = store.arrays if isinstance(store, ReadPart) else store
    for index, variable in enumerate(variables):
        _check(variable, arrays[str(index)])
    for index, variable in enumerate(variables):
        array = arrays[str(index)]
        if isinstance(array, Stored):
            variable.fill(array.read_into)
        else:
            variable.assign(np.asarray(array))


def _check(variable: Any, array: Any) -> None:
    shape = tuple(array.shape if hasattr(array, "shape") else np.shape(array))
    if shape != tuple(variable.shape):
        raise ShapeError(
            message(
                variable.path, f"expected a saved shape {list(variable.shape)}.",
                f"shape {list(shape)}",
                "Build the layer as it was when it was saved.",
            )
        )  # fmt: skip
    given = getattr(array, "dtype", None) or np.asarray(array).dtype
    if _family(given) != _family(dtypes.to_numpy(variable.dtype)):
        raise DTypeError(
            message(
                variable.path, f"expected saved numbers of {variable.dtype}.",
                f"{given}", "Load it into a layer of the same dtype.",
            )
        )  # fmt: skip


def _family(dtype: np.dtype) -> str:
    if dtype.kind in "iu":
        return "int"
    floats = dtype.kind == "f" or dtype == dtypes.to_numpy("bfloat16")
    return "float" if floats else dtype.kind
