"""Dtype names, their NumPy twins, and Keras's promotion rules.

Promotion follows the lattice of JAX, as Keras 3 does: an integer and a float give
the float; Python numbers are weak and never widen an array.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from graphkeras import config
from graphkeras.errors import DTypeError

INTEGERS = (
    "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64",
)  # fmt: skip
FLOATS = ("bfloat16", "float16", "float32", "float64")
ALL = ("bool", *INTEGERS, *FLOATS, "string")

SHORT = {
    "bool": "bool", "string": "str", "bfloat16": "bf16",
    **{name: "f" + name[5:] for name in ("float16", "float32", "float64")},
    **{name: name.replace("uint", "u").replace("int", "i") for name in INTEGERS},
}  # fmt: skip

WEAK = ("weak_bool", "weak_int", "weak_float")  # Python numbers


def is_float(dtype: str) -> bool:
    """Return whether `dtype` is a floating dtype name."""
    return dtype in FLOATS or dtype == "weak_float"


def is_integer(dtype: str) -> bool:
    """Return whether `dtype` is an integer dtype name (bool is not)."""
    return dtype in INTEGERS or dtype == "weak_int"


def itemsize(dtype: str) -> int:
    """Return the bytes of one element; strings count as 0."""
    return 0 if dtype == "string" else to_numpy(dtype).itemsize


@cache
def to_numpy(dtype: str) -> np.dtype:
    """Return the NumPy dtype that holds `dtype`; strings are held as objects."""
    if dtype == "string":
        return np.dtype(object)
    if dtype == "bfloat16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(dtype)


def standardize(dtype: Any) -> str:
    """Return the canonical name of anything that names a dtype.

    Raises:
        DTypeError: if it names none that graphkeras knows.

    Example:
        >>> standardize(np.float64), standardize(int), standardize(None)
        ('float64', 'int32', 'float32')
    """
    if dtype is None:
        return config.floatx()
    if isinstance(dtype, np.dtype) and dtype.kind in "biuf":
        return _name_of(dtype)
    # isinstance first: np.dtype("bool") == bool, but it is no key of the table.
    if isinstance(dtype, type) and dtype in (int, float, bool, str):
        return {int: "int32", float: config.floatx(), bool: "bool", str: "string"}[
            dtype
        ]
    if isinstance(dtype, str) and dtype in ALL:
        return dtype
    if hasattr(dtype, "compute_dtype"):  # a DTypePolicy
        return dtype.compute_dtype
    try:
        return _name_of(np.dtype(getattr(dtype, "as_numpy_dtype", dtype)))
    except TypeError:
        raise DTypeError(
            f"dtype: expected one of {', '.join(ALL)}.\n  Received {dtype!r}."
        ) from None


@cache  # asked for at each eager op, and NumPy takes its time to say it
def _name_of(kind: np.dtype) -> str:
    name = "string" if kind.kind in "OUST" else str(kind)
    if name not in ALL:
        raise TypeError(f"no dtype called {name}")
    return name


def of_array(array: np.ndarray) -> str:
    """Return the dtype name of an array."""
    return standardize(array.dtype)


def weak_of(value: Any) -> str | None:
    """Return the weak dtype of a Python number, or None for anything else."""
    if type(value) is bool:
        return "weak_bool"
    if type(value) is int:
        return "weak_int"
    if type(value) is float:
        return "weak_float"
    return None


def result_type(*dtypes: str) -> str:
    """Return the dtype in which operands of these dtypes meet.

    Example:
        >>> result_type("int32", "float16"), result_type("int32", "weak_float")
        ('float16', 'float32')
    """
    result = dtypes[0]
    for other in dtypes[1:]:
        result = _join(result, other)
    return resolve(result)


def resolve(dtype: str) -> str:
    """Return the dtype a weak one becomes when it meets nothing stronger."""
    return {
        "weak_bool": "bool", "weak_int": "int32", "weak_float": config.floatx(),
    }.get(dtype, dtype)  # fmt: skip


def as_float(dtype: str) -> str:
    """Return `dtype` if it is a float, else the default float."""
    return dtype if dtype in FLOATS else config.floatx()


def _join(a: str, b: str) -> str:
    if a == b:
        return a
    if "string" in (a, b):
        raise DTypeError(
            f"dtypes: a string and a number do not mix.\n  Received {a}, {b}."
        )
    rank_a, rank_b = _kind(a), _kind(b)
    if rank_a != rank_b:
        low, high = (a, b) if rank_a < rank_b else (b, a)
        return _join_kinds(low, high)
    if a in WEAK or b in WEAK:
        return b if a in WEAK else a
    if rank_a == 2:
        return _join_floats(a, b)
    return _join_integers(a, b)


def _kind(dtype: str) -> int:
    if dtype in ("bool", "weak_bool"):
        return 0
    return 1 if is_integer(dtype) else 2


def _join_kinds(low: str, high: str) -> str:
    """Different kinds: the higher kind wins, unless it is weak and must get a width."""
    if high == "weak_int":
        return "int32" if low == "bool" else high
    if high == "weak_float":
        return config.floatx() if low not in WEAK else high
    return high


def _join_floats(a: str, b: str) -> str:
    if {a, b} == {"float16", "bfloat16"}:
        return "float32"
    return max(a, b, key=lambda d: (itemsize(d), d))


def _join_integers(a: str, b: str) -> str:
    if a[0] == b[0]:
        return max(a, b, key=itemsize)
    unsigned, signed = (a, b) if a[0] == "u" else (b, a)
    if itemsize(unsigned) < itemsize(signed):
        return signed
    wider = {1: "int16", 2: "int32", 4: "int64"}.get(itemsize(unsigned))
    return wider or config.floatx()
