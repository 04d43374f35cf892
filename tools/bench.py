"""Training and serving side by side with the rivals: ratios, as a Markdown table.

    python tools/bench.py                                  ours and onnxruntime alone
    python tools/bench.py --python ../rivals/bin/python    with what that Python has
    python tools/bench.py --workloads lstm ticket --rounds 5 --out bench.md

Every measurement is a fresh process; the frameworks take turns, so that a change of the
machine's mood meets all of them. Given are medians over the rounds, with the smallest
and the largest. A ratio is the rival's time by ours: above 1 we are faster. Run it with
nothing else running; a round in which other processes took a tenth of a core is marked.

Rivals are found by what the given Pythons can import: keras with tensorflow, jax or
torch, and torch and jax by themselves. A venv of their own for each is best.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:] = [str(ROOT), *(p for p in sys.path if p != str(ROOT / "tools"))]

from tools.workloads import WORKLOADS  # noqa: E402  the root is known only now

OURS = "graphkeras"
NEEDS = {
    "keras-tf": ("keras", "tensorflow"),
    "keras-jax": ("keras", "jax"),
    "keras-torch": ("keras", "torch"),
    "torch": ("torch",),
    "torch-channels-last": ("torch",),
    "jax-scan": ("jax",),
    "onnxruntime": ("onnxruntime", "graphkeras", "onnx"),
}
ONLY = {
    "torch-channels-last": ("cnn_small", "cnn_seed", "resnet20_cifar"),
    "jax-scan": ("mnist_mlp", "mnist_mlp_512", "lstm"),
}
BUSY = 0.1  # of a core, by other processes
LIMIT = 600  # seconds for one process


@dataclass
class Figures:
    """What was measured of one framework on one workload, a number a round."""

    version: str = "?"
    rounds: dict[str, list[float]] = field(default_factory=dict)

    def add(self, found: dict[str, float | str]) -> None:
        """Note one round."""
        self.version = str(found.pop("version", self.version))
        for name, value in found.items():
            self.rounds.setdefault(name, []).append(float(value))

    def median(self, name: str) -> float | None:
        """Return the median of one figure, None if it was not measured."""
        return statistics.median(self.rounds[name]) if name in self.rounds else None

    def spread(self, name: str, scale: float) -> str:
        """Return ``median (smallest-largest)``."""
        values = [v * scale for v in self.rounds.get(name, [])]
        if not values:
            return "-"
        text = f"{number(statistics.median(values))}"
        if len(values) > 1:
            text += f" ({number(min(values))}-{number(max(values))})"
        return text + ("*" if max(self.rounds.get("others", [0.0])) > BUSY else "")


Table = dict[str, dict[str, Figures]]  # workload -> framework -> figures


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=WORKLOADS)
    parser.add_argument("--frameworks", nargs="+", choices=(OURS, *NEEDS))
    parser.add_argument("--python", nargs="+", default=[], help="that have rivals")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="of training each")
    parser.add_argument("--out", type=Path, help="write the tables there, too")
    given = parser.parse_args(arguments)
    homes = {OURS: sys.executable} | found_in([sys.executable, *given.python])
    if given.frameworks:
        homes = {name: homes[name] for name in given.frameworks if name in homes}
    table: Table = {name: {} for name in given.workloads}
    for turn in range(given.rounds):
        for workload in given.workloads:
            for framework, python in homes.items():
                if workload not in ONLY.get(framework, (workload,)):
                    continue
                print(f"round {turn + 1}: {workload}, {framework}", file=sys.stderr)
                figures = table[workload].setdefault(framework, Figures())
                figures.add(measured(python, framework, workload, given.seconds))
    text = report(table, given.rounds)
    print(text)
    if given.out:
        given.out.write_text(text)
    return 0


def found_in(pythons: Iterable[str]) -> dict[str, str]:
    """Return for each rival the first Python that can import what it needs."""
    homes: dict[str, str] = {}
    for python in pythons:
        for name, modules in NEEDS.items():
            if name not in homes and has(python, modules):
                homes[name] = python
    return homes


def has(python: str, modules: Sequence[str]) -> bool:
    """Whether a Python can import all of these."""
    found = f"all(importlib.util.find_spec(m) for m in {modules!r})"
    test = f"import importlib.util, sys; sys.exit(not {found})"
    return subprocess.run([python, "-c", test], cwd=ROOT).returncode == 0


def measured(
    python: str, framework: str, workload: str, seconds: float
) -> dict[str, float | str]:
    """Return the figures of one round; ours start with an empty cache, then a full."""
    with tempfile.TemporaryDirectory() as cache:
        options = ["--seconds", str(seconds)]
        found = process(python, framework, workload, cache, options)
        if framework == OURS:
            again = process(python, framework, workload, cache, ["--first"])
            found["warm"] = again["first"]
    return found


def process(
    python: str, framework: str, workload: str, cache: str, options: Sequence[str]
) -> dict[str, float | str]:
    """Run `tools/measure.py` in a fresh process.

    Python's bytecode files are written and read, as in every installation: without
    them most of a start is Python reading its own sources again.
    """
    environment = {"GRAPHKERAS_CACHE": cache, "PYTHONDONTWRITEBYTECODE": ""}
    command = [python, "tools/measure.py", framework, workload, *options]
    ended = subprocess.run(
        [*command, "--began", str(time.time())], cwd=ROOT, capture_output=True,
        text=True, timeout=LIMIT, env={**os.environ, **environment},
    )  # fmt: skip
    if ended.returncode:
        raise SystemExit(f"bench: {' '.join(command)} failed:\n{ended.stderr[-2000:]}")
    return json.loads(ended.stdout.splitlines()[-1])


# -------------------------------------------------------------------------- report


def report(table: Table, rounds: int) -> str:
    """Return all tables as Markdown."""
    versions = sorted(
        {f"{n} {f.version}" for row in table.values() for n, f in row.items()}
    )
    return "\n".join(
        [
            f"{datetime.date.today()}, {processor()}, {os.cpu_count()} CPUs, Python "
            f"{platform.python_version()}, {rounds} rounds, medians (smallest-largest)."
            " A star: other processes ran meanwhile.",
            "", "; ".join(versions), "",
            "## A training step, ms", "", *ratios(table, "step", 1e3), "",
            "## From process start to the end of the first step, s", "",
            *ratios(table, "first", 1.0, warm=True), "",
            "## Peak memory of training, MiB", "", *ratios(table, "memory", 1.0), "",
            *(
                line
                for batch in (1, 32, 256)
                for line in (
                    f"## Inference in batches of {batch}, thousand rows a second", "",
                    *ratios(table, f"rows_{batch}", 1e-3, more=True), "",
                )
            ),
            "## Latency of one row, µs", "", *ratios(table, "one", 1e6), "",
        ]
    )  # fmt: skip


def ratios(
    table: Table, name: str, scale: float, more: bool = False, warm: bool = False
) -> list[str]:
    """Return the table of one figure: ours, each rival's, and the fastest by ours.

    Args:
        more: whether more is better.
        warm: whether to show what ours takes with a filled cache.
    """
    rivals = [n for n in NEEDS if any(measured_in(r, n, name) for r in table.values())]
    ours = ["graphkeras", "warm"] if warm else ["graphkeras"]
    head = ["workload", *ours, *rivals, "best rival / ours", "best Keras / ours"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for workload, row in table.items():
        if not measured_in(row, OURS, name):
            continue
        cells = [workload, row[OURS].spread(name, scale)]
        if warm:
            cells.append(row[OURS].spread("warm", scale))
        cells += [row.get(r, Figures()).spread(name, scale) for r in rivals]
        for group in (rivals, [r for r in rivals if r.startswith("keras")]):
            cells.append(ratio(row, group, name, more))
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def measured_in(row: dict[str, Figures], framework: str, name: str) -> bool:
    """Whether a framework was measured so."""
    return framework in row and row[framework].median(name) is not None


def ratio(row: dict[str, Figures], rivals: Iterable[str], name: str, more: bool) -> str:
    """Return how far ahead of the best of some rivals we are, and of which."""
    found = {r: row[r].median(name) or 0.0 for r in rivals if measured_in(row, r, name)}
    own = row[OURS].median(name)
    if not found or not own:
        return "-"
    best = (max if more else min)(found, key=lambda r: found[r])
    times = own / found[best] if more else found[best] / own
    return f"{times:.2f} ({best})"


def number(value: float) -> str:
    """Return three digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def processor() -> str:
    """Return the name of the processor, as far as the system tells."""
    try:
        with open("/proc/cpuinfo") as file:
            known = dict(line.split(":", 1) for line in file if ":" in line)
    except OSError:
        return platform.processor() or platform.machine()
    told = {key.strip(): value.strip() for key, value in known.items()}
    family = f"family {told.get('cpu family', '?')} model {told.get('model', '?')}"
    return f"{told.get('model name', platform.machine())} {family}"


if __name__ == "__main__":
    sys.exit(main())
