"""Reuters: 11,228 news of 46 topics, as numbers of words."""

from __future__ import annotations

import json

import numpy as np

from graphkeras.datasets.kept import Parts, arrays_of, kept, shuffled
from graphkeras.datasets.sequences import as_objects, frequent, shifted, short_enough

HASH = "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916"
INDEX_HASH = "4d44cc38712099c9e383dc6e5f11a921"
_TOPICS = """
cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade
reserves ship cotton carcass crude nat-gas cpi money-fx interest gnp meal-feed alum
oilseed gold tin strategic-metal livestock retail ipi iron-steel rubber heat jobs lei
bop zinc orange pet-chem dlr gas silver wpi hog lead
"""


def load_data(
    path: str = "reuters.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int | None = 3,
) -> Parts:
    """Return news as lists of word numbers, and their topics (0 to 45).

    Args:
        path: name of the file in the folder of data sets.
        num_words: only words with lower numbers; all but the rarest if None.
        skip_top: only words from this number on.
        maxlen: only news with fewer words, the start counted.
        test_split: part to test on.
        seed: decides the order of the news.
        start_char: number of the start of a text; None for none.
        oov_char: number of all other words; None leaves them out.
        index_from: added to the numbers of words.

    Returns:
        (x_train, y_train), (x_test, y_test).
    """
    data = arrays_of(kept(path, "reuters.npz", HASH))
    order = shuffled(len(data["x"]), np.random.RandomState(seed))
    texts, labels = short_enough(
        shifted(data["x"][order], start_char, index_from), data["y"][order], maxlen
    )
    found = frequent(texts, num_words, skip_top, oov_char)
    at = int(len(found) * (1 - test_split))
    whole = np.asarray(labels)
    return (as_objects(found[:at]), whole[:at]), (as_objects(found[at:]), whole[at:])


def get_word_index(path: str = "reuters_word_index.json") -> dict[str, int]:
    """Return the number of each word, before `index_from` is added.

    Args:
        path: name of the file in the folder of data sets.
    """
    kept_at = kept(path, "reuters_word_index.json", INDEX_HASH)
    with open(kept_at, encoding="utf-8") as file:
        return json.load(file)


def get_label_names() -> tuple[str, ...]:
    """Return the topics in the order of their numbers.

    Example:
        >>> get_label_names()[3]
        'earn'
    """
    return tuple(_TOPICS.split())
