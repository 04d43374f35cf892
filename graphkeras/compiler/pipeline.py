"""Graph -> Program, as an ordered list of passes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from graphkeras import config
from graphkeras.compiler.agree import check_agreement
from graphkeras.compiler.binding import Binder, checks_of
from graphkeras.compiler.expand import expand
from graphkeras.compiler.fold import fold
from graphkeras.compiler.fuse import fuse
from graphkeras.compiler.host import split_host
from graphkeras.compiler.memory import Memory, plan_memory
from graphkeras.compiler.pseudo import program_text
from graphkeras.compiler.simplify import simplify
from graphkeras.ir.dims import SymbolicDim
from graphkeras.ir.op import INPUT, STATE
from graphkeras.ir.printer import graph_text
from graphkeras.ir.value import Graph, Value, attribute_key
from graphkeras.ir.verify import verify
from graphkeras.runtime.prepared import PreparedProgram
from graphkeras.runtime.program import Code, Port, Program

Pass = Callable[[Graph], Graph]
MOST_CODE = 128  # programs whose code is kept for graphs that are alike
MOST_ROUNDS = 4

_kept: OrderedDict[Any, Code] = OrderedDict()


def settle(graph: Graph) -> Graph:
    """Simplify and fold until nothing changes."""
    for _ in range(MOST_ROUNDS):
        new = fold(simplify(graph))
        if new.roots == graph.roots:
            break
        graph = new
    return graph


# From what the user wrote to what can be fused; each is also a stage to look at.
PASSES: tuple[tuple[str, Pass], ...] = (
    ("simplify", simplify),
    ("fold", fold),
    ("expand", expand),
    ("settle", settle),
)


def compile_graph(graph: Graph, *, name: str) -> Program:
    """Return the program that computes a graph on the CPU.

    Args:
        graph: its string ops, if any, are run by the interpreter before the rest.
        name: for messages.

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
        return Program(name, _code(graph, name))
    first, rest = parts
    return PreparedProgram(name, _code(rest, name), first, len(graph.inputs))


def stages(graph: Graph) -> list[tuple[str, str]]:
    """Return (pass, text) of a graph after each pass, loops as readable code last."""
    parts = split_host(graph)
    graph = graph if parts is None else parts[1]
    shown = [("trace", graph_text(graph, origins=True))]
    for name, run in PASSES:
        graph = run(graph)
        shown.append((name, graph_text(graph, origins=True)))
    shown.append(("fuse", program_text(plan_memory(fuse(graph)))))
    return shown


def _code(graph: Graph, name: str) -> Code:
    """Return the code of a graph, that of an equal one if it is still there."""
    key = _identity(graph)
    code = _kept.pop(key, None)
    if code is None:
        ready = _passed(graph)
        code = _link(ready, plan_memory(fuse(ready)), name)
    _kept[key] = code
    if len(_kept) > MOST_CODE:
        _kept.popitem(last=False)
    return code


def _passed(graph: Graph) -> Graph:
    for name, run in PASSES:
        new = run(graph)
        if config.debug("ir"):
            verify(new, name)
            check_agreement(graph, new, name)
        graph = new
    return graph


def _identity(graph: Graph) -> Any:
    """Return what two graphs share that differ only in whose variables they read."""
    numbers: dict[Value, int] = {}
    parts: list[Any] = []
    for value in (*graph.inputs, *graph.state, *graph.walk()):
        if value in numbers:
            continue
        numbers[value] = len(numbers)
        leaf = value.op in (INPUT, STATE)
        attrs = (
            value.name if leaf else tuple((k, attribute_key(v)) for k, v in value.attrs)
        )
        operands = tuple(numbers[i] for i in value.inputs)
        parts.append((value.op, operands, attrs, value.type))
    results = (*graph.outputs, *graph.updates)
    counts = len(graph.inputs), len(graph.state), len(graph.outputs)
    return tuple(parts), tuple(numbers[r] for r in results), counts


def _link(graph: Graph, memory: Memory, name: str) -> Code:
    """Emit and jit the planned steps, with all that a `Program` needs around them."""
    from graphkeras.compiler import codegen, epoch  # these need llvmlite and numba

    words = codegen.Words(
        {
            "input": len(graph.inputs), "state": len(graph.state),
            "output": len(graph.outputs), "constant": len(memory.constants),
            "arena": len(memory.blocks),
        }
    )  # fmt: skip
    entry = epoch.compile_program(name, memory, words, _tracked(graph))
    binder = Binder(graph, memory.blocks, tuple(words.sizes), checks_of(graph))
    return Code(
        entry, _inputs(graph), _ports(graph.state), _ports(graph.outputs),
        tuple(memory.constants), len(memory.blocks), binder, epoch.feeder,
    )  # fmt: skip


def _tracked(graph: Graph) -> str:
    """Return the dtype of output 0 if it is a scalar, else ""."""
    first = graph.outputs[0] if graph.outputs else None
    return first.dtype if first is not None and first.shape == () else ""


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
