"""Odd files that real Keras saved: they predict, export and train on as they did there.

Where Keras is installed, it opens what is saved here from them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras import tree
from tests.saving import odd_models as odd

TRAINED = [
    n for n in odd.MODELS if any("then" in k for k in np.load(odd.FOLDER / f"{n}.npz"))
]


def opened(name: str) -> Any:
    return keras.saving.load_model(odd.FOLDER / f"{name}.keras")


def assert_gives(found: list[np.ndarray], name: str, when: str = "now") -> None:
    expected = np.load(odd.FOLDER / f"{name}.npz")
    near = odd.NEAR.get(name, 1e-4)
    assert len(found) == sum(key.startswith(when) for key in expected)
    for i, y in enumerate(found):
        np.testing.assert_allclose(y, expected[f"{when}/{i}"], rtol=near, atol=near)


@pytest.mark.parametrize("name", odd.MODELS)
def test_it_predicts_what_it_did_there_and_so_does_its_export(
    name: str, tmp_path: Path
) -> None:
    import onnxruntime

    model = opened(name)
    assert_gives(odd.outputs_of(model, tree), name)
    model.export(tmp_path / "m.onnx", verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    arrays = tree.flatten(odd.inputs_of(model, tree))
    feed = {x.name: a for x, a in zip(session.get_inputs(), arrays)}
    assert_gives(session.run(None, feed), name)


@pytest.mark.parametrize("name", TRAINED)
def test_its_training_goes_on_as_there(name: str) -> None:
    model = opened(name)
    odd.train(model, tree)
    assert_gives(odd.outputs_of(model, tree), name, "then")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", odd.MODELS)
def test_saved_here_it_goes_back_to_keras(name: str, tmp_path: Path) -> None:
    os.environ.setdefault("KERAS_BACKEND", "jax")
    theirs = pytest.importorskip("keras")
    opened(name).save(tmp_path / "m.keras")
    there = theirs.saving.load_model(tmp_path / "m.keras")
    assert_gives(odd.outputs_of(there, theirs.tree), name)
    if name in TRAINED:
        there.run_eagerly = theirs.backend.backend() == "torch"
        odd.train(there, theirs.tree)
        assert_gives(odd.outputs_of(there, theirs.tree), name, "then")
