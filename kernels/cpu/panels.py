"""Products with columns that were laid out beforehand, as a tile reads them.

    w[k, n]    a a b b c    panels of WIDTH columns (here 2),       a a a a
               a a b b c    one behind the other, each in C order   b b b b
                                                                    c c

All of a panel lies together: it is read from one end to the other, nothing has to be
packed, and a thread that always has the same columns keeps them in its own cache.
"""

from dataclasses import dataclass

from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.cut import cut
from graphkeras.kernels.cpu.emit import Emit, kernel, native_lanes
from graphkeras.kernels.cpu.loop import stretch
from graphkeras.kernels.cpu.matmul import Tiles, multiply_blocks
from graphkeras.kernels.cpu.target import vector_registers
from graphkeras.kernels.cpu.term import Term
from graphkeras.kernels.cpu.tile import Beside, Epilogue, Panel, finish_some, rows_for
from graphkeras.kernels.cpu.value import Index, Scalar, known

WIDTH = 32  # columns: two vectors of the widest registers
CHAINS = 2  # sums of one column, each over its own stretch of k
MOST_CHAINS = 8  # where columns are so few that each sum would wait for the last one


@cut(w=1, out=0, grain=WIDTH)
@kernel
def lay(e: Emit, w: Array, out: Array) -> None:
    """w[k, n] -> out[n, k]: the panels of w."""
    k, n = w.shape
    with e.loop(0, n, WIDTH) as first:
        width = e.minimum(WIDTH, e.sub(n, first))
        with e.loop(0, k) as row:
            source = e.add(e.mul(row, w.strides[0]), first)
            target = e.add(e.mul(first, k), e.mul(row, width))

            _copy(e, w, source, out, target, width)


def _copy(e: Emit, w: Array, source: Index, out: Array, to: Index, n: Index) -> None:
    """n elements of w from `source` on -> out from `to` on."""

    def some(column: Index, lanes: int) -> None:
        e.store(out, e.add(to, column), e.load(w, e.add(source, column), lanes))

    stretch(e, 0, n, native_lanes(w.dtype), some)


@cut(u=0, out=1, grain=WIDTH)
@cut(x=0, out=0)
@kernel
def multiply(
    e: Emit, x: Array, u: Array, out: Array, *, epilogue: Epilogue | None = None
) -> None:
    """x[m, k], u[n, k] -> out[m, n]: product with the columns that u is the panels of.

    `epilogue(e, value, row, column, lanes)` is applied to each result before it is
    stored.
    """
    if known(x.shape[0]) == 1:
        _Row(e, x, u, out, epilogue).run()
        return
    vectors = min(2, WIDTH // native_lanes(out.dtype))
    tiles = Tiles(rows_for(vectors), vectors)
    multiply_blocks(e, x, _Laid(u), out, epilogue, 0, tiles)


@dataclass(frozen=True, slots=True)
class _Laid:
    """Panels as the right side of a product."""

    u: Array

    def panel(
        self, e: Emit, _: Array, start: tuple[Index, Index], __: Index, cut: Panel
    ) -> tuple[Array, Index]:
        """The panel from (k, column) on, and the step between its rows."""
        (row, column), (n, k) = start, self.u.shape
        beside = e.mod(column, WIDTH) if cut.width < WIDTH else 0
        first = e.sub(column, beside)
        width: Index = WIDTH
        if cut.width < WIDTH or known(cut.live) != WIDTH:
            width = e.minimum(WIDTH, e.sub(n, first))
        place = e.add(e.add(e.mul(first, k), e.mul(row, width)), beside)
        pointer = e.address(self.u.pointer, self.u.dtype, place)
        return Array(pointer, self.u.dtype, (), ()), width

    def asking(self, e: Emit, start: tuple[Index, Index], cut: Panel) -> Beside | None:
        """Nothing: the processor sees by itself what comes next."""
        return None


@dataclass(frozen=True, slots=True)
class _Row:
    """The product of one row: memory is all that counts, read in many places at once.

    Sums run over stretches of k, as many of them whatever the number of panels at once.
    """

    e: Emit
    x: Array
    u: Array
    out: Array
    epilogue: Epilogue | None

    def run(self) -> None:
        """Several panels at once, then one by one, then the narrower last one."""
        e, n = self.e, self.u.shape[0]
        whole = WIDTH // native_lanes(self.u.dtype)
        if (few := known(n)) is not None and few < WIDTH:
            vectors = -(-few // native_lanes(self.u.dtype))
            self._panels(0, 1, n, vectors, max(CHAINS, MOST_CHAINS // max(vectors, 1)))
            return
        most = max(1, vector_registers() // 2 // (CHAINS * whole))
        start: Index = 0
        for count in dict.fromkeys((most, 1)):
            width = count * WIDTH
            stop = e.mul(e.floordiv(n, width), width)
            with e.loop(start, stop, width) as first:
                self._panels(first, count, WIDTH, whole, CHAINS)
            start = stop
        with e.when(e.lt(start, n)):
            self._panels(start, 1, e.sub(n, start), whole, CHAINS)

    def _panels(
        self, first: Index, count: int, width: Index, vectors: int, chains: int
    ) -> None:
        """The products with `count` panels of so many columns, from `first` on."""
        e, dtype = self.e, self.u.dtype
        k, lanes = self.u.shape[1], native_lanes(dtype)
        spots = [(p, v * lanes) for p in range(count) for v in range(vectors)]
        zero = e.constant(dtype, 0)
        sums = [[e.local(dtype, zero, lanes) for _ in spots] for _ in range(chains)]
        begin = [e.mul(e.add(first, p * WIDTH), k) for p in range(count)]

        def add(chain: int, row: Index) -> None:
            single = e.load(self.x, e.mul(row, self.x.strides[1]))
            spread, below = Term(e, e.splat(single, lanes)), e.mul(row, width)
            for (p, beside), total in zip(spots, sums[chain], strict=True):
                place = e.add(e.add(begin[p], below), beside)
                some = e.load_some(self.u, place, lanes, e.sub(width, beside))
                total.set(spread.fma(Term(e, some), Term(e, total.get())).scalar)

        stretch = e.floordiv(k, chains)
        with e.loop(0, stretch) as row:
            for chain in range(chains):
                add(chain, e.add(row, e.mul(stretch, chain)))
        with e.loop(e.mul(stretch, chains), k) as row:
            add(0, row)
        for number, (p, beside) in enumerate(spots):
            self._store(
                [chain[number].get() for chain in sums],
                e.add(first, p * WIDTH + beside), e.sub(width, beside),
            )  # fmt: skip

    def _store(self, sums: list[Scalar], column: Index, live: Index) -> None:
        """Store what the sums of a vector's columns add up to."""
        e = self.e
        while len(sums) > 1:
            pairs = zip(sums[::2], sums[1::2], strict=True)
            sums = [(Term(e, a) + Term(e, b)).scalar for a, b in pairs]
        to = self.out.at(e, 0, column)
        with e.when(e.gt(live, 0)):
            finish_some(e, to, sums[0], live, self.epilogue, (0, column))
