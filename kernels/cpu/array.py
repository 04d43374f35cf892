"""Where an array lies: pointer, dtype, shape and strides, each size known or not."""

from collections.abc import Sequence
from dataclasses import dataclass

from llvmlite import ir

from graphkeras.kernels.cpu.emit import Emit
from graphkeras.kernels.cpu.value import Index


@dataclass(frozen=True, slots=True)
class Array:
    """A view of memory; strides count elements."""

    pointer: ir.Value
    dtype: str
    shape: tuple[Index, ...]
    strides: tuple[Index, ...]

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def offset(self, e: Emit, indices: Sequence[Index]) -> Index:
        """Elements from the start to the element at those indices."""
        total: Index = 0
        for index, stride in zip(indices, self.strides, strict=True):
            total = e.add(total, e.mul(index, stride))
        return total

    def at(self, e: Emit, *indices: Index) -> "Array":
        """The sub-array at those leading indices."""
        count = len(indices)
        total: Index = 0
        for index, stride in zip(indices, self.strides):
            total = e.add(total, e.mul(index, stride))
        pointer = e.address(self.pointer, self.dtype, total)
        return Array(pointer, self.dtype, self.shape[count:], self.strides[count:])


def contiguous(pointer: ir.Value, dtype: str, shape: Sequence[Index], e: Emit) -> Array:
    """An array in C order."""
    strides: list[Index] = []
    step: Index = 1
    for size in reversed(shape):
        strides.insert(0, step)
        step = e.mul(step, size)
    return Array(pointer, dtype, tuple(shape), tuple(strides))
