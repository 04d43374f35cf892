"""Raw text to word ids, inside the model."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graphkeras import ops
from graphkeras.errors import (
    ArgumentError,
    DataError,
    DTypeError,
    SavingError,
    ShapeError,
    message,
)
from graphkeras.ir.trace import current_trace
from graphkeras.layers.layer import Layer
from graphkeras.ops.text import (
    PADDING,
    UNKNOWN,
    lookup_words,
    lower_ascii,
    split_words,
    strip_punctuation,
    words_of,
)
from graphkeras.saving.registry import in_safe_mode

_SPECIAL = [PADDING, UNKNOWN]  # ids 0 and 1

# What this layer does so far; everything else is refused by name.
_SUPPORTED: dict[str, tuple[Any, ...]] = {
    "standardize": ("lower_and_strip_punctuation", "lower", "strip_punctuation", None),
    "split": ("whitespace",),
    "ngrams": (None,),
    "output_mode": ("int",),
    "pad_to_max_tokens": (False,),
    "idf_weights": (None,),
    "sparse": (False,),
    "ragged": (False,),
    "encoding": ("utf-8",),
}


class TextVectorization(Layer):
    """Turn each text into the ids of its words.

    A text is lowered (ASCII letters only), its ASCII punctuation is deleted, and what
    stands between white space is looked up: 0 is padding, 1 a word not in the
    vocabulary, 2 the most frequent word. The exported file does so to raw strings.

    Args:
        max_tokens: largest size of the vocabulary, the two special ids included; None
            for any.
        standardize: "lower_and_strip_punctuation", "lower", "strip_punctuation"; None
            leaves the texts as they are.
        split: "whitespace".
        output_mode: "int".
        output_sequence_length: how many ids to give of each text, cut or padded with 0;
            None for as many as the longest text of the batch has words.
        vocabulary: different words, the most important first, or the path of a file
            with one on each line; then there is nothing to adapt.
        ngrams, pad_to_max_tokens, idf_weights, sparse, ragged, encoding: Keras's
            arguments of which only the default is supported.

    Call arguments:
        inputs: strings of shape (batch,) or (batch, 1).

    Returns:
        int64 ids of shape (batch, output_sequence_length).

    Example:
        >>> layer = TextVectorization(output_sequence_length=4)
        >>> layer.adapt(["foo bar", "bar baz", "baz bada boom"])
        >>> layer(["Foo qux, BAR!", "qux baz"]).numpy()
        array([[4, 1, 3, 0],
               [1, 2, 0, 0]])
    """

    _untracked = Layer._untracked | {"_words", "vocabulary"}  # many, and no state

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: str | None = "lower_and_strip_punctuation",
        split: str | None = "whitespace",
        ngrams: int | tuple[int, ...] | None = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Sequence[str] | np.ndarray | str | None = None,
        idf_weights: Sequence[float] | None = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.max_tokens = max_tokens
        self.standardize = standardize
        self.split = split
        self.ngrams = ngrams
        self.output_mode = output_mode
        self.output_sequence_length = output_sequence_length
        self.pad_to_max_tokens = pad_to_max_tokens
        self.idf_weights = idf_weights
        self.sparse = sparse
        self.ragged = ragged
        self.encoding = encoding
        self._check_arguments()
        self._convert_input_args = False  # lists of strings are made tensors below
        self._allow_non_tensor_positional_args = True
        self._words: tuple[str, ...] | None = None
        if vocabulary is not None:
            self.set_vocabulary(vocabulary)
        self.vocabulary = None if self._words is None else list(self._words)

    def _check_arguments(self) -> None:
        for name, supported in _SUPPORTED.items():
            value = getattr(self, name)
            if not any(type(value) is type(s) and value == s for s in supported):
                raise ArgumentError(self._unsupported(name, value, supported))
        for name, least in (("max_tokens", 2), ("output_sequence_length", 1)):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or value < least):
                raise ArgumentError(
                    message(
                        self.name, f"expected {name} to be None or an int >= {least}.",
                        f"{name}={value!r}", "Two ids are taken: padding and unknown."
                        if name == "max_tokens" else "None keeps every word.",
                    )
                )  # fmt: skip

    def _unsupported(self, name: str, value: Any, supported: tuple[Any, ...]) -> str:
        remedy = (
            "A function cannot be written to an ONNX file: apply it to the texts before"
            " the model."
            if callable(value)
            else "Only this is supported so far; prepare the texts before the model."
        )
        names = " or ".join(map(repr, supported))
        return message(
            self.name, f"expected {name} to be {names}.", f"{name}={value!r}", remedy
        )

    # ---------------------------------------------------------------- the vocabulary

    def adapt(
        self, data: Any, batch_size: int | None = None, steps: int | None = None
    ) -> None:
        """Learn the vocabulary: the words of `data`, the most frequent first.

        Of words as frequent as one another the later in code point order comes first.

        Args:
            data: strings of shape (n,) or (n, 1) as a list or array, or an iterable of
                such batches.
            batch_size: not used; Keras has it.
            steps: how many batches to take of an iterable; all by default.

        Raises:
            ArgumentError: if the vocabulary was given to the layer, or `data` is one
                string.
            DataError: if there is no word in `data`.
        """
        if self.vocabulary is not None:
            raise ArgumentError(
                message(
                    self.name, "adapt expected a layer made without a vocabulary.",
                    f"one of {len(self.vocabulary)} words",
                    "Leave out vocabulary=..., or do not adapt.",
                )
            )  # fmt: skip
        counts: Counter[str] = Counter()
        for batch in self._batches(data, steps):
            for text in np.ravel(self._standardized(self._checked(batch))):
                counts.update(words_of(text))
        counts.pop(UNKNOWN, None)
        if not counts:
            raise DataError(
                message(
                    self.name, "adapt expected at least one word.", "none",
                    "Give it the texts to learn the vocabulary from.",
                )
            )  # fmt: skip
        ranked = sorted(counts, key=lambda word: (counts[word], word), reverse=True)
        most = None if self.max_tokens is None else self.max_tokens - len(_SPECIAL)
        self._words = tuple(ranked[:most])

    def _batches(self, data: Any, steps: int | None) -> Iterable[Any]:
        if isinstance(data, (str, bytes)):
            raise ArgumentError(
                message(
                    self.name, "adapt expected many texts.", f"one: {data!r:.60}",
                    "Put it into a list.",
                )
            )  # fmt: skip
        whole = isinstance(data, (list, tuple)) or hasattr(data, "__array__")
        return (data,) if whole else itertools.islice(data, steps)

    def set_vocabulary(
        self, vocabulary: Sequence[str] | np.ndarray | str, idf_weights: Any = None
    ) -> None:
        """Replace the vocabulary.

        Args:
            vocabulary: different words, the most important first, with or without the
                two special ones ('' and '[UNK]') at the start; or the path of a file
                with one word on each line.
            idf_weights: not supported.

        Raises:
            ArgumentError: if the list is empty, too long, or names a word twice.
        """
        if idf_weights is not None:
            raise ArgumentError(self._unsupported("idf_weights", idf_weights, (None,)))
        words = [*_words_in(vocabulary)]
        if words[: len(_SPECIAL)] == _SPECIAL:
            del words[: len(_SPECIAL)]
        problem = self._problem_of(words)
        if problem:
            raise ArgumentError(
                message(self.name, "expected a vocabulary of different words.", problem,
                        "'' and '[UNK]' may stand only at the start, both.")
            )  # fmt: skip
        self._words = tuple(words)

    def _problem_of(self, words: list[str]) -> str:
        twice = [word for word, count in Counter(words).items() if count > 1]
        size = len(words) + len(_SPECIAL)
        if not words:
            return "an empty one"
        if twice:
            return f"one that repeats {', '.join(map(repr, twice[:5]))}"
        if PADDING in words:
            return f"one with '' at {words.index(PADDING)}"
        if self.max_tokens is not None and size > self.max_tokens:
            return f"one of {size}, special ones included; max_tokens={self.max_tokens}"
        return ""

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[str]:
        """Return the words, each at the place that is its id.

        Args:
            include_special_tokens: False leaves out '' and '[UNK]', ids 0 and 1.
        """
        special = _SPECIAL if include_special_tokens else []
        return [*special, *(self._words or ())]

    def vocabulary_size(self) -> int:
        """Return how many ids there are, padding and the unknown word included."""
        return len(self.get_vocabulary())

    # ------------------------------------------------------------------------ files

    def save_assets(self, folder: str) -> None:
        """Write a learned vocabulary to a folder; a given one is in the config.

        It is there twice, since Keras's layer holds another one that reads it too.
        """
        if self.vocabulary is None and self._words is not None:
            text = "\n".join(self.get_vocabulary())
            for place in (Path(folder), Path(folder) / "_lookup_layer"):
                place.mkdir(exist_ok=True)
                (place / "vocabulary.txt").write_text(text, encoding="utf-8")

    def load_assets(self, folder: str) -> None:
        """Read what `save_assets` wrote."""
        path = Path(folder) / "vocabulary.txt"
        if self.vocabulary is None and path.is_file():
            self.set_vocabulary(path.read_text(encoding="utf-8").split("\n"))

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> TextVectorization:
        """Make the layer; the size Keras notes beside the words says nothing new."""
        return super().from_config(
            {k: v for k, v in config.items() if k != "vocabulary_size"}
        )

    # ------------------------------------------------------------------- computation

    def call(self, inputs: Any) -> Any:
        texts = self._checked(inputs)
        lead = texts.shape[:-1] if len(texts.shape) > 1 else texts.shape
        flat = texts if len(texts.shape) == 1 else ops.reshape(texts, (-1,))
        width = self.output_sequence_length or _free_width()
        words = split_words(self._standardized(flat), width=width)
        ids = lookup_words(words, vocabulary=self._words)
        return ids if len(lead) == 1 else ops.reshape(ids, (*lead, ids.shape[-1]))

    def _standardized(self, texts: Any) -> Any:
        if self.standardize in ("lower", "lower_and_strip_punctuation"):
            texts = lower_ascii(texts)
        if self.standardize in ("strip_punctuation", "lower_and_strip_punctuation"):
            texts = strip_punctuation(texts)
        return texts

    def _checked(self, texts: Any) -> Any:
        """Return `texts` as a tensor of strings of a fitting shape."""
        if not hasattr(texts, "__apply_op__"):
            array = np.asarray(texts)  # nothing has no dtype: it counts as no strings
            texts = ops.convert_to_tensor(array if array.size else array.astype(object))
        if texts.dtype != "string":
            raise DTypeError(
                message("", "expected strings.", f"{texts.dtype}",
                        'Declare the input as keras.Input((), dtype="string").')
            )  # fmt: skip
        if len(texts.shape) > 1 and texts.shape[-1] != 1:
            raise ShapeError(
                message("", "expected one text a row: shape (batch,) or (batch, 1).",
                        f"shape {[*texts.shape]}",
                        "Join the columns, or give each an Input of its own.")
            )  # fmt: skip
        return texts


def _free_width() -> str:
    """Return a name for "as many as the longest has", not yet used in this trace."""
    trace = current_trace()
    assert trace is not None  # a layer's call always runs in one
    count = trace.notes["text widths"] = trace.notes.get("text widths", 0) + 1
    return "words" if count == 1 else f"words_{count}"


def _words_in(vocabulary: Any) -> Iterator[str]:
    if isinstance(vocabulary, (str, Path)):
        if in_safe_mode():
            raise SavingError(
                message(
                    "TextVectorization", "expected the words in the saved model.",
                    f"the name of a file: {str(vocabulary)!r}",
                    "Pass safe_mode=False if that file may be read.",
                )
            )  # fmt: skip
        yield from Path(vocabulary).read_text(encoding="utf-8").splitlines()
        return
    for word in np.ravel(np.asarray(vocabulary, object)):
        yield word.decode("utf-8") if isinstance(word, bytes) else str(word)
