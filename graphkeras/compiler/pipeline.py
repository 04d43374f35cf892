"""Graph -> Program, as an ordered list of passes."""

from __future__ import annotations

from collections.abc import Sequence

from graphkeras.compiler.binding import Binder, checks_of
from graphkeras.compiler.expand import expand
from graphkeras.compiler.fuse import fuse
from graphkeras.compiler.memory import Memory, plan_memory
from graphkeras.ir.dims import SymbolicDim
from graphkeras.ir.value import Graph, Value
from graphkeras.runtime import link
from graphkeras.runtime.program import Code, Port, Program


def compile_graph(graph: Graph, *, name: str) -> Program:
    """Return the program that computes a graph on the CPU."""
    ready = expand(graph)
    memory = plan_memory(fuse(ready))
    return Program(name, _link(ready, memory, name))


def _link(graph: Graph, memory: Memory, name: str) -> Code:
    """Emit and jit the planned steps, with all that a `Program` needs around them."""
    from graphkeras.compiler import codegen, epoch

    words = codegen.Words(
        {
            "input": len(graph.inputs), "state": len(graph.state),
            "output": len(graph.outputs), "constant": len(memory.constants),
            "arena": len(memory.blocks),
        }
    )  # fmt: skip
    build = epoch.program_builder(memory, words, _tracked(graph))
    entry = link.compile_entry(name, build)
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
    return tuple(
        Port(str(v.attributes["name"]) if not v.inputs and "name" in v.attributes
             else f"output {i}", v.dtype)
        for i, v in enumerate(values)
    )  # fmt: skip


def _inputs(graph: Graph) -> tuple[Port, ...]:
    """Return the inputs; those that share the first one's leading size are batched."""
    leading = [v.shape[0] for v in graph.inputs if v.shape]
    symbolic = [d for d in leading if isinstance(d, SymbolicDim)]
    batch = next(iter(symbolic or leading), None)
    return tuple(
        Port(str(v.name), v.dtype, bool(v.shape) and v.shape[0] == batch)
        for v in graph.inputs
    )
