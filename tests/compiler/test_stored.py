"""Programs kept for other processes: the key, what comes back, and a second process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphkeras import config, ops
from graphkeras.compiler import fingerprint, pipeline, programs, stored
from graphkeras.compiler.binding import Block, Sizing
from graphkeras.compiler.fingerprint import graph_key
from graphkeras.compiler.programs import compile_graph
from graphkeras.errors import ShapeError
from graphkeras.ir import dims
from graphkeras.ir.definers import elementwise
from graphkeras.ir.op import OPS, input_value, nondifferentiable, unsupported
from graphkeras.ir.types import TensorType
from graphkeras.ir.value import Graph
from graphkeras.kernels import stream
from tests.compiler.machine import BATCH, floats, traced
from tests.compiler.test_programs import PROGRAMS

LOADED = "graphkeras.runtime.link.load"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, and no program in memory yet."""
    monkeypatch.setenv("GRAPHKERAS_CACHE", str(tmp_path / "cache"))
    forget()
    return tmp_path / "cache"


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of what is compiled anew."""
    found: list[str] = []
    build = pipeline.build

    def note(graph: Graph, name: str) -> stored.Built:
        found.append(name)
        return build(graph, name)

    monkeypatch.setattr(pipeline, "build", note)
    return found


def forget() -> None:
    """Do as a new process would."""
    programs._kept.clear()
    programs.feeder.cache_clear()


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.program"))


# --------------------------------------------------------------------------- the key


def key(function: Callable[..., Any], *types: TensorType) -> str | None:
    return graph_key(traced(function, *types))


BASE = key(lambda x: ops.sum(x * 2.0, axis=0), floats(BATCH, 3))
OTHERS: dict[str, tuple[Callable[..., Any], TensorType]] = {
    "op": (lambda x: ops.sum(x / 2.0, axis=0), floats(BATCH, 3)),
    "constant": (lambda x: ops.sum(x * 2.5, axis=0), floats(BATCH, 3)),
    "sign of zero": (lambda x: ops.sum(x * -0.0, axis=0), floats(BATCH, 3)),
    "attribute": (lambda x: ops.sum(x * 2.0, axis=1), floats(BATCH, 3)),
    "size": (lambda x: ops.sum(x * 2.0, axis=0), floats(BATCH, 4)),
    "symbol": (lambda x: ops.sum(x * 2.0, axis=0), floats(dims.symbol("n"), 3)),
    "dtype": (lambda x: ops.sum(x * 2.0, axis=0), TensorType("float64", (BATCH, 3))),
    "another output": (lambda x: (ops.sum(x * 2.0, axis=0), x), floats(BATCH, 3)),
}


@pytest.mark.parametrize("name", OTHERS)
def test_another_graph_has_another_key(name: str) -> None:
    assert key(*OTHERS[name]) not in (None, BASE)


def test_names_are_no_part_of_the_key() -> None:
    a, b = (input_value(name, floats(3)) for name in ("a", "b"))
    keys = {graph_key(Graph((v,), (ops.exp(v),))) for v in (a, b)}
    assert len(keys) == 1


@pytest.mark.parametrize("what", ["_versions", "_settings", "link.target"])
def test_key_says_who_compiled_and_for_which_machine(
    what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"graphkeras.compiler.fingerprint.{what}", lambda: "another")
    assert key(lambda x: ops.sum(x * 2.0, axis=0), floats(BATCH, 3)) != BASE


def test_key_changes_with_a_file_of_the_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fingerprint, "_sources", b"edited")
    assert key(lambda x: ops.sum(x * 2.0, axis=0), floats(BATCH, 3)) != BASE


def test_every_file_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "inner").mkdir()
    file = tmp_path / "inner" / "pass.py"
    file.write_text("a = 1\n")
    monkeypatch.setattr(fingerprint, "PACKAGE", str(tmp_path))
    before = fingerprint._source_digest()
    file.write_text("a = 2\n")
    assert fingerprint._source_digest() != before


def test_key_says_what_is_asked_of_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_OPT", "1")
    assert key(lambda x: ops.sum(x * 2.0, axis=0), floats(BATCH, 3)) != BASE


def test_an_op_of_the_users_has_no_key() -> None:
    @elementwise(scalar="{0} + {0}", vjp=nondifferentiable, onnx=unsupported("a test"))
    def doubled_here(x: Any) -> Any:
        """Twice x."""
        return x + x

    try:
        assert key(doubled_here, floats(3)) is None
    finally:
        del OPS["doubled_here"]


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_of_our_own_ops_has_a_key(name: str) -> None:
    function, types = PROGRAMS[name]
    assert key(function, *types) == key(function, *types) is not None


# ------------------------------------------------------------------ what comes back


def _rows(x: Any) -> Any:
    table = np.arange(12, dtype=np.float32).reshape(4, 3)
    return ops.take(ops.convert_to_tensor(table), ops.cast(x, "int32"), axis=0) + 1.5


@pytest.mark.parametrize("part", [0, stream.PART])
@pytest.mark.usefixtures("folder")
def test_kept_program_gives_the_same_bits(
    part: int, built: list[str], rng: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(stream, "PART", part)
    x = rng.normal(size=(37, 19)).astype(np.float32)
    graph = traced(lambda x: ops.tanh(x) @ ops.transpose(ops.exp(x)), floats(BATCH, 19))
    cold = compile_graph(graph, name="bits").run([x])
    forget()
    warm = compile_graph(graph, name="bits").run([x])
    assert [a.tobytes() for a in cold] == [a.tobytes() for a in warm]
    assert built == ["bits"]


@pytest.mark.usefixtures("folder")
def test_constants_come_back(built: list[str]) -> None:
    graph, x = traced(_rows, floats(BATCH)), np.array([3.0, 0.0])
    for _ in range(2):
        (found,) = compile_graph(graph, name="rows").run([x])
        np.testing.assert_array_equal(found, [[10.5, 11.5, 12.5], [1.5, 2.5, 3.5]])
        forget()
    assert built == ["rows"]


def test_two_programs_are_two_files(folder: Path, built: list[str]) -> None:
    for _ in range(2):
        compile_graph(traced(ops.exp, floats(BATCH)), name="one")
        compile_graph(traced(ops.cos, floats(BATCH)), name="two")
        forget()
    assert built == ["one", "two"]
    assert len(files(folder)) == 2


def test_damaged_program_is_compiled_and_replaced(
    folder: Path, built: list[str]
) -> None:
    for _ in range(3):
        program = compile_graph(traced(ops.exp, floats(2)), name="exp")
        np.testing.assert_allclose(program.run([[0, 1]])[0], np.exp([0, 1]), 1e-6)
        forget()
        if len(built) == 1:
            files(folder)[0].write_bytes(files(folder)[0].read_bytes()[:-1])
    assert built == ["exp", "exp"]


@pytest.mark.parametrize("error", stored.WRONG)
@pytest.mark.usefixtures("folder")
def test_program_that_cannot_be_loaded_is_compiled(
    error: type[Exception], built: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(code: bytes, symbol: str) -> None:
        raise error(symbol)

    monkeypatch.setattr(LOADED, fail)
    for _ in range(2):
        compile_graph(traced(ops.exp, floats(2)), name="exp").run([[0, 1]])
        forget()
    assert built == ["exp", "exp"]


def test_nothing_is_kept_once_the_compiler_was_edited(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fingerprint, "_source_digest", lambda: b"edited meanwhile")
    compile_graph(traced(ops.exp, floats(2)), name="exp")
    assert not files(folder)


@pytest.mark.parametrize("what", ["ir", "llvm", "asm"])
def test_no_kept_program_hides_its_making_from_debugging(
    what: str, folder: Path, built: list[str]
) -> None:
    config.set_debug(what)
    for _ in range(2):
        compile_graph(traced(ops.exp, floats(2)), name="exp")
        forget()
    assert (built, files(folder)) == (["exp", "exp"], [])


@pytest.mark.usefixtures("folder")
def test_kept_program_refuses_sizes_in_the_same_words() -> None:
    graph = traced(lambda x: ops.exp(x[2:]), floats(BATCH))
    messages = []
    for _ in range(2):
        with pytest.raises(ShapeError) as caught:
            compile_graph(graph, name="slice").run([np.zeros(1)])
        messages.append(str(caught.value))
        forget()
    assert messages[0] == messages[1]
    assert "slice" in messages[0]


def test_sizes_are_written_without_loss() -> None:
    n, m = dims.symbol("n"), dims.symbol("m")
    odd = dims.maximum((2 * n * n + m + 3) // (m + 1), n % 7) - 4
    sizing = Sizing((n, odd), ((n, 3), ()), (Block(odd * 2, 4, 0, 3),), (odd,))
    said = {
        "words": [stored._said(d) for d in sizing.words],
        "outputs": [[stored._said(d) for d in s] for s in sizing.outputs],
        "blocks": [[stored._said(odd * 2), 4, 0, 3]],
        "checks": [stored._said(odd)],
    }
    assert stored._sizing(json.loads(json.dumps(said))) == sizing


# ---------------------------------------------------------------- a second process

TRAIN = """
import sys
import numpy as np
import graphkeras as keras
from graphkeras import layers

