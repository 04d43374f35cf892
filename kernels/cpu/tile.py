"""The register tile every product and convolution is made of.

                     b[k, :]   one panel: `vectors` registers of `lanes` columns
                   [ v0 | v1 ]
    a[0, k] ->  [ s00 | s01 ]      s[r][v] += a[r, k] * b[k, v]
    a[1, k] ->  [ s10 | s11 ]      rows * vectors sums, held in registers while k runs;
      ...           ...            a is spread from memory, b read once for all rows
    a[r, k] ->  [ sr0 | sr1 ]

The larger the tile, the fewer loads per multiplication; a tile one register too large
spills and loses it all. With 32 registers 13 x 2 sums, 2 of b and 1 of a fit.

Each sum runs over k in order, or over one block of k after another, so a result does
not depend on how the matrix is cut into tiles.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from llvmlite import ir

from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.emit import Emit, Local
from graphkeras.kernels.cpu.loop import stretch, whole_part
from graphkeras.kernels.cpu.target import (
    itemsize,
    native_lanes,
    vector_bits,
    vector_registers,
)
from graphkeras.kernels.cpu.term import Term
from graphkeras.kernels.cpu.value import Index, Scalar, known

Epilogue = Callable[[Emit, Scalar, Index, Index, int], Scalar]
Early = Callable[[Emit, Index, Index], None]  # asks for what an epilogue reads there
WIDEST = 4  # vectors of a panel with several rows
LATE = 64  # steps before the last in which the memory of results is asked for
SHORT = 8  # operations that may be written once for each vector of sums
LINE = 64  # bytes that come to the cache together
Beside = Callable[[Index, int], None]
DTYPES = ("float32", "float64")

YES = ir.Constant(ir.IntType(1), 1)
NO = ir.Constant(ir.IntType(1), 0)


@dataclass(frozen=True, slots=True)
class Short:
    """An epilogue of at most SHORT operations."""

    apply: Epilogue

    def __call__(
        self, e: Emit, value: Scalar, row: Index, column: Index, lanes: int
    ) -> Scalar:
        return self.apply(e, value, row, column, lanes)


@dataclass(frozen=True, slots=True)
class Asking:
    """An epilogue that reads much: `ask(e, row, column)` asks for what it will read."""

    apply: Epilogue
    ask: Callable[[Emit, Index, Index], None]

    def __call__(
        self, e: Emit, value: Scalar, row: Index, column: Index, lanes: int
    ) -> Scalar:
        return self.apply(e, value, row, column, lanes)


@dataclass(frozen=True, slots=True)
class Panel:
    """Columns a tile works on: `live` of vectors * lanes exist."""

    vectors: int
    lanes: int
    live: Index

    @property
    def width(self) -> int:
        """Columns of all vectors."""
        return self.vectors * self.lanes

    def left(self, e: Emit, vector: int) -> Index:
        """How many columns exist from that vector on."""
        return e.sub(self.live, vector * self.lanes)


@dataclass(frozen=True, slots=True)
class Walk:
    """One loop over k: so many steps, each this far in a and in b."""

    count: Index
    a_step: Index
    b_step: Index


@dataclass(frozen=True, slots=True)
class Result:
    """Where a tile's rows go, and what is done to them on the way.

    `fresh`: take the place of what is there instead of being added. `last`: the sums
    are complete, so the epilogue applies; `row` and `column` are what it is told.
    `aside`: where sums wait that are not complete, and its row step; else in `out`.
    `near`: there is no need to ask for the memory.
    """

    out: Array
    row_step: Index
    fresh: ir.Value = YES
    last: ir.Value = YES
    epilogue: Epilogue | None = None
    row: Index = 0
    column: Index = 0
    aside: tuple[Array, Index] | None = None
    near: bool = False

    @property
    def sums(self) -> "Result":
        """Where sums wait."""
        if self.aside is None:
            return self
        out, step = self.aside
        return replace(self, out=out, row_step=step)


def rows_for(vectors: int) -> int:
    """Rows of the largest tile that many vectors wide that stays in registers."""
    if vector_registers() >= 32:
        return {1: 24, 2: 13, 3: 8}.get(vectors, 6)
    if vector_bits() < 256:
        # An x86 without fused products needs registers for those yet to be added.
        return {1: 10, 2: 5, 3: 3}.get(vectors, 2)
    return {1: 12, 2: 6, 3: 4}.get(vectors, 3)


def vectors_for(dtype: str, rows: Index, columns: Index) -> int:
    """Vectors of a panel: two, but one for few columns and more for few rows."""
    lanes, width, height = native_lanes(dtype), known(columns), known(rows)
    fitting = 4 if width is None else max(1, -(-width // lanes))
    wanted = 4 if height is not None and height <= rows_for(4) else 2
    return min(fitting, wanted)


def tile(
    e: Emit,
    rows: int,
    panel: Panel,
    a: Array,
    a_row: Index,
    b: Array,
    walks: Sequence[Walk],
    result: Result,
    beside: Beside | None = None,
) -> None:
    """out[rows, panel] (+)= a[rows, k] b[k, panel], k by nested `walks`.

    `beside(k, steps)` is emitted in the innermost loop, once for some steps from k on:
    there is time to ask for memory.
    """
    zero = e.constant(result.out.dtype, 0)
    sums = [
        [e.local(zero.dtype, zero, panel.lanes) for _ in range(panel.vectors)]
        for _ in range(rows)
    ]
    besides = [] if beside is None else [beside]
    if result.near:
        pass
    elif len(walks) == 1 and _is_long(walks[0]) and rows > 1:
        besides.append(_announcing(e, rows, panel, result, walks[0].count))
    else:
        _announce(e, rows, panel, result)
    _walk(e, panel, sums, (a, 0, a_row), (b, 0), list(walks), besides)
    with e.when(e.invert(result.fresh)):
        _add(e, panel, sums, result.sums)
    if result.epilogue is None:
        _store(e, panel, sums, result)
        return
    with e.when_else(result.last) as (then, otherwise):
        with then:
            _store_finished(e, panel, sums, result, result.epilogue)
        with otherwise:
            _store(e, panel, sums, result.sums)


Sums = list[list[Local]]


def _add(e: Emit, panel: Panel, sums: Sums, result: Result) -> None:
    """Add what is in memory: the sums over earlier k."""
    for r, row in enumerate(sums):
        for v, total in enumerate(row):
            place = e.add(e.mul(result.row_step, r), v * panel.lanes)
            old = e.load_some(result.out, place, panel.lanes, panel.left(e, v))
            total.set((Term(e, old) + Term(e, total.get())).scalar)


def _announce(e: Emit, rows: int, panel: Panel, result: Result) -> None:
    """Ask for the memory of the results before they are computed.

    A store that misses the cache holds up those behind it.
    """
    for row in range(rows):
        for column in lines(panel, result.out):
            place = e.add(e.mul(result.row_step, row), column)
            e.prefetch(result.out, place, write=True)


def lines(panel: Panel, array: Array) -> range:
    """Columns of a panel at which lines of the cache may begin."""
    return range(0, panel.width, max(panel.lanes, LINE // itemsize(array.dtype)))


def _is_long(walk: Walk) -> bool:
    """Whether what is asked for when a walk begins may be gone when it ends."""
    steps = known(walk.count)
    return steps is None or steps > LATE


def _announcing(
    e: Emit, rows: int, panel: Panel, result: Result, steps: Index
) -> Beside:
    """The same row by row in the last steps: a long k would drive it out again."""
    start = e.maximum(0, e.sub(steps, LATE))
    ask = result.epilogue.ask if isinstance(result.epilogue, Asking) else None

    def announce(k: Index, number: int) -> None:
        row = e.clamp(e.floordiv(e.sub(k, start), number), 0, rows - 1)
        for column in lines(panel, result.out):
            place = e.add(e.mul(result.row_step, row), column)
            e.prefetch(result.out, place, write=True)
            if ask is not None:
                ask(e, e.add(result.row, row), e.add(result.column, column))

    return announce


def _walk(
    e: Emit,
    panel: Panel,
    sums: Sums,
    left: tuple[Array, Index, Index],
    right: tuple[Array, Index],
    walks: list[Walk],
    besides: Sequence[Beside],
) -> None:
    """Nested loops over k; at the bottom one multiplication of each sum."""
    (a, a_offset, a_row), (b, b_offset) = left, right
    walk, *inner = walks

    def step(k: Index) -> None:
        a_next = e.add(a_offset, e.mul(k, walk.a_step))
        b_next = e.add(b_offset, e.mul(k, walk.b_step))
        if inner:
            begin = (a, a_next, a_row), (b, b_next)
            _walk(e, panel, sums, *begin, inner, besides)
        else:
            _multiply(e, panel, sums, (a, a_next, a_row), (b, b_next))

    together = 1 if inner else at_once()
    whole = e.mul(e.floordiv(walk.count, together), together)
    with e.loop(0, whole, together) as k:
        for beside in () if inner else besides:
            beside(k, together)
        for number in range(together):
            step(e.add(k, number))
    with e.loop(whole, walk.count) as k:
        step(k)


def at_once() -> int:
    """Steps of k between which nothing else is done.

    A small tile has little time for anything else: what is done beside it is done for
    two of them.
    """
    return 2 if vector_registers() < 32 and vector_bits() >= 256 else 1


def _multiply(
    e: Emit,
    panel: Panel,
    sums: Sums,
    left: tuple[Array, Index, Index],
    right: tuple[Array, Index],
) -> None:
    """One multiplication of each sum."""
    (a, a_offset, a_row), (b, b_offset) = left, right
    lanes = panel.lanes
    columns = [
        Term(e, e.load_some(b, e.add(b_offset, v * lanes), lanes, panel.left(e, v)))
        for v in range(panel.vectors)
    ]
    for r, row in enumerate(sums):
        single = e.load(a, e.add(a_offset, e.mul(a_row, r)))
        spread = Term(e, e.splat(single, lanes))
        for column, total in zip(columns, row):
            total.set(spread.fma(column, Term(e, total.get())).scalar)


def _store(e: Emit, panel: Panel, sums: Sums, result: Result) -> None:
    for r, row in enumerate(sums):
        for v, total in enumerate(row):
            place = e.add(e.mul(result.row_step, r), v * panel.lanes)
            e.store_some(result.out, place, total.get(), panel.left(e, v))


def _store_finished(
    e: Emit, panel: Panel, sums: Sums, result: Result, epilogue: Epilogue
) -> None:
    """Store through the epilogue, if it is not short by way of a buffer.

    A loop over the rows keeps one copy of the epilogue's code instead of one a sum,
    and can end a row in single columns: an epilogue reads memory (a bias), which
    must not be touched beyond the last column.
    """
    if isinstance(epilogue, Short) and known(panel.live) == panel.width:
        _store_directly(e, panel, sums, result, epilogue)
        return
    dtype, width = result.out.dtype, panel.width
    pointer = e.scratch(dtype, len(sums) * width)
    buffer = Array(pointer, dtype, (), ())
    for r, row in enumerate(sums):
        for v, total in enumerate(row):
            e.store(buffer, r * width + v * panel.lanes, total.get())
    with e.loop(0, len(sums)) as r:

        def finish(column: Index, lanes: int) -> None:
            value = e.load(buffer, e.add(e.mul(r, width), column), lanes)
            row, place = e.add(result.row, r), e.add(result.column, column)
            value = epilogue(e, value, row, place, lanes)
            offset = e.add(e.mul(result.row_step, r), column)
            e.store(result.out, offset, value)

        stretch(e, 0, panel.live, panel.lanes, finish)


def _store_directly(
    e: Emit, panel: Panel, sums: Sums, result: Result, epilogue: Epilogue
) -> None:
    for r, row in enumerate(sums):
        for v, total in enumerate(row):
            first = v * panel.lanes
            above, left = e.add(result.row, r), e.add(result.column, first)
            value = epilogue(e, total.get(), above, left, panel.lanes)
            e.store(result.out, e.add(e.mul(result.row_step, r), first), value)


def finish_some(
    e: Emit,
    out: Array,
    value: Scalar,
    live: Index,
    epilogue: Epilogue | None,
    at: tuple[Index, Index],
) -> None:
    """Store the first `live` lanes of a result, through the epilogue.

    A vector that is not whole goes lane by lane, for what an epilogue reads.
    """
    row, column = at
    if epilogue is None:
        e.store_some(out, 0, value, live)
        return
    if known(live) == value.lanes:
        e.store(out, 0, epilogue(e, value, row, column, value.lanes))
        return
    buffer = Array(e.scratch(out.dtype, value.lanes), out.dtype, (), ())
    e.store(buffer, 0, value)
    with e.loop(0, e.minimum(live, value.lanes)) as lane:
        single = e.load(buffer, lane)
        e.store(out, lane, epilogue(e, single, row, e.add(column, lane), 1))


def panels(
    e: Emit,
    columns: Index,
    vectors: int,
    lanes: int,
    body: Callable[[Index, Panel], None],
) -> None:
    """body(first column, panel) for every panel; the last may be narrower.

    Of wide panels, if nobody knows how many columns there are, each is half as wide as
    the one before, so that few lanes are in vain.
    """
    if known(columns) is None and vectors > WIDEST:
        _halves(e, columns, vectors, lanes, body)
        return
    width = vectors * lanes
    whole, rest = whole_part(e, columns, width)
    if known(columns) is None or known(whole):
        with e.loop(0, whole, width) as column:
            body(column, Panel(vectors, lanes, width))
    count = known(rest)
    if count == 0:
        return
    needed = vectors if count is None else -(-count // lanes)
    with e.when(e.gt(rest, 0)):
        body(whole, Panel(needed, lanes, rest))


def _halves(
    e: Emit,
    columns: Index,
    vectors: int,
    lanes: int,
    body: Callable[[Index, Panel], None],
) -> None:
    """The panels of a number of columns that is not known."""
    start: Index = 0
    while vectors:
        width = vectors * lanes
        stop = e.mul(e.floordiv(columns, width), width)
        with e.loop(start, stop, width) as column:
            body(column, Panel(vectors, lanes, width))
        start, vectors = stop, vectors // 2
    with e.when(e.lt(start, columns)):
        body(start, Panel(1, lanes, e.sub(columns, start)))


def even_rows(rows: int, most: int) -> int:
    """Rows of the strips that so many are cut into."""
    return max(1, -(-rows // max(1, -(-rows // most))))


def strips(
    e: Emit, start: Index, stop: Index, most: int, body: Callable[[Index, int], None]
) -> None:
    """body(first row, rows) over [start, stop): tiles of `most` rows, then fewer.

    A number of rows that is known is cut evenly; otherwise the rest goes by fours,
    twos and ones, so that few different tiles are compiled.
    """
    rows = known(e.sub(stop, start))
    sizes = [most, *(size for size in (4, 2, 1) if size < most)]
    if rows is not None:
        even = even_rows(rows, most)
        sizes = [even, rows % even] if rows % even else [even]
    for size in dict.fromkeys(sizes):
        end = e.add(start, e.mul(e.floordiv(e.sub(stop, start), size), size))
        with e.loop(start, end, size) as row:
            body(row, size)
        start = end
