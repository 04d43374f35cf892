"""Which options of the preprocessing layers are held to Keras, and how closely.

    python tools/preprocessing_table.py --write        write tools/preprocessing.md

The rows are those of the tests, recorded from Keras on TensorFlow: each was answered by
the layer, by its compiled program and by its file in onnxruntime.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "tools" / "preprocessing.md"
MOST = 7  # values of an option that are shown
HEAD = """# Preprocessing layers beside Keras

Written by `python tools/preprocessing_table.py --write`, from the rows of the tests:
every option below was given these values in Keras 3.15 on TensorFlow, whose answers are
recorded. The layers, their compiled programs and their files in onnxruntime answer as
closely as is said here. Layers that draw are fed what Keras drew; in inference, thus in
a file, they leave everything as it is.

| layer | rows | options | agrees | in ONNX |
|---|---|---|---|---|
"""

Row = tuple[str, dict[str, Any], int]


def rows() -> Iterator[tuple[str, Row]]:
    """Yield how closely each row of the tests agrees, and (layer, options, inputs)."""
    from tests.images.cases import DRAWN, FIXED
    from tests.preprocessing.cases import MORE, ROWS
    from tests.tables.cases import KINDS, SPACES
    from tests.text.cases import ARGUMENTS, BYTES, TEXTS

    numbers = "whole numbers exactly, others to 1e-6"
    pixels = "bytes exactly, floats to 1e-3 of 255"
    for arguments in ARGUMENTS:
        yield numbers, ("TextVectorization", arguments, len(TEXTS) + len(BYTES))
    for name, arguments, *_ in ROWS + MORE:
        yield numbers, (name, arguments, 1)
    for name, arguments, *_ in (*FIXED, *DRAWN):
        yield "to 2e-5" if "Spectro" in name else pixels, (name, arguments, 1)
    for name in SPACES:
        kind = {"features": name} if name in KINDS else {}
        yield "numbers of classes exactly, floats to 1e-5", ("FeatureSpace", kind, 3)


def shown(value: Any) -> str:
    """Return a value of an option, in short."""
    if callable(value):
        return "a function"
    text = repr(value)
    return text if len(text) <= 30 else f"a {type(value).__name__}"


def options_of(found: list[dict[str, Any]]) -> str:
    """Return the options that occur, each with its values."""
    values: dict[str, dict[str, None]] = {}
    for arguments in found:
        for name, value in arguments.items():
            values.setdefault(name, {})[shown(value)] = None
    parts = []
    for name, seen in sorted(values.items()):
        more = f", {len(seen) - MOST} more" if len(seen) > MOST else ""
        parts.append(f"`{name}`: {', '.join([*seen][:MOST])}{more}")
    return "; ".join(parts).replace("|", "\\|") or "the defaults"


def table() -> str:
    """Return the whole document."""
    from tests.preprocessing.refused import REFUSED

    layers: dict[str, list[Row]] = {}
    closeness: dict[str, str] = {}
    for close, row in rows():
        layers.setdefault(row[0], []).append(row)
        closeness[row[0]] = close
    lines = []
    for name, listed in sorted(layers.items()):
        refused = ", ".join(what for layer, what, *_ in REFUSED if layer == name)
        lines.append(
            f"| {name} | {sum(count for *_, count in listed):,} | "
            f"{options_of([arguments for _, arguments, _ in listed])} | "
            f"{closeness[name]} | {f'all but {refused}' if refused else 'all'} |"
        )
    return HEAD + "\n".join(lines) + "\n"


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
