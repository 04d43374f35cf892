"""Layers, what they are fed, and in which form: plain data, read by Keras and by us.

Data under "batches" are handed over as an iterator of batches. `record.py` runs the
same rows through Keras on TensorFlow and writes what it gives to ``recorded.json``. A
row is (layer, arguments, data to adapt to or None, inputs).
"""

from __future__ import annotations

from itertools import product
from typing import Any

Row = tuple[str, dict[str, Any], Any, Any]

WORDS: dict[str, Any] = {
    "scalar": "a", "vector": ["a", "z", "b", ""], "column": [["b"], ["z"]],
    "rows": [["a", "a", "b"], ["z", "", "b"]],
    "three axes": [[["a", "b"], ["z", "a"]], [["", "b"], ["a", "a"]]],
    "nasty": ["A", " a", "a ", "é", "日本語", "👍🏽", "[UNK]", "a\x00", "x" * 300],
}  # fmt: skip
NUMBERS: dict[str, Any] = {
    "scalar": 5, "vector": [5, 7, 0, -1], "column": [[7], [8]],
    "rows": [[5, 5, 7], [8, 0, -3]], "three axes": [[[5, 7], [0, 5]], [[7, 7], [1, 5]]],
    "far": [2**62, -(2**63), 2**63 - 1, 5, -5, 10**18],
}  # fmt: skip
SAMPLES = [["a", "b", "a"], ["c", "a", "d"], ["é", "b", "[UNK]"]]
INTEGERS = [[5, 7, 5], [1, 5, -2], [9, 7, -1]]

LOOKUPS: list[dict[str, Any]] = [
    {}, {"mask": True}, {"num_oov_indices": 3}, {"num_oov_indices": 3, "mask": True},
    {"output_mode": "one_hot"}, {"output_mode": "multi_hot", "mask": True},
    {"output_mode": "count"}, {"output_mode": "count", "num_oov_indices": 2},
    {"output_mode": "multi_hot", "max_tokens": 9, "pad_to_max_tokens": True},
    {"output_mode": "tf_idf", "idf_weights": [0.5, 0.25]},
    {"output_mode": "tf_idf", "idf_weights": [0.5, 0.25], "mask": True,
     "max_tokens": 6, "pad_to_max_tokens": True},
]  # fmt: skip
ADAPTED: list[dict[str, Any]] = [
    {}, {"max_tokens": 3}, {"mask": True}, {"output_mode": "count", "mask": True},
    {"output_mode": "tf_idf"}, {"output_mode": "tf_idf", "max_tokens": 4},
    {"output_mode": "tf_idf", "max_tokens": 12, "pad_to_max_tokens": True},
]  # fmt: skip
STRINGS = {"mask": "", "known": ["a", "b"], "name": "StringLookup"}
INTS = {"mask": 0, "known": [5, 7], "name": "IntegerLookup"}


def _lookups(of: dict[str, Any], inputs: dict[str, Any], samples: Any) -> list[Row]:
    rows: list[Row] = []
    for options in [*LOOKUPS, {"num_oov_indices": 3, "salt": [3, 4]}]:
        given = dict(options)
        if given.pop("mask", False):
            given["mask_token"] = of["mask"]
        if "salt" in given and of is INTS:
            given["oov_method"] = "farmhash"
        given["vocabulary"] = of["known"]
        rows += [(of["name"], given, None, x) for x in inputs.values()]
    for options in ADAPTED:
        given = dict(options)
        if given.pop("mask", False):
            given["mask_token"] = of["mask"]
        rows += [(of["name"], given, samples, inputs[k]) for k in ("vector", "rows")]
        rows.append((of["name"], given, samples[0], inputs["rows"]))
        batches = {"batches": [samples[:1], samples[1:]]}
        rows.append((of["name"], given, batches, inputs["rows"]))
    return rows


def _lookup_rows() -> list[Row]:
    rows = _lookups(STRINGS, WORDS, SAMPLES) + _lookups(INTS, NUMBERS, INTEGERS)
    farm = {"num_oov_indices": 5, "oov_method": "farmhash", "vocabulary": [5]}
    rows += [("IntegerLookup", farm, None, x) for x in NUMBERS.values()]
    ids = [0, 1, 2, 3, -1, 99]
    for mask in (None, "m"):
        given = {"vocabulary": ["a", "b"], "mask_token": mask, "invert": True}
        rows.append(("StringLookup", given, None, ids))
    given = {"vocabulary": [5, 7], "mask_token": 9, "invert": True}
    rows.append(("IntegerLookup", given, None, ids))
    return rows


