"""Load saved models and export them: seconds, memory, differences.

    python tools/bench_files.py FILE.keras ... [--repeat 3]

Prints a Markdown table; without files, of two models with fresh weights. Each file is
measured in processes of its own, and the least of `--repeat` rounds is shown. Memory is
the most the process has had, less what it had when graphkeras was imported; NumPy,
h5py, onnx and onnxruntime come after that, so about 60 MiB of each figure are theirs.
Where a file `NAME.npz` with arrays `x` and `y` lies beside `NAME.keras`, `y` is what
another program answered to `x`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = str(Path(__file__).resolve().parent.parent)
sys.path[:] = [ROOT, *(p for p in sys.path if p not in (ROOT, f"{ROOT}/tools"))]

MIB = 1 << 20
FRESH = ("MobileNetV3Small", "ResNet50")
HEADINGS = (
    "file", "weights, MiB", "load, s", "export, s", "of the processors, s",
    "peak, MiB", "times the weights", "onnxruntime differs by", "the other program by",
)  # fmt: skip


def main() -> int:
    """Print the table, or what one file gave in this process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.here:
        print(json.dumps(measured(given.files[0])))
        return 0
    print(f"| {' | '.join(HEADINGS)} |")
    print(f"|{'---|' * len(HEADINGS)}")
    with tempfile.TemporaryDirectory() as folder:
        for file in given.files or fresh(Path(folder)):
            rounds = [in_a_process(file) for _ in range(given.repeat)]
            print(row(file, {key: least(rounds, key) for key in rounds[0]}), flush=True)
    return 0


def fresh(folder: Path) -> list[Path]:
    """Return the files of the models that are measured if none is given."""
    from graphkeras import applications

    made = []
    for name in FRESH:
        made.append(folder / f"{name}.keras")
        getattr(applications, name)(weights=None).save(made[-1])
    return made


def in_a_process(file: Path) -> dict[str, Any]:
    """Return what one round gave."""
    command = [sys.executable, __file__, str(file), "--here"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def measured(file: Path) -> dict[str, Any]:
    """Load and export a file in this process."""
    import graphkeras
    from tools.measure import peak

    bare, used, began = peak(), time.process_time(), time.perf_counter()
    model = graphkeras.saving.load_model(file, compile=False)
    loaded = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        report = model.export(os.path.join(folder, "model.onnx"))
    found = {
        "weights": sum(v.array.nbytes for v in model.weights) / MIB,
        "load": loaded - began, "export": time.perf_counter() - loaded,
        "used": time.process_time() - used, "peak": peak() - bare,
        "difference": report.difference,
    }  # fmt: skip
    if file.with_suffix(".npz").is_file():
        found["other"] = difference_of(model, file.with_suffix(".npz"))
    return found


def difference_of(model: Any, path: Path) -> float:
    """Return how far a model's answers are from those in a file."""
    import numpy as np

    with np.load(path) as pairs:
        answers = model.predict(pairs["x"], verbose=0)
        return float(np.abs(answers - pairs["y"]).max())


def least(rounds: list[dict[str, Any]], key: str) -> float:
    """Return the least figure of several rounds."""
    return min(found[key] for found in rounds)


def row(file: Path, found: dict[str, float]) -> str:
    """Return a line of the table."""
    other = f"{found['other']:.1e}" if "other" in found else ""
    cells = (
        file.name, f"{found['weights']:.0f}", f"{found['load']:.2f}",
        f"{found['export']:.2f}", f"{found['used']:.2f}",
        f"{found['peak']:.0f}", f"{found['peak'] / found['weights']:.2f}",
        f"{found['difference']:.1e}", other,
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
