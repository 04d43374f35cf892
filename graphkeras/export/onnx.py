"""ir.Graph -> a standard ONNX file, checked and then put in place at once."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graphkeras.errors import ExportError, message
from graphkeras.export import proto, stream
from graphkeras.export.check import check_file
from graphkeras.export.emit import Emitter
from graphkeras.export.labels import Labels, add_labels
from graphkeras.export.nodes import Node
from graphkeras.export.prepare import prepare
from graphkeras.export.report import Report, report_of
from graphkeras.export.tidy import tidy
from graphkeras.ir.types import TensorType
from graphkeras.ir.value import Graph, Value

_OLDEST = 18  # the rules give the axes of reductions as an input


def export_graph(
    graph: Graph,
    state: Sequence[np.ndarray],
    path: str | os.PathLike[str],
    *,
    input_names: Sequence[str],
    output_names: Sequence[str],
    opset: int = 20,
    ops: str = "standard",
    labels: Labels | None = None,
    logits: Collection[str] = (),
    metadata: Mapping[str, str] | None = None,
    name: str = "model",
    external_data: bool = False,
    largest: int = proto.LARGEST_MESSAGE,
    check: bool = True,
    samples: Any = None,
    atol: float = 1e-4,
    rtol: float = 1e-4,
) -> Report:
    """Write `graph` as an ONNX file; nothing is left behind if that fails.

    Args:
        graph: the computation, traced with ``training=False``; updates are left out.
        state: the arrays of ``graph.state``, stored once under the variables' paths.
        path: where the file goes.
        input_names: names of the inputs.
        output_names: names of the outputs.
        opset: version of the ``ai.onnx`` operators, 18 or later.
        ops: "standard", or "contrib" to allow operators that only onnxruntime has.
        labels: names of the classes, of the only output or by output: the file then
            also gives the name of the winner.
        logits: names of outputs that are logits: between two classes, 0 decides.
        metadata: pairs for the file's ``metadata_props``.
        name: name of the graph inside the file.
        external_data: write the weights to ``<path>.data`` beside the file.
        largest: bytes of weights from which on they go there in any case: no file of
            protobuf can be larger.
        check: run the file in onnxruntime and compare it with the NumPy references.
        samples: arrays to check on (a list, or a dict by input name); random otherwise.
        atol: largest absolute difference allowed.
        rtol: largest relative difference allowed.

    Returns:
        What the file holds, and the largest difference found.

    Raises:
        ExportError: if ONNX cannot express the graph, the path cannot be written, or
            the file does not compute what the graph does.
    """
    _check_opset(opset)
    about = _strings(metadata or {})
    if labels is not None:
        graph, output_names, classes = add_labels(graph, output_names, labels, logits)
        about = classes | about
    b = _build(graph, state, input_names, output_names, Emitter(opset, _contrib(ops)))
    model, weights = proto.to_model(
        b.body, b.initializers, opset=opset, name=name, metadata=about
    )
    b.initializers.clear()  # some arrays only its passes needed
    whole = sum(array.nbytes for array in weights.values())
    with staging(Path(path)) as staged:
        if external_data or whole > largest:
            stream.write_beside(model, weights, stream.beside(staged))
            weights.clear()
        stream.write_model(model, weights, staged)
        weights.clear()
        size = sum(file.stat().st_size for file in staged.parent.iterdir())
        difference = None
        if check:
            difference = check_file(staged, graph, state, samples, atol=atol, rtol=rtol)
    return report_of(model, Path(path), size, difference)


def _build(
    graph: Graph,
    state: Sequence[np.ndarray],
    input_names: Sequence[str],
    output_names: Sequence[str],
    b: Emitter,
) -> Emitter:
    """Return the builder with the finished ONNX graph in it."""
    _check_names(input_names, "input", len(graph.inputs))
    _check_names(output_names, "output", len(graph.outputs))
    known: dict[Value, Any] = {}
    for leaf, name in zip(graph.inputs, input_names):
        known[leaf] = b.input(name, TensorType(leaf.dtype, leaf.shape))
    # Taken before any node is named; an output called like an input gets a number.
    names = [b.unique(name) for name in output_names]
    graph, folded = prepare(graph, state)
    for leaf, array in folded.items():
        known[leaf] = b.weight(leaf.name, array)
    refs = b.emit(graph.outputs, known)
    for name, ref, value in zip(names, refs, graph.outputs):
        b.body.nodes.append(Node("Identity", [ref], [name]))
        b.body.outputs.append((name, TensorType(value.dtype, value.shape)))
    tidy(b)
    return b


def _strings(metadata: Mapping[str, str]) -> dict[str, str]:
    wrong = [k for k, v in metadata.items() if not isinstance(v, str) or k != str(k)]
    if wrong:
        raise ExportError(
            message(
                "export", "expected metadata of strings.",
                f"{wrong[0]!r}: {metadata[wrong[0]]!r:.60}", "Write it as text.",
            )
        )  # fmt: skip
    return dict(metadata)


def _check_names(names: Sequence[str], what: str, count: int) -> None:
    if len(names) != count or len(set(names)) != count or not all(names):
        raise ExportError(
            message(
                "export", f"expected a name of its own for each of {count} {what}s.",
                f"{what}_names={[*names]}", "Name the layers apart.",
            )
        )  # fmt: skip


def _contrib(ops: str) -> bool:
    if ops not in ("standard", "contrib"):
        raise ExportError(
            message(
                "export", "expected ops to be 'standard' or 'contrib'.", f"{ops!r}",
                "Leave it out for operators that every runtime has.",
            )
        )  # fmt: skip
    return ops == "contrib"


def _check_opset(opset: int) -> None:
    from onnx import defs

    newest = defs.onnx_opset_version()
    if not (isinstance(opset, int) and _OLDEST <= opset <= newest):
        raise ExportError(
            message(
                "export", f"expected an opset from {_OLDEST} to {newest}.",
                f"opset={opset!r}", "Leave it out for 20, which recent runtimes have.",
            )
        )  # fmt: skip


@contextlib.contextmanager
def staging(target: Path) -> Iterator[Path]:
    """Give a path to write to; what lies there is moved to `target` if all went well.

    A folder beside the target, so that the move is atomic and never half done.
    """
    try:
        if target.is_dir():
            raise IsADirectoryError(21, "is a folder", str(target))
        folder = tempfile.TemporaryDirectory(
            dir=target.absolute().parent, prefix=f".{target.name}."
        )
    except OSError as error:
        raise _unwritable(target, error) from error
    with folder:
        staged = Path(folder.name) / target.name
        yield staged
        try:
            for file in (stream.beside(staged), staged):
                if file.exists():
                    os.replace(file, target.with_name(file.name))
        except OSError as error:
            raise _unwritable(target, error) from error


def _unwritable(target: Path, error: OSError) -> ExportError:
    return ExportError(
        message(
            "export", "expected a path that can be written.",
            f"{str(target)!r}: {error.strerror or error}",
            "Make the folder first, or choose another path.",
        )
    )  # fmt: skip
