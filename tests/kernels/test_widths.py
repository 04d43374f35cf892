"""Kernels as other processors get them: narrow vectors, few registers, no spills."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import llvmlite.binding as llvm
import numpy as np
import pytest
from llvmlite import ir

from graphkeras.kernels.assemble import optimised
from graphkeras.kernels.cpu import (
    comb_weights,
    combs,
    conv,
    matmul,
    panels,
    pool,
    winograd,
)
from graphkeras.kernels.cpu.array import contiguous
from graphkeras.kernels.cpu.emit import Emit
from graphkeras.kernels.cpu.target import I64, POINTER, VOID, forced
from tests.kernels import reference
from tests.kernels.test_every_kernel import Sweep, numbers

WIDTHS = [(512, 32), (256, 16), (128, 16), (128, 32)]
FLUSH, SAME = ((0, 0), (0, 0)), ((1, 1), (1, 1))
CONVOLUTION = {"strides": (2, 1), "padding": SAME}


def convolution_cases(rng: Any) -> Iterator[tuple[Any, tuple, Any]]:
    """(kernel, operands, what it gives) of a convolution on the register tile."""
    x, w = numbers(rng, (2, 7, 19, 6)), numbers(rng, (3, 2, 6, 21))
    y = reference.conv2d(x, w, **CONVOLUTION).astype("float32")
    g = numbers(rng, y.shape)
    data, weights = reference.conv2d_backward(x, w, g, **CONVOLUTION)
    yield conv.conv2d, (x, w), y
    yield conv.conv2d_backward_data, (g, w), data.astype("float32")
    yield conv.conv2d_backward_weights, (x, g), weights.astype("float32")


def by_points(e: Emit, x: Any, w: Any, u: Any, out: Any) -> None:
    winograd.weights(e, w, u, turned=False)
    winograd.conv2d(e, x, u, out, window=(3, 3), padding=SAME)


def by_panels(e: Emit, x: Any, w: Any, u: Any, out: Any) -> None:
    panels.lay(e, w, u)
    panels.multiply(e, x, u, out)


def by_combs(e: Emit, x: Any, w: Any, u: Any, out: Any) -> None:
    comb_weights.weights(e, w, u, stride=2, teeth=3)
    combs.conv(e, x, u, out, taps=5, stride=2, teeth=3, before=1)


@pytest.mark.parametrize(("bits", "registers"), WIDTHS[1:])
def test_kernels_at_other_widths(bits: int, registers: int) -> None:
    rng, sweep = np.random.default_rng(1), Sweep()
    a, b = numbers(rng, (14, 37)), numbers(rng, (37, 45))
    sweep.add(matmul.gemm, (a, b), a @ b)
    for rows in (a, a[:1]):
        sweep.add(by_panels, (rows, b, np.zeros((45, 37), "f")), rows @ b)
    for kernel, operands, expected in convolution_cases(rng):

        def case(e: Emit, *arrays: Any, kernel: Any = kernel) -> None:
            kernel(e, *arrays, **CONVOLUTION)

        sweep.add(case, operands, expected)
    x, w = numbers(rng, (2, 6, 9, 10)), numbers(rng, (3, 3, 10, 18))
    y = reference.conv2d(x, w, strides=(1, 1), padding=SAME).astype("float32")
    sweep.add(by_points, (x, w, np.zeros((36, 10, 18), "f")), y)
    lines, taps = numbers(rng, (2, 1, 23, 10)), numbers(rng, (1, 5, 10, 18))
    ways = {"strides": (1, 2), "padding": ((0, 0), (1, 1))}
    y = reference.conv2d(lines, taps, **ways).astype("float32")
    sweep.add(by_combs, (lines, taps, np.zeros((1, 1, 6, 2, 10, 32), "f")), y)
    window = {"window": (2, 2), "strides": (2, 2), "padding": FLUSH}
    most = reference.pools(x, np.zeros((2, 3, 4, 10), "f"), **window)[0]
    sweep.add(lambda e, x, out: pool.max_pool2d(e, x, out, **window), (x,), most)
    with forced(bits, registers):
        sweep.run()


# What to write code for, and in which form it names a vector in memory of the stack.
PROCESSORS = {
    (512, 32): ("x86_64-pc-linux-gnu", "x86-64-v4", r"\(%r[sb]p\)"),
    (256, 16): ("x86_64-pc-linux-gnu", "x86-64-v3", r"\(%r[sb]p\)"),
    (128, 16): ("x86_64-pc-linux-gnu", "x86-64-v2", r"\(%r[sb]p\)"),
    (128, 32): ("aarch64-linux-gnu", "neoverse-n1", r"\[(sp|x29)(, #-?\d+)?\]"),
}
# Before there were fused products, each is one of sums, too: it counts once.
PRODUCT = re.compile(r"\tv?fm(add|la)|\taddps")
WIDTH = {(512, 32): "zmm", (256, 16): "ymm", (128, 16): "xmm", (128, 32): ".4s"}
# What names a frame does not move while a loop runs: else it is a register like others.
MOVES = re.compile(r"\t(add|sub|lea|inc)q\t.*%rbp\n")
# A tile's inner loop stores nothing, unless registers are short; others do.
STORE = re.compile(r"\tv?mov\w+\t%[xyz]mm\d+, [-\w]*\((?!%r[sb]p\))|\tst[rp]\t.*\[x")


def assembly(build: Callable[[Emit], None], triple: str, processor: str) -> str:
    """Return what LLVM makes of emitted code for a processor."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    module = ir.Module("spills")
    module.triple = triple
    kind = ir.FunctionType(VOID, [POINTER, I64])
    e = Emit(ir.IRBuilder(ir.Function(module, kind, "f").append_basic_block("entry")))
    build(e)
    e.finish()
    target = llvm.Target.from_triple(triple)
    machine = target.create_target_machine(cpu=processor, opt=2)
    return machine.emit_assembly(optimised(str(module), machine))


