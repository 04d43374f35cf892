"""Matrix products of any strides, sizes and dtypes.

float32 and float64 go through the register tile, in three nested blocks:

    k by DEPTH         so that a panel of b stays in the first-level cache
      rows by HEIGHT   so that the part of a stays in the second-level cache
        panels of b    packed side by side, turned if b is a transposed view
          tiles

Other dtypes, and views no axis of which is contiguous, go through plain blocks.
"""

from dataclasses import dataclass, replace
from typing import Protocol

from llvmlite import ir

from graphkeras.kernels.cpu import matmul_thin, target
from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.blocks import DEPTH, Part, ask_a
from graphkeras.kernels.cpu.cut import cut, summed
from graphkeras.kernels.cpu.emit import Emit, kernel, native_lanes
from graphkeras.kernels.cpu.loop import nest
from graphkeras.kernels.cpu.matmul_plain import multiply
from graphkeras.kernels.cpu.matmul_rows import fits_rows, multiply_rows
from graphkeras.kernels.cpu.pack import copy_rows, copy_strip, pack_panel, pack_turned
from graphkeras.kernels.cpu.target import itemsize
from graphkeras.kernels.cpu.tile import (
    DTYPES,
    NO,
    Asking,
    Beside,
    Epilogue,
    Panel,
    Result,
    Walk,
    at_once,
    even_rows,
    lines,
    panels,
    rows_for,
    strips,
    tile,
    vectors_for,
)
from graphkeras.kernels.cpu.value import Index, known

HEIGHT = 40  # tiles: 40 * 13 rows of 256 are 520 KiB
ROWS = 4  # fewer go one by one
SHARED = 8  # panels of b that make it worth to copy a strip of a turned a
PAGE = 4096  # rows this far apart share their cache sets


@cut(a=-4, b=-4, out=-4)
@cut(a=-3, b=-3, out=-3)
@cut(a=-2, out=-2)
@cut(b=-1, out=-1, grain=64)
@summed(a=-1, b=-2)
@kernel
def gemm(
    e: Emit,
    a: Array,
    b: Array,
    out: Array,
    *,
    epilogue: Epilogue | None = None,
    once: bool = False,
) -> None:
    """a[..., m, k], b[..., k, n] -> out[..., m, n]: product, accumulated in float32.

    Other dtypes than the half floats are accumulated in out's own. Batch axes of size
    1 are repeated. `epilogue(e, value, row, column, lanes)` is applied to each result
    before it is stored; row counts through the batch axes. `once`: no element of out is
    stored before it is complete, so the epilogue may read what is there.
    """
    batch = out.shape[:-2]

    def one(index: tuple[Index, ...]) -> None:
        x, y, z = _matrix(e, a, index), _matrix(e, b, index), out.at(e, *index)
        first: Index = 0
        for size, position in zip(batch, index):
            first = e.add(e.mul(first, size), position)
        first = e.mul(first, out.shape[-2])
        if _fits_tile(a, b, out):
            multiply_tiled(e, x, y, z, epilogue, first, once)
        else:
            multiply(e, x, y, z, _finish(epilogue, first))

    nest(e, batch, one)


def _matrix(e: Emit, array: Array, index: tuple[Index, ...]) -> Array:
    """The matrix at a batch index, which broadcasts."""
    leading = array.rank - 2
    own = index[len(index) - leading :]
    places: list[Index] = []
    for position, size in zip(own, array.shape):
        if known(size) is None:
            places.append(e.choose(e.eq(size, 1), 0, position))
        else:
            places.append(0 if size == 1 else position)
    return array.at(e, *places)


def _finish(epilogue: Epilogue | None, first: Index) -> Epilogue:
    """The epilogue with rows counted from `first`, or nothing to do."""
    if epilogue is None:
        return lambda e, value, row, column, lanes: value
    return lambda e, value, row, column, lanes: epilogue(
        e, value, e.add(first, row), column, lanes
    )


def _fits_tile(a: Array, b: Array, out: Array) -> bool:
    """Whether the tile can read b: one dtype, and columns or rows side by side."""
    same = a.dtype == b.dtype == out.dtype and out.dtype in DTYPES
    return same and 1 in (known(b.strides[-1]), known(b.strides[-2]))


