"""Every reference model trains, exports, and is answered alike by onnxruntime.

The MNIST models read the real images where they are (see ``models/mnist.py``) and
scikit-learn's digits otherwise; both runs are held to a score.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import graphkeras as keras
from models import mnist, mnist_cnn, mnist_mlp, served
from tests.architecture.sources import python_files

TOLERANCE = 1e-5  # between `predict` and onnxruntime
LOWEST = {"digits": 0.96, "docstrings": 0.78}
MNIST = {"mnist_mlp": mnist_mlp, "mnist_cnn": mnist_cnn}
STAND_IN = {"mnist_mlp": 0.93, "mnist_cnn": 0.93}  # of 360 digits, after these epochs
STAND_IN_EPOCHS = 12
EXCERPTS = Path(__file__).parent / "data"
# model -> what it reads, epochs, the score, how high it must be after so little
SMALL: dict[str, tuple[Callable[[Path], Path] | None, int, str, float]] = {
    "sms_spam": (lambda _: EXCERPTS / "sms_spam.tsv", 30, "accuracy", 0.85),
    "adult": (lambda _: EXCERPTS / "adult.csv", 20, "auc", 0.85),
    "housing": (lambda _: EXCERPTS / "california_housing.csv", 40, "r2_score", 0.5),
    "tickets": (None, 8, "department_accuracy", 0.85),
    "image_folder": (lambda folder: drawn(folder), 10, "accuracy", 0.9),
}
SHARED = {"mnist", "served"}  # what models have in common


@pytest.mark.parametrize("name", LOWEST)
def test_reference_model_learns_and_is_served(name: str, tmp_path: Path) -> None:
    figures = importlib.import_module(f"models.{name}").main(str(tmp_path / "m.onnx"))
    assert figures["accuracy"] >= LOWEST[name]
    assert figures["difference"] < TOLERANCE


@pytest.mark.parametrize("name", MNIST)
def test_mnist_model_learns_and_is_served(name: str, tmp_path: Path) -> None:
    model, real = MNIST[name], mnist.load().real
    epochs = model.EPOCHS if real else STAND_IN_EPOCHS
    figures = model.main(["--out", str(tmp_path / "m.onnx"), "--epochs", str(epochs)])
    assert figures["accuracy"] >= (model.TARGET if real else STAND_IN[name])
    assert figures["difference"] < TOLERANCE


@pytest.mark.parametrize("name", SMALL)
def test_model_learns_from_a_little_of_its_data_and_is_served(
    name: str, tmp_path: Path
) -> None:
    data, epochs, score, lowest = SMALL[name]
    arguments = ["--epochs", str(epochs), "--out", f"{tmp_path}/m.onnx"]
    arguments += [] if data is None else ["--data", str(data(tmp_path))]
    figures = importlib.import_module(f"models.{name}").main(arguments)
    assert figures[score] >= lowest
    assert figures["difference"] < TOLERANCE


def drawn(folder: Path) -> Path:
    """Return a folder of pictures: noise in which red, green or blue prevails."""
    random = np.random.default_rng(0)
    for part, count in (("train", 40), ("test", 10)):
        for channel, name in enumerate(("red", "green", "blue")):
            place = folder / part / name
            place.mkdir(parents=True)
            for number in range(count):
                pixels = random.integers(0, 128, (32, 32, 3))
                pixels[8:24, 8:24, channel] += 80
                keras.utils.save_img(place / f"{number}.png", pixels, scale=False)
    return folder


def test_every_reference_model_is_tested() -> None:
    found = {Path(name).stem for name in python_files("models")}
    assert found == {*LOWEST, *MNIST, *SMALL, *SHARED}


def test_a_model_says_which_file_it_misses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        served.options("sms_spam", 1, "sms_spam.tsv", ["--data", str(tmp_path / "no")])
    assert "give its place by --data" in capsys.readouterr().err


def test_idx_files_are_read_packed_or_not(tmp_path: Path) -> None:
    header = bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3])
    (tmp_path / "t10k-images-idx2-ubyte").write_bytes(header + bytes(range(6)))
    array = mnist.read_idx(tmp_path, "t10k-images")
    assert array.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_missing_images_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no file train-images"):
        mnist.load(str(tmp_path))
