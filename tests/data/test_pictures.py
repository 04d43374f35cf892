"""Pictures: files and arrays, and folders of them as data sets."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras.data import pictures, resampling
from graphkeras.errors import (
    ArgumentError,
    DataError,
    DTypeError,
    MissingPackageError,
    ShapeError,
)

Image = pytest.importorskip("PIL.Image")
utils = keras.utils
COLOURS = np.arange(6 * 4 * 3, dtype=np.uint8).reshape(6, 4, 3) * 3


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes: a picture in colours, and others of other sizes and kinds."""
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
    Image.fromarray(COLOURS).save(tmp_path / "cat" / "0.png")
    Image.fromarray(COLOURS[:, :, 0]).save(tmp_path / "cat" / "1.bmp")
    Image.fromarray(np.dstack([COLOURS, COLOURS[:, :, :1]])).save(
        tmp_path / "dog" / "0.png"
    )
    Image.fromarray(COLOURS[::-1]).save(tmp_path / "dog" / "1.gif")
    return tmp_path


def load(folder: Path, **how: Any) -> Any:
    return utils.image_dataset_from_directory(
        folder, **{"shuffle": False, "verbose": False, **how}
    )


@pytest.mark.parametrize("mode, channels", [("rgb", 3), ("grayscale", 1), ("rgba", 4)])
def test_pictures_come_in_batches_of_one_size(
    mode: str, channels: int, folder: Path
) -> None:
    (images, labels), = load(folder, image_size=(8, 5), color_mode=mode)  # fmt: skip
    assert images.shape == (4, 8, 5, channels) and images.dtype == "float32"
    assert labels.numpy().tolist() == [0, 0, 1, 1]
    numbers = images.numpy()
    assert numbers.min() >= 0 and numbers.max() <= 255


def test_a_picture_of_the_right_size_is_as_it_was(folder: Path) -> None:
    dataset = load(folder, image_size=(6, 4), batch_size=None)
    found = [image for image, _ in dataset.as_numpy_iterator()]
    np.testing.assert_array_equal(found[0], COLOURS)
    np.testing.assert_array_equal(found[1], np.repeat(COLOURS[:, :, :1], 3, 2))
    np.testing.assert_array_equal(found[2], COLOURS)  # transparency is left out


def test_greys_are_those_of_tensorflow(tmp_path: Path) -> None:
    colours = np.array([[[206, 95, 173], [9, 9, 9], [255, 0, 1], [0, 255, 0]]], "uint8")
    (tmp_path / "a").mkdir()
    Image.fromarray(colours).save(tmp_path / "a" / "0.png")
    grey = next(iter(load(tmp_path, color_mode="grayscale", image_size=(1, 4))))[0]
    assert grey.numpy().ravel().tolist() == [137, 9, 76, 149]  # tf.io.decode_image 2.21


def test_the_nearest_pixels_keep_their_dtype(folder: Path) -> None:
    dataset = load(folder, image_size=(3, 2), interpolation="nearest")
    image = next(iter(dataset))[0].numpy()
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image[0], COLOURS[1::2, 1::2])


def test_channels_come_first_when_asked(folder: Path) -> None:
    first = next(iter(load(folder, data_format="channels_first", image_size=(5, 6))))
    last = next(iter(load(folder, image_size=(5, 6))))
    np.testing.assert_array_equal(
        first[0].numpy(), last[0].numpy().transpose(0, 3, 1, 2)
    )


def test_proportions_are_kept_by_cutting_or_by_borders(folder: Path) -> None:
    cut = next(iter(load(folder, image_size=(4, 4), crop_to_aspect_ratio=True)))[0]
    np.testing.assert_array_equal(cut.numpy()[0], COLOURS[1:5])
    whole = next(iter(load(folder, image_size=(6, 6), pad_to_aspect_ratio=True)))[0]
    np.testing.assert_array_equal(whole.numpy()[0, :, 1:5], COLOURS)
    assert not whole.numpy()[0][:, [0, 5]].any()


def test_every_word_for_interpolation_is_taken(folder: Path) -> None:
    for method in resampling.METHODS:
        dataset = load(folder, image_size=3, interpolation=method.upper())
        assert next(iter(dataset))[0].shape == (4, 3, 3, 3)


