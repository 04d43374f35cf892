"""Text files in folders as a data set."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from graphkeras.data.folders import Plan
from graphkeras.errors import ArgumentError, message

FORMATS = (".txt",)


def text_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    max_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    format: str = "tf",  # noqa: A002  Keras's name
    verbose: bool = True,
) -> Any:
    """Return a data set of the texts in a folder, one folder a class.

    A text is decoded as UTF-8; what is none becomes U+FFFD.

    Args:
        directory: the folder; in it one folder of .txt files for each class.
        labels: "inferred" from the folders; a list with the class number of each file,
            in the order of the sorted paths; None for no labels.
        label_mode: "int" (int32), "categorical" (one-hot float32), "binary" (float32
            of shape (1,), for two classes), or None for no labels.
        class_names: the folders to take, in the order of their numbers; all by name.
        batch_size: texts in a batch; None for single texts.
        max_length: cut a text after so many bytes.
        shuffle: whether files change places, anew in each pass.
        seed: decides how.
        validation_split: part of the files for validation, the last of the order.
        subset: "training", "validation", or "both" for a list of the two.
        follow_links: whether folders that are links are entered.
        format: "tf" or "grain", for Keras's sake: it is a `keras.data.Dataset` anyway.
        verbose: whether to print what was found.

    Returns:
        Dataset of texts (batch,), or of (texts, labels); its `class_names` are the
        folders and its `file_paths` the files.

    Raises:
        ArgumentError: for arguments outside their values.
        DataError: if there are no files.
    """
    check_format("text_dataset_from_directory", format)
    plan = Plan(
        "text_dataset_from_directory", str(directory), FORMATS, labels, label_mode,
        class_names, shuffle, seed, validation_split, subset, follow_links, verbose,
        batch_size,
    )  # fmt: skip
    found = plan.checked().datasets(partial(read_text, max_length=max_length))
    return found if subset == "both" else found[0]


def check_format(who: str, name: str) -> None:
    """Raise for a kind of data set that Keras does not know either."""
    if name not in ("tf", "grain"):
        raise ArgumentError(
            message(who, 'format must be "tf" or "grain".', f"format={name!r}")
        )


def read_text(path: str, max_length: int | None = None) -> np.ndarray:
    """Return a file's text as an array of one string."""
    with open(path, "rb") as file:
        data = file.read(-1 if max_length is None else max_length)
    whole = max_length is None or len(data) < max_length
    text = data.decode("utf-8", "replace" if whole else "ignore")
    return np.asarray(text, object)
