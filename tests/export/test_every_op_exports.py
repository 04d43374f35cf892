"""Every op with an ONNX rule gives in onnxruntime what its NumPy body gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from graphkeras.errors import ExportError
from graphkeras.export.check import compare, open_session, run_session
from graphkeras.export.onnx import export_graph
from graphkeras.ir.interpret import interpret
from tests.export.samples import Case, cases, exportable

CASES = [case for case in cases() if not case.refused]
REFUSED = [case for case in cases() if case.refused]
BATCHES = (0, 1, 5)


def test_every_op_with_a_rule_has_a_case() -> None:
    elsewhere = {"iota"}  # takes no operand
    missing = {op.name for op in exportable()} - {case.op.name for case in CASES}
    assert missing - elsewhere == set()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_onnxruntime_gives_what_the_reference_does(
    case: Case, tmp_path: Path, rng: np.random.Generator
) -> None:
    graph, path = case.graph(), tmp_path / "op.onnx"
    inputs = [leaf.name for leaf in graph.inputs]
    outputs = [f"y{i}" for i in range(len(graph.outputs))]
    export_graph(graph, [], path, input_names=inputs, output_names=outputs, check=False)
    allowed = 4e-3 if case.operands[0].dtype == "float16" else 1e-5
    session = open_session(path)
    for batch in BATCHES:
        arrays = [o.draw(rng, batch) for o in case.operands]
        found = run_session(session, dict(zip(inputs, arrays)))
        for row in zip(outputs, found, interpret(graph, arrays)[0], strict=True):
            compare(*row, atol=allowed, rtol=allowed)


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_op_without_a_kernel_for_the_dtype_is_refused(
    case: Case, tmp_path: Path
) -> None:
    graph = case.graph()
    names = {"input_names": [v.name for v in graph.inputs], "output_names": ["y"]}
    with pytest.raises(ExportError, match=r"no kernel in onnxruntime\.\n  Cast to"):
        export_graph(graph, [], tmp_path / "op.onnx", **names)
