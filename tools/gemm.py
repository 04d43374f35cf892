"""How near the products of matrices come to what this machine can do at most.

    python tools/gemm.py                          256 to 1024 cubed, all three layouts
    python tools/gemm.py --sizes 512 2048 --threads 2

Each layout is what a layer needs: NN forward, NT for the gradient of its input, TN for
that of its weights. The peak is that of fused multiply-adds in registers, measured on
one thread here and now, times the number of threads; NumPy's BLAS stands beside it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from graphkeras import config, ops
from graphkeras.compiler.pipeline import compile_graph
from graphkeras.ir.trace import trace_function
from graphkeras.ir.types import TensorType

ROOT = Path(__file__).resolve().parent.parent
sys.path[:] = [str(ROOT), *(p for p in sys.path if p != str(ROOT / "tools"))]

from tools import peak  # noqa: E402  the root is known only now

# What is told of two square matrices: ours, and the same with NumPy.
LAYOUTS: dict[str, Callable[[Any, Any], Any]] = {
    "NN": lambda a, b: a @ b,
    "NT": lambda a, b: a @ ops.transpose(b),
    "TN": lambda a, b: ops.transpose(a) @ b,
}
SECONDS = 0.3  # of each measurement


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=(256, 384, 512, 1024))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    given = parser.parse_args(arguments)
    config.set_threads(given.threads)
    top = peak.flops() * given.threads
    table = Table(
        title=f"float32 products, {given.threads} thread(s)",
        caption=f"peak {top / 1e9:.0f} GFLOP/s",
    )
    for heading in ("size", "layout", "GFLOP/s", "of peak", "NumPy GFLOP/s"):
        table.add_column(heading, justify="right")
    for size, layout, rate, other in rates(given.sizes, given.seconds):
        shown = f"{rate / 1e9:.0f}", f"{rate / top:.0%}", f"{other / 1e9:.0f}"
        table.add_row(str(size), layout, *shown)
    Console(width=None if sys.stdout.isatty() else 80).print(table)
    return 0


def rates(
    sizes: Iterable[int], seconds: float
) -> Iterable[tuple[int, str, float, float]]:
    """Yield (size, layout, operations a second, those of NumPy)."""
    rng = np.random.default_rng(0)
    for size in sizes:
        a, b = rng.standard_normal((2, size, size), dtype=np.float32)
        beside = 2 * size**3 / fastest(partial(np.matmul, a, b), seconds)
        for layout, product in LAYOUTS.items():
            types = [TensorType("float32", (size, size))] * 2
            program = compile_graph(trace_function(product, types)[0], name=layout)
            taken = fastest(partial(program.run, [a, b]), seconds)
            yield size, layout, 2 * size**3 / taken, beside


def fastest(job: Callable[[], Any], seconds: float) -> float:
    """Return how long a job takes at least."""
    job()
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        began = time.perf_counter()
        job()
        best = min(best, time.perf_counter() - began)
    return best


if __name__ == "__main__":
    sys.exit(main())
