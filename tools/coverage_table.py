"""Which layers the tests sweep, how, and where the gaps are.

    python tools/coverage_table.py --write        write tools/coverage.md

The rows are the public layers; the numbers come from the samples of the sweep in
tests/layers/test_every_layer.py and from the files of Keras in tests/saving/data.
"""

from __future__ import annotations

import argparse
import json
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "tools" / "coverage.md"
SAVED = ROOT / "tests" / "saving" / "data"
HEAD = """# Layers and what is checked of them

Written by `python tools/coverage_table.py --write`. Each sample of a layer is swept:
*forward* means that eager, interpreted and compiled results and the inferred shape
agree; *gradient* that it reaches every weight (gradients of the ops below are compared
with differences of values); *config* that the layer comes back from its own; *ONNX*
that onnxruntime gives what the layer does, with free sizes free. *Files* counts files
saved by real Keras that hold the layer: they predict, are saved and, where trained,
train on as in Keras.

| layer | samples | forward | gradient | config | ONNX | files |
|---|---|---|---|---|---|---|
"""


def public_layers() -> dict[str, str]:
    """Return the public names of layers, each with that of its class."""
    from graphkeras import layers

    found = {n: v for n, v in vars(layers).items() if isinstance(v, type)}
    ours = {n: v for n, v in found.items() if issubclass(v, layers.Layer)}
    return {n: v.__name__ for n, v in sorted(ours.items()) if not n.startswith("_")}


def class_names(config: Any) -> Iterator[str]:
    """Yield the classes a config names."""
    if isinstance(config, dict):
        if isinstance(config.get("class_name"), str):
            yield config["class_name"]
        config = list(config.values())
    if isinstance(config, list):
        for part in config:
            yield from class_names(part)


def in_files() -> Counter[str]:
    """Return in how many files of Keras each class occurs."""
    found: Counter[str] = Counter()
    for path in sorted(SAVED.rglob("*.keras")):
        with zipfile.ZipFile(path) as archive:
            found.update({*class_names(json.loads(archive.read("config.json")))})
    return found


def table() -> str:
    """Return the whole document."""
    from tests.layers.samples import ELSEWHERE, SAMPLES

    samples = Counter(type(sample.make()).__name__ for sample in SAMPLES.values())
    files, lines, gaps = in_files(), [], []
    for name, of in public_layers().items():
        held = files[of] or "-"
        if samples[of]:
            lines.append(f"| {name} | {samples[of]} | yes | yes | yes | yes | {held} |")
        else:
            gaps.append(f"- {name}: {ELSEWHERE[name]}")
    head = "\n\nNot in the sweep, and where they are checked instead:\n\n"
    return HEAD + "\n".join(lines) + head + "\n".join(gaps) + "\n"


def main() -> int:
    """Print the document, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {FILE.name}")
    sys.path.insert(0, str(ROOT))
    if parser.parse_args().write:
        FILE.write_text(table(), encoding="utf-8")
    else:
        print(table(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
