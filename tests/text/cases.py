"""Configurations of TextVectorization and texts: read by Keras, the model and us.

`record.py` runs all of them through Keras on TensorFlow and writes what it gives.
"""

from __future__ import annotations

import itertools
import string
from typing import Any

STANDARDIZE = (None, "lower", "strip_punctuation", "lower_and_strip_punctuation")
SPLIT = ("whitespace", "character", None)
NGRAMS = (None, 2, 3, (2,), (1, 3), (3, 1))

TEXTS: list[str] = [
    "", " ", "   \t", "\n", "a", "A", "b a", "Hello, World!", "DON'T stop-me now...",
    # every kind of white space: only the six of ASCII separate words
    "a b\tc\nd\ve\ff\rg", "\r\n", "a\r\nb", " a ", "a\x1cb\x1dc\x1ed\x1fe",
    "a\x85b\xa0c\u1680d\u2000e\u2003f\u2028g\u2029h\u202fi\u205fj\u3000k",
    "a\u200bb\u2060c\ufeffd", "\ufeffbom", "a\u180eb",
    # marks: the 32 of ASCII, and others that stay
    string.punctuation, "!" * 50, ".", " . ", ". a .", "A.B.C.", "'quoted'", "a_b",
    "don’t “Curly” — ¿QUÉ? … ‹x›", "！？。、「」", "e-mail: a.b@c.de", "1,234.50 $ 5%",
    "<b>Bold</b>&amp;", "http://x.y/z?q=1#f", "C++ C# .NET", "a" + "." * 9 + "b",
    # letters
    "ÀÉÎ Ünïcode naïve", "İstanbul ISTANBUL ıI iİ", "ẞ ß STRASSE Straße ſ",
    "ΑΒΓ ΣΑΣ σας", "ДОМ дом Ё", "Ⅷ ⅷ Ⓐ ⓐ Ǆ ǅ ǆ", "K Å Ω", "ＡＢＣ ａｂｃ １２３",
    "𝐀𝐁 𝔸 𐐀𐐨", "Ａ", "ᏣᎳᎩ ꮳꮃꭹ", "ᲐᲑ აბ",
    "e\u0301 E\u0301 é É", "n\u0303 ñ", "\u0301a", "a\u0300\u0301\u0302\u0323",
    # scripts
    "日本語 テスト 東京。", "한국어 텍스트", "\u1112\u1161\u11ab 한", "ㄱㄴ 가나",
    "नमस्ते दुनिया", "สวัสดี ชาวโลก", "مرحبا بالعالم \u200f", "שלום עולם", "ქართული",
    # emoji
    "👍 👍🏽 ok", "👨\u200d👩\u200d👧\u200d👦 family", "🇩🇪🇫🇷", "☺️ ☺", "1️⃣",
    "🏴\U000e0067",
    # zeros, controls, code points at the ends
    "a\x00b", "\x00", "\x00a b\x00", "a\x7fb\x08", "\x01\x02", "\ufffd \ufffe",
    "\U0010ffff", "\x80\x9f", "\u07ff\u0800\uffff\U00010000",
    # long ones, and those around the sizes that the table of words treats apart
    "x" * 3000, "é" * 1500, "ab " * 700, "A" * 999 + "!", "z" * 7, "z" * 8, "z" * 9,
    "y" * 15, "y" * 16, "y" * 17, "é" * 7 + "a", "é" * 8, "q" * 31 + " " + "q" * 32,
    "[UNK] [unk] UNK", "a a a b b c", "a b a b a", "the cat the CAT The cat.",
    "one two three four five six seven eight nine ten eleven twelve",
]  # fmt: skip
BYTES: list[bytes] = [
    b"\xff a!b", b"a\xe6\x97", b"\xe6!\x97\xa5", b"\xc0\x80x", b"\xed\xa0\x80",
    b"\xf5\x80\x80\x80a", b"\xf0\x9f\x98 a", b"\xe2\x28\xa1", b"\x80\x80 B", b"\xc2A",
    b"\xe6\x97\xe6\x97\xa5", b"\xf4\x90\x80\x80", b"\xe0\x9f\x80", b"A\xffB! \xff",
    b"\xf1\x80\x80\xe1\x80\xc2b", b"\xef\xbb\xbfa",
]  # fmt: skip
ROWS: list[list[str]] = [
    ["a", "b", "c"], ["", "a", ""], ["A", "b!", "a b"], ["!", "", "é"],
    ["the", "cat", "cat."],
]  # fmt: skip

