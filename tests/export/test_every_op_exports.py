"""What an op's ONNX rule gives in onnxruntime is what its NumPy body gives.

`tests/ops/test_every_op.py` compares at fixed sizes. Here: one file for all sizes of a
batch, and every dtype of numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphkeras.errors import ExportError
from graphkeras.export.check import compare, open_session, run_session
from graphkeras.export.onnx import export_graph
from graphkeras.ir.definers import inline
from graphkeras.ir.interpret import interpret
from graphkeras.ir.op import OPS, Word
from graphkeras.ir.value import Graph
from tests.export.samples import Case, cases
from tests.ops.samples import Sample, samples_of
from tests.ops.test_every_op import freed, has_no_rule, traced

BATCHES = (0, 1, 5)
NEED_ROWS = "gru logsumexp lstm max mean min ptp simple_rnn std var".split()  # noqa: SIM905
CASES = list(cases())
RULES = sorted(
    name for name, op in OPS.items()
    if op.family != "leaf" and (not isinstance(op.onnx, Word) or op.onnx is inline)
)  # fmt: skip


def assert_alike(
    graph: Graph, rounds: Sequence[Sequence[np.ndarray]], path: Path
) -> None:
    """Export once, then run on each of `rounds` and compare with the references."""
    inputs = [f"x{i}" for i in range(len(graph.inputs))]
    outputs = [f"y{i}" for i in range(len(graph.outputs))]
    export_graph(graph, [], path, input_names=inputs, output_names=outputs, check=False)
    session = open_session(path)
    for arrays in rounds:
        found = run_session(session, dict(zip(inputs, arrays, strict=True)))
        for row in zip(outputs, found, interpret(graph, arrays)[0], strict=True):
            compare(*row, atol=1e-5, rtol=1e-5)


def at_batch(sample: Sample, size: int) -> list[np.ndarray]:
    """The sample's arrays with `size` rows where the batch is free."""
    return [
        np.take(a, np.arange(size) % max(len(a), 1), axis=0) if i in sample.free else a
        for i, a in enumerate(sample.arrays())
    ]


@pytest.mark.parametrize("name", RULES)
def test_one_file_serves_every_batch_size(name: str, tmp_path: Path) -> None:
    samples = [s for s in samples_of(OPS[name]) if s.free and all(map(len, s.arrays()))]
    for i, sample in enumerate(samples):
        graph = traced(OPS[name], sample, freed(sample))
        if not has_no_rule(graph):
            sizes = BATCHES[name in NEED_ROWS :]
            rounds = [at_batch(sample, size) for size in sizes]
            assert_alike(graph, rounds, tmp_path / f"{i}.onnx")


@pytest.mark.parametrize("case", [c for c in CASES if not c.refused], ids=str)
def test_every_dtype_gives_what_the_reference_does(case: Case, tmp_path: Path) -> None:
    assert_alike(case.graph(), [case.arrays], tmp_path / "op.onnx")


@pytest.mark.parametrize("case", [c for c in CASES if c.refused], ids=str)
def test_dtype_without_a_kernel_is_refused(case: Case, tmp_path: Path) -> None:
    graph: Any = case.graph()
    names = {"input_names": [v.name for v in graph.inputs], "output_names": ["y"]}
    with pytest.raises(ExportError, match=r"no kernel in onnxruntime\.\n  Cast to"):
        export_graph(graph, [], tmp_path / "op.onnx", **names)
