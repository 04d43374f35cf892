"""What IMDB and Reuters share: texts as lists of word numbers, by frequency."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphkeras.errors import ArgumentError, DataError, message


def shifted(texts: Any, start: int | None, index_from: int | None) -> list[list[int]]:
    """Return texts with their words numbered from `index_from` on, `start` before."""
    by = index_from or 0
    first = [] if start is None else [start]
    if start is not None and index_from is None:
        raise ArgumentError(
            message("load_data", "start_char needs index_from.", "index_from=None")
        )
    return [[*first, *(word + by for word in text)] for text in texts]


def short_enough(
    texts: list[list[int]], labels: Any, maxlen: int | None
) -> tuple[list[list[int]], Any]:
    """Leave out texts of `maxlen` words and more.

    Raises:
        DataError: if none is left.
    """
    if not maxlen:
        return texts, labels
    kept = [place for place, text in enumerate(texts) if len(text) < maxlen]
    if not kept:
        raise DataError(
            message("load_data", f"no text has fewer than {maxlen} words.",
                    f"maxlen={maxlen}", "Give a larger maxlen.")
        )  # fmt: skip
    return [texts[place] for place in kept], np.asarray(labels)[kept]


def frequent(
    texts: list[list[int]], num_words: int | None, skip_top: int, oov: int | None
) -> list[list[int]]:
    """Put `oov` in the place of words that are too rare or too frequent.

    Args:
        texts: word numbers.
        num_words: the number to stop at; the largest there is if None, which itself
            is left out, as in Keras.
        skip_top: the number to begin with.
        oov: what stands for the others; None leaves them out.
    """
    end = num_words or max(max(text) for text in texts)
    if oov is None:
        return [[w for w in text if skip_top <= w < end] for text in texts]
    return [[w if skip_top <= w < end else oov for w in text] for text in texts]


def as_objects(texts: list[list[int]]) -> np.ndarray:
    """Return an array of lists."""
    out = np.empty(len(texts), object)
    out[:] = texts
    return out