keras.utils.set_random_seed(1)
x = keras.Input((8,))
h = layers.Dropout(0.3)(layers.Dense(16, activation="gelu")(x))
h = layers.BatchNormalization()(h)
model = keras.Model(x, layers.Dense(3, activation="softmax")(h))
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
r = np.random.default_rng(0)
data, labels = r.normal(size=(50, 8)), r.integers(0, 3, 50)
model.fit(data, labels, batch_size=16, epochs=2, verbose=0)
found = model.predict(data, verbose=0)
heavy = {"numba", "onnx", "onnxruntime", "h5py", "rich", "scipy", "graphkeras.export"}
heavy &= set(sys.modules)
passes = "graphkeras.compiler.pipeline" in sys.modules
print(found.tobytes().hex(), sorted(heavy), passes, sep="|")
"""


def test_no_process_needs_numba_and_the_second_no_passes(folder: Path) -> None:
    runs = [
        subprocess.run(
            [sys.executable, "-c", TRAIN], capture_output=True, text=True, check=True
        ).stdout.strip().split("|")
        for _ in range(2)
    ]  # fmt: skip
    assert len(files(folder)) >= 3
    cold, warm = runs
    assert cold[0] == warm[0]
    assert (cold[1:], warm[1:]) == (["[]", "True"], ["[]", "False"])
