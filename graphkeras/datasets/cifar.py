"""What CIFAR-10 and CIFAR-100 share: batches of pictures in one tar file."""

from __future__ import annotations

import pickle
import tarfile
from collections.abc import Sequence

import numpy as np

from graphkeras import config
from graphkeras.data.files import get_file
from graphkeras.datasets.kept import Pair, unpickled
from graphkeras.errors import DataError, message

ORIGIN = "https://www.cs.toronto.edu/~kriz/"


def read(
    name: str, file_hash: str, parts: Sequence[Sequence[str]], key: str
) -> list[Pair]:
    """Return (images, labels) of each part; the archive is read, not unpacked.

    Args:
        name: of the archive.
        file_hash: it must have.
        parts: for each part, which of its files make it.
        key: under which the labels are in them.
    """
    path = get_file(name, ORIGIN + name, file_hash=file_hash)
    try:
        with tarfile.open(path) as archive:
            return [_joined([_batch(archive, n, key) for n in part]) for part in parts]
    except (tarfile.TarError, KeyError, EOFError, pickle.UnpicklingError) as error:
        raise DataError(
            message("datasets", f"expected the pictures of CIFAR in {path}.",
                    str(error), "Remove the file, to download it again.")
        ) from error  # fmt: skip


def _batch(archive: tarfile.TarFile, name: str, key: str) -> Pair:
    stream = archive.extractfile(name)
    if stream is None:
        raise KeyError(name)
    found = unpickled(stream, encoding="bytes")
    images = np.asarray(found[b"data"], np.uint8).reshape(-1, 3, 32, 32)
    return images, np.asarray(found[key.encode()])


def _joined(batches: list[Pair]) -> Pair:
    images = np.concatenate([images for images, _ in batches])
    if config.image_data_format() == "channels_last":
        images = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
    return images, np.concatenate([labels for _, labels in batches])[:, None]
