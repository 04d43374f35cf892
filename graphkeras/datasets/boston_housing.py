"""Houses in Boston: 506 of them, 13 numbers and a price each."""

from __future__ import annotations

from graphkeras.datasets.kept import Parts, arrays_of, kept, split

HASH = "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5"


def load_data(
    path: str = "boston_housing.npz", test_split: float = 0.2, seed: int = 113
) -> Parts:
    """Return houses (rows, 13) and their prices in 1,000 dollars, of about 1978.

    One column holds a measure of the race of the neighbours: use it to speak about
    such data, and `california_housing` for anything else.

    Args:
        path: name of the file in the folder of data sets.
        test_split: part to test on.
        seed: decides the order of the rows.

    Returns:
        (x_train, y_train), (x_test, y_test).
    """
    data = arrays_of(kept(path, "boston_housing.npz", HASH))
    return split(data["x"], data["y"], test_split, seed)
