"""Print a graph after each stage of the compiler.

    python tools/show_graph.py                         a tiny training step
    python tools/show_graph.py model.py:build_model    a model, or a function of tensors
    python tools/show_graph.py model.py:f --after fuse

A function is traced on inputs given by `--input`, such as ``f32[batch, 4]``.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graphkeras import dtypes, ops
from graphkeras.autodiff import gradient
from graphkeras.compiler.pipeline import stages
from graphkeras.errors import GraphKerasError
from graphkeras.ir import dims
from graphkeras.ir.trace import Trace, trace_function
from graphkeras.ir.types import TensorType
from graphkeras.ir.value import Graph
from graphkeras.variables import Variable

LONG = {short: name for name, short in dtypes.SHORT.items()}


def example() -> Graph:
    """Return one step of gradient descent on a layer of four units."""
    batch = dims.symbol("batch")
    w = Variable(np.zeros((3, 4), np.float32), name="w")
    b = Variable(np.zeros(4, np.float32), name="b")
    with Trace() as trace:
        x = trace.input("x", TensorType("float32", (batch, 3)))
        y = trace.input("y", TensorType("float32", (batch, 4)))
        with trace.layer("dense"):
            out = ops.tanh(x @ w + b)
        with trace.layer("loss"):
            loss = ops.mean(ops.square(out - y))
        parts = gradient(loss.value, [v.value.value for v in (w, b)])
        for variable, part in zip((w, b), parts, strict=True):
            assert part is not None  # the loss depends on both
            variable.assign_sub(trace.tensor(part) * 0.1)
        return trace.graph([loss])[0]


def parse_type(text: str) -> TensorType:
    """Return the type that ``f32[batch, 4]`` describes."""
    found = re.fullmatch(r"(\w+)\[(.*)\]", text.strip())
    if found is None or found[1] not in LONG:
        raise ValueError(
            f"--input: expected a type such as f32[batch, 4], got {text!r}"
        )
    sizes = [s.strip() for s in found[2].split(",") if s.strip()]
    shape = tuple(int(s) if s.isdigit() else dims.symbol(s) for s in sizes)
    return TensorType(LONG[found[1]], shape)


def load(source: str) -> Any:
    """Return what ``file.py:name`` names."""
    path, _, name = source.rpartition(":")
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    if not path or spec is None or spec.loader is None:
        raise ValueError(f"expected file.py:name, got {source!r}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return getattr(module, name)


def graph_of(found: Any, types: Sequence[TensorType]) -> Graph:
    """Trace a model on its own inputs, or a function on inputs of these types."""
    if not types and not hasattr(found, "inputs") and callable(found):
        found = found()  # a function that builds a model
    if hasattr(found, "inputs"):
        types = [TensorType(t.dtype, _free(t.shape)) for t in found.inputs]
        return trace_function(lambda *xs: _called(found, xs), types)[0]
    return trace_function(found, types)[0]


def _free(shape: Sequence[Any]) -> tuple[Any, ...]:
    """Return a shape with a name for each size that is None."""
    names = (dims.symbol("batch" if i == 0 else f"n{i}") for i in range(len(shape)))
    return tuple(n if s is None else s for s, n in zip(shape, names))


def _called(model: Any, tensors: Sequence[Any]) -> Any:
    return model(list(tensors) if len(tensors) > 1 else tensors[0])


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the stages asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", nargs="?", help="file.py:name of a model or function")
    parser.add_argument("--input", action="append", default=[], metavar="TYPE")
    parser.add_argument("--after", metavar="STAGE", help="print this stage only")
    given = parser.parse_args(arguments)
    try:
        types = [parse_type(text) for text in given.input]
        graph = graph_of(load(given.source), types) if given.source else example()
        shown = stages(graph)
    except (GraphKerasError, ValueError, AttributeError, OSError) as error:
        print(f"show_graph: {error}", file=sys.stderr)
        return 1
    for name, text in shown:
        if given.after in (None, name):
            print(f"=== after {name}\n{text}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
