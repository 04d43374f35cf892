"""read_csv: types found out, gaps, quotes, and errors that name the line."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras.data import Dataset, read_csv
from graphkeras.errors import ArgumentError, DataError, DTypeError

# lines, arguments -> columns as lists, kinds of their dtypes
TABLES: dict[str, tuple[list[str], dict[str, Any], dict[str, list], str]] = {
    "numbers": (["a,b", "1,2.5", "-3,1e3"], {}, {"a": [1, -3], "b": [2.5, 1e3]}, "if"),
    "text": (["a", "x", "1"], {}, {"a": ["x", "1"]}, "O"),
    "truth": (["a,b", "true,True", "false,False"], {},
              {"a": [True, False], "b": [True, False]}, "bb"),
    "gap in text": (["a,b", "x,1", ",2"], {}, {"a": ["x", ""], "b": [1, 2]}, "Oi"),
    "words for nothing": (["a,b", "NA,x", "?,null"], {"columns": ["b"]},
                          {"b": ["x", ""]}, "O"),
    "other words for nothing": (["a,b", "-,?", "1,-"], {"missing": ["-"], "columns":
                                ["b"]}, {"b": ["?", ""]}, "O"),
    "quotes": (['a,b', '"x, ""y""",1'], {}, {"a": ['x, "y"'], "b": [1]}, "Oi"),
    "line in a field": (['a,b', '"x\n', 'y",1'], {}, {"a": ["x\ny"], "b": [1]}, "Oi"),
    "no quotes": (["a", 'say "x'], {"quote": None}, {"a": ['say "x']}, "O"),
    "spaces": (["a , b", " x ,  1"], {}, {"a": ["x"], "b": [1]}, "Oi"),
    "empty lines": (["a", "", "1", " ", "2"], {}, {"a": [1, 2]}, "i"),
    "tabs": (["a\tb", "1\tx y"], {"delimiter": "\t"}, {"a": [1], "b": ["x y"]}, "iO"),
    "no header": (["1,x"], {"header": False}, {"0": [1], "1": ["x"]}, "iO"),
    "names": (["1,x"], {"header": False, "names": ["n", "t"]},
              {"n": [1], "t": ["x"]}, "iO"),
    "other names": (["a,b", "1,2"], {"names": ["c", "d"]}, {"c": [1], "d": [2]}, "ii"),
    "dtypes": (["a,b", "1,02"], {"dtypes": {"a": "float32", "b": "string"}},
               {"a": [1.0], "b": ["02"]}, "fO"),
    "comments": (["# x", "a", "# y", "1"], {"comment": "#"}, {"a": [1]}, "i"),
    "lines before": (["x", "y,z", "a", "1"], {"skip_lines": 2}, {"a": [1]}, "i"),
    "some rows": (["a", "1", "2", "3"], {"max_rows": 2}, {"a": [1, 2]}, "i"),
    "no rows": (["a,b"], {"columns": ["b"], "dtypes": {"b": "string"}}, {"b": []}, "O"),
    "beyond int64": (["a", "99999999999999999999"], {}, {"a": [1e20]}, "f"),
    "underscores are no digits": (["a", "1_000"], {}, {"a": ["1_000"]}, "O"),
    "long text": (["a", "x" * 200_000], {}, {"a": ["x" * 200_000]}, "O"),
    "Hangul": (["이름", "김"], {}, {"이름": ["김"]}, "O"),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_columns_of_a_table(name: str, tmp_path: Path) -> None:
    lines, arguments, wanted, kinds = TABLES[name]
    text = "".join(line if line.endswith("\n") else line + "\n" for line in lines)
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    for given in (tmp_path / "t.csv", io.StringIO(text), text.splitlines(True)):
        found = read_csv(given, **arguments)
        assert {k: v.tolist() for k, v in found.items()} == wanted
        assert "".join(v.dtype.kind for v in found.values()) == kinds


def test_missing_numbers_are_nan() -> None:
    table = read_csv(["a,b", "1,", ",NaN"])
    np.testing.assert_array_equal(table["a"], [1.0, np.nan])
    np.testing.assert_array_equal(table["b"], [np.nan, np.nan])


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"\xef\xbb\xbfa\r\n1\r\n")
    assert read_csv(tmp_path / "t.csv")["a"].tolist() == [1]


def test_columns_are_what_data_sets_and_layers_take() -> None:
    table = read_csv(["age,job", "30,cook", "50,clerk"])
    age = keras.layers.Normalization(axis=None)
    age.adapt(table["age"])
    assert age(table["age"]).numpy().tolist() == [-1.0, 1.0]
    rows = list(Dataset.from_tensor_slices(table).as_numpy_iterator())
    assert rows[1] == {"age": 50, "job": "clerk"}


WRONG: dict[str, tuple[type[Exception], Callable[[], Any]]] = {
    "expected 2 fields in each line.*Received 1 in line 3": (
        DataError, lambda: read_csv(["a,b", "1,2", "3"])
    ),
    "Received 3 in line 5": (
        DataError, lambda: read_csv(["a,b", '"1\n', '2",x', "", "1,2,3"])
    ),
    "line 2: unexpected end of data.*a quote that does not end": (
        DataError, lambda: read_csv(["a,b", '1,"2', "3,4"])
    ),
    "'a' twice in line 1": (DataError, lambda: read_csv(["a,a"])),
    "expected a header.*an empty file": (DataError, lambda: read_csv([])),
    "expected float32 in column 'a'.*'x' in line 3": (
        DataError, lambda: read_csv(["a", "1", "x"], dtypes={"a": "float32"})
    ),
    "expected uint8 in column 'a'.*'' in line 3.*cannot be missing": (
        DataError, lambda: read_csv(["a,b", "1,1", ",1"], dtypes={"a": "uint8"})
    ),
    "expected uint8 in column 'a'.*'300' in line 2": (
        DataError, lambda: read_csv(["a", "300"], dtypes={"a": "uint8"})
    ),
    "expected columns among .'a', 'b'.*'c'": (
        ArgumentError, lambda: read_csv(["a,b", "1,2"], columns=["c"])
    ),
    "delimiter must be one character": (
        ArgumentError, lambda: read_csv(["a"], delimiter=", ")
    ),
    "path must be a path, an open file or a list": (
        DTypeError, lambda: read_csv(3)
    ),
}  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_table_is_named_with_its_line(text: str) -> None:
    error, act = WRONG[text]
    with pytest.raises(error, match=f"(?s){text}"):
        act()


def test_text_of_another_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"a\nx\ncaf\xe9\n")
    with pytest.raises(DataError, match=r"(?s)expected utf-8 in .*after line.*cp1252"):
        read_csv(tmp_path / "t.csv")
    assert read_csv(tmp_path / "t.csv", encoding="cp1252")["a"].tolist() == [
        "x",
        "café",
    ]
