"""Compiled code as it is kept in the cache: object code, sizes and constants.

The first part of a file is JSON, the second has the constants, the others are the code,
which is compiled and linked in parts. A symbolic size is written as
``[[coefficient, [[atom, power], ...]], ...]``, an atom as a name or ``[kind, a, b]``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphkeras import dtypes
from graphkeras.compiler import fingerprint
from graphkeras.compiler.binding import Block, Sizing
from graphkeras.ir.dims import Atom, Dim, SymbolicDim
from graphkeras.ir.types import Shape
from graphkeras.runtime import cache, cpu, link
from graphkeras.runtime.link import Entry

# What reading a part may raise if the file is not what its key says.
WRONG = (ValueError, TypeError, KeyError, IndexError, RuntimeError)


NO_SIZES = Sizing((), (), (), ())


@dataclass(frozen=True, slots=True)
class Built:
    """What compiling a graph gives, and a file of the cache holds."""

    entry: Entry
    sizing: Sizing = NO_SIZES
    constants: tuple[np.ndarray, ...] = ()


def read(key: str | None) -> Built | None:
    """Return what the cache keeps under a key, if it can be used."""
    place = cache.current() if key else None
    parts = place.read(key) if place and key else None
    if parts is None:
        return None
    try:
        about, data, *codes = parts
        said = json.loads(about)
        constants = _constants(said["constants"], data)
        return Built(link.load(codes, said["symbol"]), _sizing(said), constants)
    except WRONG:
        return None  # compiled anew, and replaced


def write(key: str | None, name: str, built: Built) -> None:
    """Keep compiled code, if there is a cache and the code can be kept."""
    place = cache.current() if key else None
    codes = built.entry.objects
    if place is None or key is None or codes is None or not fingerprint.is_current():
        return
    said = {
        "symbol": built.entry.symbol,
        "words": [_said(d) for d in built.sizing.words],
        "outputs": [[_said(d) for d in shape] for shape in built.sizing.outputs],
        "blocks": [
            [_said(b.size), b.itemsize, b.first, b.last, b.own]
            for b in built.sizing.blocks
        ],
        "checks": [_said(d) for d in built.sizing.checks],
        "constants": [[dtypes.of_array(c), c.shape] for c in built.constants],
    }
    data = b"".join(np.require(c, requirements="C").tobytes() for c in built.constants)
    place.write(key, name, [json.dumps(said).encode(), data, *codes])


def _constants(said: Sequence[Any], data: bytes) -> tuple[np.ndarray, ...]:
    """Return the constants, each in aligned memory."""
    found, at = [], 0
    for dtype, shape in said:
        array = cpu.empty(shape, dtypes.to_numpy(dtype))
        array.reshape(-1).view(np.uint8)[:] = np.frombuffer(
            data, np.uint8, array.nbytes, at
        )
        found.append(array)
        at += array.nbytes
    return tuple(found)


def _sizing(said: dict[str, Any]) -> Sizing:
    return Sizing(
        _shape(said["words"]), tuple(map(_shape, said["outputs"])),
        tuple(Block(_dim(size), *rest) for size, *rest in said["blocks"]),
        _shape(said["checks"]),
    )  # fmt: skip


def _shape(said: Sequence[Any]) -> Shape:
    return tuple(map(_dim, said))


def _said(dim: Dim) -> Any:
    if isinstance(dim, int):
        return dim
    return [
        [c, [[_said_atom(atom), power] for atom, power in monomial]]
        for monomial, c in dim.terms.items()
    ]


def _said_atom(atom: Atom) -> Any:
    return atom if isinstance(atom, str) else [atom[0], _said(atom[1]), _said(atom[2])]


def _dim(said: Any) -> Dim:
    if isinstance(said, int):
        return said
    return SymbolicDim(
        {tuple((_atom(a), power) for a, power in monomial): c for c, monomial in said}
    )


def _atom(said: Any) -> Atom:
    if isinstance(said, str):
        return said
    kind, a, b = said
    return kind, _dim(a), _dim(b)
