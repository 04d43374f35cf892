"""Pixels as each architecture was trained on them, and names of ImageNet's classes."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from graphkeras import config, dtypes, ops
from graphkeras.errors import ArgumentError, DataError, ShapeError, message

MODES = ("caffe", "tf", "torch")
CLASSES = 1000
INDEX = "imagenet_class_index.json"
# Mean and deviation of ImageNet's pixels; "caffe" takes them blue first, as pixels.
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
BLUE_FIRST = (103.939, 116.779, 123.68)


def preprocess_input(
    x: Any, data_format: str | None = None, mode: str = "caffe"
) -> Any:
    """Turn pixels (0 to 255) into what an architecture was trained on.

    Args:
        x: (rows, columns, 3) or (batch, rows, columns, 3), an array or a tensor; of
            another dtype than float it becomes `config.floatx()`. Arrays are not
            changed in place.
        data_format: "channels_first" if channels stand before rows; None takes
            `config.image_data_format()`.
        mode: "caffe": blue first, less the mean; "tf": -1 to 1; "torch": 0 to 1, less
            the mean, by the deviation.

    Returns:
        The same shape.

    Raises:
        ArgumentError: for another mode or data format.

    Example:
        >>> preprocess_input(np.full((1, 1, 3), 255.0), mode="tf")
        array([[[1., 1., 1.]]])
    """
    chosen = data_format or config.image_data_format()
    if mode not in MODES or chosen not in ("channels_first", "channels_last"):
        raise ArgumentError(
            message(
                "preprocess_input", f"expected a mode of {MODES} and data_format "
                "'channels_first' or 'channels_last'.", f"{mode!r}, {data_format!r}",
            )
        )  # fmt: skip
    if not dtypes.is_float(dtypes.standardize(x.dtype)):
        x = ops.cast(x, config.floatx())
    if mode == "tf":
        return x / 127.5 - 1.0
    axis = len(x.shape) - 3 if chosen == "channels_first" else len(x.shape) - 1
    if mode == "torch":
        return (x / 255.0 - _along(MEAN, x, axis)) / _along(DEVIATION, x, axis)
    return ops.flip(x, axis=axis) - _along(BLUE_FIRST, x, axis)


def _along(values: tuple[float, ...], x: Any, axis: int) -> np.ndarray:
    """Return one number a channel, to be broadcast."""
    shape = [1] * len(x.shape)
    shape[axis] = len(values)
    return (
        np.asarray(values)
        .reshape(shape)
        .astype(dtypes.to_numpy(dtypes.standardize(x.dtype)))
    )


def preprocessing(mode: str | None, where: str) -> Callable[..., Any]:
    """Return the `preprocess_input` of an architecture.

    Args:
        mode: as above; None if the model scales pixels itself.
        where: the module, for the documentation.
    """

    def preprocess_input_of(x: Any, data_format: str | None = None) -> Any:
        if mode is None:
            return x
        return preprocess_input(x, data_format, mode)

    preprocess_input_of.__name__ = "preprocess_input"
    preprocess_input_of.__qualname__ = "preprocess_input"
    about = f'`imagenet_utils.preprocess_input` with mode "{mode}"'
    preprocess_input_of.__doc__ = f"""Turn pixels (0 to 255) into what {where} expects.

    {about if mode else "They are returned as they are: the model scales them itself"}.

    Args:
        x: images, an array or a tensor.
        data_format: "channels_first", "channels_last" or None.
    """
    return preprocess_input_of


def decode_predictions(preds: Any, top: int = 5) -> list[list[tuple[str, str, Any]]]:
    """Name the likeliest classes of ImageNet.

    The names are read from ``imagenet_class_index.json`` in ``~/.graphkeras/models`` or
    ``~/.keras/models``, where Keras keeps them; nothing is downloaded.

    Args:
        preds: (batch, 1000): probabilities of the classes.
        top: how many to name.

    Returns:
        For each row a list of (id, name, probability), likeliest first.

    Raises:
        ShapeError: if there are not 1000 classes.
        DataError: if there is no file of names, or it is none.
    """
    rows = np.asarray(preds)
    if rows.ndim != 2 or rows.shape[1] != CLASSES:
        raise ShapeError(
            message(
                "decode_predictions", f"expected preds of shape (batch, {CLASSES}).",
                str(rows.shape), "Take the output of a model with its ImageNet top.",
            )
        )  # fmt: skip
    names = _names()
    order = np.argsort(-rows, axis=1, kind="stable")[:, :top]
    return [[(*names[i], row[i]) for i in best] for row, best in zip(rows, order)]


@functools.cache
def _names() -> list[tuple[str, str]]:
    """Return (id, name) of each class."""
    homes = [os.environ.get("GRAPHKERAS_HOME", "~/.graphkeras"), "~/.keras"]
    places = [Path(home).expanduser() / "models" / INDEX for home in homes]
    place = next((p for p in places if p.is_file()), None)
    if place is None:
        raise DataError(
            message(
                "decode_predictions", f"expected the names of the classes in {INDEX}.",
                f"no such file in {' or '.join(str(p.parent) for p in places)}",
                'Put it there: {"0": ["n01440764", "tench"], ...}, as Keras keeps it.',
            )
        )  # fmt: skip
    try:
        found = json.loads(place.read_text())
        pairs = [found[str(i)] for i in range(CLASSES)]
        return [(str(key), str(name)) for key, name in pairs]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            message(
                "decode_predictions", f"expected {CLASSES} classes in {place}.",
                f"{type(error).__name__}: {error}", "Fetch the file anew.",
            )
        ) from error  # fmt: skip
