"""An independent reading of TextVectorization in plain Python, on bytes.

Nothing here knows graphkeras: `cases.py` and Keras's answers check this model, and the
model stands in for Keras wherever Keras has recorded nothing.
"""

from __future__ import annotations

import string
from typing import Any

import numpy as np

MARKS = string.punctuation.encode()


def as_bytes(text: Any) -> bytes:
    """A text as its bytes."""
    return text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text


def tokens(text: Any, standardize: str | None, split: str | None) -> list[bytes]:
    """What a text is cut into. Python's methods of bytes know only ASCII."""
    data = as_bytes(text)
    if standardize and "lower" in standardize:
        data = data.lower()
    if standardize and "punctuation" in standardize:
        data = data.translate(None, MARKS)
    if split == "whitespace":
        return data.split()
    if split == "character":
        return [c.encode() for c in data.decode("utf-8", "replace")]
    return [data]


def ngrams(row: list[bytes], sizes: Any) -> list[bytes]:
    """Neighbours joined with blanks, size after size."""
    if sizes is None:
        return row
    sizes = range(1, sizes + 1) if isinstance(sizes, int) else sizes
    return [b" ".join(row[i : i + n]) for n in sizes for i in range(len(row) - n + 1)]


def answer(batch: list[Any], arguments: dict[str, Any]) -> np.ndarray:
    """What the layer gives for a batch of texts, or of rows of tokens."""
    cut = arguments.get("standardize"), arguments.get("split", "whitespace")
    rows = [
        ngrams(
            [t for text in (row if isinstance(row, list) else [row])
             for t in tokens(text, *cut)],
            arguments.get("ngrams"),
        )
        for row in batch
    ]  # fmt: skip
    words = [as_bytes(word) for word in arguments["vocabulary"]]
    if arguments.get("output_mode", "int") == "int":
        ids = {word: i for i, word in enumerate([b"", b"[UNK]\xff", *words])}
        found = [[ids.get(word, 1) for word in row] for row in rows]
        return padded(found, arguments.get("output_sequence_length"))
    places = {word: i for i, word in enumerate(words, 1)}
    depth = arguments["max_tokens"] if arguments.get("pad_to_max_tokens") else (
        len(words) + 1
    )  # fmt: skip
    counts = np.zeros((len(rows), depth), np.int64)
    for line, row in zip(counts, rows):
        for word in filter(None, row):
            line[places.get(word, 0)] += 1
    return weighted(counts, arguments)


def padded(rows: list[list[int]], length: int | None) -> np.ndarray:
    """Rows of one length, the longest one's by default, 0 behind."""
    width = max(map(len, rows), default=0) if length is None else length
    return np.array(
        [(row + [0] * width)[:width] for row in rows], np.int64
    ).reshape(len(rows), width)  # fmt: skip


def weighted(counts: np.ndarray, arguments: dict[str, Any]) -> np.ndarray:
    """Counts as the output mode wants them."""
    mode = arguments["output_mode"]
    if mode == "multi_hot":
        return np.minimum(counts, 1)
    if mode == "count":
        return counts
    weights = np.zeros(counts.shape[1])
    given = arguments["idf_weights"]
    weights[: len(given) + 1] = [np.mean(given), *given]
    return (counts * weights).astype(np.float32)
