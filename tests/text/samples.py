"""Texts that break careless string code, and an independent reading of the rules."""

from __future__ import annotations

import string

import numpy as np

NASTY = [
    "", "   ", "Hello, World!", "DON'T stop-me now...", "a\tb\nc\vd\fe\rf", "\r\n",
    "\x1c\x1d\x1e\x1f x\x85y\xa0z", "x\u2003y\u3000z", "tab\t\t\tdouble",
    "ÀÉÎ Ünïcode İstanbul ẞ ß ΑΒΓ ДОМ", "Ⅷ Ⓐ Ǆ ǅ K Å", "e\u0301 E\u0301 \ufeffbom",
    "日本語 テスト", "👍🏽 EMOJI", "don’t “Curly” — ¿QUÉ?", "[UNK] [unk]",
    "!" * 50, ".", " . ", "A" * 2000, string.punctuation, "A.B.C.", "'quoted'",
]  # fmt: skip
BATCHES = {
    "many": NASTY,
    "none": [],
    "one empty": [""],
    "all blank": ["", " ", "\t"],
    "clean": ["abc", "d e"],
    "one mark": ["a.b"],
    "one capital beyond ASCII": ["abc", "ÀA"],
}


def texts(batch: list[str]) -> np.ndarray:
    """Return a batch as the vector of strings it is fed as."""
    return np.array(batch, object)


# On UTF-8 bytes Python's own methods know only ASCII, as TensorFlow's kernels do.
def lowered(text: str) -> str:
    """A-Z to a-z and nothing else."""
    return text.encode().lower().decode()


def stripped(text: str) -> str:
    """Without ASCII punctuation."""
    return text.encode().translate(None, string.punctuation.encode()).decode()


def words(text: str) -> list[str]:
    """What stands between ASCII white space."""
    return [word.decode() for word in text.encode().split()]
