"""Calls of C mathematics functions, one lane after another."""

from graphkeras.kernels.cpu.emit import Scalar
from graphkeras.kernels.cpu.target import F64
from graphkeras.kernels.cpu.term import Term


def call(name: str, *operands: Term) -> Term:
    """NAME of each lane in float64, rounded to the operands' dtype.

    The float64 functions serve float32 too: some C libraries export only those.
    """
    first = operands[0]
    e, dtype = first.e, first.dtype
    function = e.external(name, F64, [F64] * len(operands))
    wide = [operand.cast("float64").scalar for operand in operands]
    parts = []
    for lane in range(first.lanes):
        arguments = [e.lane(scalar, lane).value for scalar in wide]
        parts.append(Scalar(e.builder.call(function, arguments), "float64"))
    return Term(e, e.cast(e.gather(parts), dtype))
