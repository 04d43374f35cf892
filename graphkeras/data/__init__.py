"""Data sets: elements prepared by threads, files read from folders."""

from graphkeras.data.dataset import AUTOTUNE, Dataset
from graphkeras.data.elements import TensorSpec
from graphkeras.data.steps import INFINITE as INFINITE_CARDINALITY
from graphkeras.data.steps import UNKNOWN as UNKNOWN_CARDINALITY
from graphkeras.data.tables import read_csv

__all__ = [
    "AUTOTUNE",
    "INFINITE_CARDINALITY",
    "UNKNOWN_CARDINALITY",
    "Dataset",
    "TensorSpec",
    "read_csv",
]
