"""Programs run by the interpreter, with the interface of the compiled ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphkeras.ir.interpret import interpret
from graphkeras.ir.value import Graph


class InterpretedProgram:
    """A graph run by the NumPy references."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def run(self, inputs: Sequence[Any], state: Sequence[np.ndarray]) -> list[Any]:
        """Return the outputs; the state is updated in place."""
        outputs, new = interpret(self.graph, inputs, state)
        for old, fresh in zip(state, new):
            old[...] = fresh
        return outputs

    def run_epoch(
        self, sources: Sequence[Any], state: Sequence[np.ndarray], *, batch_size: int,
        order: Any = None, start: int = 0, steps: int | None = None,
        collect: Any = None, track: Any = None, progress: Any = None,
    ) -> list[Any]:  # fmt: skip
        """Run steps over rows of the sources."""
        n = len(order) if order is not None else len(sources[0])
        last = -(-n // batch_size)
        end = last if steps is None else min(start + steps, last)
        outputs: list[Any] = []
        for step in range(start, end):
            rows = slice(step * batch_size, min((step + 1) * batch_size, n))
            picked = rows if order is None else order[rows]
            outputs = self.run([s[picked] for s in sources], state)
            for target, output in zip(collect or (), outputs):
                target[rows] = output
            if track is not None:
                track[step - start] = outputs[0]
            if progress is not None:
                progress[0] = step - start + 1
                if progress[1]:
                    break
        return outputs


def compile_graph(graph: Graph, *, name: str) -> InterpretedProgram:
    """Return a program for the graph."""
    return InterpretedProgram(graph)