VOCABULARY: list[str] = [
    "a", "b", "c", "the", "cat", "hello", "world", "dont", "don't", "don’t", "A", "é",
    "É", "e\u0301", "日本語", "日", "한국어", "한", "👍", "👍🏽", "İstanbul",
    "istanbul", "straße", "ß", "a\x00b", "x" * 3000, "y" * 15, "y" * 16, "z" * 8,
    "é" * 8, "[unk]", "a b", "b a", "a b a", "the cat", "b c", "a b c", ".", "!",
    "\u0301", "\ufffd", "one two three", "a\xa0b", "naïve", "abc", "a ", " a",
    "cat cat", "K", "\u2003",
]  # fmt: skip
IDF = [((7 * i) % 11 + 1) / 4 for i in range(len(VOCABULARY))]

# How the tokens come out; the two last want a vocabulary padded to a size.
MODES: tuple[dict[str, Any], ...] = (
    {}, {"output_sequence_length": 3}, {"output_sequence_length": 40},
    {"output_mode": "multi_hot"}, {"output_mode": "count"},
    {"output_mode": "tf_idf", "idf_weights": IDF},
    {"output_mode": "count", "pad_to_max_tokens": True, "max_tokens": 60},
    {"output_mode": "tf_idf", "idf_weights": IDF, "pad_to_max_tokens": True,
     "max_tokens": 60},
)  # fmt: skip


def arguments() -> list[dict[str, Any]]:
    """Return the arguments of each configuration."""
    found = []
    for standardize, split, ngrams in itertools.product(STANDARDIZE, SPLIT, NGRAMS):
        cut = {"standardize": standardize, "split": split, "ngrams": ngrams}
        for mode in MODES:
            found.append(cut | {"vocabulary": VOCABULARY} | mode)
    return found


ARGUMENTS = arguments()


def batches(configuration: dict[str, Any]) -> list[list[Any]]:
    """Return what a configuration is run on."""
    return [ROWS] if configuration["split"] is None else [TEXTS, BYTES]


# What layers learn from, and then are fed: (arguments, data to adapt to, inputs). Data
# under "batches" are handed over as an iterator of batches.
SAMPLES = ["the cat sat", "The dog, the CAT!", "a é dog [UNK]", "", "cat\tcat b\u2003b"]
TABLE = [["the", "cat"], ["a", ""], ["cat", "cat"], ["[UNK]", "é"]]
INPUTS: dict[str, Any] = {
    "text": "the a cat", "vector": ["the cat", "", "dog z"],
    "column": [["cat é"], ["b"]],
    "cube": [[["the"], ["a cat"]], [["cat cat cat"], [""]]], "empty text": "",
}  # fmt: skip
TOKENS: dict[str, Any] = {
    "vector": ["the", "", "dog", "cat"], "column": [["cat"], ["z"]], "rows": TABLE,
    "cube": [[["the", "cat"], ["a", "b"]], [["", "cat"], ["z", "z"]]],
}  # fmt: skip
LEARNING: tuple[dict[str, Any], ...] = (
    {}, {"max_tokens": 5}, {"output_sequence_length": 2}, {"ngrams": 2},
    {"ngrams": (2,)}, {"split": "character"}, {"standardize": None},
    {"output_mode": "multi_hot"}, {"output_mode": "count", "max_tokens": 4},
    {"output_mode": "tf_idf"}, {"output_mode": "tf_idf", "max_tokens": 5},
    {"output_mode": "tf_idf", "max_tokens": 20, "pad_to_max_tokens": True},
    {"output_mode": "tf_idf", "ngrams": 2, "split": "character"},
    {"output_mode": "one_hot"}, {"output_mode": "one_hot", "ngrams": (2,)},
)  # fmt: skip


def learners() -> list[tuple[dict[str, Any], Any, Any]]:
    """Return layers that learn, what they learn from, and what they are then fed."""
    rows: list[tuple[dict[str, Any], Any, Any]] = []
    forms = (SAMPLES, [[t] for t in SAMPLES],
             {"batches": [SAMPLES[:2], [[t] for t in SAMPLES[2:]]]})  # fmt: skip
    for arguments in LEARNING:
        rows += [(arguments, forms[0], x) for x in INPUTS.values()]
        rows += [(arguments, form, INPUTS["vector"]) for form in forms[1:]]
        apart = {"split": None, **arguments}
        if apart["split"] is None:
            rows += [(apart, TABLE, x) for x in TOKENS.values()]
            batches = {"batches": [TABLE[0], TABLE[1:]]}
            rows += [(apart, d, TABLE) for d in (TABLE[0], batches)]
    return rows


LEARNERS = learners()
