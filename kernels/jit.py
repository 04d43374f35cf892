"""The one place that says njit: LLVM IR or a Python function in, a callable out."""

import inspect
import itertools
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import njit, types
from numba.core import config
from numba.core.compiler_lock import global_compiler_lock
from numba.extending import intrinsic

from graphkeras.kernels import object as object_code
from graphkeras.kernels.cpu import libm

Build = Callable[[ir.Module], ir.Function]
SIGNATURE = types.void(types.int64, types.int64)
# Numba functions that need no Python around them, nor while they run.
PLAIN: dict[str, Any] = {
    "nogil": True, "error_model": "numpy", "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}  # fmt: skip
_numbers = itertools.count()


def compile_entry(name: str, build: Build) -> Any:
    """Jit the `void(i8*, i64)` function that `build` adds to the module.

    The result takes a raw address and a number as Python ints and releases the GIL.
    Nothing of Numba's runtime (NRT, exceptions) is touched inside, so the code may run
    on a thread that Python never saw. Attributes of the result:

    * `address`: the C address of the built function, for ctypes or another thread's
      start routine;
    * `object`: the object code, for `object.load` in another process, or None;
    * `symbol`: the name of the function in it;
    * `texts`: "llvm" and "asm", functions that return the code to read.
    """
    libm.register()
    # A kernel's functions are called "name.number" too, as the program may be.
    body = _Body(f"{name}.entry.{next(_numbers)}", build)
    with _settings(OPT=2, LOOP_VECTORIZE=False, SLP_VECTORIZE=False):
        entry: Any = njit(SIGNATURE, nogil=True)(_calling(body))
    (overload,) = entry.overloads.values()
    library = body.library or overload.library
    entry.address = library.get_pointer_to_function(body.symbol)
    entry.symbol, entry.object = body.symbol, body.object
    entry.texts = {"llvm": library.get_llvm_str, "asm": library.get_asm_str}
    return entry


def inner(function: Callable[..., Any]) -> Any:
    """Let functions compiled by `compile_function` call this one."""
    return njit(**PLAIN)(function)


def compile_function(function: Callable[..., int]) -> Any:
    """Compile a Python function of some int64 that gives an int64.

    It is to work on memory by its address (see `cpu.memory`) and to raise nothing:
    then the code needs nothing of Python or Numba. The result has the attributes of
    that of `compile_entry`; `object.function` makes it something to call.
    """
    count = len(inspect.signature(function).parameters)
    signature = types.int64(*[types.int64] * count)
    with _settings(SLP_VECTORIZE=False):
        compiled: Any = njit(signature, **PLAIN)(function)
    (overload,) = compiled.overloads.values()
    library, symbol = overload.library, overload.fndesc.llvm_func_name
    try:
        code = bytes(library._get_compiled_object())
    except (AttributeError, RuntimeError) as error:
        code = None
        _warn_of_no_object(error)
    texts = {"llvm": library.get_llvm_str, "asm": library.get_asm_str}
    address = library.get_pointer_to_function(symbol)
    return object_code.Code(address, symbol, code, texts, library)


def _warn_of_no_object(error: Exception) -> None:
    """How to get object code is nothing that Numba promises."""
    warnings.warn(
        f"this Numba gives no object code ({error}): none will be kept",
        RuntimeWarning, stacklevel=3,
    )  # fmt: skip


@contextmanager
def _settings(**most: int) -> Iterator[None]:
    """Have Numba do at most so much while the block compiles.

    It reads these settings at each compilation, under the lock that is held here;
    without them it does more.
    """
    with global_compiler_lock:
        known = [name for name in most if hasattr(config, name)]
        before = {name: getattr(config, name) for name in known}
        try:
            for name, value in before.items():
                setattr(config, name, type(value)(min(most[name], value)))
            yield
        finally:
            for name, value in before.items():
                setattr(config, name, value)


@dataclass(slots=True)
class _Body:
    """The built function: in a library of its own, or in its caller's module."""

    symbol: str
    build: Build
    library: Any = None
    object: bytes | None = None

    def function(self, context: Any, module: ir.Module) -> ir.Function:
        """Return the function as the caller's module knows it."""
        found = module.globals.get(self.symbol)
        if found is not None:
            return found
        if self._compile_apart(context):
            kind = ir.FunctionType(ir.VoidType(), [ir.PointerType(), ir.IntType(64)])
            return ir.Function(module, kind, self.symbol)
        self.symbol += ".plain"  # the other may be known to the engine already
        function = self.build(module)
        _rename(function, self.symbol)
        return function

    def _compile_apart(self, context: Any) -> bool:
        """Compile in a library of Numba's that has nothing else; say whether it did.

        So the code is optimised once, not three times, and its object code needs none
        of Numba's symbols. This is not an interface that Numba promises: if it
        changes, the code goes the ordinary way, and none is stored.
        """
        module = ir.Module(self.symbol)
        module.triple = llvm.get_process_triple()
        _rename(self.build(module), self.symbol)
        try:
            library = context.codegen().create_library(self.symbol)
            library.enable_object_caching()
            code = optimised(module, object_code.machine())
            with _settings(OPT=0):
                library.add_llvm_module(code)
                library.finalize()
            self.object = bytes(library._get_compiled_object())
            self.library = library
        except (AttributeError, TypeError, RuntimeError) as error:
            self.object = None
            _warn_of_no_object(error)
        return self.library is not None


# Emitted code is in its final form: vectors and loops are written out. What is left is
# to put locals in registers and to fold addresses; more passes take ten times as long
# for some percent of speed, if any.
PASSES = ("sroa", "instruction_combine", "simplify_cfg", "new_gvn")
ROUNDS = (*PASSES, *PASSES[1:3])
# Its value numbers of operations on phis need not settle, which ends the process.
llvm.set_option("graphkeras", "-enable-phi-of-ops=false")


def optimised(module: ir.Module, machine: llvm.TargetMachine) -> llvm.ModuleRef:
    """Parse a module and run LLVM's passes over it."""
    parsed = llvm.parse_assembly(str(module))
    parsed.verify()
    parsed.data_layout = str(machine.target_data)
    manager = llvm.create_new_module_pass_manager()
    for name in ROUNDS:
        getattr(manager, f"add_{name}_pass")()
    options = llvm.create_pipeline_tuning_options()
    manager.run(parsed, llvm.create_pass_builder(machine, options))
    return parsed


def _calling(body: _Body) -> Callable[[int, int], None]:
    """A Python function whose whole body is a call of the built one."""

    def typed(_typing: Any, _pointer: Any, _number: Any) -> Any:
        def generate(
            context: Any, builder: ir.IRBuilder, _signature: Any, arguments: Any
        ) -> Any:
            function = body.function(context, builder.module)
            pointer = builder.inttoptr(arguments[0], ir.PointerType())
            builder.call(function, [pointer, arguments[1]])
            return context.get_dummy_value()

        return SIGNATURE, generate

    call: Any = intrinsic(typed)

    def entry(pointer: int, number: int) -> None:
        call(pointer, number)

    return entry


def _rename(function: ir.Function, symbol: str) -> None:
    """Give the entry a name of its own and linkage that can be looked up."""
    module = function.module
    del module.globals[function.name]
    function._set_name(symbol)
    function.linkage = ""
    module.globals[function.name] = function
