"""``graphkeras inspect``: what a file holds, read without running it."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from graphkeras.cli.options import source
from graphkeras.cli.showing import Progress, show_pairs
from graphkeras.cli.sources import load_model
from graphkeras.errors import ExportError, one_line


def run(options: argparse.Namespace, wrong: Callable[[str], Any]) -> None:
    """Print layers or operators, and draw them on request."""
    if options.source.endswith(".onnx"):
        _inspect_onnx(options)
        return
    try:
        path, name = source(options.source)
    except argparse.ArgumentTypeError as error:
        wrong(f"inspect: file.onnx, {error}")
    with Progress().showing() as progress:
        progress.tell(f"loading {path}")
        model = load_model(path, name, options.custom)
    show_pairs(_rows(options.source, path, model))
    model.summary()
    if options.plot is not None:
        from graphkeras.models.plotting import plot_model

        plot_model(
            model, options.plot, show_shapes=True, show_layer_names=True,
            expand_nested=True,
        )  # fmt: skip


def _rows(shown: str, path: Path, model: Any) -> Iterator[tuple[str, str]]:
    from graphkeras.models.summary import count_params
    from graphkeras.models.tracing import trace_model

    yield "file", f"{shown} ({path.stat().st_size:,} bytes)"
    yield "model", f"{model.name} ({type(model).__name__}, {len(model.layers)} layers)"
    yield from _metadata(path)
    if model.built:
        traced = trace_model(model)
        for name, leaf in zip(traced.input_names, traced.graph.inputs):
            yield "input", f"{name}: {leaf.type}"
        for name, value in zip(traced.output_names, traced.graph.outputs):
            yield "output", f"{name}: {value.type}"
        yield "operators", _operators(model)
    yield "parameters", f"{count_params(model.weights):,}"


def _operators(model: Any) -> str:
    """The operators of an ONNX file of the model, or why there can be none."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            report = model.export(Path(folder) / "model.onnx", check=False)
        except ExportError as error:
            return f"none: {one_line(error)}"
    return dict(report.rows())["operators"]


def _metadata(path: Path) -> Iterator[tuple[str, str]]:
    """Yield who saved a ``.keras`` file, and when."""
    if path.suffix == ".keras":
        from graphkeras.saving.archive import read_archive

        archive = read_archive(path)
        archive.weights.close()
        for key, value in sorted(archive.metadata.items()):
            yield str(key), str(value)


def _inspect_onnx(options: argparse.Namespace) -> None:
    from graphkeras.export import inspect_file

    show_pairs(inspect_file(options.source).rows())
    if options.plot is not None:
        from graphkeras.drawing import draw
        from graphkeras.export.diagrams import diagram_of
        from graphkeras.export.report import read_model
        from graphkeras.models.plotting import write_picture

        model = read_model(Path(options.source))
        write_picture(draw(diagram_of(model)), options.plot)
