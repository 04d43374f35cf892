"""What decides the code of a program, as one key: the graph, the compiler, the machine.

Two processes that find the same key would write the same code.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from graphkeras.ir.dims import SymbolicDim
from graphkeras.ir.op import INPUT, OPS, STATE, Op
from graphkeras.ir.types import TensorType
from graphkeras.ir.value import ConstantData, Graph, Value
from graphkeras.runtime import link

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OWN_OPS = ("graphkeras.ops.", "graphkeras.ir.")


class Unknown(Exception):
    """Something whose meaning for the code cannot be told from one process to another:
    an op of the user's own, say."""


def graph_key(graph: Graph) -> str | None:
    """Return the key of a graph's program, None if it cannot be known.

    Names of variables and inputs are left out: they do not change the code.
    """
    try:
        return digest("graph", _graph(graph))
    except Unknown:
        return None


def digest(kind: str, what: Any) -> str | None:
    """Return the key of something made by this compiler on this machine.

    Args:
        what: numbers, strings, bytes and tuples of them; its `repr` is its meaning.
    """
    if _sources is None:
        return None
    parts = (kind, what, _sources, _versions(), _settings(), link.target())
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def is_current() -> bool:
    """Whether the compiler's files are still those that this process began with.

    If not, what it compiles may be the work of either.
    """
    return _source_digest() == _sources


def _graph(graph: Graph) -> tuple[Any, ...]:
    """Return a graph as nested tuples, each value as a number after its first time."""
    numbers: dict[Value, int] = {}
    parts = []
    for value in (*graph.inputs, *graph.state, *graph.walk()):
        if value in numbers:
            continue
        numbers[value] = len(numbers)
        leaf = value.op in (INPUT, STATE)
        attrs = () if leaf else tuple((k, _plain(v)) for k, v in value.attrs)
        operands = tuple(numbers[i] for i in value.inputs)
        types = tuple(map(_plain, value.types))
        parts.append((_op(value.op), operands, attrs, types))
    results = tuple(numbers[r] for r in (*graph.outputs, *graph.updates))
    counts = len(graph.inputs), len(graph.state), len(graph.outputs)
    return tuple(parts), results, counts


def _op(op: Op) -> str:
    if OPS.get(op.name) is not op or not op.reference.__module__.startswith(OWN_OPS):
        raise Unknown(op.name)
    return op.name


def _plain(item: Any) -> Any:
    """Return an attribute as something whose `repr` says all of it, bits included."""
    if item is None or isinstance(item, (bool, int, str, bytes)):
        return item
    if isinstance(item, float):
        return "float", item.hex()
    if isinstance(item, (tuple, list)):
        return "tuple", *map(_plain, item)
    if isinstance(item, dict):
        return "dict", *((_plain(k), _plain(v)) for k, v in item.items())
    return _plain_object(item)


def _plain_object(item: Any) -> Any:
    if isinstance(item, SymbolicDim):
        return "dim", *((_plain(m), c) for m, c in item.terms.items())
    if isinstance(item, TensorType):
        return "type", item.dtype, *map(_plain, item.shape)
    if isinstance(item, ConstantData):
        dtype, shape, held = item.key
        if isinstance(held, bytes):
            held = hashlib.sha256(held).digest()
        return "constant", dtype, shape, _plain(held)
    if isinstance(item, Graph):
        return "graph", _graph(item)
    if isinstance(item, Op):
        return "op", _op(item)
    raise Unknown(type(item).__name__)


# ------------------------------------------------------------------ all but the graph


def _source_files(folder: str) -> Iterator[str]:
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda e: e.name)
    for entry in entries:
        if entry.is_dir() and entry.name != "__pycache__":
            yield from _source_files(entry.path)
        elif entry.name.endswith(".py"):
            yield entry.path


def _source_digest() -> bytes | None:
    """Return a digest of the package's files, None if they cannot be read."""
    found = hashlib.sha256()
    count = 0
    kernels = importlib.util.find_spec("graphkeras.kernels")
    roots = [*((kernels and kernels.submodule_search_locations) or ())]
    roots = [PACKAGE, *(r for r in roots if not r.startswith(PACKAGE + os.sep))]
    try:
        for path in (p for root in roots for p in _source_files(root)):
            with open(path, "rb", buffering=0) as file:
                text = file.read()
            found.update(repr((path.removeprefix(PACKAGE), len(text))).encode())
            found.update(text)
            count += 1
    except OSError:
        return None
    return found.digest() if count else None


def _versions() -> Sequence[str]:
    """Return the versions of those whose work the code is, without importing Numba."""
    spec = importlib.util.find_spec("numba")
    folder = os.path.dirname((spec and spec.origin) or "")
    try:
        with open(os.path.join(folder, "_version.py"), encoding="utf-8") as file:
            numba = file.read()
    except OSError:
        from importlib import metadata  # slow, but always there

        numba = metadata.version("numba")
    python = f"{sys.implementation.name} {sys.version_info[:2]}"
    return numba, np.__version__, python


def _settings() -> tuple[Any, ...]:
    """Return what the user asks of Numba: its environment, and its file."""
    asked = sorted((k, v) for k, v in os.environ.items() if k.startswith("NUMBA_"))
    try:
        with open(".numba_config.yaml", encoding="utf-8") as file:
            return (*asked, file.read())
    except OSError:
        return tuple(asked)


_sources = _source_digest()
