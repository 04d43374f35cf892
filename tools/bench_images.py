"""Layers on images side by side: ours, and Keras on TensorFlow.

    python tools/bench_images.py                                  ours
    python tools/bench_images.py --keras ../tf/bin/python         and Keras there

Batches of 32 images of 224 and of 32 pixels a side, training, in two ways: layers
called as they are on arrays (beside a model), and within a program that is compiled
once (in a model; `tf.function` there). Every figure is the least processor time of many
repetitions, in milliseconds a batch, in a process of its own.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
BATCH, SIZES = 32, (224, 32)
SIDES = ("ours", "keras")
LAYERS: dict[str, tuple[str, dict[str, Any]]] = {
    "Resizing, nearest": ("Resizing", {"interpolation": "nearest"}),
    "Resizing, bilinear": ("Resizing", {}),
    "Resizing, bilinear, antialias": ("Resizing", {"antialias": True}),
    "Resizing, bicubic": ("Resizing", {"interpolation": "bicubic"}),
    "Resizing, lanczos3, antialias": (
        "Resizing", {"interpolation": "lanczos3", "antialias": True}),
    "Resizing, padded": ("Resizing", {"pad_to_aspect_ratio": True}),
    "CenterCrop": ("CenterCrop", {"height": 24, "width": 24}),
    "RandomCrop": ("RandomCrop", {"height": 24, "width": 24}),
    "RandomFlip": ("RandomFlip", {}),
    "RandomRotation": ("RandomRotation", {"factor": 0.2}),
    "RandomZoom": ("RandomZoom", {"height_factor": 0.2}),
    "RandomTranslation": (
        "RandomTranslation", {"height_factor": 0.2, "width_factor": 0.2}),
    "RandomShear": ("RandomShear", {"x_factor": 0.2, "y_factor": 0.2}),
    "RandomPerspective": ("RandomPerspective", {}),
    "RandomElasticTransform": ("RandomElasticTransform", {}),
    "RandomContrast": ("RandomContrast", {"factor": 0.2}),
    "RandomBrightness": ("RandomBrightness", {"factor": 0.2}),
    "RandomHue": ("RandomHue", {"factor": 0.2}),
    "RandomSaturation": ("RandomSaturation", {"factor": 0.2}),
    "RandomSharpness": ("RandomSharpness", {"factor": 0.2}),
    "RandomColorJitter": ("RandomColorJitter", {
        "brightness_factor": 0.2, "contrast_factor": 0.2, "saturation_factor": 0.2,
        "hue_factor": 0.2}),
    "RandomColorDegeneration": ("RandomColorDegeneration", {"factor": 0.2}),
    "RandomGrayscale": ("RandomGrayscale", {}),
    "RandomInvert": ("RandomInvert", {}),
    "RandomPosterization": ("RandomPosterization", {"factor": 4}),
    "RandomGaussianBlur": ("RandomGaussianBlur", {}),
    "RandomErasing": ("RandomErasing", {}),
    "Solarization": (
        "Solarization", {"addition_factor": 0.2, "threshold_factor": 0.2}),
    "AutoContrast": ("AutoContrast", {}),
    "Equalization": ("Equalization", {}),
    "adaptive equalization": ("ContrastLimitedAdaptiveHistogramEqualization", {}),
    "MixUp": ("MixUp", {}),
    "CutMix": ("CutMix", {}),
    "RandAugment": ("RandAugment", {}),
    "AugMix": ("AugMix", {}),
}  # fmt: skip


def best(call: Callable[[], Any], seconds: float = 1.0, least: int = 3) -> float:
    """Return the least processor time of a call, in milliseconds."""
    call()
    call()
    shortest, stop = float("inf"), time.perf_counter() + seconds
    while least > 0 or time.perf_counter() < stop:
        start = time.process_time()
        call()
        shortest = min(shortest, time.process_time() - start)
        least -= 1
    return 1e3 * shortest


def made(layers: Any, name: str) -> Any:
    """Return the layer of a row; where none is given, 96 pixels a side come out."""
    kind, options = LAYERS[name]
    size = {"height": 96, "width": 96} if kind == "Resizing" else {}
    return getattr(layers, kind)(**size, **options)


def images(side: int) -> np.ndarray:
    """Return a batch."""
    pixels = np.random.default_rng(0).integers(0, 256, (BATCH, side, side, 3))
    return pixels.astype("float32")


def program(layer: Any, x: np.ndarray) -> Callable[[], Any]:
    """Return a call of our layer's compiled program."""
    from graphkeras.compiler.pipeline import compile_graph
    from graphkeras.ir import dims
    from graphkeras.ir.trace import Trace
    from graphkeras.ir.types import TensorType

    with Trace() as trace:
        kind = TensorType("float32", (dims.symbol("batch"), *x.shape[1:]))
        graph, states = trace.graph([layer(trace.input("x", kind), training=True)])
    compiled = compile_graph(graph, name="layer")
    return partial(compiled.run, [x], [state.array for state in states])


def ours(names: list[str]) -> dict[str, float]:
    """Measure our layers."""
    sys.path.insert(0, str(ROOT))
    from graphkeras import layers

    found = {}
    for side in SIZES:
        x = images(side)
        for name in names:
            row, layer = f"{name}, {side} px", made(layers, name)
            found[f"{row}, beside"] = best(partial(layer, x, training=True))
            found[f"{row}, within"] = best(program(layer, x))
    return found


def keras(names: list[str]) -> dict[str, float]:
    """Measure Keras's layers on TensorFlow, on tensors; some have no graph."""
    os.environ.update(KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="3")
    tensorflow = importlib.import_module("tensorflow")
    from keras import layers

    found = {}
    for side in SIZES:
        x = tensorflow.constant(images(side))
        for name in names:
            row, layer = f"{name}, {side} px", made(layers, name)
            call = partial(layer, x, training=True)
            found[f"{row}, beside"] = best(call)
            try:
                found[f"{row}, within"] = best(tensorflow.function(call))
            except Exception as problem:
                print(f"{row}: {type(problem).__name__}", file=sys.stderr)
    return found


def measured(side: str, python: str, names: list[str]) -> dict[str, float]:
    """Return the figures of one side, from a process of its own."""
    command = [python, str(Path(__file__).resolve()), "--only", side, *names]
    # Not from here: another Python is not to find our package.
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=tempfile.gettempdir()
    )
    if done.returncode:
        raise SystemExit(f"{side}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def report(columns: dict[str, dict[str, float]]) -> str:
    """Return a Markdown table; a factor above 1 says that we are faster."""
    lines = [f"| ms a batch | {' | '.join(columns)} | Keras by ours |",
             "|---" * (len(columns) + 2) + "|"]  # fmt: skip
    for row in columns["ours"]:
        cells = [f"{c[row]:,.2f}" if row in c else "" for c in columns.values()]
        theirs = columns.get("keras", {}).get(row)
        factor = f"{theirs / columns['ours'][row]:.1f}" if theirs else ""
        lines.append(f"| {row} | {' | '.join(cells)} | {factor} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="rows; all by default")
    parser.add_argument("--keras", help="a Python that has Keras and TensorFlow")
    parser.add_argument("--only", choices=SIDES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    names = given.names or list(LAYERS)
    if given.only:
        print(json.dumps({"ours": ours, "keras": keras}[given.only](names)))
        return
    homes = {"ours": sys.executable}
    homes |= {"keras": given.keras} if given.keras else {}
    print(report({side: measured(side, python, names)
                  for side, python in homes.items()}))  # fmt: skip


if __name__ == "__main__":
    main()
