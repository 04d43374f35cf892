"""Where Keras is installed: the same numbers on the samples of the sweep.

Optional: nothing here is needed to build or test graphkeras. Run it where Keras 3 and
JAX are installed, with ``KERAS_BACKEND=jax``.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import graphkeras.ops
from graphkeras.ir.op import OPS
from tests.ops.sample import Sample
from tests.ops.samples import flat, names, samples_of

keras = pytest.importorskip("keras")
jax = pytest.importorskip("jax")
jax.config.update("jax_enable_x64", True)

# op -> why Keras on JAX differs or refuses the samples
DIFFERENT = {
    "argpartition": "any order within the parts is right",
    "average_pool": "the default strides fail there",
    "conv": "no causal padding below the layer",
    "depth_to_space": "channels first: the order is TensorFlow's here",
    "dot_product_attention": "no soft cap of logits on the CPU",
    "max_pool": "the default strides fail there",
    "repeat": "a list of counts is refused there",
    "sparse_categorical_crossentropy": "classes on the last axis only",
}
# Functions that Keras refuses for integers, or gives another dtype of result.
LENIENT = {"erf", "rsqrt", "sigmoid", "silu", "ldexp", "relu6", "histogram", "imag"}


def of_keras(name: str) -> Any:
    """Return Keras's function of that name, or None."""
    for place in (keras.ops, keras.ops.image, keras.activations):
        if hasattr(place, name):
            return getattr(place, name)
    return None


def shared() -> list[str]:
    """Return the public ops that both have."""
    return [n for n in names() if hasattr(graphkeras.ops, n) and of_keras(n)]


def arguments(name: str, sample: Sample) -> dict[str, Any]:
    """Return the arguments of a call by name."""
    return {**dict(zip(OPS[name].operands, sample.operands)), **sample.attrs}


@pytest.mark.parametrize("name", shared())
def test_keras_gives_the_same(name: str, request: Any) -> None:
    if name in DIFFERENT:
        request.applymarker(pytest.mark.xfail(reason=DIFFERENT[name]))
    for sample in samples_of(OPS[name]):
        arrays = sample.arrays()
        whole = any(a.dtype.kind in "iub" for a in arrays)
        if name in LENIENT and (whole or name == "ldexp"):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = flat(of_keras(name)(**arguments(name, sample)))
        found = flat(sample.call(OPS[name], arrays))
        for ours, theirs in zip(found, expected, strict=True):
            theirs = np.asarray(theirs)
            assert np.shape(ours) == theirs.shape
            np.testing.assert_allclose(
                np.asarray(ours, "float64"), theirs.astype("float64"), 2e-5, 2e-6
            )
