"""IMDB: 50,000 reviews of films, good or bad, as numbers of words."""

from __future__ import annotations

import json

import numpy as np

from graphkeras.datasets.kept import Parts, arrays_of, kept, shuffled
from graphkeras.datasets.sequences import as_objects, frequent, shifted, short_enough

HASH = "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"
INDEX_HASH = "bfafd718b763782e994055a2d397834f"


def load_data(
    path: str = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int | None = 3,
) -> Parts:
    """Return reviews as lists of word numbers, and whether each is good (1) or bad (0).

    Words are numbered by how frequent they are. Source: Maas et al. (2011).

    Args:
        path: name of the file in the folder of data sets.
        num_words: only words with lower numbers; all but the rarest if None.
        skip_top: only words from this number on.
        maxlen: only reviews with fewer words, the start counted.
        seed: decides the order of the reviews.
        start_char: number of the start of a review; None for none.
        oov_char: number of all other words; None leaves them out.
        index_from: added to the numbers of words.

    Returns:
        (x_train, y_train), (x_test, y_test), 25,000 each.
    """
    data = arrays_of(kept(path, "imdb.npz", HASH))
    texts, labels, sizes = [], [], []
    random = np.random.RandomState(seed)
    for part in ("train", "test"):
        x, y = data[f"x_{part}"], data[f"y_{part}"]
        order = shuffled(len(x), random)
        rows, kept_labels = short_enough(
            shifted(x[order], start_char, index_from), y[order], maxlen
        )
        texts += rows
        labels.append(kept_labels)
        sizes.append(len(rows))
    found = frequent(texts, num_words, skip_top, oov_char)
    whole, at = np.concatenate(labels), sizes[0]
    return (as_objects(found[:at]), whole[:at]), (as_objects(found[at:]), whole[at:])


def get_word_index(path: str = "imdb_word_index.json") -> dict[str, int]:
    """Return the number of each word, before `index_from` is added.

    Args:
        path: name of the file in the folder of data sets.
    """
    with open(kept(path, "imdb_word_index.json", INDEX_HASH), encoding="utf-8") as file:
        return json.load(file)