FLOATS: dict[str, Any] = {
    "scalar": 0.5, "vector": [0.5, 1.0, 9.0, -1e30], "column": [[0.5], [2.0]],
    "rows": [[0.5, 1.0], [2.0, 3.0]], "odd": [float("nan"), float("inf"), -0.0, 0.1],
    "integers": [[0, 1], [2, 3]],
}  # fmt: skip
CLASSES: dict[str, Any] = {
    "scalar": 1, "vector": [1, 3, 3], "column": [[1], [3]],
    "rows": [[1, 1, 0], [0, 3, 5]], "three axes": [[[0, 1], [2, 2]], [[3, 3], [0, 1]]],
}  # fmt: skip
SPREAD: list[Any] = [0.0, 1.0, 1.0, 2.5, 3.0, 8.0, -4.0, 2.5, 7.0, 10.0, 2.0]
SPREADS: list[Any] = [
    SPREAD, [SPREAD], [n * 1.7 for n in range(1000)],
    {"batches": [SPREAD[:6], SPREAD[6:]]},
]  # fmt: skip


def _category_rows() -> list[Row]:
    rows: list[Row] = []
    for mode in ("one_hot", "multi_hot", "count"):
        given = {"num_tokens": 4, "output_mode": mode}
        rows += [("CategoryEncoding", given, None, x) for x in CLASSES.values()]
    for mode in ("int", "one_hot", "multi_hot", "count"):
        given = {"output_mode": mode}
        edges = given | {"bin_boundaries": [0.1, 1.0, 2.0]}
        rows += [("Discretization", edges, None, x) for x in FLOATS.values()]
        bins = [x for table in (NUMBERS, WORDS) for x in list(table.values())[1:]]
        rows += [("Hashing", given | {"num_bins": 5}, None, x) for x in bins]
    for count, epsilon in ((2, 0.01), (4, 0.3), (5, 0.05), (20, 0.01)):
        given = {"num_bins": count, "epsilon": epsilon}
        rows += [("Discretization", given, d, FLOATS["vector"]) for d in SPREADS]
    return rows


def _hash_rows() -> list[Row]:
    texts = ["", "x" * 17, "y" * 40, "z" * 64, "é" * 50, "w" * 1000]
    digits = [s * (10**k + d) for k in range(19) for s in (1, -1) for d in (-1, 0, 7)]
    many = {"num_bins": 1_000_003}
    rows: list[Row] = [
        ("Hashing", many | options, None, data)
        for options in ({}, {"salt": 133}, {"salt": [5, -7]})
        for data in (texts, digits, [1.9, -2.9], [True, False])
    ]
    rows.append(("Hashing", {"num_bins": 4, "mask_value": 1}, None, [1, 2, 3, -1]))
    rows.append(("Hashing", {"num_bins": 4, "mask_value": ""}, None, ["", "b", "c"]))
    pairs: tuple[Any, ...] = (
        [1, 3], [[1, 2, -5], [3, 4, 2**60]], [[[1], [2]], [[3], [4]]],
        [["a", "b"], ["", "é"]], [["a", "b"], [3, 4]], [[1], [2], [3]],
    )  # fmt: skip
    for mode in ("int", "one_hot"):
        given = {"num_bins": 7, "output_mode": mode}
        rows += [("HashedCrossing", given, None, pair) for pair in pairs]
    return rows


ROWS: list[Row] = _lookup_rows() + _category_rows() + _hash_rows()

# ------------------------------------------------- every option with every other one

MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")


def _every_lookup(of: dict[str, Any], inputs: list[Any], samples: Any) -> list[Row]:
    """Unknown ids x mask x mode x size, of words that are given and learned."""
    rows: list[Row] = []
    for oov, masked, mode, padded, learned in product(
        (0, 1, 3), (False, True), MODES, (False, True), (False, True)
    ):
        options: dict[str, Any] = {"num_oov_indices": oov, "output_mode": mode}
        options |= {"mask_token": of["mask"]} if masked else {}
        options |= {"max_tokens": 12, "pad_to_max_tokens": True} if padded else {}
        if not learned:
            options["vocabulary"] = of["known"]
            options |= {"idf_weights": [0.5, 0.25]} if mode == "tf_idf" else {}
        known = [[[of["known"][1], of["known"][0]]]] if oov == 0 else inputs
        rows += [(of["name"], options, samples if learned else None, x) for x in known]
    return rows


