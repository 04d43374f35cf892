"""Where Keras is installed: it opens what graphkeras saved, with equal outputs."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import graphkeras as ours
from tests.saving import zoo

os.environ.setdefault("KERAS_BACKEND", "jax")
theirs = pytest.importorskip("keras")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", zoo.MODELS)
def test_keras_opens_our_file_with_equal_outputs(name: str, tmp_path: Path) -> None:
    model = zoo.MODELS[name](ours)
    zoo.compile_model(name, model, ours)
    zoo.train(model, name)
    model.save(tmp_path / "m.keras")
    zoo.classes(theirs)
    there = theirs.saving.load_model(tmp_path / "m.keras")
    found = zoo.outputs_of(there, name)
    for key, value in zoo.outputs_of(model, name).items():
        np.testing.assert_allclose(found[key], value, atol=1e-5)
    for a, b in zip(there.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(a), b.numpy())
