"""Does the file compute what the graph does? onnxruntime against the NumPy references.

The only module that imports onnxruntime.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graphkeras import dtypes
from graphkeras.errors import ExportError, GraphKerasError, message
from graphkeras.export.parted import PartedSession
from graphkeras.export.stream import beside, unpack
from graphkeras.ir import dims
from graphkeras.ir.interpret import interpret
from graphkeras.ir.op import INPUT, as_dtype
from graphkeras.ir.types import TensorType
from graphkeras.ir.value import Graph, Value, walk

_BATCHES = (2, 5)
_FEW = (1, 2)  # where there is much to compute
_LARGE_ROW = 1 << 16  # elements of an input, as in images of 150 x 150
_HEAVY = 64 << 20  # bytes of weights from which on it counts how often they are kept
FREE_SIZES = (8, 32, 128, 512)  # smallest first: a valid convolution may need more
INTEGER_LIMITS = (1000, 100, 10, 2, 1)  # largest first: some layers take few values
_WORDS = ("the", "Cat", "sat on", "a mat.", "", "Zebra, zebra!", "don't", "été")
_ROWS = 32  # of the samples given, which may be a whole data set

_NO_KERNEL = (
    "Some operators lack some dtypes: cast to float32 or int64 before the layer;"
    " otherwise report the op's ONNX rule."
)

Arrays = list[np.ndarray]


def check_file(
    path: Path,
    graph: Graph,
    state: Sequence[np.ndarray],
    samples: Any = None,
    *,
    atol: float = 1e-4,
    rtol: float = 1e-4,
) -> float:
    """Return the largest absolute difference between the file and the references.

    Args:
        path: an ONNX file with the graph's inputs and outputs in their order.
        graph: the computation as traced.
        state: arrays of ``graph.state``.
        samples: arrays to run on, as a list or by input name; random ones otherwise.
        atol: largest absolute difference allowed.
        rtol: largest relative difference allowed.

    Raises:
        ExportError: if the file is not valid, does not load, or differs by more.
    """
    lean = sum(array.nbytes for array in state) >= _HEAVY
    # At once: the references' memory is free again before onnxruntime takes its own.
    batches = _FEW if lean or _has_large_rows(graph) else _BATCHES
    drawn = [*_random_rounds(graph, state, batches)] if samples is None else []
    with _opened(path, lean) as session:
        names = [i.name for i in session.get_inputs()]
        results = [o.name for o in session.get_outputs()]
        rounds = (
            drawn
            if samples is None
            else _given_rounds(graph, state, arrays_by_order(samples, names))
        )
        atol, rtol = _for_halves(graph, atol, rtol)
        differences = [0.0]
        for arrays, expected in rounds:
            found = run_session(session, dict(zip(names, arrays, strict=True)))
            for row in zip(results, found, expected, strict=True):
                differences.append(compare(*_widened(*row), atol=atol, rtol=rtol))
    return max(differences)


@contextlib.contextmanager
def _opened(path: Path, lean: bool) -> Iterator[Any]:
    """Check a file against the standard and give what runs it.

    Args:
        path: the file.
        lean: whether to take little memory: the weights of the file are read back
            into another beside a copy of the rest, and mapped from there in parts.
    """
    if not lean:
        check_standard(path)
        yield open_session(path)
        return
    outline = path.with_name(f"{path.stem}.outline.onnx")
    session = PartedSession(outline, _HEAVY // 4, lambda file: open_session(file, lean))
    try:
        unpack(path, outline)
        check_standard(outline)
        session.load()
        yield session
    finally:
        for file in (outline, beside(outline), session.part_path):
            file.unlink(missing_ok=True)


def _widened(name: str, found: np.ndarray, expected: np.ndarray) -> tuple[Any, ...]:
    """A file hands over in float32 what the model has in bfloat16."""
    narrow = expected.dtype.name == "bfloat16"
    return name, found, expected.astype(np.float32) if narrow else expected


def _for_halves(graph: Graph, atol: float, rtol: float) -> tuple[float, float]:
    """Return tolerances that leave room for a few steps of a half float inside.

    onnxruntime rounds once where the references round twice, since it adds a bias in
    float32.
    """
    inside = {
        value.dtype for value in graph.walk() if not isinstance(value.type, tuple)
    }
    steps = [_steps(dtypes.to_numpy(name)) for name in inside & {*_HALVES}]
    return max([atol, *steps]), max([rtol, *steps])


_HALVES = ("float16", "bfloat16")


def _steps(dtype: Any) -> float:
    import ml_dtypes

    about: Any = ml_dtypes.finfo
    return 4 * float(about(dtype).eps)


# ---------------------------------------------------------------- the file by itself


def check_standard(path: Path) -> None:
    """Check a file against the ONNX standard, shapes and types of every node included.

    Raises:
        ExportError: if it breaks the standard.
    """
    from onnx import checker, shape_inference

    try:
        checker.check_model(str(path), full_check=True)
    except (
        checker.ValidationError, shape_inference.InferenceError, ValueError,
    ) as error:  # fmt: skip
        raise ExportError(
            message(
                "onnx.checker", "expected a file that keeps to the ONNX standard.",
                str(error).strip(), _NO_KERNEL,
            )
        ) from error  # fmt: skip


def open_session(path: Path, lean: bool = False) -> Any:
    """Open a file in onnxruntime: CPU, one thread, no chatter.

    Args:
        path: the file.
        lean: whether to take little memory: onnxruntime's optimizations and packings
            make other weights of those in the file.

    Raises:
        ExportError: if onnxruntime does not load it.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # fatal only: what is wrong comes as an exception
    if lean:
        levels = onnxruntime.GraphOptimizationLevel
        options.graph_optimization_level = levels.ORT_DISABLE_ALL
        options.add_session_config_entry("session.disable_prepacking", "1")
        options.enable_cpu_mem_arena = options.enable_mem_pattern = False
    try:
        # Always name the provider: the GPU build offers CUDA where there is none.
        return onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # its many classes share only this base
        raise _runtime_error(error, "loads") from error


