"""What the reference models share: their options, and a file that serves as they do."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

import graphkeras as keras

KEPT = Path("~/.graphkeras/datasets")


def options(
    name: str, epochs: int, data: str, arguments: Sequence[str] | None
) -> argparse.Namespace:
    """Return what the command line of a model says.

    Args:
        name: of the model.
        epochs: to train unless another number is given.
        data: name of the file or folder it reads, looked for where data sets are kept.
        arguments: of the command line; those of the process if None.
    """
    parser = argparse.ArgumentParser(prog=f"python -m models.{name}")
    parser.add_argument("--data", default=str((KEPT / data).expanduser()), help=data)
    parser.add_argument("--epochs", type=int, default=epochs)
    parser.add_argument("--out", default=f"{name}.onnx", help="the file to write")
    found = parser.parse_args(arguments)
    if data and not Path(found.data).exists():
        parser.error(f"there is no {found.data}: give its place by --data")
    return found


def difference(
    model: keras.Model, path: str, inputs: dict[str, np.ndarray], **how: Any
) -> float:
    """Export a model; return how far onnxruntime's answers are from `predict`'s.

    Relative to the answer where that is greater than 1.
    """
    model.export(path, **how)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    served = session.run(
        model.output_names, shaped(inputs, keras.tree.flatten(model.inputs))
    )
    given: Any = inputs if len(inputs) > 1 else next(iter(inputs.values()))
    predicted = keras.tree.flatten(model.predict(given, verbose=0))
    pairs = zip(served, predicted, strict=True)
    return max(float((np.abs(s - p) / np.maximum(np.abs(p), 1)).max())
               for s, p in pairs)  # fmt: skip


def shaped(inputs: dict[str, np.ndarray], asked: Any) -> dict[str, np.ndarray]:
    """Return columns in the shapes and dtypes of a model's inputs, for onnxruntime."""
    found = {}
    for one in asked:
        x = inputs[one.name]
        x = x.reshape(len(x), *one.shape[1:]) if x.ndim < len(one.shape) else x
        found[one.name] = x if one.dtype == "string" else x.astype(one.dtype)
    return found


def report(figures: dict[str, float], path: str) -> dict[str, float]:
    """Print the figures of a model and return them."""
    for name, value in figures.items():
        print(f"{name:20} {value:.4g}")
    print(f"{'written to':20} {path}")
    return figures
