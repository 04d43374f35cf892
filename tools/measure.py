"""Measure one framework on one workload in this process, and print JSON.

    python tools/measure.py FRAMEWORK WORKLOAD --began SECONDS [--seconds 3]

`tools/bench.py` starts it, once for each framework, workload and round, in the Python
that has the framework. `--began` is the time of day at which the process was started.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

ROOT = str(Path(__file__).resolve().parent.parent)
sys.path[:] = [ROOT, *(p for p in sys.path if p not in (ROOT, f"{ROOT}/tools"))]

from tools.workloads import WORKLOADS, rows_of  # noqa: E402  the root is known only now

FRAMEWORKS = {
    "graphkeras": "keras_like.KerasLike",
    "keras-tf": "keras_like.KerasLike",
    "keras-jax": "keras_like.KerasLike",
    "keras-torch": "keras_like.KerasLike",
    "torch": "torch_models.Torch",
    "torch-channels-last": "torch_models.Torch",
    "jax-scan": "jax_models.Jax",
    "onnxruntime": "serving.Serving",
}
ROWS = 4096  # answered in the test of inference, fewer where a workload has fewer
BATCHES = (1, 32, 256)
MOST_CALLS = 256  # of each batch size
LATENCIES = 300


def main() -> int:
    """Print one measurement."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("framework", choices=FRAMEWORKS)
    parser.add_argument("workload")
    parser.add_argument("--began", type=float, default=time.time())
    parser.add_argument("--seconds", type=float, default=3.0, help="of training")
    parser.add_argument("--first", action="store_true", help="only the first step")
    given = parser.parse_args()
    workload = WORKLOADS[given.workload]
    module, _, name = FRAMEWORKS[given.framework].partition(".")
    kind = getattr(importlib.import_module(f"tools.rivals.{module}"), name)
    few = workload.data(workload.batch)
    job = kind(given.framework, workload)
    found: dict[str, Any] = {"version": job.version}
    trains = hasattr(job, "first")
    if trains:
        job.first(*few)
        found["first"] = time.time() - given.began
    if not given.first:
        x, y = workload.data(workload.rows)
        if trains:
            found |= training(job, workload, x, y, given.seconds)
        found |= inference(job, rows_of(x, slice(0, ROWS)))
    print(json.dumps(found))
    return 0


def training(job: Any, workload: Any, x: Any, y: Any, seconds: float) -> dict[str, Any]:
    """Return seconds a step over whole epochs, the first of them left out."""
    ticks = [time.perf_counter()]
    job.epochs(x, y, 1, lambda: ticks.append(time.perf_counter()))
    count = max(3, min(50, round(seconds / max(ticks[1] - ticks[0], 1e-3))))
    ticks = []
    before = busy(), time.process_time()
    job.epochs(x, y, count + 1, lambda: ticks.append(time.perf_counter()))
    others = (busy() - before[0]) - (time.process_time() - before[1])
    taken = [(b - a) / workload.steps for a, b in itertools.pairwise(ticks)]
    return {
        "step": statistics.median(taken), "fastest": min(taken), "memory": peak(),
        "others": max(0.0, others) / (ticks[-1] - ticks[0]),
    }  # fmt: skip


def inference(job: Any, x: Any) -> dict[str, float]:
    """Return rows answered a second in batches of some sizes, seconds for one row."""
    rows = len(next(iter(x.values()))) if isinstance(x, dict) else len(x)
    found = {}
    for batch in BATCHES:
        part = rows_of(x, slice(0, min(rows, batch * MOST_CALLS)))
        job.predict(part, batch)
        taken = [seconds_of(partial(job.predict, part, batch)) for _ in range(5)]
        answered = min(rows, batch * MOST_CALLS)
        found[f"rows_{batch}"] = answered / statistics.median(taken)
    one = job.one(x)
    for _ in range(20):
        one()
    latencies = [seconds_of(one) for _ in range(LATENCIES)]
    return {**found, "one": statistics.median(latencies)}


def seconds_of(job: Callable[[], Any]) -> float:
    """Return how long one call takes."""
    began = time.perf_counter()
    job()
    return time.perf_counter() - began


def busy() -> float:
    """Return the processor seconds of the whole machine, 0 where nobody tells."""
    try:
        with open("/proc/stat") as file:
            user, nice, system, _, _, irq, soft, *_ = map(
                int, file.readline().split()[1:]
            )
    except OSError:
        return 0.0
    return (user + nice + system + irq + soft) / os.sysconf("SC_CLK_TCK")


def peak() -> float:
    """Return the most memory this process has had, in MiB."""
    try:
        with open("/proc/self/status") as file:
            line = next(line for line in file if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    except OSError:
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return used / (1024 if sys.platform == "linux" else 1024**2)


if __name__ == "__main__":
    sys.exit(main())
