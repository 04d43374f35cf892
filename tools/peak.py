"""What this machine can do at most, measured: arithmetic and memory of one core."""

from __future__ import annotations

import time
from functools import cache

import numpy as np
from llvmlite import ir

from graphkeras.compiler import profile
from graphkeras.kernels.cpu.emit import Emit
from graphkeras.kernels.cpu.target import I64, POINTER, VOID, native_lanes
from graphkeras.runtime import link

CHAINS = 12  # independent sums: more than latency x units of any core of today
TURNS = 1 << 20
BEYOND_CACHE = 1 << 28


@cache
def cycles_a_second() -> float:
    """Return how fast the counter of `graphkeras.compiler.profile` runs."""
    read, word = profile.clock(), np.zeros(2, np.uint64)
    read(word.ctypes.data, 0)
    began = time.perf_counter()
    time.sleep(0.1)
    read(word.ctypes.data + 8, 0)
    return float(word[1] - word[0]) / (time.perf_counter() - began)


@cache
def flops() -> float:
    """Return the float32 operations a second of fused multiply-adds in registers."""
    lanes = native_lanes("float32")

    def build(module: ir.Module) -> ir.Function:
        kind = ir.FunctionType(VOID, [POINTER, I64])
        function = ir.Function(module, kind, module.get_unique_name("peak"))
        e = Emit(ir.IRBuilder(function.append_basic_block("entry")))
        one = e.splat(e.constant("float32", 1.0), lanes)
        small = e.splat(e.constant("float32", 1e-6), lanes)
        # Sums that begin alike would be seen to be one.
        begun = [e.constant("float32", float(k)) for k in range(CHAINS)]
        sums = [e.local("float32", e.splat(b, lanes), lanes) for b in begun]
        with e.loop(0, e.arguments[1]):
            for held in sums:
                held.set(e.intrinsic("fma", held.get(), one, small))
        total = sums[0].get()
        for held in sums[1:]:
            total = e.intrinsic("fma", total, one, held.get())
        e.builder.store(e.lane(total, 0).value, e.arguments[0])
        return e.finish()

    entry, word = link.compile_entry("peak", build), np.zeros(1, np.float32)
    best = min(_seconds(lambda: entry(word.ctypes.data, TURNS)) for _ in range(5))
    return 2.0 * lanes * CHAINS * TURNS / best


@cache
def bytes_a_second() -> float:
    """Return the bytes read and written a second by a copy larger than the caches."""
    source = np.ones(BEYOND_CACHE // 8)
    target = np.zeros_like(source)
    best = min(_seconds(lambda: np.copyto(target, source)) for _ in range(5))
    return 2.0 * source.nbytes / best


def _seconds(job: object) -> float:
    began = time.perf_counter()
    job()  # type: ignore[operator]
    return time.perf_counter() - began
