"""``graphkeras export``: a model as a checked ONNX file."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from graphkeras.cli.shapes import resized
from graphkeras.cli.showing import Progress, show_pairs
from graphkeras.cli.sources import load_model, read_labels, read_samples


def run(options: argparse.Namespace, _: Callable[[str], Any]) -> None:
    """Write the file and print what it holds."""
    with Progress().showing() as progress:
        report = _write(options, progress)
    show_pairs(report.rows())


def _write(options: argparse.Namespace, progress: Progress) -> Any:
    samples = None if options.check is None else read_samples(options.check)
    measured = None if options.int8 is None else read_samples(options.int8, "--int8")
    path, name = options.source
    progress.tell(f"loading {path}")
    model = load_model(path, name, options.custom)
    how = _arguments(options, samples)
    if options.dynamic or options.input_shape:
        model, sizes = resized(model, options.input_shape, options.dynamic)
        how["input_signature"] = sizes
    progress.tell(f"exporting and checking {model.name}")
    if not options.fp16 and measured is None:
        return model.export(options.output, **how)
    from graphkeras.export.smaller import write_smaller

    how["atol"] = 1e-4  # of the file in float32, which is made first
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "float32.onnx"
        model.export(whole, **how)
        return write_smaller(
            whole, options.output, "float16" if measured is None else "int8",
            samples if measured is None else measured,
            atol=options.atol, beside=options.external_data, tell=progress.tell,
        )  # fmt: skip


def _arguments(options: argparse.Namespace, samples: Any) -> dict[str, Any]:
    """Return what `Model.export` is told."""
    return {
        "opset": options.opset, "ops": options.ops, "samples": samples,
        "labels": read_labels(options.labels), "external_data": options.external_data,
        "atol": 1e-4 if options.atol is None else options.atol, "name": options.name,
    }  # fmt: skip
