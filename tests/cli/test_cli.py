"""The command line: what it prints and returns, one message for each failure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

import graphkeras as keras
from graphkeras import cli, config, demo
from graphkeras.cli import sources

MODEL = """
import numpy as np
import graphkeras as keras

def small():
    x = keras.Input((4,), name="features")
    hidden = keras.layers.Dense(3, activation="relu", name="hidden")(x)
    return keras.Model(x, keras.layers.Dense(2, name="scores")(hidden), name="small")

model = small()
number = 5

def with_argument(classes):
    return model

def failing():
    return 1 / 0

def leaving():
    raise SystemExit("bye")

def impossible():
    x = keras.Input((4,))
    return keras.Model(x, keras.ops.erfinv(x))

def first_layer():
    return model.layers[0]
"""


CUSTOM = """
import graphkeras as keras

@keras.saving.register_keras_serializable("mine")
class Twice(keras.layers.Layer):
    def call(self, x):
        return 2 * x

model = keras.Sequential([keras.Input((2,)), Twice()])
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a user's file; what importing it changes is undone."""
    (tmp_path / "user_model.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "user_model", raising=False)
    return tmp_path


def files(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.name != "__pycache__")


def run(*arguments: object) -> int:
    return cli.main([str(a) for a in arguments])


# ---------------------------------------------------------------------------- export


@pytest.mark.parametrize("name", ["small", "model"])
def test_export_writes_the_model_and_shows_what_it_holds(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("export", f"user_model.py:{name}", "-o", "m.onnx") == 0
    shown = capsys.readouterr().out
    for part in ("features: f32[batch, 4]", "scores: f32[batch, 2]", "Gemm x2", "Relu",
                 "bytes", "differs by at most"):  # fmt: skip
        assert part in shown
    assert files(folder) == ["m.onnx", "user_model.py"]


def test_export_takes_opset_and_name(folder: Path) -> None:
    source = "user_model.py:model"
    assert run("export", source, "-o", "m.onnx", "--opset", 21, "--name", "mine") == 0
    written = onnx.load(folder / "m.onnx")
    assert (written.graph.name, written.opset_import[0].version) == ("mine", 21)


def test_export_checks_on_the_data_given(folder: Path) -> None:
    np.savez(folder / "data.npz", features=np.ones((7, 4)))
    source = ("user_model.py:model", "-o", "m.onnx")
    assert run("export", *source, "--check", "data.npz") == 0


def test_file_beside_the_users_file_can_be_imported(folder: Path) -> None:
    (folder / "user_model.py").write_text("from user_parts import model")
    (folder / "user_parts.py").write_text(MODEL)
    assert run("export", folder / "user_model.py:model", "-o", "m.onnx") == 0
    sys.modules.pop("user_parts")


def test_main_guard_of_the_users_file_does_not_run(folder: Path) -> None:
    (folder / "user_model.py").write_text(MODEL + "\nif __name__ == '__main__': 1 / 0")
    assert run("export", "user_model.py:model", "-o", "m.onnx") == 0


# ----------------------------------------------------------------------- bad input

FAILURES = {
    "no such file": ("gone.py:model", "expected a Python file"),
    "no such name": ("user_model.py:modle", "Did you mean 'model'"),
    "no model": ("user_model.py:number", "expected a model, or a function"),
    "a layer": ("user_model.py:first_layer", "expected a model, or a function"),
    "needs arguments": ("user_model.py:with_argument", "one that needs classes"),
    "fails": ("user_model.py:failing", "user_model.py:17: the file should run"),
    "impossible": ("user_model.py:impossible", "erfinv: expected an op that ONNX can"),
    "exits": ("user_model.py:leaving", "SystemExit: bye"),
}


def assert_one_message(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: ") and shown.err.count("error: ") == 1
    assert text in shown.err and "Traceback" not in shown.err
    assert not [name for name in files(folder) if "onnx" in name]


@pytest.mark.parametrize("case", FAILURES)
def test_source_that_gives_no_model_is_one_message(
    case: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, text = FAILURES[case]
    assert run("export", source, "-o", "m.onnx") == 1
    assert_one_message(folder, capsys, text)


@pytest.mark.parametrize(
    ("code", "text"),
    [("import nothing_of_this_name", "ModuleNotFoundError: No module named 'nothing"),
     ("model = (", "user_model.py:1: the file should run"),
     ("\n\nraise OSError('disk')", "user_model.py:3: the file should run")],
)  # fmt: skip
def test_users_file_that_does_not_run_is_one_message(
    code: str, text: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "user_model.py").write_text(code)
    assert run("export", "user_model.py:model", "-o", "m.onnx") == 1
    assert_one_message(folder, capsys, text)


OPTIONS = {
    "no folder": (["-o", "no/such/m.onnx"], "expected a path that can be written"),
    "old opset": (["-o", "m.onnx", "--opset", "11"], "expected an opset from 18"),
    "no data": (["-o", "m.onnx", "--check", "gone.npz"], "gone.npz"),
    "not npz": (["-o", "m.onnx", "--check", "user_model.py"], "expected an .npz file"),
    "one array": (["-o", "m.onnx", "--check", "one.npy"], "expected an .npz file"),
    "wrong name": (["-o", "m.onnx", "--check", "x.npz"], "samples for the inputs feat"),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_option_that_cannot_be_met_is_one_message(
    case: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(folder / "one.npy", np.ones(3))
    np.savez(folder / "x.npz", x=np.ones((2, 4)))
    options, text = OPTIONS[case]
    assert run("export", "user_model.py:model", *options) == 1
    assert_one_message(folder, capsys, text)


@pytest.mark.parametrize(
    "arguments",
    [
        "", "export", "export user_model.py:model", "import", "inspect model.txt",
        "export user_model.py -o m.onnx", "export a.py:b-c -o m.onnx",
        "export a.py:b -o m.onnx --opset new",
    ],
)  # fmt: skip
def test_wrong_command_line_is_status_2(
    arguments: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(arguments.split())
    assert "usage: graphkeras" in capsys.readouterr().err
    assert files(folder) == ["user_model.py"]


def test_traceback_is_shown_on_request(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.set_debug("traceback")
    assert run("export", "user_model.py:failing", "-o", "m.onnx") == 1
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_export_and_inspect_take_saved_models(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sources.load_model(Path("user_model.py"), "model").save("m.keras")
    assert run("export", "m.keras", "-o", "m.onnx") == 0
    assert "scores" in capsys.readouterr().out
    assert run("inspect", "m.keras") == 0
    assert "features" in capsys.readouterr().out


def test_a_saved_model_may_need_a_file_of_classes(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "mine.py").write_text(CUSTOM)
    made = sources.load_model(Path("mine.py"), "model")
    made.save("m.keras")
    keras.saving.get_custom_objects().pop("mine>Twice")
    assert run("export", "m.keras", "-o", "m.onnx") == 1
    assert "a registered class or function" in capsys.readouterr().err
    assert run("export", "m.keras", "-o", "m.onnx", "--custom", "mine.py") == 0
    keras.saving.get_custom_objects().pop("mine>Twice")


def test_a_broken_saved_model_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "m.keras").write_text("no zip")
    assert run("inspect", "m.keras") == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "m.keras: expected a whole .keras" in error


# --------------------------------------------------------------------------- inspect


def test_inspect_shows_a_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("export", "user_model.py:model", "-o", "m.onnx")
    capsys.readouterr()
    assert run("inspect", "m.onnx") == 0
    shown = capsys.readouterr().out
    for part in ("m.onnx", "features: f32[batch, 4]", "Gemm x2", "23", "20", "small"):
        assert part in shown


def test_inspect_shows_a_model_and_writes_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("inspect", "user_model.py:small") == 0
    assert "Gemm x2" in capsys.readouterr().out
    assert files(folder) == ["user_model.py"]


@pytest.mark.parametrize("content", [None, b"", b"words"])
def test_inspect_of_no_model_is_one_message(
    content: bytes | None, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (folder / "x.onnx").write_bytes(content)
    assert run("inspect", "x.onnx") == 1
    (folder / "x.onnx").unlink(missing_ok=True)
    assert_one_message(folder, capsys, "expected an ONNX file")


# ----------------------------------------------------------------- demo, whole process


def test_demo_is_told_where_the_files_go(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Path] = []
    monkeypatch.setattr(demo, "main", seen.append)
    assert run("demo", "--out", "files") == 0
    assert seen == [Path("files")]


def test_interrupt_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "main", interrupted)
    assert run("demo") == 130
    assert capsys.readouterr().err == "graphkeras: interrupted\n"


def in_process(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "graphkeras.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_help_tells_the_exit_statuses() -> None:
    for arguments in (["--help"], ["export", "--help"], ["verify", "--help"]):
        shown = in_process(*arguments)
        assert shown.returncode == 0
        assert "exit status:" in shown.stdout and "GRAPHKERAS_DEBUG" in shown.stdout


@pytest.mark.parametrize(
    "command", ["", "export", "inspect", "verify", "cache", "demo"]
)
def test_help_imports_nothing_heavy(command: str) -> None:
    code = (
        "import sys; from graphkeras import cli\n"
        f"try: cli.main([*{command.split()}, '--help'])\n"
        "except SystemExit: pass\n"
        "print(*sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    found = set(done.stderr.split())
    ours = {m for m in found if m.startswith("graphkeras")}
    assert ours == {
        "graphkeras", "graphkeras.cli", "graphkeras.cli.entry", "graphkeras.config",
        "graphkeras.cli.options", "graphkeras.errors",
    }  # fmt: skip
    assert not found & {"numpy", "numba", "onnx", "onnxruntime", "rich", "h5py"}


def test_what_nobody_expected_is_one_line_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def odd(_: Path) -> None:
        raise RuntimeError("odd\nthing")

    monkeypatch.setattr(demo, "main", odd)
    assert run("demo") == 1
    shown = capsys.readouterr().err
    assert shown.startswith("error: RuntimeError: odd thing") and shown.count("\n") == 1


def test_whole_process_ends_with_status_and_message(folder: Path) -> None:
    done = in_process("export", "user_model.py:small", "-o", "m.onnx")
    assert (done.returncode, done.stderr) == (0, "")
    failed = in_process("export", "user_model.py:failing", "-o", "n.onnx")
    assert failed.returncode == 1 and failed.stdout == ""
    assert failed.stderr.startswith("error: ") and "Traceback" not in failed.stderr
    assert files(folder) == ["m.onnx", "user_model.py"]


def test_reader_that_leaves_early_is_no_failure(folder: Path) -> None:
    line = f"{sys.executable} -m graphkeras.cli inspect user_model.py:model | head -1"
    done = subprocess.run(line, shell=True, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_progress_is_told_on_a_terminal_only(folder: Path) -> None:
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    line = ["export", "user_model.py:small", "-o", "m.onnx", "--fp16"]
    command = [sys.executable, "-m", "graphkeras.cli", *line]
    environment = {**os.environ, "TERM": "xterm"}
    done = subprocess.run(command, stderr=theirs, stdout=-1, env=environment)
    os.close(theirs)
    told = os.read(ours, 1 << 16).decode()
    assert done.returncode == 0 and b"float16" in done.stdout
    assert "exporting and checking small" in told and "Traceback" not in told
