"""MNIST: 70,000 handwritten digits."""

from __future__ import annotations

import os

from graphkeras.data.files import home
from graphkeras.datasets.idx import NAMES, read_idx
from graphkeras.datasets.kept import Parts, arrays_of, kept

IDX_HASHES = (
    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
)
HASH = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"


def load_data(path: str = "mnist.npz") -> Parts:
    """Return images (rows, 28, 28) of uint8 and digits (rows,), 60,000 and 10,000.

    Without the file, the four IDX files in the folder `mnist` of data sets will do.
    Source: LeCun, Cortes and Burges; CC BY-SA 3.0.

    Args:
        path: name of the file in the folder of data sets.

    Returns:
        (x_train, y_train), (x_test, y_test).
    """
    folder = os.path.join(home(), "datasets", "mnist")
    found = [_idx_file(folder, name) for name in NAMES]
    if not os.path.exists(os.path.join(home(), "datasets", path)) and all(found):
        x_train, y_train, x_test, y_test = map(read_idx, found, IDX_HASHES)
        return (x_train, y_train), (x_test, y_test)
    data = arrays_of(kept(path, "mnist.npz", HASH))
    return (data["x_train"], data["y_train"]), (data["x_test"], data["y_test"])


def _idx_file(folder: str, name: str) -> str:
    """Where an IDX file is, packed or not; "" if it is not there."""
    paths = (os.path.join(folder, name + ending) for ending in (".gz", ""))
    return next((path for path in paths if os.path.exists(path)), "")
