"""Fashion-MNIST: 70,000 pictures of clothes, in ten classes."""

from __future__ import annotations

import os

from graphkeras.data.files import get_file
from graphkeras.datasets.idx import NAMES, read_idx
from graphkeras.datasets.kept import ORIGIN, Parts

HASHES = (
    "8d4fb7e6c68d591d4c3dfef9ec88bf0d", "25c81989df183df01b3e8a0aad5dffbe",
    "bef4ecab320f06d8554ea6380940ec79", "bb300cfdad3c16e7a12a480ee83cd310",
)  # fmt: skip
_FOLDER = os.path.join("datasets", "fashion-mnist")


def load_data() -> Parts:
    """Return images (rows, 28, 28) of uint8 and classes (rows,), 60,000 and 10,000.

    The classes are T-shirt, trouser, pullover, dress, coat, sandal, shirt, sneaker,
    bag and ankle boot. Source: Zalando; MIT.

    Returns:
        (x_train, y_train), (x_test, y_test).
    """
    files = [
        get_file(f"{n}.gz", f"{ORIGIN}{n}.gz", file_hash=h, cache_subdir=_FOLDER)
        for n, h in zip(NAMES, HASHES, strict=True)
    ]
    x_train, y_train, x_test, y_test = map(read_idx, files)
    return (x_train, y_train), (x_test, y_test)
