"""Ops on strings: they run on the host, before the compiled part of a program.

The references are what ONNX can say with standard operators, and byte for byte what
TensorFlow's string kernels do: only ASCII letters are lowered, only ASCII white space
separates words. ONNX has no operator that replaces text, so a mark is deleted by
splitting at it and joining the pieces, all of a batch at once; a regular expression
looks first whether there is anything to do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from itertools import repeat
from string import ascii_lowercase, ascii_uppercase
from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras.errors import ArgumentError, DTypeError, message
from graphkeras.ir import dims
from graphkeras.ir.definers import require, structured
from graphkeras.ir.op import host_only, nondifferentiable
from graphkeras.ir.types import TensorType
from graphkeras.ir.value import ConstantData

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor

PADDING, UNKNOWN = "", "[UNK]"  # ids 0 and 1 of every vocabulary

# The marks of Keras's "strip_punctuation", the common ones apart: most texts have no
# other, and one look then saves a pass for each of the rest.
COMMON_MARKS = ".,'\"-!?()/:;"
RARE_MARKS = "#$%&*+<=>@[\\]^_`{|}~"
SPACES = "\t\n\v\f\r"  # beside the blank itself

_TO_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)
_NO_MARKS = dict.fromkeys(map(ord, COMMON_MARKS + RARE_MARKS))
_WORDS = re.compile(f"[^ {SPACES}]+")


def text_of(item: Any) -> str:
    """Return one element as text; bytes are read as UTF-8."""
    if isinstance(item, str):
        return item
    if isinstance(item, bytes):
        return item.decode("utf-8")
    raise DTypeError(
        message(
            "text", "expected strings.", f"{item!r} ({type(item).__name__})",
            "Write missing texts as '' and numbers as str(number).",
        )
    )  # fmt: skip


def words_of(item: Any) -> list[str]:
    """Return the words of one text: what stands between ASCII white space."""
    return _WORDS.findall(text_of(item))


def _strings(x: TensorType, **attrs: Any) -> TensorType:
    require(x.dtype == "string", "expected strings")
    return x


def _each(change: Callable[[str], str], x: Any) -> np.ndarray:
    changed = np.frompyfunc(lambda item: change(text_of(item)), 1, 1)(x)
    return np.asarray(changed, object)


def _on_vector(rule: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """Return the ONNX rule that applies `rule` to texts of any shape as to a vector."""

    def onnx(b: Any, y: Any, x: Any) -> Any:
        if y.rank == 1:
            return rule(b, x)
        return b.reshape(rule(b, b.reshape(x, (y.type.size,))), y.shape)

    return onnx


# --------------------------------------------------------- what ONNX lacks for strings


def _all_match(b: Any, texts: Any, pattern: str) -> Any:
    """Return whether a regular expression fits every one of `texts`."""
    fits = b.Cast(b.RegexFullMatch(texts, pattern=pattern), to=b.dtype("int32"))
    return b.Cast(b.ReduceMin(fits, b.ints((0,)), keepdims=0), to=b.dtype("bool"))


def _unless(b: Any, clean: str, texts: Any, change: Callable[[], Any]) -> Any:
    """Return `texts` changed, or as they are when each of them matches `clean`."""
    return b.If(_all_match(b, texts, clean), lambda: texts, change)


def _one_of(marks: str) -> str:
    return "".join(f"\\x{ord(mark):02x}" for mark in marks)


def _join(b: Any, pieces: Any) -> Any:
    """pieces[n, k] -> [n]: neighbours are joined in pairs until one column is left."""
    one, two, last = b.ints((1,)), b.ints((2,)), b.ints((2**31 - 1,))
    rows = b.Shape(pieces, start=0, end=1)
    blank = b.Expand(b.constant([[""]]), b.Concat(rows, one, axis=0))  # [n, 1]

    def several(columns: Any) -> Any:
        return b.Squeeze(b.Greater(b.Shape(columns, start=1, end=2), one))

    def pair(_: Any, columns: Any) -> tuple[Any, Any]:
        even = b.Slice(columns, b.ints((0,)), last, one, two)
        odd = b.Slice(b.Concat(columns, blank, axis=1), one, last, one, two)
        joined = b.StringConcat(even, odd)
        return several(joined), joined

    wide = b.Concat(pieces, blank, axis=1)  # an empty text has no piece at all
    joined = b.Loop(pair, wide, condition=several(wide), types=("string",))
    return b.Squeeze(joined, one)


def _replace(b: Any, texts: Any, marks: str, put: Sequence[str]) -> Any:
    """Return `texts` with each of `marks` replaced by the text beside it in `put`."""
    for mark, new in zip(marks, put, strict=True):
        pieces, counts = b.StringSplit(texts, delimiter=mark, outputs=2)
        if new:
            pieces = b.StringConcat(pieces, _between(b, pieces, counts, new))
        texts = _join(b, pieces)
    return texts


def _between(b: Any, pieces: Any, counts: Any, text: str) -> Any:
    """Return `text` where a piece has another after it, '' where it is the last."""
    zero, one = b.scalar(0, "int64"), b.scalar(1, "int64")
    width = b.Squeeze(b.Shape(pieces, start=1, end=2))
    place = b.Unsqueeze(b.Range(zero, width, one), b.ints((0,)))
    last = b.Unsqueeze(b.Sub(counts, one), b.ints((1,)))
    return b.Where(b.Less(place, last), b.constant(text), b.constant(""))


# -------------------------------------------------------------------------------- ops


def _lower_onnx(b: Any, texts: Any) -> Any:
    """StringNormalizer where it is certain to touch ASCII only, else letter by letter.

    The operator lowers by the machine's C library: some (WebAssembly's) lower "À" even
    in the locale "C". A dummy keeps it from an empty vector, which it refuses.
    """

    def normalize() -> Any:
        some = b.Concat(texts, b.constant([""]), axis=0)
        lowered = b.StringNormalizer(
            some, case_change_action="LOWER", is_case_sensitive=1, locale="C"
        )
        return b.Slice(lowered, b.ints((0,)), b.ints((-1,)), b.ints((0,)))

    def letter_by_letter() -> Any:
        return _replace(b, texts, ascii_uppercase, ascii_lowercase)

    # Everything non-ASCII with a lower case: two categories and two rows of numbers.
    simple = r"(?s)(?:[A-Z]|[^\p{Lu}\p{Lt}\x{2160}-\x{216F}\x{24B6}-\x{24CF}])*"
    return b.If(_all_match(b, texts, simple), normalize, letter_by_letter)


@structured(
    infer=_strings,
    kernel=host_only,
    vjp=nondifferentiable,
    onnx=_on_vector(_lower_onnx),
)
def lower_ascii(x: Tensor) -> Any:
    """Return the texts with A-Z made a-z and nothing else changed.

    Args:
        x: strings of any shape.

    Example:
        >>> lower_ascii(np.array(["Ünter DEN Linden"], object)).tolist()
        ['Ünter den linden']
    """
    return _each(lambda t: t.lower() if t.isascii() else t.translate(_TO_LOWER), x)


def _strip_onnx(b: Any, texts: Any) -> Any:
    for marks in (COMMON_MARKS, RARE_MARKS):
        clean = f"(?s)[^{_one_of(marks)}]*"
        delete = partial(_replace, b, texts, marks, [""] * len(marks))
        texts = _unless(b, clean, texts, delete)
    return texts


@structured(
    infer=_strings,
    kernel=host_only,
    vjp=nondifferentiable,
    onnx=_on_vector(_strip_onnx),
)
def strip_punctuation(x: Tensor) -> Any:
    """Return the texts without the 32 ASCII punctuation marks.

    Args:
        x: strings of any shape.

    Example:
        >>> strip_punctuation(np.array(["Don't: stop! (now)"], object)).tolist()
        ['Dont stop now']
    """
    return _each(lambda t: t.translate(_NO_MARKS), x)


def _split_type(x: TensorType, *, width: int | str) -> TensorType:
    require(x.dtype == "string" and x.rank == 1, "expected a vector of strings")
    size = dims.symbol(width) if isinstance(width, str) else width
    return x.with_shape((*x.shape, size))


def _split_onnx(b: Any, y: Any, x: Any) -> Any:
    """StringSplit without a delimiter splits at blanks only: make the others blanks."""
    clean = f"(?s)[^{_one_of(SPACES)}]*"
    blanks = [" "] * len(SPACES)
    texts = _unless(b, clean, x, lambda: _replace(b, x, SPACES, blanks))
    words, _ = b.StringSplit(texts, outputs=2)
    if isinstance(y.width, str):
        return words
    rows = b.Shape(words, start=0, end=1)
    padding = b.Expand(
        b.constant([[PADDING]]), b.Concat(rows, b.ints((y.width,)), axis=0)
    )
    padded = b.Concat(words, padding, axis=1)
    return b.Slice(padded, b.ints((0,)), b.ints((y.width,)), b.ints((1,)))


@structured(
    infer=_split_type, kernel=host_only, vjp=nondifferentiable, onnx=_split_onnx
)
def split_words(x: Tensor, *, width: int | str) -> Any:
    """Return the words of each text, between ASCII white space, padded with ''.

    Args:
        x: strings of shape (batch,).
        width: how many words to keep of each text; or the name of the size that the
            result then has on its last axis: as many as the longest text has.

    Returns:
        Strings of shape (batch, width).

    Example:
        >>> split_words(np.array(["a bc", " d "], object), width=3).tolist()
        [['a', 'bc', ''], ['d', '', '']]
    """
    rows = [words_of(item) for item in x]
    size = max(map(len, rows), default=0) if isinstance(width, str) else width
    words = np.full((len(rows), size), PADDING, object)
    for row, found in zip(words, rows):
        row[: len(found)] = found[:size]
    return words


def _lookup_canonical(x: TensorType, *, vocabulary: Any) -> dict[str, Any]:
    if vocabulary is None or isinstance(vocabulary, ConstantData):
        return {"vocabulary": vocabulary}
    return {"vocabulary": ConstantData.of(np.array(list(vocabulary), object))}


def _lookup_type(x: TensorType, *, vocabulary: ConstantData | None) -> TensorType:
    return _strings(x).with_dtype("int64")


@lru_cache(maxsize=16)
def _ids(vocabulary: ConstantData | None) -> dict[str, int]:
    """Return the id of each word: padding is 0, the first word 2 (1 is the unknown)."""
    if vocabulary is None:
        raise ArgumentError(
            message(
                "text lookup", "expected a vocabulary.", "none",
                "Call adapt(texts) or set_vocabulary(words) before the model runs.",
            )
        )  # fmt: skip
    return {**{word: i for i, word in enumerate(vocabulary.array, 2)}, PADDING: 0}


def _lookup_onnx(b: Any, y: Any, x: Any) -> Any:
    ids = _ids(y.vocabulary)
    return b.LabelEncoder(
        x, domain="ai.onnx.ml", keys_strings=list(ids), values_int64s=[*ids.values()],
        default_int64=1,
    )  # fmt: skip


@structured(
    infer=_lookup_type, kernel=host_only, vjp=nondifferentiable, onnx=_lookup_onnx,
    canonical=_lookup_canonical,
)  # fmt: skip
def lookup_words(x: Tensor, *, vocabulary: Any) -> Any:
    """Return the id of each word: its place in the vocabulary + 2; 0 is '', 1 unknown.

    Args:
        x: strings of any shape.
        vocabulary: different words, the most important first; None as long as there is
            no vocabulary, for tracing: running it is an error.

    Returns:
        int64 of the shape of `x`.

    Example:
        >>> lookup_words(np.array(["b", "", "c"], object), vocabulary=["a", "b"])
        array([3, 0, 1])
    """
    ids = _ids(vocabulary)
    found = map(ids.get, x.flat, repeat(1))
    return np.fromiter(found, np.int64, x.size).reshape(x.shape)
