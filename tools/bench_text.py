"""Texts to numbers side by side: ours, Keras on TensorFlow, and the exported file.

    python tools/bench_text.py                                  ours and onnxruntime
    python tools/bench_text.py --keras ../tf/bin/python         and Keras in that Python

Documents have some 236 words, of which a few are much more frequent than the others,
capitals and punctuation among them; the vocabulary has 20,000 words. Every figure is
the best of many repetitions in a process of its own. Run it with nothing else running.
"""

from __future__ import annotations

import argparse
import json
import os
import random
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
WORDS, SIZE, VOCABULARY = 236, 40_000, 20_000
BATCHES = (1, 32, 256)
DOCUMENTS = 4096
REPEATED = 4  # times the documents are learned from, in one list
SIDES = ("ours", "onnxruntime", "keras")


def documents() -> list[str]:
    """Return texts; always the same."""
    rng = random.Random(0)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    weights = [1 / (i + 2) for i in range(len(letters))]
    words = [
        "".join(rng.choices(letters, weights, k=rng.randint(2, 10)))
        for _ in range(SIZE)
    ]
    chances = np.cumsum([1 / (i + 10) for i in range(SIZE)]).tolist()
    ends = [" "] * 9 + [", ", ". ", "\n", "'s ", " - "]

    def one() -> str:
        chosen = rng.choices(words, cum_weights=chances, k=WORDS)
        cased = (w.capitalize() if rng.random() < 0.1 else w for w in chosen)
        return "".join(word + rng.choice(ends) for word in cased)

    return [one() for _ in range(DOCUMENTS)]


def best(call: Callable[[], Any], seconds: float = 2.0) -> float:
    """Return the shortest time of a call, in seconds."""
    call()
    shortest, stop = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < stop:
        start = time.perf_counter()
        call()
        shortest = min(shortest, time.perf_counter() - start)
    return shortest


def layers_measured(layers: Any) -> dict[str, float]:
    """Measure layers of ours or of Keras, called as they are on arrays."""
    texts = documents()
    learned = texts * REPEATED
    megabytes = sum(map(len, learned)) / 1e6
    vectorize = layers.TextVectorization(max_tokens=VOCABULARY)
    vectorize.adapt(texts[:8])  # compiles
    found = {"adapt, MB/s": megabytes / best(lambda: vectorize.adapt(learned), 5.0)}
    lookup = layers.StringLookup(vocabulary=vectorize.get_vocabulary()[2:])
    hashing = layers.Hashing(1000)
    words = " ".join(texts[:64]).split()
    counts = layers.TextVectorization(
        vocabulary=vectorize.get_vocabulary()[2:2002], output_mode="count", ngrams=2
    )
    for batch in BATCHES:
        some, few = np.array(texts[:batch], object), np.array(words[:batch], object)
        for name, layer, given in (
            ("documents to ids", vectorize, some), ("counts of pairs", counts, some),
            ("StringLookup", lookup, few), ("Hashing", hashing, few),
        ):  # fmt: skip
            took = best(partial(layer, given))
            found[f"{name}, {batch} at once, /s"] = batch / took
    return found


def ours() -> dict[str, float]:
    """Measure our layers."""
    sys.path.insert(0, str(ROOT))
    from graphkeras import layers

    return layers_measured(layers)


def keras() -> dict[str, float]:
    """Measure Keras's layers on TensorFlow."""
    os.environ.update(KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="3")
    from keras import layers

    return layers_measured(layers)


def onnxruntime() -> dict[str, float]:
    """Measure the file that our layer becomes."""
    sys.path.insert(0, str(ROOT))
    import onnxruntime as runtime

    import graphkeras
    from graphkeras import layers

    texts = documents()
    found = {}
    cases: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = (
        ("documents to ids", {}, {}),
        ("documents to characters", {"split": "character"}, {"ops": "contrib"}),
    )
    for name, options, export in cases:
        layer = layers.TextVectorization(max_tokens=VOCABULARY, **options)
        layer.adapt(texts)
        text = graphkeras.Input((), dtype="string", name="text")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "texts.onnx")
            graphkeras.Model(text, layer(text)).export(path, check=False, **export)
            found[f"{name}, kB"] = path.stat().st_size / 1e3
            start = time.perf_counter()
            session = runtime.InferenceSession(
                str(path), providers=["CPUExecutionProvider"]
            )
            found[f"{name}, ms to load"] = 1e3 * (time.perf_counter() - start)
        for batch in BATCHES:
            given = {"text": np.array(texts[:batch], object)}
            took = best(partial(session.run, None, given))
            found[f"{name}, {batch} at once, /s"] = batch / took
    return found


def measured(side: str, python: str) -> dict[str, float]:
    """Return the figures of one side, from a process of its own; none if it fails."""
    command = [python, str(Path(__file__).resolve()), "--only", side]
    # Not from here: another Python is not to find our package.
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=tempfile.gettempdir()
    )
    if done.returncode:
        print(f"{side}: {done.stderr[-2000:]}", file=sys.stderr)
        return {}
    return json.loads(done.stdout.splitlines()[-1])


def report(columns: dict[str, dict[str, float]]) -> str:
    """Return a Markdown table."""
    rows = list(dict.fromkeys(name for found in columns.values() for name in found))
    lines = [f"| | {' | '.join(columns)} | ours by Keras |",
             "|---" * (len(columns) + 2) + "|"]  # fmt: skip
    for row in rows:
        cells = [
            f"{found[row]:,.0f}" if row in found else "" for found in columns.values()
        ]
        both = row in columns.get("ours", {}) and row in columns.get("keras", {})
        ratio = f"{columns['ours'][row] / columns['keras'][row]:.1f}" if both else ""
        lines.append(f"| {row} | {' | '.join(cells)} | {ratio} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keras", help="a Python that has Keras and TensorFlow")
    parser.add_argument("--only", choices=SIDES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.only:
        print(json.dumps({"ours": ours, "onnxruntime": onnxruntime, "keras": keras}
                         [given.only]()))  # fmt: skip
        return
    homes = {"ours": sys.executable, "onnxruntime": sys.executable}
    homes |= {"keras": given.keras} if given.keras else {}
    columns = {side: measured(side, python) for side, python in homes.items()}
    print(report(columns))
    sys.exit(0 if all(columns.values()) else 1)


if __name__ == "__main__":
    main()
