"""Ops on texts by compiled functions: what their references compute, quickly.

Each takes the operands and attributes of the op that names it as its kernel.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from graphkeras.compiler import texts
from graphkeras.compiler.texts import Cut, IntegerTable, Lookup, WordTable, bytes_of
from graphkeras.ir.value import ConstantData
from graphkeras.ops import lookup, text

MOST_TABLES = 32
FEW_TEXTS = 32
MOST_OWN = 1 << 17  # words that are also held in a dict
NOWHERE = -(2**63)  # the number of no word

_tables: OrderedDict[Any, tuple[Any, Any]] = OrderedDict()


def _kept(held: tuple[Any, ...], make: Callable[[], Any]) -> Any:
    """Return what was made of objects before, or make it.

    They go by identity: to compare vocabularies takes longer than most lookups. They
    are held, so that no other gets theirs.
    """
    key = tuple(id(item) if isinstance(item, ConstantData) else item for item in held)
    found = _tables.pop(key, None) or (held, make())
    _tables[key] = found
    if len(_tables) > MOST_TABLES:
        _tables.popitem(last=False)
    return found[1]


def text_to_numbers(
    x: np.ndarray, *, vocabulary: ConstantData | None, standardize: Any, split: Any,
    ngrams: tuple[int, ...], first: int, unknown: int, padding: int,
    width: int | str | None,
) -> np.ndarray:  # fmt: skip
    """See `ops.text.text_to_numbers`."""
    attrs = {"ngrams": ngrams, "first": first, "unknown": unknown, "padding": padding}
    if callable(split):
        return text.text_to_numbers.op.reference(  # type: ignore[attr-defined]
            x, vocabulary=vocabulary, standardize=standardize, split=split, width=width,
            **attrs,
        )  # fmt: skip
    if callable(standardize):
        given = [text.text_of(item) for item in x.flat]
        x = np.array(text.called_on(standardize, given), object).reshape(x.shape)
        standardize = None
    table = word_table(vocabulary, first, padding)
    group = x.shape[1] if split is None else 1
    cut = Cut(standardize, split, ngrams, group)
    if split is None and width is None:
        width = text.ngram_count(group, ngrams)
    if split is None and not x.size:
        return np.full((len(x), int(width or 0)), padding, np.int64)
    fixed = width if isinstance(width, int) else None
    return texts.numbers_of(x, Lookup(table, cut, unknown, padding, fixed))


def word_table(vocabulary: ConstantData | None, first: int, empty: int) -> WordTable:
    """Return the table of a vocabulary; '' is `empty`."""
    if vocabulary is None:
        text.refuse_no_vocabulary()
    assert vocabulary is not None

    def make() -> WordTable:
        words = np.append(vocabulary.array, np.array([""], object))
        return WordTable.of(words, [*range(first, first + len(words) - 1), empty])

    return _kept((vocabulary, first, empty), make)


_ONE = Cut()


def look_up(
    x: np.ndarray, *, keys: ConstantData | None, values: ConstantData, default: Any
) -> np.ndarray:
    """See `ops.lookup.look_up`."""
    if keys is None:
        lookup.refuse_no_table()
    assert keys is not None
    table = _kept((keys, values), lambda: _table(keys, values))
    known = values.array
    to_text = known.dtype == object
    otherwise = NOWHERE if to_text or default is None else default
    found = table.find(x, otherwise)
    if default is None and (found == NOWHERE).any():
        lookup.refuse_unknown(x[found == NOWHERE])
    if to_text:
        return np.append(known, np.array([default], object))[found.clip(-1)]
    return found


def _table(keys: ConstantData, values: ConstantData) -> Any:
    """Return a table that gives values, or their places where they are strings."""
    known = values.array
    numbers = np.arange(known.size) if known.dtype == object else known
    if keys.array.dtype == object:
        return Words(keys.array, numbers)
    return IntegerTable.of(keys.array, numbers)


class Words:
    """Words, each with a number; of a few texts they are found by Python's own means.

    That takes less than to call compiled code. It is for ASCII alone: of other texts,
    several may have the same bytes.
    """

    def __init__(self, words: np.ndarray, numbers: np.ndarray) -> None:
        self.words, self.numbers = words, numbers
        self.table = WordTable.of(words, numbers)
        self._own: dict[str, int] | None = None

    def find(self, x: np.ndarray, otherwise: int) -> np.ndarray:
        """Return the number of each text, `otherwise` of those that are no words."""
        if x.size <= FEW_TEXTS and len(self.words) <= MOST_OWN:
            own = [self._number(text, otherwise) for text in x.ravel().tolist()]
            if None not in own:
                return np.array(own, np.int64).reshape(x.shape)
        how = Lookup(self.table, _ONE, otherwise, width=1)
        return texts.numbers_of(x, how).reshape(x.shape)

    def _number(self, text: Any, otherwise: int) -> int | None:
        """Return the number of an ASCII text, None of anything else."""
        if self._own is None:
            pairs = zip(self.words.tolist(), self.numbers.tolist(), strict=True)
            found = ((bytes_of(word), number) for word, number in pairs)
            self._own = {w.decode(): n for w, n in found if w.isascii()}
        if type(text) is not str or not text.isascii():
            return None
        return self._own.get(text, otherwise)


def fingerprint(x: np.ndarray, *, salt: tuple[int, int] | None) -> np.ndarray:
    """See `ops.hashing.fingerprint`."""
    if x.dtype == bool:
        x = np.where(x, b"true", b"false")
    return texts.fingerprints(x, salt)
