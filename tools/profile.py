"""Where the time of an epoch goes: each kernel and fused loop, against this machine.

    python tools/profile.py cnn_small              a workload of tools/workloads.py
    python tools/profile.py my.py:job --batch 32   job() returns (compiled model, x, y)
    python tools/profile.py lstm --predict         inference instead of training

The processor's cycle counter is read around every step on the first thread. Arithmetic
is compared with the machine's peak as measured here (fused multiply-adds in registers),
everything else with its memory (a copy larger than the caches): what lies in cache can
be faster than that. Steps alike are added up; "-" is a layer that is not known.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from graphkeras import config
from graphkeras.compiler import profile
from graphkeras.compiler.profile import Cost, Profile

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools import peak  # noqa: E402  the root is known only now
from tools.workloads import WORKLOADS  # noqa: E402


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table of one job."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("job", help=", ".join(WORKLOADS) + ", or file.py:function")
    parser.add_argument("--batch", type=int, default=32, help="for file.py:function")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--predict", action="store_true")
    given = parser.parse_args(arguments)
    config.set_debug("profile")
    model, x, y, batch = job(given.job, given.batch)

    def run(epochs: int) -> None:
        if given.predict:
            for _ in range(epochs):
                model.predict(x, batch_size=batch, verbose=0)
        else:
            model.fit(x, y, batch_size=batch, epochs=epochs, verbose=0)

    run(1)
    for known in profile.profiles:
        known.reset()
    began = time.perf_counter()
    run(given.epochs)
    seconds = time.perf_counter() - began
    show(profile.profiles, batch, seconds)
    return 0


def job(name: str, batch: int) -> tuple[Any, Any, Any, int]:
    """Return a compiled model, its data and the batch size."""
    if name in WORKLOADS:
        import graphkeras

        found = WORKLOADS[name]
        return found.compile(graphkeras), *found.data(found.rows), found.batch
    path, _, function = name.rpartition(":")
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    if not path or spec is None or spec.loader is None:
        raise SystemExit(f"profile: expected a workload or file.py:function: {name!r}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return *getattr(module, function)(), batch


def show(profiles: Iterable[Profile], batch: int, seconds: float) -> None:
    """Print the costs of all programs that ran."""
    hertz, flops, copied = peak.cycles_a_second(), peak.flops(), peak.bytes_a_second()
    for known in profiles:
        if not known.runs:
            continue
        costs = grouped(known.costs({"batch": batch}))
        total = sum(cost.cycles for cost in costs)
        micro = total / hertz / known.runs * 1e6
        table = Table(
            title=f"{known.name}: {known.runs:,} steps of {micro:,.0f} µs in kernels, "
            f"{seconds:.2f} s by the clock",
            caption=f"peak {flops / 1e9:.0f} GFLOP/s, memory {copied / 1e9:.0f} GB/s",
        )
        for heading in ("step", "layer"):
            table.add_column(heading)
        for heading in ("µs", "%", "GFLOP/s", "of peak", "GB/s"):
            table.add_column(heading, justify="right")
        for cost in sorted(costs, key=lambda c: -c.cycles):
            table.add_row(*line(cost, known.runs, hertz, flops, total))
        Console(width=None if sys.stdout.isatty() else 110).print(table)


def grouped(costs: Iterable[Cost]) -> list[Cost]:
    """Add up the steps of one kind in one layer."""
    sums: dict[tuple[str, str], Cost] = {}
    for c in costs:
        old = sums.get((c.what, c.where), Cost(c.what, c.where, 0, 0, 0))
        sums[c.what, c.where] = Cost(
            c.what, c.where, old.cycles + c.cycles, old.operations + c.operations,
            old.moved + c.moved,
        )  # fmt: skip
    return list(sums.values())


def line(
    cost: Cost, runs: int, hertz: float, flops: float, total: int
) -> tuple[str, ...]:
    """Return one row of the table."""
    seconds = cost.cycles / hertz / runs
    rate = cost.operations / seconds if seconds else 0.0
    moved = cost.moved / seconds if seconds else 0.0
    return (
        cost.what, cost.where or "-", f"{seconds * 1e6:,.1f}",
        f"{100 * cost.cycles / max(total, 1):.1f}",
        f"{rate / 1e9:.0f}" if rate else "", f"{rate / flops:.0%}" if rate else "",
        f"{moved / 1e9:.1f}",
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
