"""Object code of this machine: what it is made for, and loading it without Numba."""

import ctypes
import functools
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import llvmlite
import llvmlite.binding as llvm

from graphkeras.kernels import host
from graphkeras.kernels.cpu import libm

CALL = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64)  # releases the GIL
ELF64 = b"\x7fELF\x02\x01"  # 64 bits, little-endian
SYMBOL = struct.Struct("<IBBHQQ")  # name, info, other, section, value, size
UNDEFINED, STRONG = 0, 1  # a section, how a name is bound


@dataclass(frozen=True, slots=True)
class Code:
    """A compiled function: where it is, and what to keep for another process.

    Attributes:
        owner: what holds its memory.
    """

    address: int
    symbol: str
    objects: tuple[bytes, ...] | None
    texts: Mapping[str, Callable[[], str]]
    owner: Any


def function(code: Any, locked: bool = False) -> Callable[..., int]:
    """Return what calls code of `jit.compile_function`, of this process or another.

    Args:
        code: something with an `address`, held as long as the result is.
        locked: whether it needs the interpreter's lock; else that is released.
    """
    kind = ctypes.PYFUNCTYPE if locked else ctypes.CFUNCTYPE
    pair, address_of = ctypes.c_int64 * 2, ctypes.addressof
    called: dict[int, Any] = {}  # by how many arguments it takes: filled once

    def call(*arguments: int) -> int:
        raw = called.get(len(arguments))
        if raw is None:
            # Numba's way: a place for the result, one for an exception, never used.
            words = (ctypes.c_void_p,) * 2 + (ctypes.c_int64,) * len(arguments)
            raw = called[len(arguments)] = kind(ctypes.c_int32, *words)(code.address)
        place = pair()
        result = address_of(place)
        raw(result, result + 8, *arguments)
        return place[0]

    return call


@functools.cache
def target() -> tuple[str, ...]:
    """What decides which code LLVM writes here: its version, the system, the CPU."""
    version = ".".join(map(str, llvm.llvm_version_info))
    triple = llvm.get_process_triple()
    return llvmlite.__version__, version, triple, host.processor(), host.flags()


@functools.cache
def _initialize() -> None:
    """Tell LLVM which of its code generators is wanted."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


def machine() -> llvm.TargetMachine:
    """The host as LLVM's code generator sees it, set as for Numba's own code.

    A new one each time: an engine takes its machine with it when it goes.
    """
    _initialize()
    *_, triple, cpu, features = target()
    x86 = triple.startswith(("x86", "i386", "i686"))
    return llvm.Target.from_triple(triple).create_target_machine(
        cpu=cpu, features=features, opt=2, reloc="static" if x86 else "default",
        codemodel="jitdefault", jit=True,
    )  # fmt: skip


def load(codes: Sequence[bytes], symbol: str) -> Any:
    """Return the `void(i8*, i64)` function called `symbol` in relocatable code.

    It takes a raw address and a number, releases the GIL, and has the attributes of
    what `assemble.compile_entry` returns.

    Args:
        codes: of one program; the parts may call each other.

    Raises:
        ValueError: if the code cannot be linked: LLVM would end the process.
    """
    libm.register()
    missing = sorted(n for n in needed(*codes) if not llvm.address_of_symbol(n))
    if missing:
        raise ValueError(f"object code: nothing here is called {', '.join(missing)}")
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine())
    for code in codes:
        engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    address = engine.get_function_address(symbol)
    if not address:
        raise ValueError(f"object code: it has no function {symbol!r}")
    entry: Any = CALL(address)
    entry.address = address
    entry.symbol, entry.objects, entry.texts = symbol, tuple(codes), {}
    entry.engine = engine  # holds the memory of the code
    return entry


def needed(*codes: bytes) -> set[str]:
    """Return the names that code expects of others, as far as its format is known.

    Only ELF is read. Elsewhere code refers to `libm`'s names alone, as everywhere.
    """
    expected: set[str] = set()
    given: set[str] = set()
    for code in codes:
        if not code.startswith(ELF64):
            continue
        try:
            for name, section in _symbols(code):
                (expected if section == UNDEFINED else given).add(name)
        except (struct.error, IndexError, UnicodeDecodeError) as error:
            raise ValueError(f"object code: not as ELF should be ({error})") from error
    return expected - given


def _symbols(code: bytes) -> Iterator[tuple[str, int]]:
    """Yield the strong symbols of an ELF file and their sections; see elf(5)."""
    (start,) = struct.unpack_from("<Q", code, 0x28)
    size, count = struct.unpack_from("<HH", code, 0x3A)
    # kind, offset, size, number of the linked section
    sections = [
        struct.unpack_from("<4xI16xQQI20x", code, start + i * size)
        for i in range(count)
    ]
    for kind, offset, length, link in sections:
        if kind != 2:  # SHT_SYMTAB
            continue
        names = sections[link][1]
        for at in range(offset + SYMBOL.size, offset + length, SYMBOL.size):
            name, info, _, section, _, _ = SYMBOL.unpack_from(code, at)
            if info >> 4 == STRONG:
                end = code.index(b"\0", names + name)
                yield code[names + name : end].decode(), section