def _inverses() -> list[Row]:
    """Ids back to words, also with special words of one's own."""
    rows: list[Row] = []
    ids = [[0, 1, 2], [3, 4, -1]]
    for oov, masked, learned in product((0, 1, 3), (False, True), (False, True)):
        for of, samples, unknown in ((STRINGS, SAMPLES, "?"), (INTS, INTEGERS, -9)):
            given: dict[str, Any] = {"num_oov_indices": oov, "invert": True}
            given |= {"mask_token": of["mask"]} if masked else {}
            given |= {"oov_token": unknown}
            given |= {} if learned else {"vocabulary": of["known"]}
            rows.append((of["name"], given, samples if learned else None, ids))
    return rows


def _every_hash() -> list[Row]:
    words: list[Any] = [["", "a", "z"], [["b"], ["é"]], [["a", "b"], ["", "z"]]]
    numbers: list[Any] = [[0, 5, -7], [[5], [8]], [[5, 7], [0, 2**40]]]
    rows: list[Row] = []
    for bins, mode, salt in product((1, 6), MODES[:4], (None, 7, [1, 2])):
        options = {"num_bins": bins, "output_mode": mode, "salt": salt}
        for table, mask in ((words, ""), (numbers, 0)):
            rows += [("Hashing", options, None, x) for x in table]
            rows += [("Hashing", options | {"mask_value": mask}, None, x)
                     for x in table[::2]]  # fmt: skip
    for mode, count in product(("int", "one_hot"), (2, 3, 4)):
        options = {"num_bins": 11, "output_mode": mode}
        columns: list[Any] = [
            ["a", "b", ""],
            [1, -1, 0],
            ["x", "é", "z"],
            [9, 8, 2**50],
        ]
        rows.append(("HashedCrossing", options, None, columns[:count]))
        rows.append(("HashedCrossing", options, None,
                     [[[v] for v in c] for c in columns[:count]]))  # fmt: skip
    return rows


CUBE: list[Any] = [
    [[1.0, -2.0, 3.5], [0.25, 4.0, -1.0]],
    [[2.0, 2.0, 2.0], [8.0, 0, 1]],
]
PLANE: list[Any] = [[1.0, 2.0, -3.0], [4.0, 0.5, 7.0], [0.0, 0.0, 9.0]]


def _every_normalization() -> list[Row]:
    rows: list[Row] = []
    for axis, invert in product(
        (-1, None, 1, (0, 1), (1, 2), (), (-1, 1)), (False, True)
    ):
        options = {"axis": axis, "invert": invert}
        batches = {"batches": [CUBE[:1], CUBE[1:], [CUBE[0]]]}
        rows += [("Normalization", options, d, CUBE) for d in (CUBE, batches)]
        flat = axis in (-1, None, 1, ())
        rows += [("Normalization", options, PLANE, PLANE)] if flat else []
    for invert, number in product((False, True), (2.0, [1.0, 2.0, 3.0])):
        options = {"mean": number, "variance": number, "invert": invert}
        rows += [("Normalization", options, None, x) for x in (PLANE, CUBE)]
    whole = {"axis": None, "mean": 3.0, "variance": 2.0}
    rows += [("Normalization", whole, None, x) for x in (PLANE, CUBE)]
    zero = {"mean": 1.0, "variance": 0.0}
    return [*rows, ("Normalization", zero, None, PLANE)]


def _every_rescaling() -> list[Row]:
    """Factors and offsets, whole ones and fractions, in every dtype."""
    rows: list[Row] = []
    kinds = ("float32", "float64", "float16", "int32", "int64", "uint8")
    factors: tuple[Any, ...] = (2, 0.25, 2.5, [1.0, 2.75, 3.0])
    for kind, scale, offset in product(kinds, factors, (0, 1.5, [1.0, 2.9, 0.0])):
        options = {"scale": scale, "offset": offset, "dtype": kind}
        rows.append(("Rescaling", options, None, [[3, 4, 5], [0, 1, 9]]))
    return rows


def _odd_hashes() -> list[Row]:
    """Axes of one, and masks that the inputs cannot have."""
    rows: list[Row] = []
    thin: list[Any] = [[[["a"]], [["b"]]], [[["a"], ["b"]]], [[["a", "b"]]], [["a"]]]
    for mode, data in product(MODES[:4], thin):
        rows.append(("Hashing", {"num_bins": 3, "output_mode": mode}, None, data))
        numbers = {"num_bins": 3, "output_mode": mode, "mask_value": 2**40}
        rows.append(("Hashing", numbers, None, [[1], [2]]))
    return rows


MORE: list[Row] = [
    *_every_lookup(STRINGS, [WORDS[k] for k in ("vector", "rows", "nasty")], SAMPLES),
    *_every_lookup(INTS, [NUMBERS[k] for k in ("vector", "rows", "far")], INTEGERS),
    *_inverses(), *_every_hash(), *_every_normalization(), *_every_rescaling(),
    *_odd_hashes(),
]  # fmt: skip
