"""Words or integers to ids and back, by a vocabulary that is given or learned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graphkeras import config, ops
from graphkeras.errors import ArgumentError, DataError, DTypeError, message
from graphkeras.ir.tensor import Tensor
from graphkeras.layers.layer import Layer
from graphkeras.layers.preprocessing.arguments import (
    output_mode_of,
    refuse_sparse,
    salt_of,
)
from graphkeras.layers.preprocessing.batches import (
    batches_of,
    integers_of,
    is_whole,
    strings_of,
)
from graphkeras.layers.validation import is_int, one_of
from graphkeras.ops.hashing import bucket, fingerprint, fingerprint_of_digits
from graphkeras.ops.lookup import encode_classes, look_up
from graphkeras.ops.text import text_of

_MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")


class IndexLookup(Layer):
    """What StringLookup and IntegerLookup share; see there.

    Ids are, in this order: the mask (only for "int"), the unknown ones, the vocabulary.
    """

    _key_dtype = "string"

    def __init__(
        self, max_tokens: Any, num_oov_indices: Any, mask_token: Any, oov_token: Any,
        *, vocabulary: Any = None, idf_weights: Any = None, invert: bool = False,
        output_mode: str = "int", sparse: bool = False,
        pad_to_max_tokens: bool = False, oov_method: str = "floormod",
        salt: Any = None, vocabulary_size: int | None = None,
        has_input_vocabulary: bool | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        kwargs.pop("dtype", None)  # results are ids, counts or weights
        super().__init__(**kwargs)
        who = type(self).__name__
        self.max_tokens = max_tokens
        self.num_oov_indices = num_oov_indices
        self.mask_token = mask_token
        self.oov_token = oov_token
        self.invert = invert
        self.output_mode = output_mode_of(who, output_mode, _MODES)
        self.sparse = sparse
        self.pad_to_max_tokens = pad_to_max_tokens
        self.oov_method = one_of(
            who, "oov_method", oov_method, ("floormod", "farmhash")
        )
        self.salt = salt_of(who, salt)
        self._frozen_size = vocabulary_size
        self._check_arguments(idf_weights, vocabulary)
        self._convert_input_args = False  # lists of strings are made tensors below
        self._allow_non_tensor_positional_args = True
        self._tokens: tuple[Any, ...] | None = None
        self._idf: np.ndarray | None = None
        self._given = (
            vocabulary is not None if has_input_vocabulary is None
            else has_input_vocabulary
        )  # fmt: skip
        self.reset_state()
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)
        from_file = isinstance(vocabulary, (str, Path))
        self.input_vocabulary = None if from_file else _listed(vocabulary)
        self.input_idf_weights = _listed(idf_weights)

    def _check_arguments(self, idf_weights: Any, vocabulary: Any) -> None:
        who, most = type(self).__name__, self.max_tokens
        refuse_sparse(who, self.sparse)
        tf_idf = self.output_mode == "tf_idf"
        salted_sum = self._key_dtype == "int64" and self.oov_method == "floormod"
        lacks_idf = tf_idf and vocabulary is not None and idf_weights is None
        count = self.num_oov_indices
        problems = (
            (most is not None and (not is_int(most) or most < 2),
             "max_tokens to be None or an int >= 2", f"max_tokens={most!r}"),
            (self.pad_to_max_tokens and most is None,
             "max_tokens, to pad to it", "max_tokens=None, pad_to_max_tokens=True"),
            (not is_int(count) or count < 0, "num_oov_indices to be an int >= 0",
             f"num_oov_indices={count!r}"),
            (self.invert and self.output_mode != "int",
             "output_mode 'int' with invert", f"output_mode={self.output_mode!r}"),
            (self.invert and self.oov_token is None, "an oov_token with invert",
             "oov_token=None"),
            (self.salt is not None and salted_sum, "oov_method 'farmhash' with a salt",
             f"oov_method={self.oov_method!r}"),
            (idf_weights is not None and not tf_idf,
             "idf_weights only with output_mode 'tf_idf'",
             f"output_mode={self.output_mode!r}"),
            (lacks_idf, "idf_weights beside the vocabulary, for 'tf_idf'", "none"),
        )  # fmt: skip
        for wrong, expected, received in problems:
            if wrong:
                raise ArgumentError(message(who, f"expected {expected}.", received))

    # ------------------------------------------------------------- where ids begin

    @property
    def compute_dtype(self) -> str:
        """Dtype of the inputs."""
        return "int64" if self.invert else self._key_dtype

    variable_dtype = compute_dtype

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

    # --------------------------------------------------------------- the vocabulary

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learn the vocabulary: what is in `data`, the most frequent first.

        Of words as frequent as one another the later in code point order comes first.

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
            self.update_state(
                keys[:, None] if is_whole(data) and keys.ndim == 1 else keys
            )
        self.finalize_state()

    def reset_state(self) -> None:
        """Forget what `update_state` has counted."""
        self._counts: Counter[Any] = Counter()
        self._documents: Counter[Any] = Counter()  # in how many samples a word is
        self._samples = 0

    def update_state(self, data: Any) -> None:
        """Count one batch; a vector is one sample."""
        keys = self._keys_of(data)
        rows = (
            keys.reshape(-1, keys.shape[-1]) if keys.ndim > 1 else keys.reshape(1, -1)
        )
        self.count_rows(rows.tolist())

    def count_rows(self, rows: Iterable[Sequence[Any]]) -> None:
        """Count samples, each a list of words.

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
        for row in rows:
            self._counts.update(row)
            self._samples += 1
            if self.output_mode == "tf_idf":
                self._documents.update(set(row))

    def finalize_state(self) -> None:
        """Make the vocabulary of what was counted.

        Raises:
            DataError: if nothing was.
        """
        for special in (self.mask_token, self.oov_token):
            self._counts.pop(special, None)
        if not self._counts:
            raise DataError(
                message(
                    self.name, "adapt expected at least one word.", "none",
                    "Give it the data to learn the vocabulary from.",
                )
            )  # fmt: skip
        counts = self._counts
        ranked = sorted(counts, key=lambda word: (counts[word], word), reverse=True)
        room = (
            None if self.max_tokens is None else self.max_tokens - self._token_start()
        )
        tokens = ranked[:room]
        idf = None
        if self.output_mode == "tf_idf":
            found = np.array([self._documents[word] for word in tokens])
            idf = np.log(1 + self._samples / (1 + found)).astype(config.floatx())
        self._accept(tokens, idf, self._token_start())
        self.reset_state()

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
        """
        tf_idf, from_file = self.output_mode == "tf_idf", False
        if isinstance(vocabulary, (str, Path)):
            from_file, vocabulary = True, _lines(self.name, vocabulary)
        if tf_idf != (idf_weights is not None):
            raise ArgumentError(
                message(
                    self.name, "expected idf_weights with output_mode 'tf_idf', else "
                    "none.", f"output_mode={self.output_mode!r}",
                    "A vocabulary file cannot hold them." if from_file else "",
                )
            )  # fmt: skip
        words = self._keys_of(_untensored(vocabulary)).ravel().tolist()
        words = [text_of(w) for w in words] if self._key_dtype == "string" else words
        special = self._special()
        found = not from_file and bool(special) and words[: len(special)] == special
        tokens = words[len(special) :] if found else words
        self._check_vocabulary(words, tokens, special)
        idf = None if idf_weights is None else np.asarray(_untensored(idf_weights))
        if idf is not None and idf.shape != (len(words),):
            raise ArgumentError(
                message(self.name, f"expected {len(words)} idf_weights.",
                        f"shape {list(idf.shape)}")
            )  # fmt: skip
        self._accept(tokens, idf, 0 if found else self._token_start())

    def _special(self) -> list[Any]:
        return [self.mask_token] * self._oov_start() + (
            [self.oov_token] * self.num_oov_indices
        )

    def _check_vocabulary(self, words: list, tokens: list, special: list) -> None:
        reserved = {self.mask_token} | ({self.oov_token} if self.invert else set())
        twice = [word for word, count in Counter(tokens).items() if count > 1]
        misplaced = [w for w in tokens if w in reserved - {None}]
        size = len(tokens) + len(special)
        problem = ""
        if not words:
            problem = "an empty one"
        elif twice:
            problem = f"one that repeats {', '.join(map(repr, twice[:5]))}"
        elif misplaced:
            problem = f"one with {misplaced[0]!r} at {words.index(misplaced[0])}"
        elif self.max_tokens is not None and size > self.max_tokens:
            problem = (f"one of {size}, special ones included; "
                       f"max_tokens={self.max_tokens}")  # fmt: skip
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
        self._tokens, self._frozen_size = tuple(tokens), size
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
        return [*special, *(self._tokens or ())]

    def vocabulary_size(self) -> int:
        """Return how many ids there are, mask and unknown ones included."""
        return len(self._tokens or ()) + self._token_start()

    # ------------------------------------------------------------------- computation

    def call(self, inputs: Any) -> Any:
        """Return ids, their encoding, or with `invert` the words of ids."""
        keys = self._as_tensor(inputs)
        ids = self._words_of(keys) if self.invert else self._ids_of(keys)
        if self.output_mode == "int":
            return ids
        counting = self.output_mode == "tf_idf"
        found = encode_classes(
            ids, mode="count" if counting else self.output_mode, depth=self._depth(),
            dtype="int64",
        )  # fmt: skip
        return self._weighted(found) if counting else found

    def _weighted(self, counts: Any) -> Any:
        if self._idf is None:
            raise ArgumentError(
                message("", "expected idf weights.", "none", "Call adapt(data) first.")
            )
        return ops.cast(counts, self._idf.dtype.name) * self._idf

    def _ids_of(self, keys: Any) -> Any:
        start, count = self._oov_start(), self.num_oov_indices
        known: list[Any] | None = None
        values = list(range(self._token_start(), self.vocabulary_size()))
        if self._tokens is not None:
            known = list(self._tokens)
            if self.mask_token is not None:
                known.append(self.mask_token)
                values.append(0 if start else self._depth())  # a class beyond the last
        default = {0: None, 1: start}.get(count, -1)
        ids = look_up(keys, keys=known, values=values if known else (), default=default)
        if count < 2:
            return ids
        return ops.where(ids == -1, self._buckets(keys) + start, ids)

    def _buckets(self, keys: Any) -> Any:
        """Spread unknown keys over the unknown ids."""
        count = self.num_oov_indices
        numbers = self._key_dtype == "int64"
        if numbers and self.oov_method == "floormod":
            return ops.mod(keys, np.int64(count))
        if numbers and self.salt is None:
            return bucket(fingerprint_of_digits(keys), count=count)
        return bucket(fingerprint(keys, salt=self.salt), count=count)

    def _words_of(self, ids: Any) -> Any:
        kind = object if self._key_dtype == "string" else np.int64
        known: list[int] | None = None
        words = list(self._tokens or ())
        if self._tokens is not None:
            known = list(range(self._token_start(), self.vocabulary_size()))
            if self.mask_token is not None:
                known, words = [0, *known], [self.mask_token, *words]
        return look_up(
            ids, keys=known, values=np.array(words, kind), default=self.oov_token
        )

    def _keys_of(self, data: Any) -> np.ndarray:
        """Return what words are looked up by, as an array."""
        data = _untensored(data)
        return strings_of(data) if self._key_dtype == "string" else integers_of(data)

    def _as_tensor(self, inputs: Any) -> Any:
        """Return the inputs as a tensor of the dtype that is looked up."""
        if hasattr(inputs, "__apply_op__"):
            if (inputs.dtype == "string") != (self.compute_dtype == "string"):
                raise DTypeError(
                    message("", f"expected {self.compute_dtype}.", inputs.dtype)
                )
            text = inputs.dtype == "string"
            return inputs if text else ops.cast(inputs, "int64")
        text = self.compute_dtype == "string"
        return ops.convert_to_tensor((strings_of if text else integers_of)(inputs))

    # ----------------------------------------------------------------- configuration

    def _library_config(self) -> dict[str, Any]:
        names = (
            "invert", "max_tokens", "num_oov_indices", "oov_token", "mask_token",
            "output_mode", "sparse", "pad_to_max_tokens", "oov_method", "salt",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names} | {
            "salt": None if self.salt is None else list(self.salt),
            "vocabulary": self.input_vocabulary,
            "idf_weights": self.input_idf_weights,
            "vocabulary_size": self._frozen_size,
        }

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Put the weights of "tf_idf" into `store`."""
        if self._idf is not None:
            store["idf_weights"] = self._idf

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Take the weights of "tf_idf" from `store`."""
        if "idf_weights" in store:
            self._idf = np.asarray(store["idf_weights"])

    def save_assets(self, dir_path: str) -> None:
        """Write a learned vocabulary beside the weights; one given is in the config."""
        if self.input_vocabulary is None and self._tokens is not None:
            lines = "\n".join(map(str, self.get_vocabulary()))
            Path(dir_path, "vocabulary.txt").write_bytes(lines.encode("utf-8"))

    def load_assets(self, dir_path: str) -> None:
        """Read what `save_assets` wrote."""
        path = Path(dir_path, "vocabulary.txt")
        if self.input_vocabulary is not None or not path.exists():
            return
        lines = path.read_bytes().decode("utf-8").split("\n")
        words = lines[self._token_start() :]
        tokens = words if self._key_dtype == "string" else [int(w) for w in words]
        self._accept(tokens, self._idf, 0)


def _listed(values: Any) -> Any:
    """Return a vocabulary or weights as a plain list, for a config."""
    return None if values is None else np.asarray(_untensored(values)).tolist()


def _untensored(values: Any) -> Any:
    return values.numpy() if isinstance(values, Tensor) else values


def _lines(who: str, path: str | Path) -> list[str]:
    """Return the lines of a file of words."""
    if not Path(path).exists():
        raise ArgumentError(
            message(who, "expected the path of a vocabulary file.", f"{str(path)!r}")
        )
    text = Path(path).read_bytes().decode("utf-8")
    lines = text.replace("\r", "").split("\n")
    return lines[:-1] if lines[-1] == "" else lines


class StringLookup(IndexLookup):
    """Turn strings into ids, or into vectors of them; or ids back into strings.

    Args:
        max_tokens: largest size of the vocabulary, special ids included; None for any.
        num_oov_indices: ids for words not in the vocabulary; with several a word's
            hash decides which (that cannot be exported), with 0 it is an error.
        mask_token: a word that gives id 0 ("int") or nothing at all.
        oov_token: what `invert` gives for ids without a word.
        vocabulary: different words, the most important first, or the path of a file
            with one on each line; then there is nothing to adapt.
        idf_weights: for "tf_idf": a weight for each word of `vocabulary`.
        invert: turn ids into words instead.
        output_mode: "int"; "one_hot", each word a vector; "multi_hot" or "count",
            which words a row has or how often; "tf_idf", counts times weights.
        pad_to_max_tokens: give vectors `max_tokens` entries.
        sparse: not supported.
        encoding: "utf-8".
        salt: two ints (or one) that make the hash of unknown words another one.

    Returns:
        int64 ids of the shape of the inputs; int64 vectors (float32 for "tf_idf");
        strings for `invert`.

    Example:
        >>> layer = StringLookup(vocabulary=["a", "b"])
        >>> layer(np.array(["b", "z"])).numpy()
        array([2, 0])
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str | None = "[UNK]",
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        salt: Any = None,
        **kwargs: Any,
    ) -> None:
        self.encoding = one_of("StringLookup", "encoding", encoding, ("utf-8",))
        super().__init__(
            max_tokens, num_oov_indices, mask_token, oov_token, vocabulary=vocabulary,
            idf_weights=idf_weights, invert=invert, output_mode=output_mode,
            pad_to_max_tokens=pad_to_max_tokens, sparse=sparse, name=name, salt=salt,
            **kwargs,
        )  # fmt: skip

    def _library_config(self) -> dict[str, Any]:
        return super()._library_config() | {"encoding": self.encoding}


