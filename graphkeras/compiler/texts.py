"""Texts in compiled code: their bytes become numbers while Python's lock is free.

What is called here by name stands in `kernels.cpu.text`, `words` and `fingerprint`;
it is compiled once and kept like programs are.
"""

from __future__ import annotations

import ctypes
import itertools
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from graphkeras.compiler import stored
from graphkeras.compiler.fingerprint import digest
from graphkeras.errors import DataError, message
from graphkeras.ops.text import refuse_no_text
from graphkeras.runtime import link

PUNCTUATION = b"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
WHITE_SPACE = b" \t\n\v\f\r"
ENDLESS = 2**62
AHEAD = 32  # as in `kernels.cpu.text`
PART = 4 << 20  # bytes of text that one thread takes at a time
SPLITS = {"whitespace": 0, "character": 1, None: 2}


@cache
def compiled(name: str, locked: bool = False) -> Callable[..., int]:
    """Return a compiled function of integers called ``"module.function"``."""
    key = digest("function", name)
    found = stored.read(key)
    if found is None:
        found = stored.Built(link.compile_function(name))
        stored.write(key, name, found)
    return link.function(found.entry, locked)


def _address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


# ----------------------------------------------------------------------------- views


class Texts:
    """Where the bytes of some texts are.

    Attributes:
        count: how many texts.
        total: how many bytes in all.
        longest: how many bytes the longest has.
        views: int64[count + 1, 2]: address and size of each; at the end the above two.
    """

    __slots__ = ("_owner", "address", "count", "longest", "total", "views")

    def __init__(self, views: np.ndarray, owner: Any) -> None:
        self._owner = owner  # holds the bytes
        self.views, self.address = views, _address(views)
        self.count = len(views) - 1
        self.total, self.longest = views[-1].tolist()


@cache
def _python() -> tuple[int, ...]:
    """Return the addresses of what reads str and bytes."""
    names = ("PyUnicode_AsUTF8AndSize", "PyBytes_AsString", "PyBytes_Size",
             "PyErr_Clear")  # fmt: skip
    functions = (getattr(ctypes.pythonapi, name) for name in names)
    return tuple(ctypes.cast(f, ctypes.c_void_p).value or 0 for f in functions)


def texts_of(data: np.ndarray) -> Texts:
    """Return views of an array of texts, flattened.

    Args:
        data: str or bytes objects, or NumPy's own strings of any kind.

    Raises:
        DTypeError: if something is no text.
        DataError: if a text has half of a surrogate pair.
    """
    views = np.empty((data.size + 1, 2), np.int64)
    if data.dtype.kind == "S":
        return _of_bytes(np.ascontiguousarray(data), views)
    if data.dtype.kind == "U":
        return _of_wide(data, views)
    objects = np.array(data, object, order="C")  # a copy: no other thread changes it
    if _view(objects, views) < data.size:
        objects = _without_escapes(objects)
        _view(objects, views)
    return Texts(views, objects)


def _view(objects: np.ndarray, views: np.ndarray) -> int:
    view = compiled("text.view_objects", locked=True)
    return view(_address(objects), objects.size, _address(views), *_python())


def _of_bytes(data: np.ndarray, views: np.ndarray) -> Texts:
    sizes = np.strings.str_len(data).ravel()
    views[:-1, 0] = _address(data) + data.itemsize * np.arange(data.size)
    views[:-1, 1] = sizes
    views[-1] = sizes.sum(), sizes.max(initial=0)
    return Texts(views, data)


def _of_wide(data: np.ndarray, views: np.ndarray) -> Texts:
    wide = np.ascontiguousarray(data, data.dtype.newbyteorder("="))
    target = np.empty(wide.nbytes, np.uint8)
    encode = compiled("text.encode_wide")
    width = wide.itemsize // 4
    bad = encode(_address(wide), width, wide.size, _address(views), _address(target))
    if bad < wide.size:
        _refuse_surrogates(wide.ravel()[bad])
    return Texts(views, target)


def _without_escapes(objects: np.ndarray) -> np.ndarray:
    """Return bytes for the texts that stand for bytes which are no UTF-8."""
    found = np.empty(objects.shape, object)
    for i, item in enumerate(objects.flat):
        found.flat[i] = bytes_of(item)
    return found


