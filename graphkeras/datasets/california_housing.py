"""Districts of California: 20,640 of them, 8 numbers and a median price each."""

from __future__ import annotations

from graphkeras.datasets.kept import Parts, arrays_of, kept, split
from graphkeras.errors import ArgumentError, message

HASH = "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f"
SMALL = 600  # districts of the small version


def load_data(
    version: str = "large", path: str = "california_housing.npz",
    test_split: float = 0.2, seed: int = 113,
) -> Parts:  # fmt: skip
    """Return districts (rows, 8) and their median prices in dollars, of 1990.

    The columns are median income, age of the houses, rooms and bedrooms a household,
    population, people a household, latitude and longitude.

    Args:
        version: "large", or "small" for 600 districts.
        path: name of the file in the folder of data sets.
        test_split: part to test on.
        seed: decides the order of the rows.

    Returns:
        (x_train, y_train), (x_test, y_test).
    """
    if version not in ("small", "large"):
        raise ArgumentError(
            message("load_data", 'version must be "small" or "large".', repr(version))
        )
    data = arrays_of(kept(path, "california_housing.npz", HASH))
    rows = slice(SMALL if version == "small" else None)
    return split(data["x"][rows], data["y"][rows], test_split, seed)
