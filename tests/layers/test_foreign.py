"""Layers around other frameworks say that they cannot be."""

from __future__ import annotations

import pytest

from graphkeras import layers
from graphkeras.errors import ArgumentError

NAMES = ("TorchModuleWrapper", "JaxLayer", "FlaxLayer", "TFSMLayer")


@pytest.mark.parametrize("name", NAMES)
def test_a_program_of_another_framework_is_refused(name: str) -> None:
    with pytest.raises(ArgumentError, match=f"{name}: expected a layer written"):
        getattr(layers, name)(object())
    config = {"module": "keras.layers", "class_name": name, "config": {"name": "x"}}
    with pytest.raises(ArgumentError, match="set its weights"):
        layers.deserialize(config)
