"""Training, serving and preprocessing side by side with the rivals, as Markdown tables.

    python tools/bench.py                                  ours and onnxruntime alone
    python tools/bench.py --python ../rivals/bin/python    with what that Python has
    python tools/bench.py --what steps --workloads lstm ticket --rounds 5 --out bench.md
    python tools/bench.py --what texts images              by tools/bench_text.py, ...
    python tools/bench.py --what files --files a.keras     by tools/bench_files.py

Every measurement is a fresh process; the frameworks take turns, so that a change of the
machine's mood meets all of them. Given are medians over the rounds, with the smallest
and the largest. A ratio is the rival's time by ours: above 1 we are faster. Run it with
nothing else running; a round in which other processes took a tenth of a core is marked.

Rivals are found by what the given Pythons can import: keras with tensorflow, jax or
torch, and torch and jax by themselves. A venv of their own for each is best. What fails
is left out, and named at the end; after Ctrl-C what was measured so far is shown.
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
# What other tools measure: a heading, and the tool.
PARTS = {
    "texts": ("Texts to numbers", "bench_text.py"),
    "images": ("Layers on images", "bench_images.py"),
    "files": ("Saved models", "bench_files.py"),
}
WHAT = ("steps", "inference", *PARTS)
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
    """Measure and print; 1 if something failed."""
    given = parsed(arguments)
    homes = {OURS: sys.executable} | found_in([sys.executable, *given.python])
    if given.frameworks:
        homes = {name: homes[name] for name in given.frameworks if name in homes}
    bench = Bench(given, homes)
    try:
        bench.run()
    except KeyboardInterrupt:
        bench.problems.append("stopped by hand: the rest was not measured")
    print(bench.text())
    bench.keep()
    return 1 if bench.problems else 0


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--what", nargs="+", choices=WHAT, default=WHAT)
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=WORKLOADS)
    parser.add_argument("--frameworks", nargs="+", choices=(OURS, *NEEDS))
    parser.add_argument("--python", nargs="+", default=[], help="that have rivals")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="of training each")
    parser.add_argument(
        "--files", nargs="+", type=Path, default=[], help="saved models"
    )
    parser.add_argument("--out", type=Path, help="write the tables there, too")
    return parser.parse_args(arguments)


class Failed(Exception):
    """A process that did not give its figures."""


class Bench:
    """What was measured so far.

    Attributes:
        table: figures of training and serving.
        printed: by part, the lines that another tool has printed.
        problems: what failed, a line each.
    """

    def __init__(self, given: argparse.Namespace, homes: dict[str, str]) -> None:
        self.given, self.homes = given, homes
        self.table: Table = {}
        self.printed: dict[str, list[str]] = {}
        self.problems: list[str] = []
        self._broken: set[tuple[str, str]] = set()

    def run(self) -> None:
        """Measure everything."""
        if {"steps", "inference"} & set(self.given.what):
            for turn in range(self.given.rounds):
                self._round(turn)
        for part in PARTS:
            if part in self.given.what:
                self._part(part)

    def _round(self, turn: int) -> None:
        for workload in self.given.workloads:
            for framework in self.homes:
                if workload in ONLY.get(framework, (workload,)):
                    print(f"round {turn + 1}: {workload}, {framework}", file=sys.stderr)
                    self._measure(framework, workload)
            self.keep()

    def _measure(self, framework: str, workload: str) -> None:
        """Note one round of a framework; it gets no other one if this fails."""
        if (framework, workload) in self._broken:
            return
        python = self.homes[framework]
        try:
            found = measured(python, framework, workload, self.given.seconds)
        except (Failed, subprocess.TimeoutExpired) as problem:
            print(problem, file=sys.stderr)
            self._broken.add((framework, workload))
            self.problems.append(f"{workload}, {framework}: {last_line(problem)}")
            return
        row = self.table.setdefault(workload, {})
        row.setdefault(framework, Figures()).add(found)

    def _part(self, part: str) -> None:
        """Let another tool measure, and note what it prints."""
        _, tool = PARTS[part]
        rival = self.homes.get("keras-tf")
        takes = [] if part == "files" or rival is None else ["--keras", rival]
        files = [str(path.resolve()) for path in self.given.files]
        options = [*takes, *(files if part == "files" else ())]
        lines = self.printed[part] = []
        with subprocess.Popen(
            [sys.executable, f"tools/{tool}", *options], cwd=ROOT, text=True,
            stdout=subprocess.PIPE,
        ) as process:  # fmt: skip
            for line in process.stdout or ():
                print(line, end="", file=sys.stderr, flush=True)
                lines.append(line.rstrip())
                self.keep()
        if process.returncode:
            self.problems.append(f"{part}: tools/{tool} gave {process.returncode}")

    def text(self) -> str:
        """Return all tables as Markdown."""
        parts = [report(self.table, self.given.rounds, self.given.what)]
        parts += [
            "\n".join([f"## {PARTS[part][0]}", "", *lines, ""])
            for part, lines in self.printed.items()
        ]
        if self.problems:
            named = [f"- {problem}" for problem in self.problems]
            parts.append("\n".join(["## What failed", "", *named, ""]))
        return "\n".join(parts)

    def keep(self) -> None:
        """Write what there is to the file asked for, if any."""
        if self.given.out:
            self.given.out.write_text(self.text())


def last_line(problem: Exception) -> str:
    """Return what a failure says at its end."""
    return str(problem).strip().splitlines()[-1]


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
        raise Failed(f"{' '.join(command)} failed:\n{ended.stderr[-2000:]}")
    return json.loads(ended.stdout.splitlines()[-1])


# -------------------------------------------------------------------------- report


def report(table: Table, rounds: int, what: Sequence[str] = WHAT) -> str:
    """Return the tables of training and serving as Markdown."""
    versions = sorted(
        {f"{n} {f.version}" for row in table.values() for n, f in row.items()}
    )
    lines = [
        f"{datetime.date.today()}, {processor()}, {os.cpu_count()} CPUs, Python "
        f"{platform.python_version()}, {rounds} rounds, medians (smallest-largest)."
        " A star: other processes ran meanwhile.", "",
    ]  # fmt: skip
    lines += ["; ".join(versions), ""] if versions else []
    if versions and "steps" in what:
        lines += training(table)
    if versions and "inference" in what:
        lines += serving(table)
    return "\n".join(lines)


def training(table: Table) -> list[str]:
    """Return the tables of training."""
    return [
        "## A training step, ms", "", *ratios(table, "step", 1e3), "",
        "## From process start to the end of the first step, s", "",
        *ratios(table, "first", 1.0, warm=True), "",
        "## Peak memory of training, MiB", "", *ratios(table, "memory", 1.0), "",
    ]  # fmt: skip


def serving(table: Table) -> list[str]:
    """Return the tables of inference."""
    lines = []
    for batch in (1, 32, 256):
        heading = f"## Inference in batches of {batch}, thousand rows a second"
        lines += [heading, "", *ratios(table, f"rows_{batch}", 1e-3, more=True), ""]
    return [*lines, "## Latency of one row, µs", "", *ratios(table, "one", 1e6), ""]


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