def inner_loops(text: str) -> Iterator[str]:
    """Yield the code of every block that jumps back to itself."""
    for block in re.split(r"\n(?=\.LBB\w+:)", text):
        back = rf"\n\t(j\w+|b\.\w+|cb\w+ .*,)\s+{re.escape(block.split(':')[0])}(\n|$)"
        if jump := re.search(back, block):
            yield block[: jump.end()]


def products_of(loop: str) -> list[str]:
    """Return the instructions that multiply and add."""
    return [line for line in loop.splitlines() if PRODUCT.match(line)]


def tiled(e: Emit) -> None:
    """Products and convolutions of sizes that take the largest tiles."""

    def array(*shape: int) -> Any:
        return contiguous(e.arguments[0], "float32", shape, e)

    for columns in (16, 64):
        matmul.gemm(e, array(200, 70), array(70, columns), array(200, columns))
    matmul.gemm(e, array(5, 70), array(70, 64), array(5, 64))
    x, w, y = array(2, 32, 32, 16), array(3, 3, 16, 64), array(2, 32, 32, 64)
    attributes: Any = {"strides": (1, 1), "padding": SAME}
    conv.conv2d(e, x, w, y, **attributes)
    conv.conv2d_backward_data(e, y, w, x, **attributes)
    conv.conv2d_backward_weights(e, x, y, w, **attributes)
    u = array(36, 16, 64)
    winograd.conv2d(e, x, u, y, window=(3, 3), padding=SAME)
    winograd.backward_weights(e, x, y, u, window=(3, 3), padding=SAME)
    lines, short = array(2, 1, 64, 64), array(2, 1, 20, 64)
    how: Any = {"taps": 7, "stride": 3, "teeth": 3, "before": 0}
    combs.conv(e, lines, array(1, 2, 6, 3, 64, 32), short, **how)
    combs.backward_data(e, short, array(3, 2, 6, 1, 64, 32), lines, **how)
    combs.backward_weights(e, lines, short, array(6, 3, 64, 64), **how)


@pytest.mark.parametrize("vectors", PROCESSORS)
def test_no_tile_spills(vectors: tuple[int, int]) -> None:
    triple, processor, stack = PROCESSORS[vectors]
    with forced(*vectors):
        text = assembly(tiled, triple, processor)
    tiles = [
        loop
        for loop in inner_loops(text)
        if len(PRODUCT.findall(loop)) >= 8 and not STORE.search(loop)
    ]
    assert len(tiles) >= 10
    for loop in tiles:
        assert all(WIDTH[vectors] in product for product in products_of(loop)), loop
        named = loop.replace("(%rbp)", "") if MOVES.search(loop) else loop
        assert not re.search(stack, named), loop
