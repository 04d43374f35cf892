"""Every example in the docstrings of training and what it is made of runs."""

import doctest
import importlib
import pkgutil

import numpy as np
import pytest

import graphkeras.losses
import graphkeras.metrics
import graphkeras.optimizers
import graphkeras.training

PACKAGES = (
    graphkeras.losses, graphkeras.metrics, graphkeras.optimizers, graphkeras.training,
)  # fmt: skip
MODULES = [
    "graphkeras.autodiff",
    *(package.__name__ for package in PACKAGES),
    *(
        module.name
        for package in PACKAGES
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + ".")
    ),
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    module = importlib.import_module(name)
    failed, _ = doctest.testmod(module, extraglobs={"np": np})
    assert not failed
