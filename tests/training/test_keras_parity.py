"""The same training runs by Keras itself, where there is a Python that has it.

Set KERAS_PYTHON to an interpreter with Keras (and a backend) installed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from tests.architecture.sources import ROOT

SCRIPT = ROOT / "tests" / "training" / "keras_parity.py"
KERAS_PYTHON = os.environ.get("KERAS_PYTHON")


def numbers_of(python: str, library: str) -> dict[str, dict[str, Any]]:
    """Let an interpreter run the script with a library."""
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "KERAS_BACKEND": "jax"}
    command = [python, str(SCRIPT), library]
    done = subprocess.run(command, env=variables, capture_output=True, check=True)
    return json.loads(done.stdout.decode().splitlines()[-1])


@pytest.mark.skipif(KERAS_PYTHON is None, reason="KERAS_PYTHON names no Python")
def test_runs_are_those_of_keras() -> None:
    assert KERAS_PYTHON is not None
    wanted = numbers_of(KERAS_PYTHON, "keras")
    found = numbers_of(sys.executable, "graphkeras")
    assert list(found) == list(wanted)
    for run, results in wanted.items():
        assert sorted(found[run]) == sorted(results), run
        for name, values in results.items():
            np.testing.assert_allclose(
                found[run][name], values, rtol=3e-5, atol=1e-5, err_msg=f"{run}: {name}"
            )
