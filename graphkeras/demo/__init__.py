"""The main job, end to end: raw data in, a trained model out as one ONNX file.

Two models are trained, evaluated, exported and served by onnxruntime in a process that
does not know graphkeras: images from raw pixels, and texts from raw strings. The models
themselves are ``models/digits.py`` and ``models/docstrings.py``.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from graphkeras.errors import GraphKerasError, message

JOBS = ("digits", "docstrings")
FOLDER = "graphkeras-demo"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one job came to.

    Attributes:
        title: the data in words.
        accuracy: share of the test set told right.
        first_epoch: seconds of the first epoch, compilation included.
        steps_per_second: of the other epochs.
        difference: largest between `predict` and onnxruntime, of all probabilities.
        report: of the export: path, size, inputs, outputs, operators.
    """

    title: str
    accuracy: float
    first_epoch: float
    steps_per_second: float
    difference: float
    report: Any


def main(folder: str | Path | None = None) -> None:
    """Run both jobs, write the files into `folder`, and print what came of it."""
    from rich.console import Console

    console = Console()
    start = time.perf_counter()
    for name in JOBS:
        with console.status(f"training, exporting and serving {name} ..."):
            outcome = run(name, Path(folder or FOLDER))
        console.print(table_of(outcome))
    console.print(f"Done in {time.perf_counter() - start:.1f} s.")


def run(name: str, folder: Path) -> Outcome:
    """Train, evaluate, export and serve one reference model."""
    import graphkeras

    reference = reference_model(name)
    graphkeras.utils.set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = reference.load()
    model = reference.build(x_train)
    first, rest = _train(model, x_train, y_train, reference)
    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    folder.mkdir(parents=True, exist_ok=True)
    report = model.export(folder / f"{name}.onnx")
    predicted = model.predict(x_test, verbose=0)
    answers = serve_elsewhere(report.path, {reference.INPUT: x_test})
    difference = float(np.abs(predicted - answers[reference.OUTPUT]).max())
    steps = -(-len(x_train) // reference.BATCH) * (reference.EPOCHS - 1)
    return Outcome(reference.TITLE, accuracy, first, steps / rest, difference, report)


def _train(model: Any, x: Any, y: Any, reference: ModuleType) -> tuple[float, float]:
    """Fit; return the seconds of the first epoch and of the others."""
    start = time.perf_counter()
    model.fit(x, y, batch_size=reference.BATCH, epochs=1, verbose=0)
    middle = time.perf_counter()
    model.fit(
        x, y, batch_size=reference.BATCH, epochs=reference.EPOCHS, initial_epoch=1,
        verbose=0,
    )  # fmt: skip
    return middle - start, time.perf_counter() - middle


def reference_model(name: str) -> ModuleType:
    """Import ``models/NAME.py``: beside the package in a clone, in it in a wheel."""
    here = Path(__file__).parent
    places = [here / f"{name}.py", here.parents[1] / "models" / f"{name}.py"]
    found = next((place for place in places if place.exists()), None)
    if found is None:
        raise GraphKerasError(
            message(
                "demo", f"expected models/{name}.py.", f"neither of {places}",
                "Install graphkeras again, or run it from a whole clone.",
            )
        )  # fmt: skip
    spec = importlib.util.spec_from_file_location(f"graphkeras.demo.{name}", found)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def serve_elsewhere(
    model: Path, inputs: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return the answers of onnxruntime in a fresh process."""
    script = Path(__file__).with_name("serve.py")
    with tempfile.TemporaryDirectory() as folder:
        given, answers = Path(folder, "inputs.npz"), Path(folder, "answers.npz")
        np.savez(given, **{n: _as_stored(a) for n, a in inputs.items()})  # type: ignore[arg-type]
        command = [sys.executable, str(script), str(model), str(given), str(answers)]
        subprocess.run(command, check=True)
        with np.load(answers) as stored:
            return dict(stored)


def _as_stored(array: np.ndarray) -> np.ndarray:
    return array.astype(np.str_) if array.dtype == object else array


def table_of(outcome: Outcome) -> Any:
    """Return the outcome as a rich table."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=outcome.title, show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    report = outcome.report
    operators = [f"{n} x{c}" if c > 1 else n for n, c in report.operators.items()]
    for label, shown in (
        ("test accuracy", f"{outcome.accuracy:.1%}"),
        ("first epoch", f"{outcome.first_epoch:.2f} s, compilation included"),
        ("then", f"{outcome.steps_per_second:,.0f} steps a second"),
        ("predict - onnxruntime", f"{outcome.difference:.1e} at most"),
        ("operators", ", ".join(operators)),
        ("file", f"{report.path} ({report.bytes:,} bytes)"),
    ):
        table.add_row(label, Text(shown))  # a path may hold brackets
    return table