def run_session(session: Any, feeds: Mapping[str, np.ndarray]) -> Arrays:
    """Run a session and return its outputs.

    Raises:
        ExportError: if onnxruntime cannot run the file on these inputs.
    """
    try:
        return session.run(None, dict(feeds))
    except Exception as error:  # its many classes share only this base
        raise _runtime_error(error, "runs") from error


def _runtime_error(error: Exception, verb: str) -> ExportError:
    return ExportError(
        message(
            "onnxruntime", f"expected a file that {verb} on the CPU.",
            " ".join(str(error).split()), _NO_KERNEL,
        )
    )  # fmt: skip


# --------------------------------------------------------------------------- inputs


def arrays_by_order(samples: Any, names: Sequence[str]) -> list[Any]:
    """Return samples in the order of the inputs.

    Raises:
        ExportError: if there is not exactly one array for each input.
    """
    if isinstance(samples, Mapping):
        found = [samples[n] for n in names if n in samples]
        fits = len(found) == len(names) == len(samples)
    else:
        found = list(samples) if isinstance(samples, (list, tuple)) else [samples]
        fits = len(found) == len(names)
    if not fits:
        shown = [*samples] if isinstance(samples, Mapping) else f"{len(found)} arrays"
        raise ExportError(
            message(
                "check", f"expected samples for the inputs {', '.join(names)}.",
                f"{shown}", "Give a list in that order, or a dict by these names.",
            )
        )  # fmt: skip
    return found


def _has_large_rows(graph: Graph) -> bool:
    known = ([d for d in t.shape if isinstance(d, int)] for t in _input_types(graph))
    return any(math.prod(sizes) >= _LARGE_ROW for sizes in known)


def _input_types(graph: Graph) -> list[TensorType]:
    return [TensorType(leaf.dtype, leaf.shape) for leaf in graph.inputs]


def _given_rounds(
    graph: Graph, state: Sequence[np.ndarray], samples: list[Any]
) -> Iterator[tuple[Arrays, Arrays]]:
    """Yield the samples as they are, then their first row if the batch is free."""
    leaves = _input_types(graph)
    full = [_as_fed(s, t.dtype) for s, t in zip(samples, leaves, strict=True)]
    batched = all(t.shape and not isinstance(t.shape[0], int) for t in leaves)
    for count in (_ROWS, 1) if batched else (None,):
        arrays = [array[:count] if batched else array for array in full]
        yield arrays, interpret(graph, arrays, state)[0]


def _as_fed(samples: Any, dtype: str) -> np.ndarray:
    """Return samples as onnxruntime takes them: text as str, since it prints bytes."""
    array = as_dtype(samples, dtype)
    if dtype != "string":
        return array
    return np.asarray(np.frompyfunc(_decoded, 1, 1)(array), object)


def _decoded(item: Any) -> Any:
    try:
        return item.decode() if isinstance(item, bytes) else item
    except UnicodeDecodeError as error:
        raise ExportError(
            message(
                "check", "expected samples that are UTF-8.", f"{item!r:.60}",
                "onnxruntime takes no other text from Python: leave it out.",
            )
        ) from error  # fmt: skip


def _random_rounds(
    graph: Graph, state: Sequence[np.ndarray], batches: Sequence[int]
) -> Iterator[tuple[Arrays, Arrays]]:
    """Yield random inputs on which the reference runs, at each batch size."""
    rng = np.random.default_rng(0)
    for batch in batches:
        yield _first_that_runs(graph, state, batch, rng)