class IntegerLookup(IndexLookup):
    """Turn integers of any size into ids from 0 on, or back.

    Args:
        max_tokens: largest size of the vocabulary, special ids included; None for any.
        num_oov_indices: ids for integers not in the vocabulary; with several
            `oov_method` decides which, with 0 it is an error.
        mask_token: an integer that gives id 0 ("int") or nothing at all.
        oov_token: what `invert` gives for ids without an integer.
        vocabulary: different integers, the most important first, or the path of a file
            with one on each line; then there is nothing to adapt.
        vocabulary_dtype: "int64".
        idf_weights: for "tf_idf": a weight for each integer of `vocabulary`.
        invert: turn ids into integers instead.
        output_mode: as for StringLookup.
        sparse: not supported.
        pad_to_max_tokens: give vectors `max_tokens` entries.
        oov_method: "floormod", the remainder, or "farmhash".
        salt: two ints (or one) for "farmhash", which make it another hash (that cannot
            be exported).

    Example:
        >>> layer = IntegerLookup(vocabulary=[12, 1138])
        >>> layer(np.array([1138, 5])).numpy()
        array([2, 0])
    """

    _key_dtype = "int64"

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int | None = -1,
        vocabulary: Any = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        who = "IntegerLookup"
        self.vocabulary_dtype = one_of(
            who, "vocabulary_dtype", vocabulary_dtype, ("int64",)
        )
        super().__init__(
            max_tokens, num_oov_indices, mask_token, oov_token, vocabulary=vocabulary,
            idf_weights=idf_weights, invert=invert, output_mode=output_mode,
            pad_to_max_tokens=pad_to_max_tokens, sparse=sparse, name=name, salt=salt,
            oov_method=oov_method, **kwargs,
        )  # fmt: skip

    def _keys_of(self, data: Any) -> np.ndarray:
        try:
            return super()._keys_of(data)
        except DTypeError:  # lines of a file
            return np.array([int(line) for line in data], np.int64)

    def _library_config(self) -> dict[str, Any]:
        kind = {"vocabulary_dtype": self.vocabulary_dtype}
        return super()._library_config() | kind