# What tf.image.resize 2.21 makes of (x * 37) % 101 for x in 0 ... 14, of shape (3, 5),
# at size (2, 7); its bicubic rounds distances to 1/1024.
RESIZED = {
    "bilinear": [[21, 27.714, 43.321, 69.75, 42.071, 36.036, 42.75],
                 [71.25, 34.679, 17.821, 44.25, 70.679, 53.821, 17.25]],
    "nearest": [[0, 37, 37, 74, 10, 10, 47], [67, 3, 3, 40, 77, 77, 13]],
    "bicubic": [[15.277, 23.829, 45.727, 71.146, 36.964, 31.191, 45.183],
                [75.917, 32.569, 8.851, 42.854, 78.467, 55.498, 12.003]],
    "area": [[28, 30, 38.733, 68.333, 44.067, 39.333, 41.333],
             [72.667, 34.267, 16.067, 45.667, 75.267, 57.067, 18.667]],
    "lanczos3": [[16.082, 21.257, 50.478, 71.905, 38.049, 29.382, 47.513],
                 [81.932, 35.09, 0.579, 42.095, 87.821, 56.196, 8.367]],
    "lanczos5": [[16.51, 18.87, 53.945, 72.732, 37.025, 28.539, 49.624],
                 [84.566, 39.379, -5.8, 41.268, 94.671, 54.555, 7.191]],
    "gaussian": [[23.289, 28.773, 42.838, 61.564, 43.533, 37.259, 41.73],
                 [67.028, 35.162, 20.154, 44.572, 68.99, 53.982, 22.116]],
    "mitchellcubic": [[20.052, 26.132, 44.533, 65.949, 41.421, 34.439, 43.237],
                      [72.22, 34.264, 14.404, 43.844, 74.151, 54.77, 16.763]],
}  # fmt: skip


@pytest.mark.parametrize("method", resampling.METHODS)
def test_images_are_resized_as_tensorflow_does(method: str) -> None:
    image = ((np.arange(15) * 37) % 101).reshape(3, 5, 1)
    found = resampling.resized(image, (2, 7), method)[:, :, 0]
    np.testing.assert_allclose(found, RESIZED[method], atol=0.001)
    flat = resampling.resized(np.full((3, 5, 1), 7), (4, 9), method)
    np.testing.assert_allclose(flat, 7, rtol=1e-6)


@pytest.mark.parametrize("shape, wanted", [((8, 4), (4, 4)), ((3, 9), (3, 3))])
def test_smart_resize_takes_the_centre(shape: Any, wanted: Any) -> None:
    image = np.arange(np.prod(shape), dtype=float).reshape(*shape, 1)
    found = keras.preprocessing.image.smart_resize(image, wanted)
    top, left = (shape[0] - wanted[0]) // 2, (shape[1] - wanted[1]) // 2
    np.testing.assert_array_equal(
        found, image[top : top + wanted[0], left : left + wanted[1]]
    )
    batch = keras.preprocessing.image.smart_resize(
        image.transpose(2, 0, 1)[None], wanted, data_format="channels_first"
    )
    np.testing.assert_array_equal(batch[0, 0], found[:, :, 0])


# --------------------------------------------------------------- arrays and pictures


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_arrays_become_pictures_and_arrays_again(channels: int) -> None:
    array = np.random.default_rng(0).integers(0, 256, (5, 4, channels)).astype(float)
    array[0, 0, 0], array[1, 0, 0] = 0, 255  # so that scaling changes nothing
    picture = utils.array_to_img(array)
    assert picture.mode == {1: "L", 3: "RGB", 4: "RGBA"}[channels]
    np.testing.assert_array_equal(utils.img_to_array(picture), array)
    first = utils.array_to_img(array.transpose(2, 0, 1), data_format="channels_first")
    back = utils.img_to_array(first, "channels_first", dtype="uint8")
    np.testing.assert_array_equal(back, array.transpose(2, 0, 1))
    assert back.dtype == np.uint8


def test_scaling_spans_all_of_a_byte() -> None:
    found = utils.img_to_array(utils.array_to_img([[[2.0], [4.0]], [[3.0], [2.0]]]))
    assert found[:, :, 0].tolist() == [[0, 255], [127, 0]]
    assert utils.array_to_img(np.full((1, 1, 1), 300), scale=False).mode == "I"


