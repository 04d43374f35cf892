"""Well-known data sets: kept in ~/.graphkeras/datasets, downloaded when missing.

$GRAPHKERAS_HOME names another folder than ~/.graphkeras. A file that is placed there
is used without a connection; its hash is checked as that of a downloaded one is.
"""

from graphkeras.datasets import (
    boston_housing,
    california_housing,
    cifar10,
    cifar100,
    fashion_mnist,
    imdb,
    mnist,
    reuters,
)

__all__ = [
    "boston_housing",
    "california_housing",
    "cifar10",
    "cifar100",
    "fashion_mnist",
    "imdb",
    "mnist",
    "reuters",
]