def bytes_of(item: Any) -> bytes:
    """Return a text as UTF-8.

    Raises:
        DTypeError: if it is no text.
        DataError: if it has half of a surrogate pair, or is a row of texts.
    """
    if isinstance(item, bytes):
        return item
    if not isinstance(item, str):
        refuse_no_text(item)
    try:
        return item.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        _refuse_surrogates(item)
        raise


def _refuse_surrogates(item: str) -> None:
    raise DataError(
        message(
            "text", "expected text that can be written as UTF-8.",
            f"{item!r:.80}, with half of a surrogate pair",
            "Read the text with errors='replace', or pass bytes.",
        )
    )  # fmt: skip


# ----------------------------------------------------------------------------- tables


@lru_cache(maxsize=1)
def _seed() -> int:
    """A number that nobody can foresee: texts cannot be made to have equal hashes."""
    return int.from_bytes(os.urandom(8), "little", signed=True)


class WordTable:
    """Words, each with a number; see `kernels.cpu.words` for the layout.

    Args:
        most: how many words there is room for.
        room: how many bytes those of more than 15 may have in all.
        noted: whether rows are counted as well.
    """

    def __init__(self, most: int, room: int, noted: bool = False) -> None:
        size = 1 << max(3 * most // 2, 7).bit_length()
        self._slots = np.zeros((size, 4), np.int64)
        self._arena = np.empty(room + 8, np.uint8)
        self._notes = np.zeros((size, 2) if noted else (0, 2), np.int64)
        self._notes[:, 1] = -1
        self.most, self.room, self.noted = most, room, noted
        arena = _address(self._arena)
        notes = _address(self._notes) if noted else 0
        self._words = np.array(
            (_address(self._slots), size - 1, _seed(), 0, most, arena, arena + room + 8,
             notes), np.int64,
        )  # fmt: skip
        self.address = _address(self._words)

    @classmethod
    def of(cls, words: np.ndarray, numbers: Any) -> WordTable:
        """Return a table of words (each only once) with these numbers."""
        texts = texts_of(words)
        numbers = np.ascontiguousarray(numbers, np.int64)
        table = cls(words.size, texts.total + texts.longest)
        work = np.empty(4, np.int64)
        compiled("words.add")(
            table.address, texts.address, _address(numbers), words.size, _address(work),
        )  # fmt: skip
        return table

    def __len__(self) -> int:
        return int(self._words[3])

    def grown(self, words: int, room: int) -> WordTable:
        """Return a table with the same words, and room for at least so many more."""
        table = WordTable(
            max(2 * self.most, self.most + words),
            max(2 * self.room, self.room + room), self.noted,
        )  # fmt: skip
        table.take(self)
        return table

    def take(self, other: WordTable) -> None:
        """Add another table's words and numbers; there must be room."""
        work = np.empty(4, np.int64)
        compiled("words.merge")(other.address, self.address, _address(work))

    def ranked(
        self, hidden: set[str], room: int | None
    ) -> tuple[list[str], np.ndarray]:
        """Return the words with the largest numbers, and in how many rows each is.

        Of words with equal numbers the later in the order of their bytes come first.

        Args:
            hidden: words that do not count.
            room: how many words; None for all, less than 0 for all but so many.
        """
        places = np.flatnonzero(self._slots[:, 3])
        if room is not None and 0 < room + len(hidden) < len(places):
            numbers = self._slots[places, 2]
            least = np.partition(numbers, -(room + len(hidden)))[-(room + len(hidden))]
            places = places[numbers >= least]
        places = self._in_order(places)
        words = self.words(places)
        kept = [i for i, word in enumerate(words) if word not in hidden][:room]
        rows = self._notes[places[kept], 0] if self.noted else np.empty(0, np.int64)
        return [words[i] for i in kept], rows

    def _in_order(self, places: np.ndarray) -> np.ndarray:
        """Sort slots by falling number, then by falling bytes of the word."""
        places = np.ascontiguousarray(places, np.int64)
        heads = np.empty((places.size, 2), ">u8")
        compiled("words.heads")(
            self.address, _address(places), places.size, _address(heads)
        )
        first, second = heads.T.astype(np.uint64)
        numbers = self._slots[places, 2]
        order = np.lexsort((second, first, numbers))[::-1]
        if (self._slots[places, 1] < 0).sum() > 1:
            self._settle(places, order, (numbers, first, second))
        return places[order]

    def _settle(
        self, places: np.ndarray, order: np.ndarray, keys: Sequence[np.ndarray]
    ) -> None:
        """Sort runs of long words that begin alike by all of their bytes."""
        same = np.ones(len(order) - 1, bool)
        for key in keys:
            same &= key[order[1:]] == key[order[:-1]]
        starts = np.flatnonzero(same & ~np.concatenate(([False], same[:-1])))
        ends = np.flatnonzero(same & ~np.concatenate((same[1:], [False]))) + 2
        for a, b in zip(starts.tolist(), ends.tolist()):
            run = order[a:b].tolist()
            order[a:b] = sorted(run, key=lambda i: self._bytes(places[i]), reverse=True)

    def _bytes(self, place: Any) -> bytes:
        """Return the bytes of a long word."""
        _, high, _, at = self._slots[place].tolist()
        start = at - _address(self._arena)
        return self._arena[start : start - high].tobytes()

    def words(self, places: np.ndarray) -> list[str]:
        """Return the words in some slots."""
        high = self._slots[places, 1]
        room = int(np.where(high < 0, -high, high >> 56).sum()) + len(places)
        out, order = np.empty(room, np.uint8), np.ascontiguousarray(places, np.int64)
        for separator in b" \n\0\1\2\3":  # one that is in no word, if there is one
            compiled("words.write")(
                self.address, _address(order), len(order), separator, _address(out)
            )
            text = out.tobytes().decode("utf-8", "surrogateescape")
            found = text.split(chr(separator))[:-1]
            if len(found) == len(order):
                return found
        if len(order) == 1:
            return [text[:-1]]
        return [word for place in order for word in self.words(place[None])]


class IntegerTable:
    """Integers, each with a number."""

    def __init__(self, keys: np.ndarray, numbers: Any) -> None:
        size = 1 << max(3 * keys.size // 2, 7).bit_length()
        self._slots = np.zeros((size, 3), np.int64)
        self._mask = size - 1
        keys = np.ascontiguousarray(keys, np.int64)
        numbers = np.ascontiguousarray(numbers, np.int64)
        compiled("words.add_integers")(
            _address(self._slots), self._mask, _address(keys), _address(numbers),
            keys.size,
        )  # fmt: skip

    @classmethod
    def of(cls, keys: np.ndarray, numbers: Any) -> IntegerTable:
        """Return a table of integers with these numbers."""
        return cls(keys, numbers)

    def find(self, data: np.ndarray, otherwise: int) -> np.ndarray:
        """Return the number of each integer, or `otherwise`."""
        with np.errstate(invalid="ignore"):  # NaN becomes a number that is no key
            data = np.asarray(data, np.int64, order="C")
        found = np.full(data.shape, otherwise, np.int64)
        compiled("words.find_integers")(
            _address(self._slots), self._mask, _address(data), data.size,
            _address(found),
        )  # fmt: skip
        return found


# ------------------------------------------------------------------- texts to numbers


@lru_cache(maxsize=16)
def _classes(standardize: str | None, split: str | None) -> np.ndarray:
    """Return what becomes of each byte, and if it is kept, deleted or ends a word."""
    becomes, kinds = np.arange(256, dtype=np.uint8), np.zeros(256, np.uint8)
    said = standardize or ""
    if said.startswith("lower"):
        becomes[ord("A") : ord("Z") + 1] += 32
    if said.endswith("strip_punctuation"):
        kinds[list(PUNCTUATION)] = 1
    if split == "whitespace":
        kinds[list(WHITE_SPACE)] = 2
    return np.concatenate([becomes, kinds])


class Cut:
    """How rows of texts become n-grams.

    Args:
        standardize: as the layer's argument; no function.
        split: "whitespace", "character"; None: each text is a token.
        ngrams: sizes, in the order in which they are wanted.
        group: how many texts make a row; 1 but where they are tokens.
    """

    __slots__ = ("_classes", "_sizes", "group", "ngrams", "split", "words")

    def __init__(
        self, standardize: str | None = None, split: str | None = None,
        ngrams: tuple[int, ...] = (1,), group: int = 1,
    ) -> None:  # fmt: skip
        self.split, self.ngrams, self.group = split, ngrams, group
        self._classes = _classes(standardize, split)
        self._sizes = np.array((len(ngrams), *(ngrams or (1,))), np.int64)
        # What compiled functions take of this.
        self.words = (group, SPLITS[split], _address(self._classes),
                      _address(self._sizes))  # fmt: skip

    def count(self) -> int:
        """Return how many n-grams a row has that is not split."""
        return sum(max(self.group - size + 1, 0) for size in self.ngrams)

    def tokens(self, total: int, texts: int) -> int:
        """Return how many tokens so many bytes in so many texts have at most."""
        if self.split is None:
            return texts
        return total if self.split == "character" else (total + texts) // 2

    def memory(self, longest: int, rows: int = 0) -> tuple[np.ndarray, int, list[int]]:
        """Return memory to work in, if texts have at most so many bytes.

        It begins with int64[rows]. Then the addresses of that and of what functions
        take: for tokens, for a clean copy, for the ends of tokens, for searches.
        """
        size = self.group * (longest + 2)
        characters = self.split == "character"
        ends = 8 * rows
        searches = ends + 8 * (self.tokens(size, self.group) + 1)
        copy = searches + 4 * AHEAD * 8
        tokens = copy + (size if characters else 0) + 16
        block = np.empty(tokens + (4 if characters else 2) * size + 16, np.uint8)
        at = _address(block)
        return block, at, [at + tokens, at + copy, at + ends, at + searches]


def _parts(texts: Texts, group: int) -> list[slice]:
    """Return slices of rows that have about as much text each."""
    rows = texts.count // max(group, 1)
    if texts.total <= PART or rows < 2:
        return [slice(0, rows)]
    sizes = texts.views[:-1, 1].reshape(rows, group).sum(1)
    cuts = np.searchsorted(sizes.cumsum(), np.arange(PART, texts.total, PART)) + 1
    edges = np.unique(np.concatenate(([0], cuts.clip(0, rows), [rows]))).tolist()
    return [slice(a, b) for a, b in itertools.pairwise(edges)]


@cache
def _threads() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def _each(work: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    """Return work(item) of each, done by several threads if there is more than one."""
    count = min(_threads(), len(items))
    if count < 2:
        return [work(item) for item in items]
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, items))


class Lookup(NamedTuple):
    """What numbers n-grams get.

    Attributes:
        table: words and their numbers.
        unknown: number of all others.
        padding: number behind the last of a row.
        width: how many numbers to give of a row; None for those of the longest.
    """

    table: WordTable
    cut: Cut
    unknown: int = 1
    padding: int = 0
    width: int | None = None


def numbers_of(data: np.ndarray, how: Lookup) -> np.ndarray:
    """Return the numbers of the n-grams of texts, as int64[rows, width].

    `how.cut.group` texts make a row.
    """
    texts = texts_of(data)
    parts = _parts(texts, how.cut.group)
    if how.width is not None:
        out = np.empty((parts[-1].stop, how.width), np.int64)
        _each(lambda part: _fill(texts, part, how, out[part]), parts)
        return out
    found = _each(lambda part: _packed(texts, part, how), parts)
    width = max(longest for _, _, longest in found)
    out = np.empty((parts[-1].stop, width), np.int64)
    place = _address(out)
    for numbers, counts, _ in found:
        compiled("text.pad")(
            _address(numbers), _address(counts), counts.size, width, how.padding, place
        )
        place += 8 * width * counts.size
    return out


def _fill(texts: Texts, part: slice, how: Lookup, out: np.ndarray) -> None:
    """Write the numbers of some rows, `width` of each."""
    rows, width = out.shape
    _block, counts, places = how.cut.memory(texts.longest, rows)
    place = _address(out)
    compiled("text.look_up")(
        texts.address + 16 * how.cut.group * part.start, rows, *how.cut.words,
        how.table.address, *places, width, how.unknown, width, place, counts,
    )  # fmt: skip
    if how.cut.split is not None or width > how.cut.count():
        compiled("text.fill")(counts, rows, width, how.padding, place)


def _packed(
    texts: Texts, part: slice, how: Lookup
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the numbers of some rows, how many each has, and the longest."""
    rows, group = part.stop - part.start, how.cut.group
    total, whole = texts.total, rows * group == texts.count
    if not whole:
        total = int(texts.views[part.start * group : part.stop * group, 1].sum())
    block, at, places = how.cut.memory(texts.longest, rows)
    most = how.cut.tokens(total, rows * group) * len(how.cut.ngrams)
    out = np.empty(most, np.int64)
    longest = compiled("text.look_up")(
        texts.address + 16 * group * part.start, rows, *how.cut.words,
        how.table.address, *places, ENDLESS, how.unknown, 0, _address(out), at,
    )  # fmt: skip
    counts = block[: 8 * rows].view(np.int64)
    return (out if whole else out[: counts.sum()].copy()), counts, longest


# ---------------------------------------------------------------------------- counting


class WordCounter:
    """Counts the n-grams of texts, batch after batch.

    Attributes:
        rows: how many rows were counted.
    """

    def __init__(self, noted: bool = False) -> None:
        self.rows = 0
        self._tables = [WordTable(1 << 12, 1 << 16, noted) for _ in range(_threads())]

    def count(self, data: np.ndarray, cut: Cut) -> None:
        """Count the n-grams of a batch."""
        texts = texts_of(data)
        parts, count = _parts(texts, cut.group), len(self._tables)
        _each(
            lambda i: self._count(texts, i, parts[i::count], cut),
            range(min(count, len(parts))),
        )
        self.rows += parts[-1].stop

    def _count(self, texts: Texts, number: int, parts: list[slice], cut: Cut) -> None:
        """Count parts in a table that no other thread has."""
        _block, _, places = cut.memory(texts.longest)
        for part in parts:
            state = np.array((0, 0, self.rows + part.start), np.int64)
            lacking = 1
            while lacking:
                lacking = compiled("text.count_ngrams")(
                    texts.address + 16 * cut.group * part.start,
                    part.stop - part.start, *cut.words, self._tables[number].address,
                    *places, _address(state),
                )  # fmt: skip
                if lacking:
                    self._tables[number] = self._tables[number].grown(1, lacking)

    def total(self) -> WordTable:
        """Return one table of all that was counted."""
        first = self._tables[0]
        for other in self._tables[1:]:
            if len(other):
                first = first.grown(len(other), other.room)
                first.take(other)
        return first


# ------------------------------------------------------------------------------ hashes


def fingerprints(data: np.ndarray, salt: tuple[int, int] | None) -> np.ndarray:
    """Return FarmHash64 of each text, or SipHash with a salt, as uint64.

    Args:
        data: texts, or integers, of which the decimal digits are hashed.
    """
    texts = _of_integers(data) if data.dtype.kind in "iu" else texts_of(data)
    out = np.empty(data.shape, np.uint64)
    given = texts.address, data.size, _address(out)
    if salt is None:
        compiled("fingerprint.farmhash")(*given)
    else:
        compiled("fingerprint.siphash")(*given, *map(_signed, salt))
    return out


def _of_integers(data: np.ndarray) -> Texts:
    """Return views of the decimal digits of integers."""
    signed = data.dtype.kind == "i"
    wide = np.ascontiguousarray(data, np.int64 if signed else np.uint64)
    views = np.empty((data.size + 1, 2), np.int64)
    target = np.empty(20 * data.size, np.uint8)
    compiled("fingerprint.digits")(
        _address(wide), data.size, int(signed), _address(views), _address(target)
    )
    return Texts(views, target)


def _signed(number: int) -> int:
    """Return the int64 with the same lowest 64 bits."""
    return (number + 2**63) % 2**64 - 2**63
