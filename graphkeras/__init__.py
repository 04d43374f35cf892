"""graphkeras: Keras code in, a compiled training step, one portable ONNX file out.

Names are loaded when they are first used, so that importing the package is quick.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

__version__ = "0.1.0"

_here = os.path.dirname(os.path.abspath(__file__))
if not os.path.isdir(os.path.join(_here, "kernels")):
    # The link to ../kernels was lost (git on Windows writes a file in its place).
    __path__.append(os.path.dirname(_here))

_SUBMODULES = (
    "activations", "applications", "autodiff", "backend", "callbacks", "config",
    "constraints", "data", "datasets", "dtype_policies", "export", "initializers",
    "layers", "losses", "metrics", "mixed_precision", "models", "ops", "optimizers",
    "preprocessing", "quantizers", "random", "regularizers", "saving", "tree", "utils",
    "wrappers",
)  # fmt: skip

_NAMES = {
    "DTypePolicy": "dtype_policies",
    "FloatDTypePolicy": "dtype_policies",
    "GradientTape": "autodiff",
    "Initializer": "initializers",
    "Input": "layers",
    "InputSpec": "layers",
    "KerasTensor": "layers.graph",
    "Layer": "layers",
    "Loss": "losses",
    "Metric": "metrics",
    "Model": "models",
    "Optimizer": "optimizers",
    "Quantizer": "quantizers",
    "Regularizer": "regularizers",
    "Sequential": "models",
    "StatelessScope": "variables",
    "name_scope": "layers.layer",
    "Variable": "variables",
}

__all__ = [*_SUBMODULES, *_NAMES, "__version__", "version"]


def version() -> str:
    """Return the version of graphkeras."""
    return __version__


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _NAMES:
        home = importlib.import_module(f"{__name__}.{_NAMES[name]}")
        return getattr(home, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