def multiply_tiled(
    e: Emit,
    a: Array,
    b: Array,
    out: Array,
    epilogue: Epilogue | None,
    first: Index,
    once: bool = False,
) -> None:
    """a[m, k], b[k, n] -> out[m, n] by register tiles of a shape that fits."""
    m = a.shape[0]
    if known(out.shape[1]) == 1 and matmul_thin.fits_column(a, b):
        matmul_thin.multiply_column(e, a, b, out, _finish(epilogue, first))
        return
    if known(out.shape[1]) == 1 and epilogue is None and known(a.strides[0]) == 1:
        # Turned about, what are rows here are vectors of columns.
        a, b, out = (_turned(x) for x in (b, a, out))
        m = 1
    if once and isinstance(epilogue, Asking) and fits_rows(b, out):
        multiply_rows(e, a, b, out, epilogue, first)
        return
    by_blocks = _multiply_once if once else _multiply_blocks
    if known(b.strides[1]) != 1:
        by_blocks(e, a, b, out, epilogue, first, Tiles.usual(out))
        return
    with e.when_else(e.lt(m, ROWS)) as (thin, usual):
        if known(m) is None or m < ROWS:
            with thin:
                by_blocks(e, a, b, out, epilogue, first, Tiles.thin(out))
        if known(m) is None or m >= ROWS:
            with usual:
                by_blocks(e, a, b, out, epilogue, first, Tiles.usual(out))


def _turned(x: Array) -> Array:
    """Rows for columns."""
    return Array(x.pointer, x.dtype, x.shape[::-1], x.strides[::-1])


