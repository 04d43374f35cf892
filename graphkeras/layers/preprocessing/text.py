"""Raw text to word ids, counts or weights, inside the model."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graphkeras import ops
from graphkeras.compiler.texts import Cut
from graphkeras.errors import ArgumentError, DTypeError, ShapeError, message
from graphkeras.ir.trace import current_trace
from graphkeras.layers.preprocessing.arguments import output_mode_of, refuse_sparse
from graphkeras.layers.preprocessing.batches import batches_of, is_whole, strings_of
from graphkeras.layers.preprocessing.direct import DirectLayer, at_once
from graphkeras.layers.preprocessing.lookup import StringLookup
from graphkeras.layers.validation import is_int
from graphkeras.ops.text import text_of, text_to_numbers, tokens_of

_MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")
_STANDARDIZE = ("lower_and_strip_punctuation", "lower", "strip_punctuation")
_SPLIT = ("whitespace", "character")
_NOT_COUNTED = -1  # number of what is no word, where words are counted

_numbers = at_once(text_to_numbers)


class TextVectorization(DirectLayer):
    """Turn each text into the ids of its words, or into a vector of counts.

    A text is lowered (ASCII letters only), its ASCII punctuation is deleted, and what
    stands between white space is looked up: 0 is padding, 1 a word not in the
    vocabulary, 2 the most frequent word. The exported file does so to raw strings.

    Args:
        max_tokens: largest size of the vocabulary, the special ids included; None
            for any.
        standardize: "lower_and_strip_punctuation", "lower", "strip_punctuation"; None
            leaves the texts as they are. Or a function of an array of texts, which
            cannot be exported.
        split: "whitespace"; "character"; None takes each string for a token. Or a
            function of an array of texts that gives a list of tokens for each.
        ngrams: n for all sizes up to n, or a tuple of sizes: join so many neighbours,
            with a blank between, and look those up.
        output_mode: "int", ids; "multi_hot" or "count", which words a text has or how
            often; "tf_idf", counts times weights; "one_hot", each word a vector.
        output_sequence_length: how many ids to give of each text, cut or padded with 0;
            None for as many as the longest text of the batch has words.
        pad_to_max_tokens: give vectors `max_tokens` entries.
        vocabulary: different words, the most important first, or the path of a file
            with one on each line; then there is nothing to adapt.
        idf_weights: for "tf_idf": a weight for each word of `vocabulary`.
        sparse, ragged: not supported: tensors are dense here.
        encoding: how `get_vocabulary` reads the bytes of words.

    Call arguments:
        inputs: strings of shape (batch,) or (batch, 1), or one text; without a split
            rows of tokens of shape (batch, tokens).

    Returns:
        int64 ids of shape (batch, output_sequence_length); or vectors of the size of
        the vocabulary, int64, float32 for "tf_idf".

    Example:
        >>> layer = TextVectorization(output_sequence_length=4)
        >>> layer.adapt(["foo bar", "bar baz", "baz bada boom"])
        >>> layer(["Foo qux, BAR!", "qux baz"]).numpy()
        array([[4, 1, 3, 0],
               [1, 2, 0, 0]])
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: str | Callable[..., Any] | None = "lower_and_strip_punctuation",
        split: str | Callable[..., Any] | None = "whitespace",
        ngrams: int | tuple[int, ...] | None = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Any = None,
        idf_weights: Any = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        hidden = {
            key: kwargs.pop(key, None)
            for key in ("vocabulary_size", "has_input_vocabulary")
        }
        super().__init__(name=name, **kwargs)
        who = type(self).__name__
        self.standardize = _word_or_function(
            who, "standardize", standardize, _STANDARDIZE
        )
        self.split = _word_or_function(who, "split", split, _SPLIT)
        self.ngrams, self._sizes = ngrams, _sizes_of(who, ngrams)
        self.output_mode = output_mode_of(who, output_mode, _MODES)
        self.output_sequence_length = output_sequence_length
        self.sparse, self.ragged, self.encoding = sparse, ragged, encoding
        self._check_arguments(who)
        self._lookup_layer = StringLookup(
            max_tokens=max_tokens, vocabulary=vocabulary, idf_weights=idf_weights,
            pad_to_max_tokens=pad_to_max_tokens, mask_token="",
            output_mode=self.output_mode, encoding=encoding, name=self.name, **hidden,
        )  # fmt: skip
        self._convert_input_args = False  # lists of strings are made tensors below
        self._allow_non_tensor_positional_args = True

    def _check_arguments(self, who: str) -> None:
        refuse_sparse(who, self.sparse)
        length, to_ids = self.output_sequence_length, self.output_mode == "int"
        problems = (
            (bool(self.ragged), "ragged=False: tensors are dense here",
             f"ragged={self.ragged!r}", "Short texts are padded with 0; leave it out."),
            (not to_ids and length is not None,
             "output_sequence_length only with output_mode 'int'",
             f"output_sequence_length={length!r}", ""),
            (to_ids and length is not None and (not is_int(length) or length < 0),
             "output_sequence_length to be None or an int >= 0",
             f"output_sequence_length={length!r}", "None keeps every word."),
        )  # fmt: skip
        for wrong, expected, received, remedy in problems:
            if wrong:
                raise ArgumentError(
                    message(who, f"expected {expected}.", received, remedy)
                )

    def build(self, input_shape: Any = None) -> None:
        """Make nothing: the vocabulary is given or learned."""

    @property
    def compute_dtype(self) -> str:
        """Dtype of the inputs."""
        return "string"

    variable_dtype = compute_dtype

    # ---------------------------------------------------------------- the vocabulary

    def adapt(
        self, data: Any, batch_size: int | None = None, steps: int | None = None
    ) -> None:
        """Learn the vocabulary: the words of `data`, the most frequent first.

        Of words as frequent as one another the later in code point order comes first.
        What is counted is kept, the data are not: batches may be larger than memory.

        Args:
            data: strings of shape (n,) or (n, 1) as a list or array, or an iterable of
                such batches.
            batch_size: not used; Keras has it.
            steps: how many batches to take of an iterable; all by default.

        Raises:
            ArgumentError: if the vocabulary was given to the layer.
            DataError: if `data` is one string, or there is no word in it.
        """
        self.reset_state()
        for batch in batches_of(self.name, data, steps):
            texts = strings_of(batch)
            whole = is_whole(data) and texts.ndim == 1
            self.update_state(texts[:, None] if whole else texts)
        self.finalize_state()

    def reset_state(self) -> None:
        """Forget what `update_state` has counted."""
        self._lookup_layer.reset_state()

    def update_state(self, data: Any) -> None:
        """Count the words of one batch; without a split a vector is one sample."""
        texts = self._checked(strings_of(data))
        if not texts.size:
            return
        rows = texts.reshape(-1, texts.shape[-1] if texts.ndim else 1)
        if not callable(self.standardize) and not callable(self.split):
            group = rows.shape[1] if self.split is None else 1
            cut = Cut(self.standardize, self.split, self._sizes, group)
            self._lookup_layer.count(rows, cut)
            return
        plain = [[text_of(item) for item in row] for row in rows.tolist()]
        for row in tokens_of(plain, self.standardize, self.split):
            if row:
                cut = Cut(ngrams=self._sizes, group=len(row))
                self._lookup_layer.count(np.array(row, object), cut)

    def finalize_state(self) -> None:
        """Make the vocabulary of what was counted.

        Raises:
            DataError: if nothing was.
        """
        self._lookup_layer.finalize_state()

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Replace the vocabulary.

        Args:
            vocabulary: different words, the most important first, with or without the
                special ones ('' and '[UNK]') at the start; or the path of a file with
                one word on each line.
            idf_weights: for "tf_idf": one weight for each entry of `vocabulary`.

        Raises:
            ArgumentError: if the list is empty, too long, or names a word twice.
        """
        self._lookup_layer.set_vocabulary(vocabulary, idf_weights)

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[str]:
        """Return the words, each at the place that is its id.

        Args:
            include_special_tokens: False leaves out '' and '[UNK]', ids 0 and 1.
        """
        return self._lookup_layer.get_vocabulary(include_special_tokens)

    def vocabulary_size(self) -> int:
        """Return how many ids there are, padding and the unknown word included."""
        return self._lookup_layer.vocabulary_size()

    # ------------------------------------------------------------------------ files

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Put the weights of "tf_idf" into `store`."""
        self._lookup_layer.save_own_variables(store)

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Take the weights of "tf_idf" from `store`."""
        self._lookup_layer.load_own_variables(store)

    def save_assets(self, dir_path: str) -> None:
        """Write a learned vocabulary to a folder; a given one is in the config.

        It is there twice, since Keras's layer holds another one that reads it too.
        """
        inner = Path(dir_path) / "_lookup_layer"
        inner.mkdir(exist_ok=True)
        for place in (dir_path, str(inner)):
            self._lookup_layer.save_assets(place)

    def load_assets(self, dir_path: str) -> None:
        """Read what `save_assets`, or Keras, wrote."""
        self._lookup_layer.load_assets(dir_path)

    def _library_config(self) -> dict[str, Any]:
        inner = self._lookup_layer.get_config()
        names = (
            "max_tokens", "pad_to_max_tokens", "vocabulary", "idf_weights",
            "vocabulary_size",
        )  # fmt: skip
        own = (
            "standardize", "split", "ngrams", "output_mode", "output_sequence_length",
            "sparse", "ragged", "encoding",
        )  # fmt: skip
        config = {n: self._serialized_argument(n, getattr(self, n)) for n in own}
        return config | {n: inner[n] for n in names}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> TextVectorization:
        """Make a layer from `get_config`'s result."""
        if isinstance(config.get("ngrams"), list):  # JSON has no tuples
            config = {**config, "ngrams": tuple(config["ngrams"])}
        return super().from_config(config)

    # ------------------------------------------------------------------- computation

    def call(self, inputs: Any) -> Any:
        """Return ids, or what the output mode makes of them."""
        texts = self._checked(self._as_texts(inputs))
        ids = self._ids_of(texts)
        if self.output_mode == "int":
            return ids
        if self.output_mode == "one_hot" and self.split is not None:
            ids = ops.expand_dims(ids, -1)  # keeps an axis of words, even of one word
        return self._lookup_layer.encode(ids)

    def _ids_of(self, texts: Any) -> Any:
        """Return the numbers of the words, the axis of texts of one word gone."""
        to_ids = self.output_mode == "int"
        given: dict[str, Any] = {
            "vocabulary": self._lookup_layer.words_constant(),
            "standardize": self.standardize, "split": self.split, "ngrams": self._sizes,
            "unknown": int(to_ids), "first": 1 + int(to_ids),
            "padding": 0 if to_ids else _NOT_COUNTED,
        }  # fmt: skip
        if self.split is None:
            return self._token_ids(texts, given)
        lead = texts.shape[:-1] if len(texts.shape) > 1 else texts.shape
        flat = texts if len(texts.shape) == 1 else ops.reshape(texts, (-1,))
        width = self.output_sequence_length
        given["width"] = _free_width() if width is None else width
        ids = _numbers(flat, **given)
        return ids if len(lead) == 1 else ops.reshape(ids, (*lead, ids.shape[-1]))

    def _token_ids(self, texts: Any, given: dict[str, Any]) -> Any:
        """Return the numbers of strings that are tokens already."""
        if not texts.shape and self.ngrams is not None:
            raise ShapeError(
                message("", "expected rows of tokens, to make n-grams of.", "a scalar",
                        "Put them into a list, or give a split.")
            )  # fmt: skip
        if not texts.shape:
            return ops.reshape(_numbers(ops.reshape(texts, (1, 1)), **given), ())
        lead = texts.shape[:-1]
        rows = ops.reshape(texts, (math.prod(lead), texts.shape[-1]))
        ids = _numbers(rows, **given, width=self.output_sequence_length)
        return ops.reshape(ids, (*lead, ids.shape[-1]))

    def _arrays(self, data: Any) -> Any:
        return strings_of(data)

    def _as_texts(self, inputs: Any) -> Any:
        """Return the inputs as an array, or as a tensor of the trace."""
        if isinstance(inputs, np.ndarray):
            return inputs
        if not hasattr(inputs, "__apply_op__"):
            return ops.convert_to_tensor(strings_of(inputs))
        if inputs.dtype != "string":
            raise DTypeError(
                message("", "expected strings.", f"{inputs.dtype}",
                        'Declare the input as keras.Input((), dtype="string").')
            )  # fmt: skip
        return inputs

    def _checked(self, texts: Any) -> Any:
        """Refuse rows of several texts where each text is to be split."""
        several = len(texts.shape) > 1 and texts.shape[-1] != 1
        if several and self.split is not None:
            raise ShapeError(
                message("", "expected one text a row: shape (batch,) or (batch, 1).",
                        f"shape {[*texts.shape]}",
                        "Join the columns, or give each an Input of its own.")
            )  # fmt: skip
        return texts


