"""Tables in text files: columns by name."""

from __future__ import annotations

import csv
import io
import math
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, Any

import numpy as np

from graphkeras.errors import ArgumentError, DataError, DTypeError, message

MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?")
_INT64 = (-(2**63), 2**63 - 1)


def read_csv(
    path: Any,
    delimiter: str = ",",
    header: bool = True,
    names: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    dtypes: Mapping[str, str] | None = None,
    missing: Iterable[str] = MISSING,
    quote: str | None = '"',
    comment: str | None = None,
    skip_lines: int = 0,
    max_rows: int | None = None,
    encoding: str = "utf-8",
) -> dict[str, np.ndarray]:
    """Return the columns of a table in a text file, by name.

    A column of whole numbers is int64, one of numbers (or of whole numbers with gaps)
    float64, one of true and false bool, any other text. A missing number is NaN, a
    missing text "". Spaces around fields are left out, as are empty lines.

    Args:
        path: the file, its text as an open file, or a list of lines.
        delimiter: what stands between fields; "\\t" for .tsv.
        header: whether the first line names the columns.
        names: names to use instead of, or for want of, a header.
        columns: names of the columns to keep, in this order; all if None.
        dtypes: by column "string", or the dtype of its numbers; found out if not given.
        missing: texts that stand for nothing.
        quote: what may stand around a field; None for nothing.
        comment: begins lines to leave out.
        skip_lines: lines to leave out at the beginning.
        max_rows: rows to stop after.
        encoding: of the file.

    Returns:
        Arrays of one length: what `fit` and `Dataset.from_tensor_slices` take.

    Raises:
        DataError: for a line with another number of fields than the first, or a field
            that is not of the dtype given; line and column are named.
        ArgumentError: for names that are not there.

    Example:
        >>> table = read_csv(['age,job', '31,"clerk, head"', ',cook'])
        >>> table["age"].tolist(), table["job"].tolist()
        ([31.0, nan], ['clerk, head', 'cook'])
    """
    if len(delimiter) != 1:
        raise ArgumentError(
            message("read_csv", "delimiter must be one character.", repr(delimiter))
        )
    with _lines(path, encoding) as source:
        rows = _rows(source, delimiter, quote, comment, skip_lines)
        found = _named(rows, header, names)
        table, numbers = _collected(rows, found, max_rows)
    wanted = list(columns or found)
    for name in (*wanted, *(dtypes or ())):
        if name not in found:
            raise ArgumentError(
                message("read_csv", f"expected columns among {found}.", repr(name))
            )
    gaps = frozenset(missing)
    return {
        name: _Column(name, table[found.index(name)], numbers, gaps).array(
            (dtypes or {}).get(name)
        )
        for name in wanted
    }


@contextmanager
def _lines(path: Any, encoding: str) -> Iterator[Iterable[str]]:
    if isinstance(path, (str, os.PathLike)):
        with open(path, encoding=encoding, newline="") as file:
            yield _decoded(file, os.fspath(path), encoding)
    elif isinstance(path, (io.TextIOBase, list, tuple)):
        yield path
    else:
        raise DTypeError(
            message("read_csv", "path must be a path, an open file or a list of lines.",
                    type(path).__name__)
        )  # fmt: skip


def _decoded(file: IO[str], path: str, encoding: str) -> Iterator[str]:
    line = 0
    try:
        for line, text in enumerate(file, 1):
            yield text.removeprefix("\ufeff") if line == 1 else text
    except UnicodeDecodeError as error:
        odd = error.object[error.start : error.start + 4]
        raise DataError(
            message("read_csv", f"expected {encoding} in {path}.",
                    f"{odd!r} after line {line}",
                    'Give encoding, e.g. encoding="cp1252".')
        ) from None  # fmt: skip


Row = tuple[int, list[str]]  # the number of its line, and its fields


def _rows(
    source: Iterable[str], delimiter: str, quote: str | None, comment: str | None,
    skip: int,
) -> Iterator[Row]:  # fmt: skip
    """Yield rows with the numbers of the lines they begin in."""
    begun = [0]

    def kept() -> Iterator[str]:
        for number, line in enumerate(source, 1):
            begun[0] = number
            if number > skip and not (comment and line.startswith(comment)):
                yield line

    reader = csv.reader(
        kept(), delimiter=delimiter, quotechar=quote or None, strict=True,
        quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        skipinitialspace=delimiter != " ",
    )  # fmt: skip
    start = 1
    longest = csv.field_size_limit(sys.maxsize)  # of a field: texts may be long
    try:
        for fields in reader:
            if fields and any(fields):
                yield start, fields
            start = begun[0] + 1
    except csv.Error as error:
        raise DataError(
            message("read_csv", "expected a table.", f"line {max(start, 1)}: {error}",
                    "Look for a quote that does not end; quote=None takes quotes as"
                    " they are.")
        ) from None  # fmt: skip
    finally:
        csv.field_size_limit(longest)


