"""Every example in the docstrings of the op table and the IR runs."""

import doctest
import importlib
import pkgutil

import numpy as np
import pytest

import graphkeras.ir
import graphkeras.ops

MODULES = [
    module.name
    for package in (graphkeras.ops, graphkeras.ir)
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + ".")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    module = importlib.import_module(name)
    failed, _ = doctest.testmod(module, extraglobs={"np": np})
    assert not failed
