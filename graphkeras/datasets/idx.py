"""The IDX format of MNIST: four bytes say the rank, then come the sizes, then bytes."""

from __future__ import annotations

import gzip
import hashlib
import math

import numpy as np

from graphkeras.errors import DataError, message

NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
         "t10k-labels-idx1-ubyte")  # fmt: skip


def read_idx(path: str, contents_hash: str | None = None) -> np.ndarray:
    """Return the array of an IDX file of bytes, packed by gzip or not.

    Args:
        path: the file.
        contents_hash: the sha256 that its contents, unpacked, must have.

    Raises:
        DataError: for a file that is none, or not whole.
    """
    with open(path, "rb") as file:
        data = file.read()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    rank = data[3] if data[:3] == b"\0\0\x08" and len(data) > 3 else 0
    whole = 0 < 4 + 4 * rank <= len(data)
    sizes = np.frombuffer(data, ">i4", rank, 4).tolist() if whole and rank else []
    changed = contents_hash not in (None, hashlib.sha256(data).hexdigest())
    if not sizes or len(data) != 4 + 4 * rank + math.prod(sizes) or changed:
        raise DataError(
            message("datasets", f"expected an IDX file of bytes in {path}.",
                    f"{len(data):,} bytes with another hash" if changed else
                    f"{len(data):,} bytes of another kind",
                    "Remove the file, to download it again.")
        )  # fmt: skip
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(sizes).copy()