def _word_or_function(who: str, name: str, value: Any, allowed: Sequence[str]) -> Any:
    if value is None or callable(value) or value in allowed:
        return value
    listed = ", ".join(map(repr, allowed))
    raise ArgumentError(
        message(who, f"expected {name} to be {listed}, None or a function.",
                f"{name}={value!r}")
    )  # fmt: skip


def _sizes_of(who: str, ngrams: Any) -> tuple[int, ...]:
    """Return the sizes of the n-grams in the order in which they are wanted."""
    if ngrams is None:
        return (1,)
    sizes = tuple(range(1, ngrams + 1)) if isinstance(ngrams, int) else ngrams
    fits = isinstance(sizes, tuple) and all(is_int(n) and n > 0 for n in sizes)
    if not fits or not sizes:
        raise ArgumentError(
            message(who, "expected ngrams to be None, an int > 0 or a tuple of them.",
                    f"ngrams={ngrams!r}")
        )  # fmt: skip
    return tuple(int(n) for n in sizes)


def _free_width() -> str:
    """Return a name for "as many as the longest has", not yet used in this trace."""
    trace = current_trace()
    if trace is None:
        return "words"
    count = trace.notes["text widths"] = trace.notes.get("text widths", 0) + 1
    return "words" if count == 1 else f"words_{count}"
