"""Networks put together at random: no pass may change what a graph computes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from graphkeras import ops
from graphkeras.export import export_graph
from graphkeras.ir.dims import symbol
from graphkeras.ir.types import TensorType
from tests.export.networks import BATCH, on, variable

SHAPES = [(BATCH, 8, 4), (BATCH, symbol("time"), 4), (BATCH, 6, 8, 4),
          (BATCH, symbol("height"), symbol("width"), 4)]  # fmt: skip

Step = Callable[[Any, Any, Random], Any]


def conv(x: Any, _: Any, random: Random) -> Any:
    rank, filters = len(x.shape), random.choice([4, 6])
    kernel = variable("kernel", *[3] * (rank - 2), x.shape[-1], filters)
    return ops.conv(x, kernel, padding="same") + variable("bias", filters)


def norm(x: Any, _: Any, random: Random) -> Any:
    sizes = [variable(name, x.shape[-1]) for name in "abcd"]
    if random.random() < 0.5:
        return ops.layer_normalization(x, *sizes[:2])
    mean, variance, offset, scale = sizes
    return ops.batch_normalization(x, mean, ops.exp(variance), -1, offset, scale)


def squeeze_and_excite(x: Any, _: Any, random: Random) -> Any:
    rank = len(x.shape)
    axes = random.choice([(1,), (rank - 1,), tuple(range(1, rank - 1))])
    return x * ops.mean(x, axis=axes, keepdims=True)


def join(x: Any, other: Any, _: Random) -> Any:
    return x + other if x.shape == other.shape else ops.concatenate([x, other], -1)


STEPS: list[Step] = [
    conv, conv, conv, norm, squeeze_and_excite, join, join,
    lambda x, _, random: ops.max_pool(x, 3, 1, "same"),
    lambda x, _, random: ops.average_pool(x, 2, 1, "same"),
    lambda x, _, random: ops.softmax(x, axis=random.choice([-1, 1])),
    lambda x, _, random: ops.relu(x),
    lambda x, _, random: x * variable("scale", x.shape[-1]),
]  # fmt: skip


def network(x: Any, random: Random) -> list[Any]:
    """Some steps, each on what came shortly before; the last, a mean, some flat."""
    made = [x]
    for _ in range(random.randint(3, 12)):
        step, x, other = (random.choice(among) for among in (STEPS, made[-3:], made))
        made.append(step(x, other, random))
    spatial = tuple(range(1, len(made[0].shape) - 1))
    results = [made[-1], ops.mean(random.choice(made), axis=spatial)]
    size = TensorType("float32", made[-1].shape[1:]).size
    if isinstance(size, int):
        dense = variable("dense", size, 3)
        results.append(ops.reshape(made[-1], (-1, size)) @ dense)
    return results


@pytest.mark.parametrize("seed", range(40))
def test_random_network_computes_what_it_did(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    type_ = TensorType("float32", random.choice(SHAPES))
    graph, state = on(lambda x: network(x, random), type_)
    names = [f"y{i}" for i in range(len(graph.outputs))]
    export_graph(
        graph, state, tmp_path / "m.onnx", input_names=["x"], output_names=names,
        atol=1e-3, rtol=1e-3,
    )  # fmt: skip
