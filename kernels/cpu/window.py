"""Which input cells a window of a convolution or a pool covers, and the reverse."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.emit import Emit
from graphkeras.kernels.cpu.value import Index, known

Padding = tuple[tuple[Index, Index], tuple[Index, Index]]


@dataclass(frozen=True, slots=True)
class Axis:
    """One spatial axis: input cell = output * stride - before + tap * dilation."""

    size: Index
    taps: Index
    stride: Index
    before: Index
    dilation: Index = 1
    after: Index = 0

    @property
    def covered(self) -> bool:
        """Whether no window can hang over an end."""
        return known(self.before) == 0 and known(self.after) == 0

    @property
    def apart(self) -> bool:
        """Whether no two windows overlap and the first one covers the first cell."""
        taps, stride, before = known(self.taps), known(self.stride), known(self.before)
        if taps is None or stride is None or before is None or self.dilation != 1:
            return False
        return taps <= stride and 0 <= before < taps

    def first(self, e: Emit, output: Index) -> Index:
        """Input cell under tap 0, maybe outside the input."""
        return e.sub(e.mul(output, self.stride), self.before)

    def taps_inside(self, e: Emit, output: Index) -> tuple[Index, Index]:
        """Range of taps whose cells lie inside the input."""
        if self.covered:
            return 0, self.taps
        first = self.first(e, output)
        low = e.ceildiv(e.sub(0, first), self.dilation)
        high = e.ceildiv(e.sub(self.size, first), self.dilation)
        return e.maximum(0, low), e.minimum(self.taps, high)

    def cell(self, e: Emit, output: Index, tap: Index) -> Index:
        """Input cell under a tap."""
        return e.add(self.first(e, output), e.mul(tap, self.dilation))

    def source(self, e: Emit, cell: Index, tap: Index) -> tuple[Index, Index]:
        """Output that has the cell under the tap, and a rest: 0 if it exists."""
        reach = e.sub(e.add(cell, self.before), e.mul(tap, self.dilation))
        return e.floordiv(reach, self.stride), e.mod(reach, self.stride)

    def outputs_over(self, e: Emit, cell: Index, outputs: Index) -> tuple[Index, Index]:
        """Range of outputs whose window, not dilated, covers a cell."""
        moved = e.add(cell, self.before)
        low = e.ceildiv(e.sub(moved, e.sub(self.taps, 1)), self.stride)
        high = e.add(e.floordiv(moved, self.stride), 1)
        return e.maximum(0, low), e.minimum(outputs, high)

    def outputs_inside(
        self, e: Emit, tap: Index, outputs: Index
    ) -> tuple[Index, Index]:
        """Range of outputs for which the tap's cell lies inside the input."""
        if self.covered:
            return 0, outputs
        shift = e.sub(self.before, e.mul(tap, self.dilation))
        low = e.ceildiv(shift, self.stride)
        high = e.ceildiv(e.add(self.size, shift), self.stride)
        return e.maximum(0, low), e.minimum(outputs, high)

    def whole(self, e: Emit, outputs: Index) -> tuple[Index, Index]:
        """Range of outputs all of whose taps lie inside the input."""
        first, _ = self.outputs_inside(e, 0, outputs)
        _, stop = self.outputs_inside(e, e.sub(self.taps, 1), outputs)
        first = e.minimum(first, outputs)
        return first, e.maximum(first, e.minimum(stop, outputs))

    def along(
        self,
        e: Emit,
        outputs: Index,
        many: int,
        whole: Callable[[Index, int], None],
        cut: Callable[[Index], None],
    ) -> None:
        """whole(first, count) over outputs all of whose taps are inside, else cut(i).

        `count` is `many`, and 1 for the last of them.
        """
        first, stop = self.whole(e, outputs)
        middle = e.add(first, e.mul(e.floordiv(e.sub(stop, first), many), many))
        with e.loop(first, middle, many) as i:
            whole(i, many)
        if many > 1 and known(e.sub(stop, middle)) != 0:
            with e.loop(middle, stop) as i:
                whole(i, 1)
        for start, end in ((0, first), (stop, outputs)):
            if known(e.sub(end, start)) != 0:
                with e.loop(start, end) as i:
                    cut(i)


@dataclass(frozen=True, slots=True)
class Geometry:
    """A convolution: its two axes, and its channels a group."""

    down: Axis
    across: Axis
    inputs: Index = 1
    outputs: Index = 1
    groups: Index = 1


def axes(
    image: tuple[Index, ...],
    window: tuple[Index, ...],
    strides: tuple[Index, Index],
    padding: Padding,
    dilation: tuple[Index, Index] = (1, 1),
) -> tuple[Axis, Axis]:
    """The height and the width axis."""
    (top, bottom), (left, right) = padding
    return (
        Axis(image[0], window[0], strides[0], top, dilation[0], bottom),
        Axis(image[1], window[1], strides[1], left, dilation[1], right),
    )


class Rows:
    """Rows of results of one image, which are under windows of the same image.

    Those of a later part begin further down: it is as if there were less padding above.
    Where windows are cells, and all there are, the rows are cut like their results:
    what is a product of matrices stays one.
    """

    def grain(self, attributes: Mapping[str, Any]) -> int:
        """Any row may be the first."""
        return 1

    def part(
        self, e: Emit, arrays: list[Array], attributes: dict[str, Any], first: Index
    ) -> tuple[list[Array], dict[str, Any]]:
        """x, ..., out and the attributes of the rows from `first` on."""
        x, *others, out = arrays
        down, _ = attributes.get("strides", (1, 1))
        window = attributes.get("window") or others[0].shape[:2]
        (top, bottom), across = attributes["padding"]
        cells = [known(n) for n in (*window, down)] == [1, 1, 1]
        if cells and [known(n) for n in (top, bottom, *across)] == [0] * 4:
            shape = (x.shape[0], out.shape[1], *x.shape[2:])
            place = e.address(x.pointer, x.dtype, e.mul(first, x.strides[1]))
            x = replace(x, pointer=place, shape=shape)
            return [x, *others, out], attributes
        above = e.sub(top, e.mul(first, down))
        return arrays, {**attributes, "padding": ((above, bottom), across)}


ROWS = Rows()
