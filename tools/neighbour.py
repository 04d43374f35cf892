"""What a busy process beside us does to a training step, on one thread and on all.

    python tools/neighbour.py cnn_small                one process that never rests
    python tools/neighbour.py lstm --processes 2

More threads must never be slower than one by more than a tenth: a thread that has to
share its core is waited for by all others, so fewer are used while that lasts.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:] = [str(ROOT), *(p for p in sys.path if p != str(ROOT / "tools"))]

import graphkeras  # noqa: E402  the root is known only now
from graphkeras import config  # noqa: E402
from tools.workloads import WORKLOADS, Workload, rows_of  # noqa: E402

BUSY = "while True: pass"
SHORT = 0.5  # seconds of an epoch, about


def main(arguments: Sequence[str] | None = None) -> int:
    """Print milliseconds a step, with and without neighbours."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("workload", choices=WORKLOADS)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each round")
    given = parser.parse_args(arguments)
    most, usual = config.get_threads(), config._settings["threads"]
    try:
        for count in (0, given.processes):
            with neighbours(count):
                taken = steps(WORKLOADS[given.workload], most, given)
            shown = f"{count} busy" if count else "alone"
            print(f"{given.workload}, {shown}: {line(taken)}")
    finally:
        config._settings["threads"] = usual
    return 0


@contextmanager
def neighbours(count: int) -> Iterator[None]:
    """Have so many processes that never rest."""
    busy = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(count)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def steps(workload: Workload, most: int, given: Any) -> dict[int, float]:
    """Return the median seconds of a step for one thread and for all, taking turns."""
    x, y = workload.data(workload.rows)
    jobs = {count: _Job(workload, x, y, count) for count in dict.fromkeys((1, most))}
    found: dict[int, list[float]] = {count: [] for count in jobs}
    for _ in range(given.rounds):
        for count, job in jobs.items():
            found[count].append(job.seconds(given.seconds))
    return {count: statistics.median(taken) for count, taken in found.items()}


class _Job:
    """A model, and as many rows as an epoch of about SHORT seconds has."""

    def __init__(self, workload: Workload, x: Any, y: Any, threads: int) -> None:
        self.workload, self.threads = workload, threads
        self.model = workload.compile(graphkeras)
        config.set_threads(threads)
        few = [rows_of(a, slice(0, workload.batch)) for a in (x, y)]
        self._fit(*few)
        began = time.perf_counter()
        self._fit(*few)
        each = max(time.perf_counter() - began, 1e-4)
        count = max(1, min(workload.steps, round(SHORT / each))) * workload.batch
        self.x, self.y = (rows_of(a, slice(0, count)) for a in (x, y))
        self.steps = count // workload.batch

    def _fit(self, x: Any, y: Any) -> None:
        self.model.fit(x, y, batch_size=self.workload.batch, epochs=1, verbose=0)

    def seconds(self, at_least: float) -> float:
        """Return seconds of a step, of epochs that take so long together."""
        config.set_threads(self.threads)
        began, epochs = time.perf_counter(), 0
        while not epochs or time.perf_counter() - began < at_least:
            self._fit(self.x, self.y)
            epochs += 1
        return (time.perf_counter() - began) / (epochs * self.steps)


def line(taken: dict[int, float]) -> str:
    """Return what is shown of one measurement."""
    parts = [f"{count} thread(s) {each * 1e3:.3g} ms" for count, each in taken.items()]
    one, *more = taken.values()
    ratios = [f"{each / one:.2f} of one thread's" for each in more]
    return ", ".join([*parts, *ratios])


if __name__ == "__main__":
    sys.exit(main())
