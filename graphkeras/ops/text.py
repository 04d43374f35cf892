"""From texts to numbers: they run on the host, before the compiled part of a program.

What a text is cut into is, byte for byte, what TensorFlow's string kernels give: only
ASCII letters are lowered, only ASCII marks deleted, only ASCII white space separates
words. Bytes that are no UTF-8 stay what they are; as characters each of them is U+FFFD.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from string import ascii_lowercase, ascii_uppercase, punctuation
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from graphkeras.errors import (
    ArgumentError,
    DataError,
    DTypeError,
    ShapeError,
    message,
)
from graphkeras.ir import dims
from graphkeras.ir.definers import require, structured
from graphkeras.ir.dims import Dim
from graphkeras.ir.op import Host, nondifferentiable
from graphkeras.ir.types import TensorType
from graphkeras.ir.value import ConstantData
from graphkeras.ops.text_onnx import numbers_rule

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor

_TO_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)
_NO_MARKS = dict.fromkeys(map(ord, punctuation))
_WORDS = re.compile(r"[^ \t\n\v\f\r]+")


def text_of(item: Any) -> str:
    """Return one element as text; bytes are read as UTF-8.

    Bytes that are not come as Python's escapes for them (PEP 383).
    """
    if isinstance(item, str):
        return item
    if not isinstance(item, bytes):
        refuse_no_text(item)
    return item.decode("utf-8", "surrogateescape")


def refuse_no_text(item: Any) -> NoReturn:
    """Say what an element is instead of a text.

    Raises:
        DataError: if it is a row of several.
        DTypeError: otherwise.
    """
    if isinstance(item, (list, tuple, np.ndarray)):
        raise DataError(
            message(
                "text", "expected rows of one length: tensors are dense here.",
                f"{item!r:.60}", "Fill short rows up, with '' for example.",
            )
        )  # fmt: skip
    raise DTypeError(
        message(
            "text", "expected strings.", f"{item!r} ({type(item).__name__})",
            "Write missing texts as '' and numbers as str(number).",
        )
    )  # fmt: skip


# ------------------------------------------------------------------------ the meaning


def _standardized(texts: list[str], how: Any) -> list[str]:
    if callable(how):
        return called_on(how, texts)
    if how in ("lower", "lower_and_strip_punctuation"):
        texts = [text.translate(_TO_LOWER) for text in texts]
    if how in ("strip_punctuation", "lower_and_strip_punctuation"):
        texts = [_read_again(text.translate(_NO_MARKS)) for text in texts]
    return texts


def _read_again(text: str) -> str:
    """Read the bytes of a text as UTF-8 once more: pieces may have become a whole."""
    return text if text.isascii() else text_of(text.encode("utf-8", "surrogateescape"))


def called_on(function: Callable[[Any], Any], texts: list[str]) -> list[str]:
    """Return what a user's function makes of texts, which it gets as an array.

    Raises:
        ShapeError: if it does not give one text for each.
    """
    result = np.asarray(_untensored(function(np.array(texts, np.str_))))
    if result.shape != (len(texts),):
        raise ShapeError(
            message(
                "standardize", f"expected one text for each of {len(texts)}.",
                f"shape {list(result.shape)}", "Return an array like the one given.",
            )
        )  # fmt: skip
    return [text_of(item) for item in result.tolist()]


def _untensored(result: Any) -> Any:
    return result.numpy() if hasattr(result, "numpy") else result


def _tokens(texts: list[str], split: Any) -> list[list[str]]:
    """Return the tokens of each text."""
    if split == "whitespace":
        return [_WORDS.findall(text) for text in texts]
    if split == "character":
        raw = (text.encode("utf-8", "surrogateescape") for text in texts)
        return [list(text.decode("utf-8", "replace")) for text in raw]
    rows = _untensored(split(np.array(texts, np.str_)))
    rows = rows.tolist() if hasattr(rows, "tolist") else list(rows)
    if len(rows) != len(texts) or any(isinstance(row, (str, bytes)) for row in rows):
        raise ShapeError(
            message(
                "split", f"expected a list of tokens for each of {len(texts)} texts.",
                f"{rows!r:.80}", "Return a list of lists, or an array of two axes.",
            )
        )  # fmt: skip
    return [[text_of(item) for item in row] for row in rows]


def tokens_of(rows: list[list[str]], standardize: Any, split: Any) -> list[list[str]]:
    """Return the tokens of rows of texts; with a split a row is one text."""
    flat = _standardized([text for row in rows for text in row], standardize)
    if split is not None:
        return _tokens(flat, split)
    left = iter(flat)
    return [[next(left) for _ in row] for row in rows]


def _ngrams(tokens: list[str], sizes: Sequence[int]) -> Iterator[str]:
    for size in sizes:
        for i in range(len(tokens) - size + 1):
            yield " ".join(tokens[i : i + size])


# ----------------------------------------------------------------------------- the op


def _canonical(x: TensorType, **attrs: Any) -> dict[str, Any]:
    words = attrs["vocabulary"]
    if words is not None and not isinstance(words, ConstantData):
        words = ConstantData.of(np.array(list(words), object))
    return {**attrs, "vocabulary": words, "ngrams": tuple(attrs["ngrams"])}


def _type(x: TensorType, **attrs: Any) -> TensorType:
    require(x.dtype == "string", "expected strings")
    split, width = attrs["split"], attrs["width"]
    require(x.rank == (2 if split is None else 1), "expected texts, or rows of tokens")
    require(split is None or width is not None, "expected a width, to split")
    if split is None and width is None:
        width = ngram_count(x.shape[1], attrs["ngrams"])
    size = dims.symbol(width) if isinstance(width, str) else width
    return TensorType("int64", (x.shape[0], size))


def ngram_count(tokens: Dim, sizes: Sequence[int]) -> Any:
    """Return how many n-grams a row of so many tokens has."""
    total: Any = 0
    for size in sizes:
        total = total + (tokens if size == 1 else dims.maximum(tokens - size + 1, 0))
    return total


def _numbers(vocabulary: ConstantData | None, first: int) -> dict[str, int]:
    """Return the number of each word."""
    if vocabulary is None:
        refuse_no_vocabulary()
    words: Iterable[Any] = vocabulary.array.tolist()  # type: ignore[union-attr]
    return {text_of(word): i for i, word in enumerate(words, first)}


def refuse_no_vocabulary() -> None:
    """Say what is to be done first.

    Raises:
        ArgumentError: always.
    """
    raise ArgumentError(
        message(
            "text lookup", "expected a vocabulary.", "none",
            "Call adapt(texts) or set_vocabulary(words) before the model runs.",
        )
    )  # fmt: skip


@structured(
    infer=_type, kernel=Host("host_ops.text_to_numbers"), vjp=nondifferentiable,
    onnx=lambda b, y, x: numbers_rule(b, y, x, _numbers(y.vocabulary, y.first)),
    canonical=_canonical,
)  # fmt: skip
def text_to_numbers(
    x: Tensor,
    *,
    vocabulary: Any,
    standardize: Any = None,
    split: Any = "whitespace",
    ngrams: Sequence[int] = (1,),
    first: int = 2,
    unknown: int = 1,
    padding: int = 0,
    width: int | str | None = None,
) -> Any:
    """Return the numbers of the tokens (or n-grams of them) of each text.

    Args:
        x: texts of shape (batch,), or without a split tokens of shape (batch, tokens).
        vocabulary: different words, the most important first; None as long as there is
            no vocabulary, for tracing: running it is an error.
        standardize: "lower", "strip_punctuation", "lower_and_strip_punctuation", None,
            or a function of an array of texts.
        split: "whitespace", "character", None, or a function of an array of texts that
            gives a list of tokens for each.
        ngrams: sizes of the n-grams, in the order in which they are wanted.
        first: number of the first word of the vocabulary.
        unknown: number of words not in it.
        padding: number of '', and of what fills up short rows.
        width: how many numbers to give of each text; or the name of the size that the
            result then has: as many as the longest has. None gives all, where there
            is no split.

    Returns:
        int64 of shape (batch, width).

    Example:
        >>> texts = np.array(["a b a", " c "], object)
        >>> text_to_numbers(texts, vocabulary=["a", "b"], width="words")
        array([[2, 3, 2],
               [1, 0, 0]])
    """
    numbers = _numbers(vocabulary, first)
    lines = x if x.ndim == 2 else x[:, None]
    texts = [[text_of(item) for item in line] for line in lines.tolist()]
    rows = tokens_of(texts, standardize, split)
    wide: Any = ngram_count(x.shape[1], ngrams) if width is None else width
    numbers[""] = padding
    found = [
        [numbers.get(word, unknown) for word in _ngrams(row, ngrams)] for row in rows
    ]
    if isinstance(wide, str):
        wide = max(map(len, found), default=0)
    out = np.full((len(found), wide), padding, np.int64)
    for line, row in zip(out, found):
        line[: len(row)] = row[:wide]
    return out
