"""Every example in the docstrings of data sets runs."""

import doctest
import importlib
import pkgutil

import numpy as np
import pytest

import graphkeras.data
import graphkeras.datasets

PACKAGES = (graphkeras.data, graphkeras.datasets)
MODULES = [
    module.name
    for package in PACKAGES
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + ".")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    module = importlib.import_module(name)
    failed, _ = doctest.testmod(module, extraglobs={"np": np})
    assert not failed