def _first_that_runs(
    graph: Graph, state: Sequence[np.ndarray], batch: int, rng: np.random.Generator
) -> tuple[Arrays, Arrays]:
    types, tables = _input_types(graph), index_limits(graph)
    names = sorted({s for t in types for d in t.shape for s in dims.symbols(d)})
    free_sizes = FREE_SIZES if {*names} - {"batch"} else FREE_SIZES[:1]
    failure: Exception | None = None
    for free, limit in itertools.product(free_sizes, INTEGER_LIMITS):
        sizes = {n: batch if n == "batch" else free + i for i, n in enumerate(names)}
        limits = [tables.get(leaf, limit) for leaf in graph.inputs]
        arrays = [
            random_array(t, sizes, n, rng, whole=leaf in tables)
            for t, n, leaf in zip(types, limits, graph.inputs)
        ]
        try:
            return arrays, interpret(graph, arrays, state)[0]
        except (GraphKerasError, IndexError, ValueError) as error:
            failure = error
    raise ExportError(
        message(
            "check", "expected the model to run on random inputs.", str(failure),
            "Give samples=... (or --check data.npz), or pass check=False.",
        )
    ) from failure  # fmt: skip


def index_limits(graph: Graph) -> dict[Value, int]:
    """Return for each input that is used as an index the size of the smallest table.

    The references move an index that is too large to the edge; onnxruntime stops.
    """
    limits: dict[Value, int] = {}
    for value in graph.walk():
        if "indices" not in value.op.operands:
            continue
        place = value.op.operands.index("indices")
        attrs = value.attributes
        size = attrs.get("size") or value.inputs[0].shape[attrs["axis"]]
        for leaf in walk([value.inputs[place]]):
            if leaf.op is INPUT and isinstance(size, int):
                limits[leaf] = min(size, limits.get(leaf, size))
    return limits


def random_array(
    type_: TensorType, sizes: Mapping[str, int], limit: int, rng: np.random.Generator,
    whole: bool = False,
) -> np.ndarray:  # fmt: skip
    """Return a random array of a type: normal floats, integers in [0, limit), words.

    Args:
        whole: draw floats like integers.
    """
    shape = tuple(dims.evaluate(d, sizes) for d in type_.shape)
    kind = dtypes.to_numpy(type_.dtype)
    if type_.dtype == "string":
        return np.asarray(rng.choice(np.array(_WORDS, object), shape), object)
    if type_.dtype == "bool":
        return rng.random(shape) < 0.5
    if dtypes.is_integer(type_.dtype) or whole:
        top = limit if whole else min(limit, np.iinfo(kind).max)
        return rng.integers(0, max(top, 1), shape).astype(kind)
    return rng.standard_normal(shape).astype(kind)


# ----------------------------------------------------------------------- comparison


def compare(
    name: str, found: np.ndarray, expected: np.ndarray, *, atol: float, rtol: float
) -> float:
    """Return the largest difference of two arrays; 0 for equal strings.

    NaN equals NaN. Strings, bools and integers must be equal. Half floats may differ
    by a few of their steps, which are larger than any sensible tolerance.

    Raises:
        ExportError: if shapes, dtypes or any element differ by more than allowed.
    """
    if found.shape != expected.shape or found.dtype != expected.dtype:
        raise _differs(
            name,
            f"{expected.dtype}{[*expected.shape]}",
            f"{found.dtype}{[*found.shape]}",
        )
    if not np.issubdtype(found.dtype, np.inexact):
        wrong = int(np.sum(found != expected))
        if wrong:
            raise _differs(
                name, "equal elements", f"{wrong} of {found.size} that differ"
            )
        return 0.0
    step = 4 * float(np.finfo(found.dtype).eps)
    atol, rtol = (max(atol, step), max(rtol, step)) if step > 1e-3 else (atol, rtol)
    a, b = found.astype(np.float64), expected.astype(np.float64)
    alike = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        distance = np.where(alike, 0.0, np.abs(a - b))
        fits = alike | (distance <= atol + rtol * np.abs(b))
    largest = float(distance.max(initial=0.0))
    if not fits.all():
        relative = float((distance / np.maximum(np.abs(b), 1e-30)).max())
        raise _differs(
            name, f"a difference within atol={atol:g}, rtol={rtol:g}",
            f"{largest:.3g} (relative {relative:.3g})",
        )  # fmt: skip
    return largest


def _differs(name: str, expected: str, received: str) -> ExportError:
    return ExportError(
        message(
            f"output {name!r}",
            f"expected onnxruntime to give what the model does: {expected}.",
            received,
            "Raise atol if that is acceptable; else report the op's ONNX rule.",
        )
    )  # fmt: skip
