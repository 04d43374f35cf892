"""Graph -> Program, as an ordered list of passes."""

from __future__ import annotations

from collections.abc import Callable

from graphkeras import config
from graphkeras.compiler.agree import check_agreement
from graphkeras.compiler.attention import attend_whole, name_attention
from graphkeras.compiler.binding import Sizing
from graphkeras.compiler.bodies import pass_bodies
from graphkeras.compiler.checks import checks_of
from graphkeras.compiler.convolutions import save_products
from graphkeras.compiler.expand import expand
from graphkeras.compiler.fold import fold
from graphkeras.compiler.fuse import fuse
from graphkeras.compiler.host import split_host
from graphkeras.compiler.joined import part_joined
from graphkeras.compiler.memory import Memory, plan_memory
from graphkeras.compiler.pooling import share_places
from graphkeras.compiler.programs import compile_graph
from graphkeras.compiler.pseudo import program_text
from graphkeras.compiler.simplify import simplify
from graphkeras.compiler.stored import Built
from graphkeras.ir.printer import graph_text
from graphkeras.ir.value import Graph
from graphkeras.ir.verify import verify

__all__ = ["PASSES", "build", "compile_graph", "passed", "settle", "stages"]

Pass = Callable[[Graph], Graph]
MOST_ROUNDS = 4


def settle(graph: Graph) -> Graph:
    """Simplify and fold until nothing changes."""
    for _ in range(MOST_ROUNDS):
        new = fold(simplify(graph))
        if new.roots == graph.roots:
            break
        graph = new
    return graph


def bodies(graph: Graph) -> Graph:
    """Bring the bodies of loops through all passes."""
    return pass_bodies(graph, passed)


# From what the user wrote to what can be fused; each is also a stage to look at.
PASSES: tuple[tuple[str, Pass], ...] = (
    ("by hand", name_attention),
    ("bodies", bodies),
    ("simplify", simplify),
    ("fold", fold),
    ("attention", attend_whole),
    ("expand", expand),
    ("settle", settle),
    ("places", share_places),
    ("products", save_products),
    ("joined", part_joined),
)


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


def build(graph: Graph, name: str) -> Built:
    """Compile a graph without strings anew.

    Raises:
        KernelError: if an op has no CPU kernel.
    """
    ready = passed(graph)
    return _link(ready, plan_memory(fuse(ready)), name)


def passed(graph: Graph) -> Graph:
    """Return the graph after all passes."""
    for name, run in PASSES:
        new = run(graph)
        if config.debug("ir"):
            verify(new, name)
            check_agreement(graph, new, name)
        graph = new
    return graph


def _link(graph: Graph, memory: Memory, name: str) -> Built:
    """Emit and jit the planned steps; return them with what they need around them."""
    from graphkeras.compiler import codegen, epoch  # these need llvmlite

    words = codegen.Words(
        {
            "input": len(graph.inputs), "state": len(graph.state),
            "output": len(graph.outputs), "constant": len(memory.constants),
            "arena": len(memory.blocks),
        }
    )  # fmt: skip
    entry = epoch.compile_program(name, memory, words, _tracked(graph))
    sizing = Sizing(
        tuple(words.sizes), tuple(o.shape for o in graph.outputs),
        tuple(memory.blocks), tuple(check.size for check in checks_of(graph)),
    )  # fmt: skip
    return Built(entry, sizing, tuple(memory.constants))


def _tracked(graph: Graph) -> str:
    """Return the dtype of output 0 if it is a scalar, else ""."""
    first = graph.outputs[0] if graph.outputs else None
    return first.dtype if first is not None and first.shape == () else ""
