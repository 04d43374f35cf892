"""What emitted code computes with: indices (numbers or i64) and typed values."""

from typing import TypeAlias

from llvmlite import ir

from graphkeras.kernels.cpu.target import register_type

Index: TypeAlias = "int | ir.Value"


class Scalar:
    """One value of a dtype, or `lanes` of them side by side in a register."""

    __slots__ = ("dtype", "lanes", "value")

    def __init__(self, value: ir.Value, dtype: str, lanes: int = 1) -> None:
        expected = register_type(dtype, lanes)
        if value.type is not expected and value.type != expected:
            raise TypeError(f"{dtype} x {lanes} is {expected}, not {value.type}")
        self.value, self.dtype, self.lanes = value, dtype, lanes

    def __repr__(self) -> str:
        return f"Scalar({self.dtype} x {self.lanes})"


def multiple(index: ir.Value, of: int) -> ir.Value:
    """An index that is a multiple of a number, as who made it knows."""
    index.multiple = of
    return index


def is_multiple(index: Index, of: int) -> bool:
    """Whether an index is known to be a multiple of a number."""
    number = known(index)
    return (getattr(index, "multiple", 1) if number is None else number) % of == 0


def known(index: Index) -> int | None:
    """The number an index (or a condition) stands for, where it is known now."""
    if isinstance(index, int):
        return index
    if isinstance(index, ir.Constant) and isinstance(index.constant, int):
        return index.constant
    return None
