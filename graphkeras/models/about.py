"""What a model says of itself in its ONNX file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphkeras import __version__, tree


def described(model: Any) -> dict[str, str]:
    """Return names, the version of graphkeras, and how well the model did.

    "metrics" are the results of the last epoch of `fit`, "evaluation" those of the last
    `evaluate`; both as JSON.
    """
    found = {
        "model": model.name, "class": type(model).__name__, "graphkeras": __version__,
    }  # fmt: skip
    epochs = getattr(model.history, "history", None) or {}
    results = {
        "metrics": {name: values[-1] for name, values in epochs.items() if values},
        "evaluation": model.__dict__.get("_evaluated") or {},
    }
    for key, values in results.items():
        if values:
            found[key] = json.dumps({k: _short(v) for k, v in values.items()})
    return found


def _short(value: Any) -> Any:
    """Six digits of a number; of several numbers, a list."""
    flat = [float(f"{v:.6g}") for v in np.ravel(value).tolist()]
    return flat[0] if len(flat) == 1 else flat


def logit_outputs(model: Any, names: Sequence[str]) -> list[str]:
    """Return the outputs whose losses take logits."""
    given = getattr(model, "loss", None)
    if isinstance(given, Mapping):
        layers = getattr(model, "output_names", None) or names
        losses = [given.get(name, given.get(own)) for name, own in zip(names, layers)]
    elif isinstance(given, (list, tuple)):
        losses = [*given, *[None] * len(names)][: len(names)]
    else:
        losses = [given] * len(names)
    return [
        name
        for name, loss in zip(names, losses)
        if any(getattr(x, "from_logits", False) for x in tree.flatten(loss))
    ]
