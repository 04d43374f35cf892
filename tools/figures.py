"""Measure what a newcomer notices first, and print it as Markdown.

::

    python tools/figures.py [--mnist FOLDER] [--runs 5]

Import time, time from process start to the end of the first training step (with an
empty and with a filled cache), seconds an epoch on MNIST, lines of code by folder.
Every time is taken in fresh processes, medians are printed: by the clock, and of the
processors, which a busy machine changes less. Run it on an idle machine.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

FIRST_STEP = """
import numpy as np
import graphkeras as keras
from graphkeras import layers
i = keras.Input((28, 28))
h = layers.Flatten()(layers.Rescaling(1 / 255)(i))
h = layers.Dense(128, activation="relu")(layers.Dense(128, activation="relu")(h))
m = keras.Model(i, layers.Dense(10, activation="softmax")(h))
m.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
r = np.random.default_rng(0)
m.fit(r.random((64, 28, 28), dtype="float32"), r.integers(0, 10, 64), 64, verbose=0)
"""

EPOCHS = """
import sys, time
import graphkeras as keras
from models import {name} as reference
from models.mnist import load
data = load(sys.argv[1])
keras.utils.set_random_seed(0)
model = reference.build()
model.fit(data.x_train, data.y_train, batch_size=64, epochs=1, verbose=0)
start = time.perf_counter()
model.fit(data.x_train, data.y_train, batch_size=64, epochs=2, verbose=0)
print((time.perf_counter() - start) / 2)
"""


def seconds(code: str, environments: Sequence[dict[str, str]]) -> tuple[float, float]:
    """Return median wall and processor time of `code` in a fresh process for each."""
    wall, used = [], []
    for environment in environments:
        start, before = time.perf_counter(), os.times()
        python(code, environment=environment)
        wall.append(time.perf_counter() - start)
        after = os.times()
        user = after.children_user - before.children_user
        used.append(user + after.children_system - before.children_system)
    return statistics.median(wall), statistics.median(used)


def python(
    code: str, *arguments: str, environment: dict[str, str] | None = None
) -> str:
    """Run `code` in a fresh process at the root of the project; return its output."""
    # Users have bytecode files: where none are written, the first run here writes them.
    environment = {"PYTHONDONTWRITEBYTECODE": "", **(environment or {})}
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": paths, **environment},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def lines_of_code() -> list[tuple[str, int, int]]:
    """Return (folder, files, lines) of the Python files of each folder."""
    counts: dict[str, list[int]] = {}
    for path in sorted(ROOT.rglob("*.py")):
        inner = path.relative_to(ROOT)
        if inner.parts[0].startswith(".") or inner.parts[:2] == (
            "graphkeras",
            "kernels",
        ):
            continue
        depth = 2 if inner.parts[0] in ("graphkeras", "kernels", "tests") else 1
        folder = "/".join(inner.parts[:-1][:depth]) or "."
        row = counts.setdefault(folder, [0, 0])
        row[0] += 1
        row[1] += len(path.read_text(encoding="utf-8").splitlines())
    return [(folder, *row) for folder, row in sorted(counts.items())]  # type: ignore[misc]


def report(mnist: str | None, runs: int) -> str:
    """Measure everything and return it as Markdown."""
    plain: list[dict[str, str]] = [{}] * runs
    python(FIRST_STEP, environment={"GRAPHKERAS_CACHE": "off"})  # files into memory
    rows: list[tuple[str, float, float | None]] = [
        ("Python alone", *seconds("pass", plain)),
        ("import graphkeras", *seconds("import graphkeras", plain)),
    ]
    with tempfile.TemporaryDirectory() as folder:
        caches = [
            {"GRAPHKERAS_CACHE": os.path.join(folder, str(i))} for i in range(runs)
        ]
        rows.append(("first step, cold", *seconds(FIRST_STEP, caches)))
        rows.append(("first step, warm", *seconds(FIRST_STEP, caches)))
    if mnist:
        for name in ("mnist_mlp", "mnist_cnn"):
            took = float(python(EPOCHS.format(name=name), mnist).split()[-1])
            rows.append((f"an epoch of {name}", took, None))
    text = [
        f"{time.strftime('%Y-%m-%d')}, {platform.machine()}, {os.cpu_count()} CPUs,"
        f" Python {platform.python_version()}",
        "",
        "| what | seconds | of the processors |",
        "|---|---|---|",
        *(
            f"| {what} | {wall:.3f} | {'' if used is None else f'{used:.3f}'} |"
            for what, wall, used in rows
        ),
        "",
        "| folder | files | lines |",
        "|---|---|---|",
        *(
            f"| {folder} | {files} | {lines} |"
            for folder, files, lines in lines_of_code()
        ),
    ]
    return "\n".join(text)


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and print the report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--mnist", help="folder of the four MNIST IDX .gz files")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args(arguments)
    print(report(options.mnist, options.runs))


if __name__ == "__main__":
    main()
