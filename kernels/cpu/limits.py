"""Where the values of a dtype end: what maximum and minimum begin with."""

from graphkeras.kernels.cpu.target import FLOATS, SIGNED, bits


def lowest(dtype: str) -> float:
    """The identity of maximum."""
    if dtype in FLOATS:
        return float("-inf")
    return -(1 << (bits(dtype) - 1)) if dtype in SIGNED else 0


def highest(dtype: str) -> float:
    """The identity of minimum."""
    if dtype in FLOATS:
        return float("inf")
    if dtype == "bool":
        return 1
    return (1 << (bits(dtype) - (dtype in SIGNED))) - 1
