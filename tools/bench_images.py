"""Layers on images side by side: ours, and Keras on TensorFlow.

    python tools/bench_images.py                                  ours
    python tools/bench_images.py --keras ../tf/bin/python         and Keras there

Batches of 32 images of 224 and of 32 pixels a side, training, in two ways: layers
called as they are on arrays (beside a model), and within a program that is compiled
once (in a model; `tf.function` there). The two sides take turns, each in a process of
its own; a figure is the least of the repetitions of all turns, in milliseconds of the
processors, or by the clock with --wall. RandAugment and AugMix draw for each batch what
they do: theirs is the mean of a turn.
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
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
BATCH, SIZES = 32, (224, 32)
SIDES = ("ours", "keras")
TURNS, SECONDS = 2, 0.4
DRAWN, MANY = ("RandAugment", "AugMix"), 20  # layers whose work differs, calls of them
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


def best(call: Callable[[], Any], clock: Callable[[], float]) -> float:
    """Return the least time of a call, in milliseconds."""
    call()
    call()
    shortest, stop, least = float("inf"), time.perf_counter() + SECONDS, 3
    while least > 0 or time.perf_counter() < stop:
        start = clock()
        call()
        shortest = min(shortest, clock() - start)
        least -= 1
    return 1e3 * shortest


def mean(call: Callable[[], Any], clock: Callable[[], float]) -> float:
    """Return the mean time of many calls, in milliseconds."""
    call()
    start = clock()
    for _ in range(MANY):
        call()
    return 1e3 * (clock() - start) / MANY


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


Calls = tuple[Callable[[], Any], Callable[[], Any]]  # beside a model, within one


def ours(name: str, side: int) -> Calls:
    """Return the two calls of our layer."""
    from graphkeras import layers

    layer, x = made(layers, name), images(side)
    return partial(layer, x, training=True), program(layer, x)


def keras(name: str, side: int) -> Calls:
    """Return the two calls of Keras's layer on TensorFlow, on tensors."""
    tensorflow = importlib.import_module("tensorflow")
    layers = importlib.import_module("keras.layers")
    call = partial(made(layers, name), tensorflow.constant(images(side)), training=True)
    return call, tensorflow.function(call)


def serve(side: str, wall: bool) -> None:
    """Answer each line of the input, a row, by its two figures."""
    if side == "ours":
        sys.path.insert(0, str(ROOT))
    os.environ.update(KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="3")
    clock = time.perf_counter if wall else time.process_time
    made_of: dict[str, Calls] = {}
    for line in sys.stdin:
        name, size = json.loads(line)
        row = f"{name} {size}"
        if row not in made_of:
            made_of.clear()  # one row's programs at a time
            made_of[row] = {"ours": ours, "keras": keras}[side](name, size)
        measure = mean if name in DRAWN else best
        found = [timed(partial(measure, call, clock), row) for call in made_of[row]]
        print(json.dumps(found), flush=True)


def timed(measure: Callable[[], float], row: str) -> float | None:
    """Return a figure, None where a layer has no graph."""
    try:
        return measure()
    except Exception as problem:
        print(f"{row}: {type(problem).__name__}", file=sys.stderr)
        return None


class Side:
    """A process that measures one side; what comes after its end has no figures."""

    def __init__(self, side: str, python: str, wall: bool) -> None:
        command = [python, str(Path(__file__).resolve()), "--only", side]
        # Not from here: another Python is not to find our package.
        self.process = subprocess.Popen(
            [*command, *["--wall"] * wall], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            cwd=tempfile.gettempdir(),
        )  # fmt: skip
        self.ended = False

    def ask(self, name: str, size: int) -> list[float | None]:
        """Return the figures of a row: beside a model, and within one."""
        assert self.process.stdin and self.process.stdout
        answer = ""
        if not self.ended:
            with suppress(BrokenPipeError):
                print(json.dumps([name, size]), file=self.process.stdin, flush=True)
                answer = self.process.stdout.readline()
            self.ended = not answer
            if self.ended:
                print(f"a side ended at {name!r}, {size} pixels", file=sys.stderr)
        return json.loads(answer) if answer else [None, None]

    def end(self) -> None:
        """Let the process end."""
        with suppress(BrokenPipeError), self.process:
            pass  # closes the pipes, and waits


def measured(sides: dict[str, Side], name: str, size: int) -> dict[str, list[Any]]:
    """Return each side's least figures of a row, after some turns."""
    turns = [{k: side.ask(name, size) for k, side in sides.items()}
             for _ in range(TURNS)]  # fmt: skip
    return {
        side: [
            min((f for f in both if f is not None), default=None)
            for both in zip(*(turn[side] for turn in turns))
        ]
        for side in sides
    }


def lines(row: str, found: dict[str, list[Any]]) -> list[str]:
    """Return a row's two lines; a factor above 1 says that we are faster."""
    made_up = []
    for number, way in enumerate(("beside", "within")):
        figures = [figures[number] for figures in found.values()]
        cells = ["" if f is None else f"{f:,.2f}" for f in figures]
        if len(figures) > 1:
            known = None not in figures
            cells.append(f"{figures[1] / figures[0]:.1f}" if known else "")
        made_up.append(f"| {row}, {way} | {' | '.join(cells)} |")
    return made_up


def main() -> None:
    """Measure and print, row by row."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="rows; all by default")
    parser.add_argument("--keras", help="a Python that has Keras and TensorFlow")
    parser.add_argument("--size", type=int, choices=SIZES, help="pixels a side")
    parser.add_argument("--wall", action="store_true", help="by the clock")
    parser.add_argument("--only", choices=SIDES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.only:
        serve(given.only, given.wall)
        return
    homes = {"ours": sys.executable} | ({"keras": given.keras} if given.keras else {})
    sides = {side: Side(side, python, given.wall) for side, python in homes.items()}
    heads = [*homes, *["Keras by ours"] * (len(homes) > 1)]
    print(f"| ms a batch | {' | '.join(heads)} |\n{'|---' * (len(heads) + 1)}|")
    for size in (given.size,) if given.size else SIZES:
        for name in given.names or LAYERS:
            found = measured(sides, name, size)
            print("\n".join(lines(f"{name}, {size} px", found)), flush=True)
    for side in sides.values():
        side.end()
    sys.exit(1 if any(side.ended for side in sides.values()) else 0)


if __name__ == "__main__":
    main()
