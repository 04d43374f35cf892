"""The processor that code is written for: the host's, or less if the user asks.

What the environment tells Numba holds for all code: ``NUMBA_CPU_NAME``,
``NUMBA_CPU_FEATURES`` (as LLVM writes them: ``+sse2,-avx``), ``NUMBA_ENABLE_AVX=0``.
"""

import functools
import os

import llvmlite.binding as llvm


@functools.cache
def processor() -> str:
    """LLVM's name of the processor."""
    named = os.environ.get("NUMBA_CPU_NAME") or "host"
    return llvm.get_host_cpu_name() if named == "host" else named


@functools.cache
def flags() -> str:
    """What it can and cannot do, as LLVM writes it."""
    named = os.environ.get("NUMBA_CPU_FEATURES")
    if named is not None:
        return named
    if processor() == "generic":
        return ""
    try:
        found = llvm.get_host_cpu_features()
    except RuntimeError:  # LLVM cannot tell: what the name says must do
        return ""
    if os.environ.get("NUMBA_ENABLE_AVX") == "0":
        found.update({name: False for name in found if name.startswith("avx")})
    return found.flatten()


@functools.cache
def features() -> frozenset[str]:
    """What it can do."""
    return frozenset(f[1:] for f in flags().split(",") if f.startswith("+"))
