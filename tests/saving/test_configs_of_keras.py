"""Configs hold only what Keras's classes take: else Keras could not open our files."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import pytest

import graphkeras as keras
from tests.layers.samples import SAMPLES
from tests.saving import zoo

# Class -> arguments, of Keras 3.15: every parameter of its constructor and of those to
# which it hands the rest.
LINES = (zoo.FOLDER / "config_keys.txt").read_text().splitlines()
TAKEN = {name: {*keys.split()} for name, keys in (line.split(": ") for line in LINES)}
PUBLIC = {"GroupedQueryAttention": "GroupQueryAttention"}  # where they differ
BESIDE = {  # taken, though no parameter
    "IntegerLookup": {"vocabulary_size"},
    "LayerNormalization": {"rms_scaling"},
}

ARGUMENTS: dict[str, Any] = {
    "learning_rate": 0.1, "initial_learning_rate": 0.1, "decay_steps": 3,
    "first_decay_steps": 3, "decay_rate": 0.1, "boundaries": [1], "values": [1.0, 2.0],
    "thresholds": 0.5, "num_classes": 2, "target_class_ids": [0], "specificity": 0.5,
    "recall": 0.5, "precision": 0.5, "sensitivity": 0.5, "num_thresholds": 3,
    "fn": keras.losses.mean_squared_error,
    "inner_optimizer": keras.optimizers.SGD(),
    "default_optimizer": keras.optimizers.SGD(),
    "optimizer_map": keras.optimizers.OptimizerMap(keras.optimizers.SGD()),
}  # fmt: skip
ABSTRACT = ("LearningRateSchedule", "Optimizer")


def objects() -> list[str]:
    found = []
    for full in TAKEN:
        place, _, name = full.rpartition(".")
        if place not in ("layers", "models", "dtype_policies"):
            module = importlib.import_module(f"graphkeras.{place}")
            found += [full] if hasattr(module, name) and name not in ABSTRACT else []
    return found


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_layer_has_the_arguments_of_keras(sample: str) -> None:
    layer = SAMPLES[sample].make()
    name = PUBLIC.get(type(layer).__name__, type(layer).__name__)
    taken = TAKEN[f"layers.{name}"] | BESIDE.get(name, set())
    assert {*layer.get_config()} <= taken


@pytest.mark.parametrize("full", objects())
def test_an_object_has_the_arguments_of_keras(full: str) -> None:
    place, _, name = full.rpartition(".")
    cls = getattr(importlib.import_module(f"graphkeras.{place}"), name)
    needed = [
        p.name for p in list(inspect.signature(cls.__init__).parameters.values())[1:]
        if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD
    ]  # fmt: skip
    made = cls(**{n: ARGUMENTS[n] for n in needed})
    assert {*made.get_config()} <= TAKEN[full]