def _named(rows: Iterator[Row], header: bool, names: Sequence[str] | None) -> list[str]:
    """Return the names of the columns; without any they are "0", "1" ..."""
    line, first = next(rows, (0, None)) if header else (0, None)
    if header and first is None:
        raise DataError(message("read_csv", "expected a header.", "an empty file"))
    found = list(names) if names else [field.strip() for field in first or ()]
    twice = sorted({name for name in found if found.count(name) > 1})
    if twice:
        raise DataError(
            message("read_csv", "expected different names of columns.",
                    f"{twice[0]!r} twice in line {line}" if line else repr(twice[0]),
                    "Give names.")
        )  # fmt: skip
    return found


def _collected(
    rows: Iterator[Row], names: list[str], max_rows: int | None
) -> tuple[list[list[str]], list[int]]:
    """Return the fields column by column, and the line of each row."""
    numbers: list[int] = []
    table: list[list[str]] = [[] for _ in names]
    for line, fields in rows:
        if not table:
            names += [str(place) for place in range(len(fields))]
            table = [[] for _ in names]
        if len(fields) != len(names):
            raise DataError(
                message(
                    "read_csv", f"expected {len(names)} fields in each line.",
                    f"{len(fields)} in line {line}: {fields!r:.60}",
                    "Look for a delimiter in a field without quotes.",
                )
            )  # fmt: skip
        if max_rows is not None and len(numbers) >= max_rows:
            break
        numbers.append(line)
        for column, field in zip(table, fields):
            column.append(field)
    return table, numbers


class _Column:
    """The fields of one column, on their way to an array."""

    def __init__(
        self, name: str, fields: list[str], lines: list[int], missing: frozenset[str]
    ) -> None:
        self.name, self.lines = name, lines
        stripped = [field.strip() for field in fields]
        self.gaps = [field in missing for field in stripped]
        self.fields = stripped

    def array(self, wanted: str | None) -> np.ndarray:
        """Return the column as `wanted`, or as what all of its fields are."""
        if wanted == "string":
            return self._texts()
        if wanted is not None:
            return self._as_given(np.dtype(wanted))
        if all(self.gaps):
            return np.full(len(self.fields), np.nan)
        kinds = {field.lower() for field in self.fields}
        if kinds <= {"true", "false"}:
            return np.array([field.lower() == "true" for field in self.fields])
        try:
            return self._numbers()
        except ValueError:
            return self._texts()

    def _texts(self) -> np.ndarray:
        out = np.empty(len(self.fields), object)
        out[:] = ["" if gap else f for f, gap in zip(self.fields, self.gaps)]
        return out

    def _numbers(self) -> np.ndarray:
        if not any(self.gaps):
            try:
                found = [_whole(field) for field in self.fields]
            except ValueError:
                pass
            else:
                if _INT64[0] <= min(found) and max(found) <= _INT64[1]:
                    return np.array(found, np.int64)
        pairs = zip(self.fields, self.gaps)
        return np.array([math.nan if gap else _real(f) for f, gap in pairs])

    def _as_given(self, kind: np.dtype) -> np.ndarray:
        whole = kind.kind in "iu"
        out = np.zeros(len(self.fields), kind)
        for place, (field, gap) in enumerate(zip(self.fields, self.gaps)):
            try:
                if gap and whole:
                    raise ValueError
                value = math.nan if gap else _whole(field) if whole else _real(field)
                out[place] = value
            except (ValueError, OverflowError):
                raise DataError(
                    message(
                        "read_csv", f"expected {kind} in column {self.name!r}.",
                        f"{field!r} in line {self.lines[place]}",
                        "Integers cannot be missing: use a float." if gap else
                        'Leave out its dtype, or give "string".',
                    )
                ) from None  # fmt: skip
        return out


def _whole(field: str) -> int:
    if "_" in field:  # Python's own spelling of 1000
        raise ValueError
    return int(field)


def _real(field: str) -> float:
    if "_" in field:
        raise ValueError
    return float(field)