def test_pictures_are_saved_and_loaded(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    utils.save_img(path, COLOURS, scale=False)
    assert utils.img_to_array(utils.load_img(path)).astype("uint8").tolist() == (
        COLOURS.tolist()
    )
    held = io.BytesIO()
    utils.save_img(held, COLOURS, file_format="png", scale=False)
    gray = utils.load_img(held, color_mode="grayscale", target_size=(3, 2))
    assert gray.size == (2, 3) and gray.mode == "L"
    kept = utils.load_img(path, target_size=(4, 4), keep_aspect_ratio=True)
    assert utils.img_to_array(kept).astype("uint8").tolist() == COLOURS[1:5].tolist()
    with pytest.warns(UserWarning, match="JPEG holds no transparency"):
        utils.save_img(tmp_path / "x.jpg", np.dstack([COLOURS, COLOURS[:, :, :1]]))


def test_sixteen_bits_are_cut_to_eight(tmp_path: Path) -> None:
    deep = (np.arange(12, dtype=np.uint16) * 5000).reshape(3, 4)
    Image.fromarray(deep).save(tmp_path / "x.png")
    assert utils.load_img(tmp_path / "x.png", "grayscale").mode.startswith("I")
    found = pictures.decoded("test", str(tmp_path / "x.png"), 1)
    np.testing.assert_array_equal(found[:, :, 0], deep >> 8)


def bomb() -> io.BytesIO:
    held = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(held, "png")
    held.seek(0)
    return held


WRONG: dict[str, tuple[type[Exception], Any]] = {
    "color_mode must be one of": (
        ArgumentError, lambda f: load(f, color_mode="cmyk")
    ),
    "interpolation must be one of": (
        ArgumentError, lambda f: load(f, interpolation="cubic")
    ),
    "exclude one another": (
        ArgumentError,
        lambda f: load(f, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True),
    ),
    "image_size must be": (ArgumentError, lambda f: load(f, image_size=(3, 3, 3))),
    "expected a picture in .*broken.png": (
        DataError, lambda f: (
            (f / "cat" / "broken.png").write_bytes(b"no picture"), list(load(f))
        ),
    ),
    "expected a picture in .*half.png": (
        DataError, lambda f: (
            utils.save_img(f / "x.png", np.random.default_rng(0).random((99, 99, 3))),
            (f / "half.png").write_bytes((f / "x.png").read_bytes()[:9999]),
            utils.load_img(f / "half.png"),
        ),
    ),
    "expected a picture in the bytes given": (
        DataError, lambda f: utils.load_img(bomb())
    ),
    "load_img: color_mode": (
        ArgumentError, lambda f: utils.load_img(f / "cat" / "0.png", "L")
    ),
    "load_img: interpolation": (
        ArgumentError,
        lambda f: utils.load_img(f / "cat" / "0.png", target_size=(1, 1),
                                 interpolation="area"),
    ),
    "path must be a path": (DTypeError, lambda f: utils.load_img(3)),
    "expected an image of rank 3": (
        ShapeError, lambda f: utils.array_to_img(np.ones((2, 2)))
    ),
    "expected 1, 3 or 4 channels": (
        ShapeError, lambda f: utils.array_to_img(np.ones((2, 2, 2)))
    ),
    "data_format must be": (
        ArgumentError, lambda f: utils.array_to_img(np.ones((2, 2, 3)), "last")
    ),
    "img_to_array: expected an image": (
        ShapeError, lambda f: utils.img_to_array(np.ones(3))
    ),
    "size must be .height, width.": (
        ArgumentError,
        lambda f: keras.preprocessing.image.smart_resize(np.ones((2, 2, 3)), (1,)),
    ),
    "expected an image .rank 3. or a batch": (
        ShapeError,
        lambda f: keras.preprocessing.image.smart_resize(np.ones((2, 2)), (1, 1)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_mistakes_are_named(text: str, folder: Path) -> None:
    error, act = WRONG[text]
    with pytest.raises(error, match=f"(?s){text}"):
        act(folder)


def test_without_pillow_the_extra_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures.pillow.cache_clear()
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingPackageError, match=r"graphkeras\[image\]"):
        load(folder)
    with pytest.raises(ImportError, match="load_img: needs the package Pillow"):
        utils.load_img(folder / "cat" / "0.png")


def test_pillow_is_loaded_only_for_pictures() -> None:
    told = subprocess.run(
        [sys.executable, "-c", "import sys, graphkeras.utils; print('PIL' in "
         "sys.modules)"], capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert told.stdout.strip() == "False"
