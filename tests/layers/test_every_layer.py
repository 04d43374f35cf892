"""Every layer: shapes, configs, three ways to compute it, gradients, ONNX."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphkeras import layers, ops, tree
from graphkeras.autodiff import gradient
from graphkeras.compiler.pipeline import compile_graph
from graphkeras.export.onnx import export_graph
from graphkeras.ir.interpret import interpret
from graphkeras.ir.trace import Trace
from graphkeras.ir.types import type_of
from graphkeras.ir.value import Graph
from graphkeras.layers import Layer
from graphkeras.layers.graph import type_from_shape
from tests.layers.samples import ELSEWHERE, SAMPLES, Sample

ALL = pytest.mark.parametrize("name", SAMPLES)


def called(layer: Any, sample: Sample, inputs: list[Any], **more: Any) -> Any:
    """The layer's result on these inputs."""
    return sample.feed(layer, inputs, **sample.call, **more)


def traced(layer: Layer, sample: Sample, training: bool) -> tuple[Graph, list[Any]]:
    """The graph of a layer whose free sizes stay free."""
    with Trace() as trace:
        arrays = sample.arrays(np.random.default_rng(0))
        types = [
            type_from_shape((None, *shape), a.dtype, "size")
            for shape, a in zip(sample.shapes, arrays, strict=True)
        ]
        inputs = [trace.input(f"x{i}", t) for i, t in enumerate(types)]
        outputs = tree.flatten(called(layer, sample, inputs, training=training))
        return trace.graph(outputs)


def built(name: str, rng: np.random.Generator) -> tuple[Sample, Layer, list[Any]]:
    """A sample, its layer after a first call, and arrays to feed."""
    sample = SAMPLES[name]
    layer, arrays = sample.make(), sample.arrays(rng)
    called(layer, sample, arrays)
    for weight in layer.trainable_weights:  # zeros and ones would hide mistakes
        weight.assign(rng.normal(size=weight.shape))
    return sample, layer, arrays


def test_every_public_layer_has_a_sample() -> None:
    made = {type(s.make()).__name__ for s in SAMPLES.values()}
    public = {
        n for n, v in vars(layers).items()
        if isinstance(v, type) and v.__name__ == n and not n.startswith("_")
    }  # fmt: skip
    assert public - made - set(ELSEWHERE) == set()


@ALL
def test_inferred_shape_is_the_real_one(name: str, rng: np.random.Generator) -> None:
    sample, layer, arrays = built(name, rng)
    pairs = zip(sample.shapes, arrays, strict=True)
    symbolic = [layers.Input(shape, dtype=a.dtype) for shape, a in pairs]
    inferred = called(layer, sample, symbolic)
    for batch in (1, 16):
        real = called(layer, sample, sample.arrays(rng, batch))
        assert inferred.dtype == real.dtype
        for free, size in zip(inferred.shape, real.shape, strict=True):
            assert free in (None, size)
    asked = [(None, *shape) for shape in sample.shapes]
    assert called(layer.compute_output_shape, sample, asked) == inferred.shape


@ALL
def test_config_makes_the_same_layer(name: str, rng: np.random.Generator) -> None:
    sample, layer, arrays = built(name, rng)
    config = json.loads(json.dumps(layers.serialize(layer)))
    again = layers.deserialize(config)
    assert json.loads(json.dumps(layers.serialize(again)))["config"] == config["config"]
    called(again, sample, arrays)
    again.set_weights(layer.get_weights())
    found, wanted = (called(x, sample, arrays) for x in (again, layer))
    np.testing.assert_array_equal(found, wanted)


def modes() -> list[tuple[str, bool]]:
    """Every sample in inference; in training too if the layer asks."""
    asks = [n for n, s in SAMPLES.items() if "training" in signature_of(s)]
    return [*((n, False) for n in SAMPLES), *((n, True) for n in asks)]


def signature_of(sample: Sample) -> set[str]:
    """Names of the arguments of a sample's `call`."""
    return set(inspect.signature(sample.make().call).parameters)


@pytest.mark.parametrize(("name", "training"), modes())
def test_eager_interpreted_and_compiled_agree(
    name: str, training: bool, rng: np.random.Generator
) -> None:
    sample, layer, arrays = built(name, rng)
    graph, variables = traced(layer, sample, training)
    before = [v.numpy() for v in variables]
    (interpreted,), after = interpret(graph, arrays, before)
    state = [v.array.copy() for v in variables]
    (compiled,) = compile_graph(graph, name="layer").run(arrays, state)
    eager = called(layer, sample, arrays, training=training).numpy()
    close = {"rtol": sample.tolerance, "atol": sample.tolerance}
    np.testing.assert_allclose(interpreted, eager, **close)
    np.testing.assert_allclose(compiled, eager, **close)
    for new, compiled_new, variable in zip(after, state, variables):
        np.testing.assert_allclose(new, variable.array, **close)
        np.testing.assert_allclose(compiled_new, variable.array, **close)


@ALL
def test_gradients_reach_every_weight(name: str, rng: np.random.Generator) -> None:
    sample, layer, arrays = built(name, rng)
    with Trace() as trace:
        inputs = [trace.input(f"x{i}", type_of(a)) for i, a in enumerate(arrays)]
        outputs = called(layer, sample, inputs, training=True)
        loss = ops.sum(ops.sin(outputs))
        leaves = [trace.read(v).value for v in layer.trainable_weights]
        slopes = gradient(loss.value, leaves) if leaves else []
        graph, variables = trace.graph(slopes)  # type: ignore[arg-type]
    found, _ = interpret(graph, arrays, [v.array for v in variables])
    assert all(np.any(slope != 0) for slope in found)


@ALL
def test_onnxruntime_agrees(
    name: str, rng: np.random.Generator, tmp_path: Path
) -> None:
    sample, layer, arrays = built(name, rng)
    graph, variables = traced(layer, sample, training=False)
    report = export_graph(
        graph, [v.array for v in variables], tmp_path / "layer.onnx",
        input_names=[f"x{i}" for i in range(len(arrays))], output_names=["y"],
        samples=arrays,
    )  # fmt: skip
    assert report.difference < 1e-4
