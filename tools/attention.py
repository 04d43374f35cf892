"""Attention beside other frameworks: a training step, answers and memory.

    python tools/attention.py                       ours alone
    python tools/attention.py --python PYTHON ...   and what is installed there
    python tools/attention.py --before FOLDER       and another checkout of ours

One layer of several heads, its projections included, on batches of random numbers, each
in a process of its own and on one thread. Times are the processor's, the least of many,
since other processes disturb those by the clock; memory is the most that a process had
in training, less what it had before the layer was made.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
ALONE = {
    "GRAPHKERAS_THREADS": "1", "OMP_NUM_THREADS": "1", "KERAS_BACKEND": "jax",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}  # fmt: skip


class Job(NamedTuple):
    """Sizes of a batch, and how it is attended to."""

    batch: int
    steps: int
    heads: int
    size: int
    causal: bool = False
    dropout: float = 0.0

    def __str__(self) -> str:
        sizes = " x ".join(map(str, self[:4]))
        how = ", causal" * self.causal + f", dropout {self.dropout}" * bool(self[5])
        return sizes + how


JOBS = (
    Job(32, 64, 4, 16), Job(16, 256, 8, 32), Job(16, 256, 8, 32, True),
    Job(16, 256, 8, 32, False, 0.1), Job(4, 1024, 8, 64), Job(4, 1024, 8, 64, True),
    Job(2, 2048, 8, 64, True),
)  # fmt: skip
Step = Callable[[], Any]


def like_keras(job: Job, name: str) -> tuple[Step, Step]:
    """Return a training step and an answer, by graphkeras or Keras."""
    keras = __import__(name)
    x = keras.Input((job.steps, job.heads * job.size))
    attend = keras.layers.MultiHeadAttention(job.heads, job.size, dropout=job.dropout)
    model = keras.Model(x, attend(x, x, use_causal_mask=job.causal))
    model.compile("sgd", "mse")
    data = numbers(job)
    return lambda: model.train_on_batch(data, data), lambda: model.predict_on_batch(
        data
    )


def torch(job: Job, _: str) -> tuple[Step, Step]:
    """Return the same by PyTorch's fused attention."""
    import torch
    from torch import nn

    torch.set_num_threads(1)
    width = job.heads * job.size
    into, out = nn.Linear(width, 3 * width), nn.Linear(width, width)
    weights = [*into.parameters(), *out.parameters()]
    optimizer, x = torch.optim.SGD(weights, 0.01), torch.from_numpy(numbers(job))

    def means(dropped: float) -> Any:
        parts = into(x).view(job.batch, job.steps, 3, job.heads, job.size)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        found = nn.functional.scaled_dot_product_attention(
            query, key, value, is_causal=job.causal, dropout_p=dropped
        )
        return out(found.transpose(1, 2).reshape(x.shape))

    def train() -> None:
        optimizer.zero_grad()
        nn.functional.mse_loss(means(job.dropout), x).backward()
        optimizer.step()

    return train, torch.no_grad()(lambda: means(0.0))


MAKERS = {"graphkeras": like_keras, "keras": like_keras, "torch": torch}


def numbers(job: Job) -> np.ndarray:
    """Return a batch."""
    shape = job.batch, job.steps, job.heads * job.size
    return np.random.default_rng(0).standard_normal(shape).astype("float32")


# ------------------------------------------------------------------------ one process


def measure(name: str, job: Job, seconds: float) -> dict[str, float]:
    """Return milliseconds of a step and of an answer, and MiB."""
    __import__(name)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    train, answer = MAKERS[name](job, name)
    step = least(train, seconds)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = {"step": step, "answer": least(answer, seconds)}
    return {**found, "memory": (after - before) / 1024}


def least(run: Step, seconds: float) -> float:
    """Return the least time of a run, in milliseconds of the processor."""
    run()
    run()
    best, end = float("inf"), time.process_time() + seconds
    while time.process_time() < end:
        began = time.process_time()
        run()
        best = min(best, time.process_time() - began)
    return best * 1e3


# ---------------------------------------------------------------------------- a table


def sides(given: argparse.Namespace) -> Iterator[tuple[str, str, str, Path]]:
    """Yield (heading, module, python, root) of all that are compared."""
    yield "graphkeras", "graphkeras", sys.executable, ROOT
    if given.before:
        yield "before", "graphkeras", sys.executable, Path(given.before)
    for python in given.python:
        for name in ("torch", "keras"):
            ask = [python, "-c", f"import {name}"]
            if not subprocess.run(ask, capture_output=True, env=clean(ROOT)).returncode:
                yield name, name, python, ROOT


def clean(root: Path) -> dict[str, str]:
    """Return the environment of a process."""
    return {**os.environ, **ALONE, "PYTHONPATH": str(root)}


def line(job: Job, given: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Return what each side takes."""
    found = {}
    for heading, name, python, root in sides(given):
        told = json.dumps([name, job, given.seconds])
        command = [python, str(Path(__file__).resolve()), "--one", told]
        ran = subprocess.run(command, env=clean(root), capture_output=True, text=True)
        found[heading] = json.loads(ran.stdout.splitlines()[-1])
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", nargs="*", default=[])
    parser.add_argument("--before", help="another checkout")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each figure")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.one:
        name, job, seconds = json.loads(given.one)
        print(json.dumps(measure(name, Job(*job), seconds)))
        return 0
    headings = [heading for heading, *_ in sides(given)]
    print("| batch x steps x heads x size | what |", " | ".join(headings), "|")
    print("|---|---|" + "---|" * len(headings))
    for job in JOBS:
        found = line(job, given)
        for key, what in (
            ("step", "step, ms"), ("answer", "answer, ms"), ("memory", "MiB"),
        ):  # fmt: skip
            cells = (f"{found[heading][key]:.3g}" for heading in headings)
            print(f"| {job} | {what} |", " | ".join(cells), "|", flush=True)
    return 0


if __name__ == "__main__":
    sys.path[:] = [p for p in sys.path if p != str(ROOT / "tools")]
    sys.exit(main())
