"""Losses of 50 steps beside Keras's, from the same weights, for every workload.

Set KERAS_PYTHON to an interpreter with Keras (and a backend) installed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from tests.architecture.sources import ROOT
from tests.training import curves
from tools.workloads import WORKLOADS

KERAS_PYTHON = os.environ.get("KERAS_PYTHON")


def losses(python: str, library: str, name: str) -> list[float]:
    """Let an interpreter train a workload with a library."""
    variables = {"KERAS_BACKEND": "jax", **os.environ, "PYTHONPATH": str(ROOT)}
    command = [python, curves.__file__, library, name]
    done = subprocess.run(command, env=variables, capture_output=True, check=True)
    return json.loads(done.stdout.decode().splitlines()[-1])[name]


@pytest.mark.skipif(KERAS_PYTHON is None, reason="KERAS_PYTHON names no Python")
@pytest.mark.parametrize("name", WORKLOADS)
def test_the_curve_is_that_of_keras(name: str) -> None:
    assert KERAS_PYTHON is not None
    wanted = losses(KERAS_PYTHON, "keras", name)
    found = losses(sys.executable, "graphkeras", name)
    np.testing.assert_allclose(found, wanted, rtol=1e-4)


def test_the_script_gives_a_loss_for_every_step() -> None:
    found = losses(sys.executable, "graphkeras", "lstm")
    assert len(found) == curves.STEPS
    assert np.isfinite(found).all()
