"""ONNX files written and read piece by piece: their weights are never all in memory.

What is written is what `SerializeToString` would give. It goes by how protobuf lays a
message out: each field is a key, ``number << 3 | type``, then for a string or an inner
message its length and its bytes (protobuf.dev/programming-guides/encoding).
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from graphkeras.protobuf import header

_GRAPH, _INITIALIZER, _RAW_DATA = 7, 5, 9  # of a model, of a graph, of a tensor
SMALL = 1024  # bytes: weights below are never apart from the rest of a model
_ALIGNMENT = 4096  # bytes: lets a runtime map a weight straight from the file
_PIECE = 1 << 20  # bytes of a weight that are put in order at a time

_FIXED = {1: 8, 5: 4}  # bytes of fields of fixed size, by their type

Place = tuple[int, int]  # where the numbers of a weight begin in a file, and their size
Field = tuple[
    int, int, int, int
]  # its number; where it, its content and the next begin


def write_model(model: Any, weights: Mapping[str, np.ndarray], path: Path) -> None:
    """Write a model; equal models give equal bytes.

    Args:
        model: an `onnx.ModelProto` whose tensors lack the numbers of `weights`.
        weights: arrays by the names of their tensors, in any layout.
        path: where the file goes.
    """
    tensors = list(model.graph.initializer)
    heads = [t.SerializeToString(deterministic=True) for t in tensors]
    arrays = [weights.get(t.name) for t in tensors]
    before, after = _around(model, _GRAPH)
    first, last = _around(model.graph, _INITIALIZER)
    bodies = [_begun(*pair) for pair in zip(heads, arrays)]
    sizes = [len(b) + _size(a) for b, a in zip(bodies, arrays)]
    keys = [header(_INITIALIZER, size) for size in sizes]
    whole = len(first) + sum(map(len, keys)) + sum(sizes) + len(last)
    with open(path, "wb") as file:
        file.write(before + header(_GRAPH, whole) + first)
        for key, body, array in zip(keys, bodies, arrays):
            file.write(key + body)
            if array is not None:
                _write_array(file, array)
        file.write(last + after)


def write_beside(model: Any, weights: Mapping[str, np.ndarray], path: Path) -> None:
    """Write weights to a file of their own, and let the tensors of a model say so."""
    places = {}
    with open(path, "wb") as file:
        for name, array in weights.items():
            _align(file)
            places[name] = file.tell(), array.nbytes
            _write_array(file, array)
    _refer(model, places, path.name)


def unpack(path: Path, outline: Path) -> None:
    """Write the model in a file again, its weights beside it.

    A runtime maps them from there, where it would copy those inside of a model.

    Args:
        path: a file that `write_model` wrote.
        outline: where the model goes.
    """
    places: dict[str, Place] = {}
    with open(path, "rb") as file, open(beside(outline), "wb") as data:
        model, found = _read(file)
        for name, (start, size) in found.items():
            _align(data)
            places[name] = data.tell(), size
            file.seek(start)
            for left in range(size, 0, -_PIECE):
                data.write(file.read(min(left, _PIECE)))
    _refer(model, places, beside(outline).name)
    write_model(model, {}, outline)


def beside(model: Path) -> Path:
    """Return where the weights of a model lie that are not in it."""
    return model.with_name(f"{model.name}.data")


def _refer(model: Any, places: Mapping[str, Place], file: str) -> None:
    """Let tensors of a model point to their numbers in a file beside it."""
    from onnx import TensorProto

    for tensor in model.graph.initializer:
        if tensor.name in places:
            offset, length = places[tensor.name]
            tensor.data_location = TensorProto.EXTERNAL
            entries = {"location": file, "offset": offset, "length": length}
            for key, value in entries.items():
                tensor.external_data.add(key=key, value=str(value))


def _around(message: Any, number: int) -> tuple[bytes, bytes]:
    """Return the fields of a message with lower numbers, and those with higher ones."""
    before, after = type(message)(), type(message)()
    for field, value in message.ListFields():
        part = before if field.number < number else after
        if field.number == number:
            continue
        if isinstance(value, (int, str, bytes)):
            setattr(part, field.name, value)
        else:
            getattr(part, field.name).MergeFrom(value)
    written = (p.SerializeToString(deterministic=True) for p in (before, after))
    return next(written), next(written)


def _begun(head: bytes, array: np.ndarray | None) -> bytes:
    """Return a tensor's bytes up to its numbers, or all of it if it has them.

    The numbers come last: of the fields behind them a tensor of ours has none.
    """
    return head if array is None else head + header(_RAW_DATA, array.nbytes)


def _size(array: np.ndarray | None) -> int:
    return 0 if array is None else array.nbytes


def _align(file: BinaryIO) -> None:
    file.seek(-file.tell() % _ALIGNMENT, os.SEEK_CUR)


def _write_array(file: BinaryIO, array: np.ndarray) -> None:
    """Append the numbers of an array in C order, the low byte first: that is ONNX's."""
    for piece in _pieces(array):
        ordered = np.ascontiguousarray(piece)
        ordered = ordered.astype(array.dtype.newbyteorder("<"), copy=False)
        file.write(ordered.reshape(-1).view(np.uint8).data)


def _pieces(array: np.ndarray) -> Iterator[np.ndarray]:
    """Yield an array part by part along its first axis; whole if it lies in order."""
    if array.flags.c_contiguous or array.nbytes <= _PIECE:
        yield array
        return
    rows = max(1, _PIECE // (math.prod(array.shape[1:]) * array.itemsize))
    for start in range(0, array.shape[0], rows):
        yield array[start : start + rows]


# ---------------------------------------------------------------------------- reading


def _read(file: BinaryIO) -> tuple[Any, dict[str, Place]]:
    """Return the model in a file without its weights, and where those are."""
    from onnx import ModelProto, TensorProto

    places: dict[str, Place] = {}

    def tensor(start: int, end: int) -> bytes:
        kept, place = [], None
        for number, begin, content, after in _fields(file, start, end):
            if number == _RAW_DATA and after - content >= SMALL:
                place = content, after - content
            else:
                kept.append(_bytes(file, begin, after))
        head = b"".join(kept)
        if place is not None:
            places[TensorProto.FromString(head).name] = place
        return head

    def graph(start: int, end: int) -> bytes:
        return _changed(file, start, end, _INITIALIZER, tensor)

    size = file.seek(0, os.SEEK_END)
    return ModelProto.FromString(_changed(file, 0, size, _GRAPH, graph)), places


def _changed(
    file: BinaryIO, start: int, end: int, number: int,
    change: Callable[[int, int], bytes],
) -> bytes:  # fmt: skip
    """Return a message with the inner messages of a number changed."""
    parts = []
    for found, begin, content, after in _fields(file, start, end):
        if found == number:
            inner = change(content, after)
            parts += [header(number, len(inner)), inner]
        else:
            parts.append(_bytes(file, begin, after))
    return b"".join(parts)


def _fields(file: BinaryIO, start: int, end: int) -> Iterator[Field]:
    """Yield the fields of the message between two places of a file."""
    while start < end:
        file.seek(start)
        key = _read_varint(file)
        if key & 7 == 0:
            _read_varint(file)
            content = after = file.tell()
        else:
            size = _FIXED.get(key & 7) or _read_varint(file)
            content = file.tell()
            after = content + size
        yield key >> 3, start, content, after
        start = after


def _bytes(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(end - start)


def _read_varint(file: BinaryIO) -> int:
    number = shift = 0
    while True:
        byte = file.read(1)[0]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number
        shift += 7
