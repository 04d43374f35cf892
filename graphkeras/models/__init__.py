"""Models, under Keras's names."""

from graphkeras.models.cloning import clone_model
from graphkeras.models.functional import Functional
from graphkeras.models.model import Model
from graphkeras.models.sequential import Sequential
from graphkeras.saving.files import load_model, model_from_json, save_model

__all__ = [
    "Functional",
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_json",
    "save_model",
]
