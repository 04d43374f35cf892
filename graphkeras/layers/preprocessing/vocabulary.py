"""A vocabulary that is given or learned, its special words, and the files it is in."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graphkeras import config
from graphkeras.compiler.texts import Cut, WordCounter
from graphkeras.errors import ArgumentError, DataError, SavingError, message
from graphkeras.ir.tensor import Tensor
from graphkeras.ir.value import ConstantData
from graphkeras.layers.preprocessing.batches import (
    batches_of,
    integers_of,
    is_whole,
    strings_of,
)
from graphkeras.layers.preprocessing.direct import DirectLayer
from graphkeras.ops.text import text_of
from graphkeras.saving.registry import in_safe_mode

_WORDS_FILE, _EXACT_FILE = "vocabulary.txt", "vocabulary.json"


class Vocabulary(DirectLayer):
    """Words (or integers) and their ids; what is left to subclasses is the lookup.

    Ids are, in this order: the mask (only for "int"), the unknown ones, the words.
    """

    _untracked = DirectLayer._untracked | {
        "_tokens", "_constant", "_pair", "_counter", "input_vocabulary",
        "input_idf_weights",
    }  # fmt: skip
    _key_dtype = "string"

    max_tokens: int | None
    num_oov_indices: int
    mask_token: Any
    oov_token: Any
    invert: bool
    output_mode: str
    pad_to_max_tokens: bool
    encoding: str = "utf-8"

    def _begin_vocabulary(
        self, vocabulary: Any, idf_weights: Any, size: int | None, given: Any
    ) -> None:
        """Take over what the constructor got; `size` and `given` are of a config."""
        self._tokens: tuple[Any, ...] | None = None
        self._constant: ConstantData | None = None
        self._pair: Any = None  # of the constant, and the table made of it
        self._idf: np.ndarray | None = None
        self._frozen_size = size
        self._given = vocabulary is not None if given is None else bool(given)
        self.reset_state()
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)
        from_file = isinstance(vocabulary, (str, Path))
        self.input_vocabulary = None if from_file else _listed(vocabulary)
        self.input_idf_weights = _listed(idf_weights)

    # ------------------------------------------------------------- where ids begin

    def _oov_start(self) -> int:
        return int(self.mask_token is not None and self.output_mode == "int")

    def _token_start(self) -> int:
        return self._oov_start() + self.num_oov_indices

    def _depth(self) -> int:
        """Size of the last axis of one-hot vectors and counts."""
        depth = self.max_tokens if self.pad_to_max_tokens else self._frozen_size
        if depth is None:
            raise ArgumentError(
                message(
                    "", f"expected a vocabulary, for output_mode={self.output_mode!r}.",
                    "none", "Call adapt(data) or set_vocabulary(words) first, or set "
                    "max_tokens and pad_to_max_tokens=True.",
                )
            )  # fmt: skip
        return int(depth)

    def _special(self) -> list[Any]:
        return [self.mask_token] * self._oov_start() + (
            [self.oov_token] * self.num_oov_indices
        )

    # ---------------------------------------------------------------------- learning

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learn the vocabulary: what is in `data`, the most frequent first.

        Of words as frequent as one another the later in code point order comes first.
        What is counted is kept, the data are not: batches may be larger than memory.

        Args:
            data: an array or list of samples, or an iterable of batches.
            steps: how many batches to take of an iterable; all by default.

        Raises:
            ArgumentError: if the vocabulary was given to the layer.
            DataError: if there is nothing to learn.
        """
        self.reset_state()
        for batch in batches_of(self.name, data, steps):
            keys = self._keys_of(batch)
            whole = is_whole(data) and keys.ndim == 1
            self.update_state(keys[:, None] if whole else keys)
        self.finalize_state()

    def reset_state(self) -> None:
        """Forget what `update_state` has counted."""
        self._counter: Any = None

    def update_state(self, data: Any) -> None:
        """Count one batch; a vector is one sample."""
        keys = self._keys_of(data)
        width = keys.shape[-1] if keys.ndim else 1
        if keys.size:
            self.count(keys, Cut(group=width))

    def count(self, keys: np.ndarray, cut: Cut) -> None:
        """Count the words that rows are cut into.

        Raises:
            ArgumentError: if the vocabulary was given to the layer.
        """
        if self._given:
            raise ArgumentError(
                message(
                    self.name, "adapt expected a layer made without a vocabulary.",
                    f"one of {self.vocabulary_size()} words",
                    "Leave out vocabulary=..., or do not adapt.",
                )
            )  # fmt: skip
        if self._counter is None:
            kind = WordCounter if self._key_dtype == "string" else IntegerCounter
            self._counter = kind(noted=self.output_mode == "tf_idf")
        self._counter.count(keys, cut)

    def finalize_state(self) -> None:
        """Make the vocabulary of what was counted.

        Raises:
            DataError: if nothing was.
        """
        if self._given:
            return
        special = [self.mask_token, self.oov_token]
        room = (
            None if self.max_tokens is None else self.max_tokens - self._token_start()
        )
        tokens, rows = _ranked(self._counter, special, room)
        if self._counter is None or (not tokens and room != 0):
            raise DataError(
                message(
                    self.name, "adapt expected at least one word.", "none",
                    "Give it the data to learn the vocabulary from.",
                )
            )  # fmt: skip
        idf = None
        if self.output_mode == "tf_idf":
            idf = np.log(1 + self._counter.rows / (1 + rows)).astype(config.floatx())
        self._accept(tokens, idf, self._token_start())
        self.reset_state()

    # --------------------------------------------------------------- the vocabulary

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Replace the vocabulary.

        Args:
            vocabulary: different words, the most important first, with or without the
                special ones (mask and unknown) at the start; or the path of a file
                with one word on each line.
            idf_weights: for "tf_idf": one weight for each entry of `vocabulary`.

        Raises:
            ArgumentError: if the list is empty, too long, names a word twice or has
                a special one in the wrong place.
            SavingError: if a saved model names a file: only its own are read.
        """
        tf_idf, from_file = self.output_mode == "tf_idf", False
        if isinstance(vocabulary, (str, Path)):
            vocabulary = self._from_lines(_lines(self.name, vocabulary))
            from_file = True
        if tf_idf != (idf_weights is not None) or (tf_idf and from_file):
            raise ArgumentError(
                message(
                    self.name, "expected idf_weights with output_mode 'tf_idf', else "
                    "none.", f"output_mode={self.output_mode!r}",
                    "A vocabulary file cannot hold them: pass the words as a list."
                    if from_file else "",
                )
            )  # fmt: skip
        words = self._keys_of(_untensored(vocabulary)).ravel().tolist()
        words = [text_of(w) for w in words] if self._key_dtype == "string" else words
        special = self._special()
        found = not from_file and bool(special) and words[: len(special)] == special
        tokens = words[len(special) :] if found else words
        self._check_vocabulary(words, tokens, special, from_file)
        idf = None if idf_weights is None else np.asarray(_untensored(idf_weights))
        if idf is not None and idf.shape != (len(words),):
            raise ArgumentError(
                message(self.name, f"expected {len(words)} idf_weights.",
                        f"shape {list(idf.shape)}")
            )  # fmt: skip
        self._accept(tokens, idf, 0 if found else self._token_start())

    def _from_lines(self, lines: list[str]) -> list[Any]:
        """Return the words that lines of a file are."""
        return lines

    def _check_vocabulary(
        self, words: list, tokens: list, special: list, from_file: bool
    ) -> None:
        """Refuse words that are no vocabulary; of a file Keras looks at less."""
        most = None if from_file else self.max_tokens
        reserved = {self.mask_token} | ({self.oov_token} if self.invert else set())
        counts = Counter(tokens)
        twice = [word for word, count in counts.items() if count > 1]
        misplaced = [word for word in reserved - {None} if word in counts]
        if from_file:
            twice, misplaced = [] if self.invert else twice, []
        size = len(tokens) + len(special)
        problem = ""
        if not words:
            problem = "an empty one"
        elif twice:
            problem = f"one that repeats {', '.join(map(repr, twice[:5]))}"
        elif misplaced:
            problem = f"one with {misplaced[0]!r} at {words.index(misplaced[0])}"
        elif most is not None and size > most:
            problem = f"one of {size}, special ones included; max_tokens={most}"
        if problem:
            remedy = f"Special words may stand only at the start: {special}."
            raise ArgumentError(
                message(
                    self.name, "expected a vocabulary of different words.", problem,
                    remedy if special else "",
                )
            )  # fmt: skip

    def _accept(self, tokens: Sequence[Any], idf: Any, front: int) -> None:
        """Take over a checked vocabulary; weights are put before and behind `idf`."""
        size = len(tokens) + self._token_start()
        fixed = self.output_mode != "int" and not self.pad_to_max_tokens
        if fixed and self._frozen_size not in (None, size):
            raise ArgumentError(
                message(
                    self.name, f"expected a vocabulary of {self._frozen_size} as "
                    f"before, since output_mode={self.output_mode!r}.", f"{size}",
                    "Make a new layer, or pad_to_max_tokens=True.",
                )
            )  # fmt: skip
        self._tokens, self._frozen_size, self._constant = tuple(tokens), size, None
        if idf is not None:
            back = self._depth() - front - len(idf)
            kind = config.floatx()
            ends = (idf.mean() if front else 0.0, 0.0)
            self._idf = np.pad(
                idf.astype(kind), (front, max(back, 0)), constant_values=ends
            )

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """Return the words, each at the place that is its id.

        Args:
            include_special_tokens: False leaves out the mask and the unknown ones.
        """
        special = self._special() if include_special_tokens else []
        words = self._tokens or ()
        if self._key_dtype == "string" and self.encoding.lower() not in _UTF_8:
            raw = (w.encode("utf-8", "surrogateescape") for w in words)
            return [*special, *(w.decode(self.encoding) for w in raw)]
        return [*special, *words]

    def vocabulary_size(self) -> int:
        """Return how many ids there are, mask and unknown ones included."""
        return len(self._tokens or ()) + self._token_start()

    def words_constant(self) -> ConstantData | None:
        """Return the words as a constant of graphs; None as long as there are none."""
        if self._constant is None and self._tokens is not None:
            kind = object if self._key_dtype == "string" else np.int64
            words = np.empty(len(self._tokens), kind)
            words[:] = self._tokens
            self._constant = ConstantData.of(words)
        return self._constant

    def _keys_of(self, data: Any) -> np.ndarray:
        """Return what words are looked up by, as an array."""
        data = _untensored(data)
        return strings_of(data) if self._key_dtype == "string" else integers_of(data)

    # ------------------------------------------------------------------------ files

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Put the weights of "tf_idf" into `store`."""
        if self._idf is not None:
            store["idf_weights"] = self._idf

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Take the weights of "tf_idf" from `store`."""
        if "idf_weights" in store:
            self._idf = np.asarray(store["idf_weights"])

    def save_assets(self, dir_path: str) -> None:
        """Write a learned vocabulary beside the weights; one given is in the config.

        Words that hold line breaks are written a second time, as JSON.
        """
        if self.input_vocabulary is not None or self._tokens is None:
            return
        words = [*map(str, self._special()), *map(str, self._tokens)]
        lines = "\n".join(words).encode("utf-8", "surrogateescape")
        Path(dir_path, _WORDS_FILE).write_bytes(lines)
        if any(len(f"{word}.".splitlines()) > 1 for word in words):
            Path(dir_path, _EXACT_FILE).write_text(json.dumps(words), encoding="ascii")

    def load_assets(self, dir_path: str) -> None:
        """Read what `save_assets`, or Keras, wrote."""
        exact, plain = Path(dir_path, _EXACT_FILE), Path(dir_path, _WORDS_FILE)
        if self.input_vocabulary is not None or not (plain.exists() or exact.exists()):
            return
        try:
            if exact.exists():
                lines = [str(word) for word in json.loads(exact.read_bytes())]
            else:
                lines = (
                    plain.read_bytes().decode("utf-8", "surrogateescape").split("\n")
                )
            words: list[Any] = lines[self._token_start() :]
            if self._key_dtype != "string":
                words = [int(word) for word in words]
        except (ValueError, TypeError, RecursionError) as error:
            raise SavingError(
                message(
                    self.name, "expected a file of words, one a line.", str(error),
                    "The file is damaged: save the model again.",
                )
            ) from error  # fmt: skip
        self._check_vocabulary(words, words, self._special(), from_file=False)
        self._accept(words, self._idf, 0)


_UTF_8 = ("utf-8", "utf8", "utf_8")


class IntegerCounter:
    """Counts integers, batch after batch, as `WordCounter` counts words."""

    def __init__(self, noted: bool = False) -> None:
        self.rows = 0
        self.counts: Counter[int] = Counter()
        self.notes: Counter[int] = Counter()  # in how many rows
        self._noted = noted

    def count(self, data: np.ndarray, cut: Cut) -> None:
        """Count the integers of a batch, and in how many rows each is."""
        rows = data.reshape(-1, cut.group)
        self.rows += len(rows)
        self._add(self.counts, rows.ravel())
        if self._noted:
            ordered = np.sort(rows, axis=1)
            new = np.ones(ordered.shape, bool)
            new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
            self._add(self.notes, ordered[new])

    @staticmethod
    def _add(counter: Counter[int], numbers: np.ndarray) -> None:
        found, counts = np.unique(numbers, return_counts=True)
        counter.update(dict(zip(found.tolist(), counts.tolist())))


def _ranked(
    counter: Any, special: list[Any], room: int | None
) -> tuple[list[Any], np.ndarray]:
    """Return the most frequent words, and in how many rows each is."""
    if counter is None:
        return [], np.empty(0)
    if isinstance(counter, IntegerCounter):
        left = {k: n for k, n in counter.counts.items() if k not in special}
        found = sorted(left, key=lambda k: (left[k], k), reverse=True)[:room]
        return found, np.array([counter.notes[k] for k in found])
    return counter.total().ranked({w for w in special if w is not None}, room)


def _listed(values: Any) -> Any:
    """Return a vocabulary or weights as a plain list, for a config."""
    if values is None:
        return None
    values = _untensored(values)
    listed = values.tolist() if hasattr(values, "tolist") else list(values)
    return [text_of(v) if isinstance(v, bytes) else v for v in listed]


def _untensored(values: Any) -> Any:
    return values.numpy() if isinstance(values, Tensor) else values


def _lines(who: str, path: str | Path) -> list[str]:
    """Return the lines of a file of words."""
    if in_safe_mode():
        raise SavingError(
            message(
                who, "expected the words in the saved model.",
                f"the name of a file: {str(path)!r}",
                "Pass safe_mode=False if that file may be read.",
            )
        )  # fmt: skip
    if not Path(path).is_file():
        raise ArgumentError(
            message(who, "expected the path of a vocabulary file.", f"{str(path)!r}")
        )
    text = Path(path).read_bytes().decode("utf-8", "surrogateescape")
    lines = text.replace("\r", "").split("\n")
    return lines[:-1] if lines[-1] == "" else lines
