"""Words or integers to ids and back, by a vocabulary that is given or learned."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphkeras import config, ops
from graphkeras.errors import ArgumentError, DTypeError, message
from graphkeras.ir.value import ConstantData
from graphkeras.layers.preprocessing.arguments import (
    encoding_of,
    output_mode_of,
    refuse_sparse,
    salt_of,
)
from graphkeras.layers.preprocessing.batches import numbers_of, strings_of
from graphkeras.layers.preprocessing.direct import (
    NO_NUMBER,
    at_once,
    bucketed,
    encoded,
    whole_numbers,
)
from graphkeras.layers.preprocessing.vocabulary import Vocabulary
from graphkeras.layers.validation import is_int, one_of
from graphkeras.ops.hashing import fingerprint, fingerprint_of_digits
from graphkeras.ops.lookup import look_up

_look_up, _fingerprint = at_once(look_up), at_once(fingerprint)
_NOTHING = ConstantData.of(np.empty(0, np.int64))
_MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")


class IndexLookup(Vocabulary):
    """What StringLookup and IntegerLookup share; see there.

    Ids are, in this order: the mask (only for "int"), the unknown ones, the vocabulary.
    """

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
        self._check_arguments(idf_weights, vocabulary)
        self._convert_input_args = False  # lists of strings are made tensors below
        self._allow_non_tensor_positional_args = True
        self._begin_vocabulary(
            vocabulary, idf_weights, vocabulary_size, has_input_vocabulary
        )

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

    @property
    def compute_dtype(self) -> str:
        """Dtype of the inputs."""
        return "int64" if self.invert else self._key_dtype

    variable_dtype = compute_dtype

    def call(self, inputs: Any) -> Any:
        """Return ids, their encoding, or with `invert` the words of ids."""
        keys = self._as_keys(inputs)
        return self._words_of(keys) if self.invert else self.encode(self._ids_of(keys))

    def encode(self, ids: Any) -> Any:
        """Return ids as the output mode says."""
        if self.output_mode == "int":
            return ids
        counting = self.output_mode == "tf_idf"
        found = encoded(
            ids, mode="count" if counting else self.output_mode, depth=self._depth(),
            dtype="int64",
        )  # fmt: skip
        return self._weighted(found) if counting else found

    def _weighted(self, counts: Any) -> Any:
        idf = self._idf
        if idf is None:  # to be learned or loaded; until then the lookup says so
            idf = np.zeros(self._depth(), config.floatx())
        return ops.cast(counts, idf.dtype.name) * idf

    def _ids_of(self, keys: Any) -> Any:
        start, count = self._oov_start(), self.num_oov_indices
        default = {0: None, 1: start}.get(count, -1)
        known, values = self._table()
        ids = _look_up(keys, keys=known, values=values, default=default)
        if count < 2:
            return ids
        return ops.where(ids == -1, self._buckets(keys) + start, ids)

    def _table(self) -> tuple[ConstantData | None, ConstantData]:
        """Return the words and their ids (or the other way round, with `invert`)."""
        words = self.words_constant()
        if words is None:
            return None, _NOTHING
        if self._pair is None or self._pair[0] is not words:
            self._pair = words, self._pair_of(words)
        return self._pair[1]

    def _pair_of(self, words: ConstantData) -> tuple[ConstantData, ConstantData]:
        ids = np.arange(self._token_start(), self.vocabulary_size(), dtype=np.int64)
        if self.mask_token is None:
            pair = words.array, ids
        else:
            # Without ids of its own the mask is a class beyond the last: not counted.
            masked = 0 if self._oov_start() or self.invert else self._depth()
            mask = np.empty(1, words.array.dtype)
            mask[0] = self.mask_token
            pair = np.append(words.array, mask), np.append(ids, masked)
        known, values = map(ConstantData.of, pair)
        return (values, known) if self.invert else (known, values)

    def _buckets(self, keys: Any) -> Any:
        """Spread unknown keys over the unknown ids."""
        count = self.num_oov_indices
        numbers = self._key_dtype == "int64"
        if numbers and self.oov_method == "floormod":
            return ops.mod(keys, np.int64(count))
        if numbers and self.salt is None:
            words = fingerprint_of_digits(keys)
        else:
            words = _fingerprint(keys, salt=self.salt)
        return bucketed(words, count)

    def _words_of(self, ids: Any) -> Any:
        known, words = self._table()
        return _look_up(ids, keys=known, values=words, default=self.oov_token)

    def _arrays(self, data: Any) -> Any:
        if self.compute_dtype == "string":
            return strings_of(data)
        return whole_numbers(numbers_of(data), NO_NUMBER)

    def _as_keys(self, inputs: Any) -> Any:
        """Return the inputs as what is looked up: an array, or a tensor of a trace."""
        text = self.compute_dtype == "string"
        if isinstance(inputs, np.ndarray):
            return inputs
        if not hasattr(inputs, "__apply_op__"):
            return ops.convert_to_tensor(self._arrays(inputs))
        if (inputs.dtype == "string") != text:
            raise DTypeError(
                message("", f"expected {self.compute_dtype}.", inputs.dtype)
            )
        return inputs if text else whole_numbers(inputs, NO_NUMBER)

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
        encoding: how `get_vocabulary` reads the bytes of words.
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
        self.encoding = encoding_of("StringLookup", encoding)
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

    def _from_lines(self, lines: list[str]) -> list[Any]:
        try:
            return [int(line) for line in lines]
        except ValueError as error:
            raise ArgumentError(
                message(self.name, "expected a file of integers, one a line.",
                        str(error))
            ) from None  # fmt: skip

    def _library_config(self) -> dict[str, Any]:
        kind = {"vocabulary_dtype": self.vocabulary_dtype}
        return super()._library_config() | kind
