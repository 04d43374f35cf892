"""Answer from an ONNX file with onnxruntime alone; graphkeras is not imported.

Run as a script in a process of its own: ``serve.py MODEL.onnx INPUTS.npz ANSWERS.npz``.
"""

from __future__ import annotations

import sys

import numpy as np
import onnxruntime


def main(model: str, inputs: str, answers: str) -> None:
    """Run `model` on the arrays of one file and write its outputs to another."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    with np.load(inputs) as stored:
        feed = {name: _as_fed(stored[name]) for name in stored}
    names = [output.name for output in session.get_outputs()]
    np.savez(answers, **dict(zip(names, session.run(names, feed))))


def _as_fed(array: np.ndarray) -> np.ndarray:
    """Strings are stored as characters of fixed width, and fed as Python's own."""
    return array.astype(object) if array.dtype.kind == "U" else array


if __name__ == "__main__":
    main(*sys.argv[1:])
