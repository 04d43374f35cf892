"""Small networks straight from the IR, as layers would trace them."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphkeras import ops
from graphkeras.ir.dims import symbol
from graphkeras.ir.trace import Trace
from graphkeras.ir.types import TensorType
from graphkeras.ir.value import Graph
from graphkeras.variables import Variable

BATCH = symbol("batch")


def variable(path: str, *shape: int) -> Variable:
    """A variable called by its path, with numbers that depend on its shape only."""
    numbers = np.random.default_rng(sum(shape)).normal(size=shape) / 2
    made = Variable(numbers.astype("float32"), name=path.rpartition("/")[2])
    made.path = path
    return made


def mlp(features: int = 6, classes: int = 3) -> tuple[Graph, list[np.ndarray]]:
    """Rescaling, a hidden layer, a softmax; a counter that only training moves."""
    w1, b1 = variable("hidden/kernel", features, 8), variable("hidden/bias", 8)
    w2, b2 = variable("scores/kernel", 8, classes), variable("scores/bias", classes)
    seen = variable("seen", 1)
    with Trace() as trace:
        x = trace.input("pixels", TensorType("uint8", (BATCH, features)))
        with trace.layer("rescaling"):
            h = ops.cast(x, "float32") / 255.0
        with trace.layer("hidden"):
            h = ops.relu(h @ w1 + b1)
        with trace.layer("scores"):
            y = ops.softmax(h @ w2 + b2)
        seen.assign_add(np.ones(1, "float32"))
        graph, variables = trace.graph([y])
    return graph, [v.array for v in variables]


def cnn() -> tuple[Graph, list[np.ndarray]]:
    """Two convolutions, a pool, batch normalization, a dense layer."""
    k1, b1 = variable("conv1/kernel", 3, 3, 1, 4), variable("conv1/bias", 4)
    k2, b2 = variable("conv2/kernel", 3, 3, 4, 8), variable("conv2/bias", 8)
    gamma, beta = variable("norm/gamma", 8), variable("norm/beta", 8)
    center, spread = variable("norm/mean", 8), variable("norm/variance", 8)
    spread.assign(np.abs(spread.numpy()) + 1)
    w, b = variable("dense/kernel", 7 * 7 * 8, 10), variable("dense/bias", 10)
    with Trace() as trace:
        x: Any = trace.input("image", TensorType("float32", (BATCH, 14, 14, 1)))
        with trace.layer("conv1"):
            x = ops.relu(ops.conv(x, k1, padding="same") + b1)
        with trace.layer("pool"):
            x = ops.max_pool(x, 2)
        with trace.layer("conv2"):
            x = ops.conv(x, k2, padding="same") + b2
        with trace.layer("norm"):
            x = ops.relu(ops.batch_normalization(x, center, spread, -1, beta, gamma))
        with trace.layer("dense"):
            y = ops.reshape(x, (-1, 7 * 7 * 8)) @ w + b
        graph, variables = trace.graph([y])
    return graph, [v.array for v in variables]


def on(function: Any, *types: TensorType) -> tuple[Graph, list[np.ndarray]]:
    """Trace a function of tensors and variables."""
    with Trace() as trace:
        inputs = [trace.input(f"x{i}", t) for i, t in enumerate(types)]
        result = function(*inputs)
        outputs = result if isinstance(result, (list, tuple)) else [result]
        graph, variables = trace.graph(list(outputs))
    return graph, [v.array for v in variables]
