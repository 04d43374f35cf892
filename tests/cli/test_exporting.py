"""Options of export, and verify: what they do, and one message for each failure."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest

import graphkeras as keras
from graphkeras import cli

layers = keras.layers


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model in all forms, a second one, and data."""
    folder = tmp_path_factory.mktemp("made")
    x = keras.Input((8, 8, 1), name="image")
    y = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, activation="relu")(x))
    model = keras.Model(x, layers.Dense(3, name="scores")(y), name="small")
    for name in ("m.keras", "m.h5"):
        model.save(folder / name)
    model.export(folder / "m.onnx")
    model.set_weights([1.01 * w for w in model.get_weights()])
    model.save(folder / "other.keras")
    rng = np.random.default_rng(0)
    np.savez(folder / "d.npz", image=rng.normal(size=(20, 8, 8, 1)).astype("float32"))
    np.savez(folder / "wrong.npz", image=np.ones((2, 3)))
    np.savez(folder / "names.npz", pixels=np.ones((2, 8, 8, 1)))
    (folder / "none.npz").write_bytes(b"none")
    return folder


@pytest.fixture
def folder(made: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(made)
    before = {*made.iterdir()}
    yield made
    for path in {*made.iterdir()} - before:
        path.unlink()


def run(line: str) -> int:
    return cli.main(line.split())


def inputs_of(path: Path) -> list[list[int | str]]:
    shapes = [v.type.tensor_type.shape.dim for v in onnx.load(path).graph.input]
    return [[d.dim_value or d.dim_param for d in dims] for dims in shapes]


Shown = pytest.CaptureFixture[str]

# ---------------------------------------------------------------------------- export


@pytest.mark.parametrize("source", ["m.keras", "m.h5"])
@pytest.mark.parametrize(
    ("options", "text"),
    [("--fp16", "float16"), ("--int8 d.npz", "int8"), ("--fp16 --check d.npz", "rows")],
)
def test_smaller_files_say_how_far_they_are_from_float32(
    source: str, options: str, text: str, folder: Path, capsys: Shown
) -> None:
    assert run(f"export {source} -o o.onnx {options}") == 0
    shown = capsys.readouterr().out
    assert text in shown and "scores - float32" in shown
    assert run(f"verify {source} o.onnx --atol 0.05 --rtol 0.05") == 0


SHAPES = {
    "": ["batch", 8, 8, 1],
    "--dynamic image=1,2": ["batch", "image_dim1", "image_dim2", 1],
    "--dynamic =-3": ["batch", "image_dim1", 8, 1],
    "--input-shape ?,16,16,1": ["batch", 16, 16, 1],
    "--input-shape image=4,8,8,1": [4, 8, 8, 1],
    "--input-shape 2,9,9,1 --dynamic image=2": [2, 9, "image_dim2", 1],
}


@pytest.mark.parametrize("options", SHAPES)
def test_sizes_of_inputs_are_as_told(options: str, folder: Path) -> None:
    assert run(f"export m.keras -o o.onnx {options}") == 0
    assert inputs_of(folder / "o.onnx") == [SHAPES[options]]


@pytest.mark.parametrize("options", ["--labels a,b,c", "--labels scores=names.txt"])
@pytest.mark.parametrize("small", ["", "--fp16", "--int8 d.npz"])
def test_labels_name_the_winner(options: str, small: str, folder: Path) -> None:
    (folder / "names.txt").write_text("one\ntwo\nthree\n")
    assert run(f"export m.keras -o o.onnx {options} {small}") == 0
    outputs = [v.name for v in onnx.load(folder / "o.onnx").graph.output]
    assert outputs == ["scores", "scores_label"]


@pytest.mark.parametrize("small", ["", "--fp16", "--int8 flat.npz"])
def test_weights_go_beside_the_file_on_request(small: str, folder: Path) -> None:
    x = keras.Input((40,), name="image")
    keras.Model(x, layers.Dense(40)(x)).save("wide.keras")
    np.savez("flat.npz", image=np.ones((3, 40), "float32"))
    assert run(f"export wide.keras -o o.onnx --external-data {small}") == 0
    graph = onnx.load("o.onnx", load_external_data=False).graph
    assert sum(len(t.external_data) > 0 for t in graph.initializer) == 1
    assert (folder / "o.onnx.data").stat().st_size >= 1600
    assert run("verify wide.keras o.onnx --data flat.npz --atol 0.1") == 0


FAILURES = {
    "--labels a,b": "expected as many labels as the output has classes",
    "--labels other=a,b,c": "other",
    "--int8 gone.npz": "gone.npz",
    "--int8 none.npz": "--int8: expected an .npz file",
    "--int8 wrong.npz": "expected an array f32[batch, 8, 8, 1]",
    "--int8 names.npz": "expected samples for the inputs image",
    "--int8 d.npz --atol 1e-9": "expected a difference from float32 of at most",
    "--fp16 --check wrong.npz": "f32[batch, 8, 8, 1]",
    "--dynamic pixels=1": "Known inputs: image",
    "--dynamic image=4": "expected an axis from 0 to 3",
    "--dynamic image=3": "Conv: expected a number as group",
    "--input-shape 1,2": "expected 4 sizes, the batch first",
    "--input-shape ?,8,8,3": "conv2d",
}


@pytest.mark.parametrize("options", FAILURES)
def test_an_option_that_cannot_be_met_is_one_message(
    options: str, folder: Path, capsys: Shown
) -> None:
    assert run(f"export m.keras -o o.onnx {options}") == 1
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.count("error: ") == 1
    assert FAILURES[options] in shown.err
    assert not [p.name for p in folder.iterdir() if "o.onnx" in p.name]


@pytest.mark.parametrize(
    "line",
    ["export m.keras -o o.onnx --int8", "export m.keras -o o.onnx --fp16 --int8 d.npz",
     "export m.keras -o o.onnx --dynamic image", "verify m.keras",
     "export m.keras -o o.onnx --input-shape a,b", "verify m.keras m.txt",
     "export m.keras -o o.onnx --input-shape 0,2", "verify m.keras m.h5 --rows 0",
     "export m.onnx -o o.onnx", "export m.keras -o o.onnx --ops all"],
)  # fmt: skip
def test_a_wrong_line_is_status_2(line: str, folder: Path, capsys: Shown) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(line)
    assert "usage: graphkeras" in capsys.readouterr().err


# ---------------------------------------------------------------------------- verify

EQUAL = ["m.keras m.onnx", "m.onnx m.h5", "m.h5 m.keras", "m.onnx m.onnx --rows 1",
         "m.keras m.onnx --data d.npz", "m.keras m.onnx --seed 7 --atol 1e-5 --rtol 0",
         "m.keras other.keras --rtol 0.05 --atol 0.05"]  # fmt: skip


@pytest.mark.parametrize("line", EQUAL)
def test_verify_of_equal_models_is_status_0(
    line: str, folder: Path, capsys: Shown
) -> None:
    assert run(f"verify {line}") == 0
    shown = capsys.readouterr().out
    assert "they agree within atol" in shown and "scores" in shown


@pytest.mark.parametrize("line", ["m.onnx other.keras", "m.keras other.keras"])
def test_verify_of_other_models_is_status_3(
    line: str, folder: Path, capsys: Shown
) -> None:
    assert run(f"verify {line}") == 3
    assert "too far" in capsys.readouterr().out


def test_random_inputs_depend_on_the_seed_only(folder: Path, capsys: Shown) -> None:
    shown = []
    for seed in (0, 0, 1):
        run(f"verify m.keras other.keras --seed {seed}")
        shown.append(capsys.readouterr().out.replace(f"seed {seed}", ""))
    assert shown[0] == shown[1] != shown[2]


@pytest.mark.parametrize("line", ["m.keras gone.onnx", "gone.h5 m.onnx",
                                  "m.keras m.onnx --data wrong.npz",
                                  "none.npz:m m.keras"])  # fmt: skip
def test_verify_of_what_cannot_be_read_is_no_traceback(line: str, folder: Path) -> None:
    command = [sys.executable, "-m", "graphkeras", "verify", *line.split()]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode in (1, 2) and "Traceback" not in done.stderr


def test_models_with_other_inputs_cannot_be_compared(
    folder: Path, capsys: Shown
) -> None:
    a, b = keras.Input((2,)), keras.Input((2,))
    keras.Model([a, b], a + b).save("two.keras")
    assert run("verify two.keras m.onnx") == 1
    assert "as many inputs" in capsys.readouterr().err


def test_words_and_integers_are_compared_too(folder: Path) -> None:
    x = keras.Input((), dtype="string", name="text")
    table = layers.TextVectorization(vocabulary=["a", "b"], output_sequence_length=4)
    keras.Model(x, table(x)).save("text.keras")
    assert run("export text.keras -o o.onnx") == 0
    assert run("verify text.keras o.onnx") == 0


def test_indices_stay_inside_their_table(folder: Path) -> None:
    x = keras.Input((3,), dtype="int32", name="ids")
    keras.Model(x, layers.Embedding(4, 2)(x)).save("ids.keras")
    assert run("export ids.keras -o o.onnx") == 0
    assert run("verify ids.keras o.onnx") == run("verify o.onnx ids.keras") == 0


# --------------------------------------------------------------------------- inspect


@pytest.mark.parametrize("source", ["m.keras", "m.h5"])
def test_inspect_shows_layers_shapes_and_operators(
    source: str, folder: Path, capsys: Shown
) -> None:
    assert run(f"inspect {source}") == 0
    shown = capsys.readouterr().out
    for part in ("small (Functional", "image: f32[batch, 8, 8, 1]", "Gemm", "conv2d",
                 "(None, 6, 6, 4)", "55"):  # fmt: skip
        assert part in shown
    assert ("keras_version" in shown) == source.endswith(".keras")


@pytest.mark.parametrize("source", ["m.keras", "m.h5", "m.onnx"])
def test_inspect_draws(source: str, folder: Path, capsys: Shown) -> None:
    assert run(f"inspect {source} --plot p.svg") == 0
    assert "Conv" in (folder / "p.svg").read_text()


def test_inspect_draws_no_other_files(folder: Path, capsys: Shown) -> None:
    with pytest.raises(SystemExit, match="2"):
        run("inspect m.keras --plot p.gif")
    assert run("inspect m.keras --plot none/p.svg") == 1
    assert capsys.readouterr().err.count("error: ") == 2
