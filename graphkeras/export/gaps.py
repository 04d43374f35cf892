"""Where the standard or onnxruntime's CPU provider lacks an operator for a dtype.

Found by running every operator on every dtype (`tests/export/test_every_op_exports`).
The builder then computes in a wider dtype that gives the same result, and casts back;
where there is none, a composite op is written by its body instead.
"""

from __future__ import annotations

from typing import NamedTuple

_UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
_SHORT = ("int16", "uint16")
_INTEGERS = ("int8", "int16", "int32", "int64", *_UNSIGNED)


class Gap(NamedTuple):
    """What to do for one operator.

    Attributes:
        instead: dtype -> the dtype to compute in, "" if there is none.
        operands: the operands that are to be of that dtype.
    """

    instead: dict[str, str]
    operands: slice = slice(None)


def _all(dtypes: tuple[str, ...], instead: str) -> dict[str, str]:
    return dict.fromkeys(dtypes, instead)


# Sums and products of unsigned numbers are right modulo 2**64 in int64 as well.
_FOLD = Gap(_all(_UNSIGNED, "int64"), slice(0, 1))
_EXTREME = Gap(_all(_SHORT, "int32") | {"uint32": "int64", "uint64": ""}, slice(0, 1))
_NO_DOUBLE = """
    Acos Acosh Asin Asinh Atan Atanh Cosh Erf HardSigmoid Selu Sinh Softplus Softsign
    Tan
"""

GAPS: dict[str, Gap] = {
    **{kind: Gap({"float64": ""}) for kind in _NO_DOUBLE.split()},
    "BitShift": Gap(_all(_SHORT, "uint32")),
    "Clip": Gap(_all(_SHORT, "")),
    "Max": Gap(_all(_SHORT, "int32")),
    "Min": Gap(_all(_SHORT, "int32")),
    "Neg": Gap(_all(_UNSIGNED, "int64")),
    "Pow": Gap(_all(("int8", *_SHORT, *_UNSIGNED), "int64")),
    "ReduceMax": _EXTREME,
    "ReduceMin": _EXTREME,
    "ReduceProd": _FOLD,
    "ReduceSum": _FOLD,
    "Relu": Gap(_all(_INTEGERS, "")),
    "Where": Gap(
        {"bool": "uint8", "int16": "int32", "uint16": "int32", "uint64": "int64"},
        slice(1, None),
    ),
}
