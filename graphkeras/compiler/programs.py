"""Programs: made once, kept in memory for equal graphs and on disk for other processes.

What compiles (`pipeline`) is imported only when a program is found in neither place.
"""

from __future__ import annotations

import gc
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from graphkeras import config
from graphkeras.compiler import stored
from graphkeras.compiler.alike import identity
from graphkeras.compiler.binding import Binder
from graphkeras.compiler.fingerprint import digest, graph_key
from graphkeras.compiler.host import split_host
from graphkeras.compiler.kept import split_kept
from graphkeras.compiler.stored import Built
from graphkeras.ir.dims import SymbolicDim
from graphkeras.ir.op import INPUT, STATE
from graphkeras.ir.value import Graph, Value
from graphkeras.runtime.kept import KeptProgram
from graphkeras.runtime.prepared import PreparedProgram
from graphkeras.runtime.program import Code, Port, Program

SHOWN = ("ir", "llvm", "asm", "profile")  # what debugging asks of a program just made
MOST_CODE = 128  # programs whose code is kept for graphs that are alike

_kept: OrderedDict[Any, Code] = OrderedDict()


def compile_graph(graph: Graph, *, name: str, keeps: bool = False) -> Program:
    """Return the program that computes a graph on the CPU.

    Args:
        graph: its string ops, if any, are run by the interpreter before the rest.
        name: for messages.
        keeps: whether it keeps what it makes of its state alone, see `kept`.

    Raises:
        KernelError: if an op has no CPU kernel.

    Example:
        >>> import numpy as np
        >>> from graphkeras import ops
        >>> from graphkeras.ir.trace import trace_function
        >>> from graphkeras.ir.types import TensorType
        >>> graph, _ = trace_function(ops.square, [TensorType("float32", (3,))])
        >>> compile_graph(graph, name="square").run([np.arange(3)])
        [array([0., 1., 4.], dtype=float32)]
    """
    parts = split_host(graph)
    if parts is None:
        return _kept_apart(graph, name) if keeps else Program(name, _code(graph, name))
    first, rest = parts
    return PreparedProgram(name, _code(rest, name), first, len(graph.inputs))


def _kept_apart(graph: Graph, name: str) -> Program:
    """Return the program that makes what it can of weights when those have changed."""
    parts = split_kept(graph)
    if parts is None:
        return Program(name, _code(graph, name))
    first = Program(f"{name}_kept", _code(parts.first, f"{name}_kept"))
    return KeptProgram(name, _code(parts.rest, name), first, parts.weights)


def _code(graph: Graph, name: str) -> Code:
    """Return the code of a graph, that of an equal one if it is still there."""
    key = identity(graph)
    code = _kept.pop(key, None)
    if code is None:
        code = _ready(graph, _built(graph, name))
    _kept[key] = code
    if len(_kept) > MOST_CODE:
        _kept.popitem(last=False)
    return code


def _built(graph: Graph, name: str) -> Built:
    """Return what an earlier process kept, or compile."""
    key = None if any(map(config.debug, SHOWN)) else graph_key(graph)
    found = stored.read(key)
    if found is None:
        from graphkeras.compiler import pipeline  # heavy, and often not needed

        with _uncollected():
            found = pipeline.build(graph, name)
        stored.write(key, name, found)
    return found


@contextmanager
def _uncollected() -> Iterator[None]:
    """Let no garbage be looked for: all the small parts of a program live to its end.

    Looking at them again and again takes a tenth of the time of compiling.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@cache
def feeder(source: str, target: str) -> Any:
    """Return the compiled function that gathers rows of one dtype as another."""
    key, name = digest("feeder", (source, target)), f"feed_{source}_{target}"
    found = stored.read(key)
    if found is None:
        from graphkeras.compiler import epoch  # needs llvmlite

        found = Built(epoch.compile_feeder(name, source, target))
        stored.write(key, name, found)
    return found.entry


@cache
def team() -> Any:
    """Return the compiled function by which threads find together."""
    key = digest("team", ())
    found = stored.read(key)
    if found is None:
        from graphkeras.compiler import epoch  # needs llvmlite

        found = Built(epoch.compile_team())
        stored.write(key, "team", found)
    return found.entry


def _ready(graph: Graph, built: Built) -> Code:
    """Return the code with all that a `Program` needs around it."""

    def explain() -> Any:
        from graphkeras.compiler import checks, pipeline  # only for an error's message

        return checks.checks_of(pipeline.passed(graph))

    return Code(
        built.entry, _inputs(graph), _ports(graph.state), _ports(graph.outputs),
        built.constants, len(built.sizing.blocks),
        Binder(graph, built.sizing, explain), feeder, team, bool(graph.changed),
    )  # fmt: skip


def _ports(values: Sequence[Value]) -> tuple[Port, ...]:
    """Return the arrays that stand for leaves, or for results."""
    leaves = (INPUT, STATE)
    return tuple(
        Port(str(v.name) if v.op in leaves else f"output {i}", v.dtype)
        for i, v in enumerate(values)
    )


def _inputs(graph: Graph) -> tuple[Port, ...]:
    """Return the inputs; those that share the first one's leading size are batched."""
    leading = [v.shape[0] for v in graph.inputs if v.shape]
    symbolic = [d for d in leading if isinstance(d, SymbolicDim)]
    batch = next(iter(symbolic or leading), None)
    return tuple(
        Port(str(v.name), v.dtype, bool(v.shape) and v.shape[0] == batch)
        for v in graph.inputs
    )
