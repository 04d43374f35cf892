"""How ONNX says what `text_to_numbers` does.

It has no operator that replaces text, so a mark is deleted by splitting at it and
joining the pieces, all of a batch at once; a regular expression looks first whether
there is anything to do. No standard operator cuts a text into characters; one of
onnxruntime's own does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from string import ascii_lowercase, ascii_uppercase
from typing import Any

# The marks of Keras's "strip_punctuation", the common ones apart: most texts have no
# other, and one look then saves a pass for each of the rest.
COMMON_MARKS = ".,'\"-!?()/:;"
RARE_MARKS = "#$%&*+<=>@[\\]^_`{|}~"
SPACES = "\t\n\v\f\r"  # beside the blank itself
OWN = "com.microsoft"  # operators of every onnxruntime, but of no standard

# Everything non-ASCII with a lower case: two categories and two rows of numbers.
_LOWERED_ALIKE = r"(?s)(?:[A-Z]|[^\p{Lu}\p{Lt}\x{2160}-\x{216F}\x{24B6}-\x{24CF}])*"


Look = Callable[[Any], Any]  # from words to their numbers


def numbers_rule(b: Any, y: Any, x: Any, numbers: Mapping[str, int]) -> Any:
    """The rule of `text_to_numbers`: standardize, split, join n-grams, look up."""
    for name in ("standardize", "split"):
        if callable(getattr(y, name)):
            b.refuse(
                f"{name} is a function of Python",
                "Apply it to the texts before the model, or use one of the names that "
                f"{name} takes.",
            )
    keys = {**numbers, "": y.padding}

    def look(words: Any) -> Any:
        return b.LabelEncoder(
            words, domain="ai.onnx.ml", keys_strings=list(keys),
            values_int64s=[*keys.values()], default_int64=y.unknown,
        )  # fmt: skip

    texts = x if y.split is not None else b.reshape(x, (y.inputs[0].type.size,))
    texts = _standardized(b, texts, y.standardize or "", y.split == "whitespace")
    if y.split is None:
        tokens = b.reshape(texts, y.inputs[0].shape)
        return _dense_ngrams(b, y, tokens, look)
    split = _characters if y.split == "character" else _words
    return _ragged_ngrams(b, y, *split(b, texts), look)


def _standardized(b: Any, texts: Any, how: str, to_words: bool) -> Any:
    """Lower, delete marks, and make all white space blanks, as far as is wanted.

    Meanwhile a text that is never empty stands behind the others, so that a split has
    a piece at least. (StringNormalizer refuses an empty batch, too.)
    """
    if not how and not to_words:
        return texts
    texts = b.Concat(texts, b.constant(["0"]), axis=0)
    blank = b.Expand(b.constant([[""]]), b.Concat(b.Shape(texts), b.ints((1,)), axis=0))
    if how.startswith("lower"):
        texts = _lower(b, texts, blank)
    if how.endswith("strip_punctuation"):
        groups = (COMMON_MARKS, RARE_MARKS)
        for marks in ["".join(groups)] if b.contrib else groups:
            texts = _put(b, texts, blank, marks, "")
    if to_words:
        texts = _put(b, texts, blank, SPACES, " ")
    return b.Slice(texts, b.ints((0,)), b.ints((-1,)), b.ints((0,)))


# --------------------------------------------------------- what ONNX lacks for strings


def _all_match(b: Any, texts: Any, pattern: str) -> Any:
    """Return whether a regular expression fits every one of `texts`."""
    fits = b.Cast(b.RegexFullMatch(texts, pattern=pattern), to=b.dtype("int32"))
    return b.Cast(b.ReduceMin(fits, b.ints((0,)), keepdims=0), to=b.dtype("bool"))


def _one_of(marks: str) -> str:
    return "".join(f"\\x{ord(mark):02x}" for mark in marks)


def _put(b: Any, texts: Any, blank: Any, marks: str, new: str) -> Any:
    """Return `texts` with `new` in the place of `marks`, if there are any at all."""
    clean = f"(?s)[^{_one_of(marks)}]*"
    change = partial(_replace, b, texts, blank, marks, [new] * len(marks))
    if b.contrib and not new:
        change = partial(_delete, b, texts, blank, marks)
    return b.If(_all_match(b, texts, clean), lambda: texts, change)


def _delete(b: Any, texts: Any, blank: Any, marks: str) -> Any:
    """Return `texts` without `marks`, by one cut at all of them."""
    return _join(b, _tokenized(b, texts, f"[{_one_of(marks)}]+"), blank)


def _tokenized(b: Any, texts: Any, separator: str) -> Any:
    """Return what stands between the separators, '' behind; of no empty batch."""
    return b.Tokenizer(
        texts, domain=OWN, mark=0, pad_value="", mincharnum=1, separators=[separator]
    )


def _replace(b: Any, texts: Any, blank: Any, marks: str, new: Sequence[str]) -> Any:
    """Return `texts` with each of `marks` replaced by the text beside it in `new`."""
    for mark, put in zip(marks, new, strict=True):
        pieces, counts = b.StringSplit(texts, delimiter=mark, outputs=2)
        if put:
            pieces = b.StringConcat(pieces, _between(b, pieces, counts, put))
        texts = _join(b, pieces, blank)
    return texts


def _join(b: Any, pieces: Any, blank: Any) -> Any:
    """pieces[n, k] -> [n]: neighbours are joined in pairs until one column is left."""
    one, two, last = b.ints((1,)), b.ints((2,)), b.ints((2**31 - 1,))

    def several(columns: Any) -> Any:
        return b.Squeeze(b.Greater(b.Shape(columns, start=1, end=2), one))

    def pair(_: Any, columns: Any) -> tuple[Any, Any]:
        even = b.Slice(columns, b.ints((0,)), last, one, two)
        odd = b.Slice(b.Concat(columns, blank, axis=1), one, last, one, two)
        joined = b.StringConcat(even, odd)
        return several(joined), joined

    joined = b.Loop(pair, pieces, condition=several(pieces), types=("string",))
    return b.Squeeze(joined, one)


def _places(b: Any, pieces: Any) -> Any:
    """Return the numbers of the columns, as a row."""
    width = b.Squeeze(b.Shape(pieces, start=1, end=2))
    line = b.Range(b.scalar(0, "int64"), width, b.scalar(1, "int64"))
    return b.Unsqueeze(line, b.ints((0,)))


def _between(b: Any, pieces: Any, counts: Any, text: str) -> Any:
    """Return `text` where a piece has another after it, '' where it is the last."""
    last = b.Unsqueeze(b.Sub(counts, b.scalar(1, "int64")), b.ints((1,)))
    behind = b.Less(_places(b, pieces), last)
    return b.Where(behind, b.constant(text), b.constant(""))


# ------------------------------------------------------------------------- standardize


def _lower(b: Any, texts: Any, blank: Any) -> Any:
    """StringNormalizer where it is certain to touch ASCII only, else letter by letter.

    The operator lowers by the machine's C library: some (WebAssembly's) lower "À" even
    in the locale "C".
    """

    def normalize() -> Any:
        return b.StringNormalizer(
            texts, case_change_action="LOWER", is_case_sensitive=1, locale="C"
        )

    def letter_by_letter() -> Any:
        return _replace(b, texts, blank, ascii_uppercase, ascii_lowercase)

    return b.If(_all_match(b, texts, _LOWERED_ALIKE), normalize, letter_by_letter)


# ------------------------------------------------------------------------------- split


def _words(b: Any, texts: Any) -> tuple[Any, Any]:
    """Return words and counts: what stands between blanks."""
    return b.StringSplit(texts, outputs=2)


def _characters(b: Any, texts: Any) -> tuple[Any, Any]:
    """Return characters and counts, by an operator that refuses an empty batch."""
    if not b.contrib:
        b.refuse(
            "no standard operator cuts a text into characters",
            "Export with ops='contrib': an operator of every onnxruntime does it.",
        )
    some = b.Concat(texts, b.constant([""]), axis=0)
    tokens = b.Slice(_tokenized(b, some, ""), b.ints((0,)), b.ints((-1,)), b.ints((0,)))
    some = b.Cast(b.Not(b.Equal(tokens, b.constant(""))), to=b.dtype("int64"))
    return tokens, b.ReduceSum(some, b.ints((1,)), keepdims=0)


# --------------------------------------------------------------------- n-grams, numbers


def _windows(b: Any, tokens: Any, size: int) -> Any:
    """tokens[n, k] -> [n, k - size + 1]: joined with blanks; no column if k is less."""
    if size == 1:
        return tokens
    zero, axis = b.ints((0,)), b.ints((1,))
    fewer = b.Sub(b.Shape(tokens, start=1, end=2), b.ints((size - 1,)))
    width = b.Max(fewer, zero)
    joined = None
    for shift in range(size):
        end = b.Add(width, b.ints((shift,)))
        part = b.Slice(tokens, b.ints((shift,)), end, axis)
        if joined is not None:
            part = b.StringConcat(b.StringConcat(joined, b.constant(" ")), part)
        joined = part
    return joined


def _dense_ngrams(b: Any, y: Any, tokens: Any, look: Look) -> Any:
    """Rows that all have the same number of tokens."""
    parts = [_windows(b, tokens, size) for size in y.ngrams]
    rows = parts[0] if len(parts) == 1 else b.Concat(*parts, axis=1)
    return look(rows) if y.width is None else _exactly(b, y, rows, look)


def _ragged_ngrams(b: Any, y: Any, tokens: Any, counts: Any, look: Look) -> Any:
    """Rows of `counts` tokens each, '' behind them."""
    if y.ngrams == (1,):
        return _exactly(b, y, tokens, look)
    parts = []
    for size in y.ngrams:
        fewer = b.Max(b.Sub(counts, b.scalar(size - 1, "int64")), b.scalar(0, "int64"))
        parts.append((_windows(b, tokens, size), fewer if size > 1 else counts))
    if len(parts) > 1:
        return _exactly(b, y, _side_by_side(b, y, parts, look))
    words, count = parts[0]
    inside = b.Less(_places(b, words), b.Unsqueeze(count, b.ints((1,))))
    padding = b.scalar(y.padding, "int64")
    return _exactly(b, y, b.Where(inside, look(words), padding))


def _side_by_side(b: Any, y: Any, parts: list[tuple[Any, Any]], look: Look) -> Any:
    """Return the numbers of several lists of words, one behind the other in each row.

    Those of a list are scattered behind what the row has already; what is beyond its
    count goes to a spare column.
    """
    one, first = b.ints((1,)), b.ints((0,))
    totals = parts[0][1]
    for _, count in parts[1:]:
        totals = b.Add(totals, count)
    widest = b.ReduceMax(b.Concat(totals, first, axis=0), first, keepdims=1)
    rows = b.Shape(totals)
    out = b.Expand(
        b.scalar(y.padding, "int64"), b.Concat(rows, b.Add(widest, one), axis=0)
    )
    start = None
    for words, count in parts:
        places = _places(b, words)
        inside = b.Less(places, b.Unsqueeze(count, one))
        if start is not None:
            places = b.Add(places, b.Unsqueeze(start, one))
        places = b.Expand(b.Where(inside, places, widest), b.Shape(words))
        out = b.ScatterElements(out, places, look(words), axis=1)
        start = count if start is None else b.Add(start, count)
    return b.Slice(out, first, widest, one)


def _exactly(b: Any, y: Any, rows: Any, then: Look | None = None) -> Any:
    """Return `width` columns of what `then` makes of the rows; all if it is a name."""
    change = then or (lambda found: found)
    if isinstance(y.width, str):
        return change(rows)
    first, axis = b.ints((0,)), b.ints((1,))
    found = change(b.Slice(rows, first, b.ints((y.width,)), axis))
    fewer = b.Sub(b.ints((y.width,)), b.Shape(found, start=1, end=2))
    pads = b.Concat(b.ints((0, 0, 0)), fewer, axis=0)
    return b.Pad(found, pads, b.scalar(y.padding, "int64"))
