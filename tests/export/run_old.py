"""Run models in whatever onnxruntime this Python has: run_old.py cases.json out.json.

A case is {model, outputs, feeds: {name: tensor}}, an answer a list of tensors; a tensor
is {type, dims, data}, integers of 64 bits as strings. Nothing of graphkeras is here.
"""

import json
import sys

import numpy as np
import onnxruntime


def to_array(tensor: dict) -> np.ndarray:
    """A tensor as onnxruntime takes it."""
    kind = object if tensor["type"] == "string" else tensor["type"]
    data = map(int, tensor["data"]) if "int64" in tensor["type"] else tensor["data"]
    array = np.empty(len(tensor["data"]), kind)
    array[:] = list(data)
    return array.reshape(tensor["dims"])


def to_tensor(array: np.ndarray) -> dict:
    """And back."""
    kind = "string" if array.dtype == object else array.dtype.name
    flat = array.ravel().tolist()
    data = [*map(str, flat)] if "int64" in kind else flat
    return {"type": kind, "dims": [*array.shape], "data": data}


def main(cases: str, out: str) -> None:
    """Run every case."""
    results = []
    with open(cases, encoding="utf-8") as file:
        listed = json.load(file)
    for case in listed:
        session = onnxruntime.InferenceSession(
            case["model"], providers=["CPUExecutionProvider"]
        )
        feeds = {name: to_array(tensor) for name, tensor in case["feeds"].items()}
        results.append([*map(to_tensor, session.run(case["outputs"], feeds))])
    with open(out, "w", encoding="utf-8") as file:
        json.dump(results, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
