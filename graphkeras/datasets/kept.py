"""Reading the files of data sets without running what is in them."""

from __future__ import annotations

import io
import pickle
import zipfile
from typing import IO, Any, NoReturn

import numpy as np

from graphkeras.data.files import get_file
from graphkeras.errors import ArgumentError, DataError, message

ORIGIN = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
Pair = tuple[np.ndarray, np.ndarray]
Parts = tuple[Pair, Pair]


def kept(path: Any, name: str, file_hash: str) -> str:
    """Return where the file called `name` at ORIGIN is kept, as `path`."""
    return get_file(path, origin=ORIGIN + name, file_hash=file_hash)


def arrays_of(path: str) -> dict[str, np.ndarray]:
    """Return the arrays of an .npz file by name; lists of numbers in them too.

    Raises:
        DataError: for anything else.
    """
    found: dict[str, np.ndarray] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                found[name.removesuffix(".npy")] = _array(archive.read(name))
    except (zipfile.BadZipFile, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise _damaged(path, error) from error
    return found


def _damaged(path: Any, error: Exception) -> DataError:
    return DataError(
        message("datasets", f"expected arrays in {path}.", str(error),
                "Remove the file, to download it again.")
    )  # fmt: skip


def _array(data: bytes) -> np.ndarray:
    try:
        return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    except ValueError:  # objects: lists of numbers, as Python pickles them
        stream = io.BytesIO(data)
        version = np.lib.format.read_magic(stream)
        first = version == (1, 0)
        form = np.lib.format
        header = form.read_array_header_1_0 if first else form.read_array_header_2_0
        header(stream)
        return unpickled(stream)


def unpickled(stream: IO[bytes], **how: Any) -> Any:
    """Return what a pickle holds: numbers, text, lists, dicts and arrays of them.

    Nothing is imported or called that the pickle names: arrays are put together here.

    Raises:
        UnpicklingError: if it asks for anything else.
    """
    return _plain(_Unpickler(stream, **how).load())


class _Kind:
    """Stands for numpy.dtype while a pickle is read."""

    def __init__(self, name: Any, *_: Any) -> None:
        self.name = name.decode() if isinstance(name, bytes) else str(name)

    def __setstate__(self, state: Any) -> None:
        order = state[1]
        self.order = order.decode() if isinstance(order, bytes) else str(order)

    def numpy(self) -> np.dtype:
        """Return the dtype, if it is one of plain numbers."""
        order = getattr(self, "order", "|")
        return np.dtype((order if order in "<>" else "") + self.name)


class _Array:
    """Stands for numpy.ndarray while a pickle is read."""

    value: Any = None

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, fortran, data = state
        if kind.name.startswith("O"):
            flat = np.empty(len(data), object)
            flat[:] = data
        elif kind.name[:1] in "biuf":
            if isinstance(data, str):  # as Python 2 wrote bytes
                data = data.encode("latin1")
            flat = np.frombuffer(data, kind.numpy())
        else:
            raise pickle.UnpicklingError(f"an array of dtype {kind.name}")
        self.value = flat.reshape(shape, order="F" if fortran else "C")


def _made(*_: Any) -> _Array:
    return _Array()


def _bytes(text: str, _: str) -> bytes:
    return text.encode("latin1")  # how Python 3 writes bytes for Python 2


_KNOWN = {
    ("numpy", "ndarray"): _Array, ("numpy", "dtype"): _Kind,
    ("numpy.core.multiarray", "_reconstruct"): _made,
    ("numpy._core.multiarray", "_reconstruct"): _made,
    ("_codecs", "encode"): _bytes,
}  # fmt: skip


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _KNOWN:
            return _KNOWN[module, name]
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")

    def persistent_load(self, pid: Any) -> NoReturn:
        raise pickle.UnpicklingError("it refers to what is not in the file")


def _plain(found: Any) -> Any:
    """Return arrays in place of what stood for them, also within dicts and lists."""
    if isinstance(found, _Array):
        if found.value is not None and found.value.dtype == object:
            out = np.empty_like(found.value)
            out.reshape(-1)[:] = [_plain(item) for item in found.value.reshape(-1)]
            return out
        return found.value
    if isinstance(found, dict):
        return {_plain(key): _plain(value) for key, value in found.items()}
    if isinstance(found, list) and any(isinstance(i, (_Array, list)) for i in found):
        return [_plain(item) for item in found]
    return found


def split(x: np.ndarray, y: np.ndarray, test_split: float, seed: int) -> Parts:
    """Return (x, y) to train and to test on, shuffled by the seed as Keras does.

    Raises:
        ArgumentError: for a part outside [0, 1).
    """
    if not 0 <= test_split < 1:
        raise ArgumentError(
            message("load_data", "test_split must be in [0, 1).", str(test_split))
        )
    order = shuffled(len(x), np.random.RandomState(seed))
    x, y, at = x[order], y[order], int(len(x) * (1 - test_split))
    return (x[:at], y[:at]), (x[at:], y[at:])


def shuffled(count: int, random: np.random.RandomState) -> np.ndarray:
    """Return the numbers below `count` in the order that Keras gives them."""
    order = np.arange(count)
    random.shuffle(order)
    return order