@dataclass(frozen=True, slots=True)
class Tiles:
    """The shape of the tiles: at most so many rows, and so many vectors."""

    rows: int
    vectors: int

    @classmethod
    def usual(cls, out: Array) -> "Tiles":
        """All columns if they are few, so that a is read once; else two vectors."""
        width, lanes = known(out.shape[1]), native_lanes(out.dtype)
        if width is not None and width <= 4 * lanes:
            vectors = max(1, -(-width // lanes))
        else:
            vectors = vectors_for(out.dtype, *out.shape)
        return cls(rows_for(vectors), vectors)

    @classmethod
    def thin(cls, out: Array) -> "Tiles":
        """One row, so wide that reading b from where it lies goes on and on."""
        width, lanes = known(out.shape[1]), native_lanes(out.dtype)
        most = target.vector_registers() // 2
        vectors = most if width is None else min(most, max(1, -(-width // lanes)))
        return cls(1, vectors)


class Right(Protocol):
    """The right side of a product: a matrix, read panel by panel."""

    def panel(
        self, e: Emit, a: Array, start: tuple[Index, Index], depth: Index, cut: Panel
    ) -> tuple[Array, Index]:
        """The panel from (k, column) on as the tile reads it, and the step between
        its rows; `a` is what it is multiplied by."""

    def asking(self, e: Emit, start: tuple[Index, Index], cut: Panel) -> Beside | None:
        """What to do beside step k of that panel, to have the next one at hand."""


@dataclass(frozen=True, slots=True)
class _Lying:
    """b where it lies, and room for a panel of it."""

    b: Array
    packed: Array

    @classmethod
    def of(cls, e: Emit, b: Array, tiles: Tiles) -> "_Lying":
        """b with room for panels of so many vectors."""
        size = DEPTH * tiles.vectors * native_lanes(b.dtype)
        return cls(b, Array(e.scratch(b.dtype, size), b.dtype, (), ()))

    def panel(
        self, e: Emit, a: Array, start: tuple[Index, Index], depth: Index, cut: Panel
    ) -> tuple[Array, Index]:
        return _panel(e, a, self.b, start, depth, cut, self.packed)

    def asking(self, e: Emit, start: tuple[Index, Index], cut: Panel) -> Beside | None:
        later = _after(e, self.b, start, cut.width)

        def ask(k: Index, steps: int) -> None:
            for step in range(steps):
                _ask_b(e, self.b, later, e.add(k, step), cut)

        return ask


def _multiply_blocks(
    e: Emit,
    a: Array,
    b: Array,
    out: Array,
    epilogue: Epilogue | None,
    first: Index,
    tiles: Tiles,
) -> None:
    """a[m, k], b[k, n] -> out[m, n], panels of b being packed where that pays."""
    multiply_blocks(e, a, _Lying.of(e, b, tiles), out, epilogue, first, tiles)


def multiply_blocks(
    e: Emit,
    a: Array,
    b: Right,
    out: Array,
    epilogue: Epilogue | None,
    first: Index,
    tiles: Tiles,
) -> None:
    """a[m, k], b[k, n] -> out[m, n] in blocks of k and of rows."""
    m, k = a.shape
    height = HEIGHT * tiles.rows
    copies = _copies_for(a, out, tiles)
    most = height if known(m) is None else min(height, known(m) or 0)
    room = None if copies is None else copies.room(e, most)
    product = _Product(b, out, tiles, epilogue, first)
    with Part.each(e, k) as part, e.loop(0, m, height) as top:
        left = Left(a, top, _bottom(e, m, top, height))
        if copies is not None and room is not None:
            left = copies.made(e, left, part, room)

        def panel(column: Index, cut: Panel) -> None:
            product.panel(e, left, part, column, cut)

        panels(e, out.shape[1], tiles.vectors, native_lanes(out.dtype), panel)


def _multiply_once(
    e: Emit,
    a: Array,
    b: Array,
    out: Array,
    epilogue: Epilogue | None,
    first: Index,
    tiles: Tiles,
) -> None:
    """The same, all blocks of k for one panel: sums wait in a buffer, not in out."""
    m, k = a.shape
    lanes, height = native_lanes(out.dtype), HEIGHT * tiles.rows
    width = tiles.vectors * lanes
    room = height if known(m) is None else min(height, known(m) or 1)
    sums = Array(e.scratch(out.dtype, room * width), out.dtype, (), ())
    right = _Lying.of(e, b, tiles)
    product = _Product(right, out, tiles, epilogue, first, sums)
    with e.loop(0, m, height) as top:
        left = Left(a, top, _bottom(e, m, top, height))

        def panel(column: Index, cut: Panel) -> None:
            with Part.each(e, k) as part:
                product.panel(e, left, part, column, cut)

        panels(e, out.shape[1], tiles.vectors, lanes, panel)


def _bottom(e: Emit, m: Index, top: Index, height: int) -> Index:
    """Where a block of rows ends."""
    if (rows := known(m)) is not None and rows <= height:
        return m
    return e.minimum(m, e.add(top, height))


@dataclass(frozen=True, slots=True)
class Left:
    """Rows of a from `top` to `bottom`; maybe a copy, which begins there.

    A copy of strips holds `strip` rows side by side for each k, strip after strip.
    """

    a: Array
    top: Index
    bottom: Index
    copy: Array | None = None
    strip: int = 0

    def at(self, e: Emit, row: Index, start: Index) -> Array:
        """The rows from one on, from a k on."""
        if self.copy is None:
            return self.a.at(e, row, start)
        row = e.sub(row, self.top)
        if not self.strip:
            return self.copy.at(e, row, 0)
        number, rest = e.floordiv(row, self.strip), e.mod(row, self.strip)
        return self.copy.at(e, e.add(e.mul(number, DEPTH * self.strip), rest))

    @property
    def strides(self) -> tuple[Index, ...]:
        """Steps from row to row, and along k."""
        return (1, self.strip) if self.strip else (self.copy or self.a).strides


@dataclass(frozen=True, slots=True)
class _Product:
    """What all blocks of a product have in common.

    Attributes:
        sums: where those of a panel wait, from the left rows' top on, if not in out.
    """

    b: Right
    out: Array
    tiles: Tiles
    epilogue: Epilogue | None
    first: Index
    sums: Array | None = None

    def panel(self, e: Emit, left: Left, part: Part, column: Index, cut: Panel) -> None:
        """Multiply some rows of a by a panel of a block of b."""
        width = self.tiles.vectors * native_lanes(self.out.dtype)
        start = (part.start, column)
        right, step = self.b.panel(e, left.a, start, part.depth, cut)
        ask = self.b.asking(e, start, cut)

        def strip(row: Index, rows: int) -> None:
            below = e.add(row, rows)
            below = e.choose(e.lt(below, left.bottom), below, left.top)
            row_step, k_step = left.strides

            def beside(k: Index, steps: int) -> None:
                if ask is not None:
                    ask(k, steps)
                if left.copy is None:
                    ask_a(e, left.a, (below, part.start), k, steps)

            tile(
                e, rows, cut, left.at(e, row, part.start), row_step, right,
                [Walk(part.depth, k_step, step)],
                self._result(e, left, part, row, column, width), beside,
            )  # fmt: skip

        strips(e, left.top, left.bottom, self.tiles.rows, strip)

    def _result(
        self, e: Emit, left: Left, part: Part, row: Index, column: Index, width: int
    ) -> Result:
        aside = None
        if self.sums is not None:
            place = e.mul(e.sub(row, left.top), width)
            pointer = e.address(self.sums.pointer, self.sums.dtype, place)
            aside = replace(self.sums, pointer=pointer), width
        return Result(
            self.out.at(e, row, column), self.out.strides[0], part.fresh, part.last,
            self.epilogue, e.add(self.first, row), column, aside,
        )  # fmt: skip


def _after(
    e: Emit, b: Array, start: tuple[Index, Index], width: int
) -> tuple[Index, Index]:
    """Where in b the panel begins that comes after the one at `start`, or that one.

    Asking for memory that is not there would take long: no table of pages has it.
    """
    k, column = start
    following, below = e.add(column, width), e.add(k, DEPTH)
    inside, more = e.lt(following, b.shape[1]), e.lt(below, b.shape[0])
    turn = e.choose(more, 0, column)
    return e.choose(inside, k, e.choose(more, below, k)), e.choose(
        inside, following, turn
    )


def _ask_b(e: Emit, b: Array, start: tuple[Index, Index], k: Index, cut: Panel) -> None:
    """At step k, ask for a row of the next panel of b; turned, for some of a column."""
    first = b.at(e, *start)
    if known(b.strides[1]) == 1:
        for column in lines(cut, b):
            e.prefetch(first, e.add(e.mul(k, b.strides[0]), column))
        return
    for vector in range(cut.vectors):
        column, at = e.mod(k, cut.lanes), e.sub(k, e.mod(k, cut.lanes))
        column = e.add(column, vector * cut.lanes)
        e.prefetch(first, e.add(e.mul(column, b.strides[1]), at))


def _panel(
    e: Emit,
    a: Array,
    b: Array,
    start: tuple[Index, Index],
    depth: Index,
    cut: Panel,
    packed: Array,
) -> tuple[Array, Index]:
    """The panel of b as the tile reads it, and the step between its rows."""
    part = b.at(e, *start)
    width = cut.vectors * cut.lanes
    if known(b.strides[1]) != 1:
        pack_turned(e, part, b.strides[1], depth, cut, packed)
        return packed, width
    worth = _worth_packing(e, a, b, cut)
    with e.when(worth):
        if known(worth) is None or known(worth):
            pack_panel(e, part, b.strides[0], depth, cut, packed)
    step = e.choose(worth, width, b.strides[0])
    if (decided := known(worth)) is not None:
        return (packed if decided else part), step
    pointer = e.builder.select(worth, packed.pointer, part.pointer)
    return replace(packed, pointer=pointer), step


def _worth_packing(e: Emit, a: Array, b: Array, cut: Panel) -> ir.Value:
    """Whether enough rows share a panel, and its own rows lie far apart.

    A narrower last panel is packed once more than a few rows use it, too: then the
    mask is paid for once.
    """
    columns = known(b.shape[1])
    full = known(cut.live) == cut.vectors * cut.lanes
    if full and columns is not None and columns <= 4 * cut.lanes:
        return NO
    return e.gt(a.shape[0], 2 * rows_for(cut.vectors))


@dataclass(frozen=True, slots=True)
class _Copies:
    """How rows of a are copied before they are multiplied.

    Attributes:
        strip: rows that lie side by side, of a turned a; 0: rows moved apart.
    """

    dtype: str
    strip: int

    def room(self, e: Emit, rows: int) -> Array:
        """Memory for so many rows."""
        if self.strip:
            lanes = native_lanes(self.dtype)
            size = -(-rows // self.strip) * self.strip * DEPTH + lanes
            return Array(e.scratch(self.dtype, size), self.dtype, (size,), (1,))
        pitch = DEPTH + 16  # no multiple of a page
        pointer = e.scratch(self.dtype, rows * pitch)
        return Array(pointer, self.dtype, (rows, pitch), (pitch, 1))

    def made(self, e: Emit, left: Left, part: Part, to: Array) -> Left:
        """The rows, copied."""
        rows = e.sub(left.bottom, left.top)
        if self.strip:
            step = left.a.strides[1]
            with e.loop(0, rows, self.strip) as row:
                live = e.minimum(self.strip, e.sub(rows, row))
                cells = left.a.at(e, e.add(left.top, row), part.start)
                place = to.at(e, e.mul(row, DEPTH))
                copy_strip(e, cells, step, part.depth, live, place, self.strip)
            return replace(left, copy=to, strip=self.strip)
        pitch = known(to.strides[0])
        assert pitch is not None
        source = left.a.at(e, left.top, part.start)
        copy_rows(e, source, left.a.strides[0], rows, part.depth, to, pitch)
        return replace(left, copy=to)


def _copies_for(a: Array, out: Array, tiles: Tiles) -> _Copies | None:
    """How rows of a should be copied, None if they are best read where they are."""
    rows, steps = known(a.shape[0]), [known(step) for step in a.strides]
    if tiles.rows == 1 or (rows is not None and rows < 8) or 1 not in steps:
        return None
    pitch = steps[0] if steps[1] == 1 else steps[1]
    crowded = bool(pitch) and (pitch or 0) * itemsize(a.dtype) % PAGE == 0
    if steps[1] == 1:
        return _Copies(a.dtype, 0) if crowded else None
    columns = known(out.shape[1])
    width = tiles.vectors * native_lanes(out.dtype)
    # A small tile has no time to wait for rows from all over the place.
    far = crowded or at_once() > 1
    if not far or columns is None or columns < SHARED * width:
        return None
    strip = tiles.rows
    if rows is not None and rows <= HEIGHT * strip:
        strip = even_rows(rows, strip)
    return _Copies(a.dtype, strip)
