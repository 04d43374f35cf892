"""What layers on images do beside their numbers: seeds, dicts, chances, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras import layers as L
from graphkeras import ops
from graphkeras.errors import ArgumentError, DTypeError, ShapeError
from graphkeras.layers.preprocessing import beside
from tests.images.cases import fed
from tests.layers.image_samples import IMAGES, maker

RANDOM = [n for n, (layer, *_) in IMAGES.items() if "Random" in layer.__name__]
MIXING = ["AugMix", "CutMix", "MixUp", "RandAugment", "Solarization"]
IMAGE = fed((2, 8, 6, 3), "float32")


def given(name: str) -> np.ndarray:
    """Return a batch for a layer of the table."""
    sizes = [10 if size is None else size for size in IMAGES[name][2]]
    return fed((4, *sizes), "float32")


@pytest.mark.parametrize("name", RANDOM + MIXING)
def test_equal_seeds_give_equal_images_and_each_call_others(name: str) -> None:
    layer, arguments, *_ = IMAGES[name]
    x = given(name)
    one, same, other = (layer(**arguments, seed=s) for s in (1, 1, 2))
    first = one(x)
    np.testing.assert_array_equal(first, same(x))
    assert any(np.any(one(x) != first) or np.any(other(x) != first) for _ in range(9))


@pytest.mark.parametrize("name", RANDOM + MIXING)
def test_inference_leaves_images_as_they_are(name: str) -> None:
    x = given(name)
    np.testing.assert_array_equal(maker(*IMAGES[name][:2])()(x, training=False), x)


@pytest.mark.parametrize("name", RANDOM)
def test_a_single_image_is_a_batch_of_one(name: str) -> None:
    layer, arguments, *_ = IMAGES[name]
    x = given(name)[:1]
    one, same = (layer(**arguments, seed=5) for _ in range(2))
    np.testing.assert_allclose(one(x[0]), same(x)[0], atol=1e-4)


# ---------------------------------------------------------------------- what is drawn

# layer -> (what is drawn, least, greatest, mean)
SPANS: dict[str, tuple[Any, str, float, float, float]] = {
    "rotation": (L.RandomRotation(0.1), "angle", -36, 36, 0),
    "zoom": (L.RandomZoom((0.1, 0.3)), "height_zoom", 1.1, 1.3, 1.2),
    "brightness": (L.RandomBrightness((0.1, 0.3)), "rgb_delta", 25.5, 76.5, 51),
    "contrast": (L.RandomContrast((0.2, 0.4)), "contrast_factor", 0.8, 1.4, 1.1),
    "contrast, one number": (L.RandomContrast(0.4), "contrast_factor", 1, 1.4, 1.2),
    "hue": (L.RandomHue(0.8), "factor", -0.4, 0.4, 0),
    "sharpness": (L.RandomSharpness(0.6), "factor", 0, 0.6, 0.3),
    "degeneration": (L.RandomColorDegeneration(0.6), "factor", -0.6, 0.6, 0),
    "bits": (L.RandomPosterization(5), "shift_factor", 4, 7, 5.5),
    "threshold": (L.Solarization(0, 0.5), "thresholds", 0, 127.5, 63.75),
    "mixture": (L.MixUp(1.0), "mix_weight", 0, 1, 0.5),
    "blurred": (L.RandomGaussianBlur(0.8), "should_apply_blur", 0, 1, 0.4),
    "inverted": (L.RandomInvert((0.5, 0.7)), "apply_inversion", 0, 1, 0.6),
    "flipped": (L.RandomFlip(), "flips", 0, 1, 0.5),
    "erased": (L.RandomErasing((1, 1), (0.25, 0.25)), "batch_masks", 0, 1, 0.25),
}


@pytest.mark.parametrize("case", SPANS)
def test_numbers_are_drawn_evenly_from_their_span(case: str) -> None:
    layer, what, low, high, mean = SPANS[case]
    keras.utils.set_random_seed(3)
    drawn = layer.get_random_transformation(np.zeros((4000, 8, 8, 1), "float32"))
    numbers = np.asarray(drawn[what], "float64")
    assert low - 1e-5 <= numbers.min() and numbers.max() <= high + 1e-5
    assert abs(numbers.mean() - mean) < 0.03 * (high - low)
    assert np.ptp(numbers) > 0.9 * (high - low)


def test_cuts_begin_anywhere_and_lie_inside() -> None:
    layer, x = L.RandomCrop(3, 4, seed=1), fed((1, 5, 6, 1), "float32")
    starts = set()
    for _ in range(200):
        top, left = layer.get_random_transformation(x)
        starts.add((int(top), int(left)))
    assert starts == {(top, left) for top in range(3) for left in range(3)}


# ------------------------------------------------------------------------------ dicts


def test_labels_and_masks_go_with_their_images() -> None:
    x = fed((4, 6, 6, 1), "float32")
    data = {"images": x, "labels": np.eye(4, dtype="float32"), "name": x[:, 0, 0, 0],
            "segmentation_masks": x}  # fmt: skip
    found = L.RandomFlip("horizontal", seed=3)(data)
    np.testing.assert_array_equal(found["images"], found["segmentation_masks"])
    np.testing.assert_array_equal(found["labels"], data["labels"])
    np.testing.assert_array_equal(found["name"], data["name"])
    mixed = L.MixUp(0.5, seed=2)(data)
    pixels = np.einsum("bo,o...->b...", mixed["labels"].numpy(), x)
    np.testing.assert_allclose(mixed["images"], pixels, rtol=1e-5)


BOXES = {"boxes": np.array([[[1.0, 2, 5, 6], [0, 0, 8, 4]]] * 2, "float32"),
         "labels": np.array([[1, 2]] * 2)}  # fmt: skip
MOVES: dict[str, tuple[Any, tuple[int, int], list[float]]] = {
    "Resizing": (L.Resizing(16, 4), (16, 4), [0.5, 4, 2.5, 12]),
    "Resizing, padded": (
        L.Resizing(16, 8, pad_to_aspect_ratio=True), (16, 8), [1, 6, 5, 10]
    ),
    "Resizing, cut": (
        L.Resizing(16, 8, crop_to_aspect_ratio=True), (16, 8), [0, 4, 6, 12]
    ),
    "CenterCrop": (L.CenterCrop(4, 6), (4, 6), [0, 0, 4, 4]),
    "CenterCrop, enlarged": (L.CenterCrop(16, 8), (16, 8), [0, 4, 6, 12]),
}  # fmt: skip


@pytest.mark.parametrize("case", MOVES)
def test_boxes_lie_where_their_pixels_lie(case: str) -> None:
    layer, size, expected = MOVES[case]
    layer.bounding_box_format = "xyxy"
    images = fed((2, 8, 8, 1), "float32")
    found = layer({"images": images, "bounding_boxes": BOXES})
    assert found["images"].shape == (2, *size, 1)
    np.testing.assert_allclose(found["bounding_boxes"]["boxes"][0, 0], expected)


def test_flipped_boxes_in_every_way_of_writing() -> None:
    boxes = keras.utils.bounding_boxes
    given_ = {"images": fed((2, 8, 10, 1), "float32"), "bounding_boxes": BOXES}
    for form in ("xyxy", "yxyx", "xywh", "center_yxhw", "rel_xyxy", "rel_center_xywh"):
        layer = L.RandomFlip("horizontal", seed=2, bounding_box_format=form)
        drawn = {"flips": np.array([True, False]).reshape(2, 1, 1, 1),
                 "input_shape": (2, 8, 10, 1)}  # fmt: skip
        written = boxes.convert_format(BOXES, "xyxy", form, 8, 10)
        moved = layer.transform_bounding_boxes(written, drawn)
        found = boxes.convert_format(moved, form, "xyxy", 8, 10)["boxes"]
        np.testing.assert_allclose(found[0, 0], [5, 2, 9, 6], atol=1e-5)
        np.testing.assert_allclose(found[1], BOXES["boxes"][1], atol=1e-5)
    assert given_["images"].shape


def test_boxes_follow_every_change_of_place() -> None:
    x = np.zeros((2, 16, 16, 1), "float32")
    x[:, 4:8, 6:12] = 255
    boxes = {"boxes": np.array([[[6.0, 4, 12, 8]]] * 2), "labels": np.ones((2, 1), int)}
    still = {"fill_mode": "constant", "bounding_box_format": "xyxy", "seed": 4}
    for layer in (
        L.RandomTranslation(0.2, 0.2, **still), L.RandomZoom(0.2, **still),
        L.RandomRotation(0.1, **still), L.RandomShear(0.2, 0.1, **still),
        L.RandomFlip("horizontal", bounding_box_format="xyxy", seed=5),
    ):  # fmt: skip
        found = layer({"images": x, "bounding_boxes": boxes})
        for image, (box,) in zip(
            found["images"].numpy(), found["bounding_boxes"]["boxes"].numpy()
        ):
            rows, columns = np.nonzero(image[..., 0] > 100)
            around = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            np.testing.assert_allclose(box, around, atol=2.6)


def test_boxes_are_as_many_for_each_image() -> None:
    data = {"images": IMAGE, "bounding_boxes": BOXES}
    for count in (1, 2, 4):
        layer = L.MaxNumBoundingBoxes(count, bounding_box_format="xyxy")
        found = layer(data)["bounding_boxes"]
        assert found["boxes"].shape == (2, count, 4)
        labels = [*BOXES["labels"][0, :count], *[-1] * (count - 2)]
        assert found["labels"][0].numpy().tolist() == labels


# --------------------------------------------------------------- beside and in a model


def test_layers_beside_a_model_go_on_as_they_began(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x = fed((2, 6, 5, 3), "float32")
    makers = [lambda: L.RandomZoom(0.3, seed=1), lambda: L.RandomErasing(seed=2),
              lambda: L.RandAugment(seed=3), lambda: L.Resizing(4, 7)]  # fmt: skip
    slow = [[layer(x).numpy() for _ in range(4)] for layer in (m() for m in makers)]
    monkeypatch.setattr(beside, "ENOUGH", 2 * x.size)
    fast = [[layer(x).numpy() for _ in range(4)] for layer in (m() for m in makers)]
    for a, b in zip(slow, fast):
        np.testing.assert_allclose(a, b, atol=5e-3)


def test_a_program_beside_a_model_takes_any_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(beside, "ENOUGH", 1)
    layer = L.Resizing(3, 4, "bicubic")
    for rows, columns in ((5, 6), (7, 3), (2, 9), (4, 4)):
        x = fed((2, rows, columns, 3), "uint8")
        expected = ops.image.resize(x, (3, 4), "bicubic")
        np.testing.assert_array_equal(layer(x), expected)
    layer.width = 5
    assert layer(fed((2, 5, 6, 3), "uint8")).shape == (2, 3, 5, 3)


def test_images_change_in_training_and_rest_in_inference() -> None:
    inputs = keras.Input((None, None, 3), dtype="uint8")
    x = L.RandomTranslation(0.5, 0.5, "constant", seed=1)(inputs)
    x = L.RandomBrightness(0.5, seed=2)(x)
    x = L.GlobalAveragePooling2D()(L.Resizing(8, 8)(x))
    model = keras.Model(inputs, L.Dense(1, use_bias=False, trainable=False)(x))
    model.compile("sgd", "mse")
    images = fed((4, 9, 7, 3), "uint8")
    targets = model.predict(images, verbose=0)
    assert model.evaluate(images, targets, verbose=0) < 1e-6
    with pytest.warns(UserWarning, match="no trainable weights"):
        losses = model.fit(images, targets, epochs=3, verbose=0).history["loss"]
    assert len(set(losses)) == 3 and min(losses) > 1e-3


# ----------------------------------------------------------------------------- errors

WRONG: list[tuple[Any, Any, str]] = [
    (lambda: L.Resizing(0, 3), ArgumentError, "height to be a positive int"),
    (lambda: L.Resizing(3, 3, "cubic"), ArgumentError, "interpolation in"),
    (lambda: L.Resizing(3, 3, fill_mode="reflect"), ArgumentError, "fill_mode="),
    (lambda: L.Resizing(3, 3, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True),
     ArgumentError, "at most one of"),
    (lambda: L.Resizing(3, 3)(np.ones((3, 3), "float32")), ShapeError, "rank 3"),
    (lambda: L.CenterCrop(3, -1), ArgumentError, "width to be a positive int"),
    (lambda: L.RandomCrop(3, 3)(np.ones((2, 3), "float32")), ShapeError, "rank 4"),
    (lambda: L.RandomFlip("sideways"), ArgumentError, "mode in"),
    (lambda: L.RandomRotation(2.0), ArgumentError, "between -1 and 1"),
    (lambda: L.RandomRotation(float("nan")), ArgumentError, "factor=nan"),
    (lambda: L.RandomRotation((0.1, 0.2, 0.3)), ArgumentError, "a number or two"),
    (lambda: L.RandomRotation(0.1, "mirror"), ArgumentError, "fill_mode in"),
    (lambda: L.RandomRotation(0.1, interpolation="cubic"), ArgumentError,
     "interpolation in"),
    (lambda: L.RandomZoom(-1.0), ArgumentError, "height_factor"),
    (lambda: L.RandomTranslation(0.1, (0.2, 1.5)), ArgumentError, "width_factor"),
    (lambda: L.RandomShear(-0.1), ArgumentError, "x_factor"),
    (lambda: L.RandomPerspective(scale=2), ArgumentError, "scale"),
    (lambda: L.RandomContrast("much"), ArgumentError, "factor='much'"),
    (lambda: L.RandomBrightness(0.1, (3,)), ArgumentError, "two different numbers"),
    (lambda: L.RandomPosterization(9), ArgumentError, "between 1 and 8"),
    (lambda: L.RandomGrayscale(1.5), ArgumentError, "0 <= factor <= 1"),
    (lambda: L.RandomGaussianBlur(kernel_size=4), ArgumentError, "odd numbers"),
    (lambda: L.RandomErasing(fill_value=(1, 2)), ArgumentError, "a number or three"),
    (lambda: L.MixUp(alpha=0), ArgumentError, "alpha > 0"),
    (lambda: L.RandomHue(0.1)(np.ones((2, 4, 4, 1), "float32")), ShapeError,
     "expected 3 channels"),
    (lambda: L.RandomFlip()({"images": IMAGE, "bounding_boxes": BOXES}),
     ArgumentError, "no bounding_box_format"),
    (lambda: L.RandomFlip(bounding_box_format="xyxy")(
        {"images": IMAGE, "bounding_boxes": {"boxes": BOXES["boxes"]}}),
     ArgumentError, "'boxes' and 'labels'"),
    (lambda: L.RandomFlip(bounding_box_format="xyxy")(
        {"images": IMAGE, "bounding_boxes": {**BOXES, "labels": np.ones((2, 3))}}),
     ShapeError, "a label for each"),
    (lambda: L.CutMix(bounding_box_format="xyxy")(
        {"images": IMAGE, "bounding_boxes": BOXES}), ArgumentError,
     "without bounding boxes"),
    (lambda: L.RandomElasticTransform(bounding_box_format="xyxy")(
        {"images": IMAGE, "bounding_boxes": BOXES}), ArgumentError,
     "without bounding boxes"),
    (lambda: ops.image.resize(IMAGE, (3,)), ArgumentError, "two ints"),
    (lambda: ops.image.resize(IMAGE, (3, 0)), ArgumentError, "positive height"),
    (lambda: ops.image.resize(IMAGE, (3, 3), data_format="last"), ArgumentError,
     "data_format"),
    (lambda: ops.image.affine_transform(IMAGE, np.ones(7)), ShapeError, "(8,)"),
    (lambda: ops.image.perspective_transform(IMAGE, np.ones((4, 2)), np.ones((3, 2))),
     ShapeError, "end_points of shape"),
    (lambda: ops.image.map_coordinates(IMAGE, np.ones((2, 3)), 1), ShapeError,
     "begin with 4 lines"),
    (lambda: ops.image.map_coordinates(np.ones(3), np.ones((1, 3)), 3), ArgumentError,
     "order 0 or 1"),
    (lambda: ops.image.scale_and_translate(IMAGE, IMAGE.shape, [1.0], [0.0], (1,),
                                           "sharp"), ArgumentError, "method in"),
    (lambda: ops.image.gaussian_blur(IMAGE.astype("uint8")), DTypeError, "float dtype"),
    (lambda: ops.image.rgb_to_hsv(IMAGE.astype("uint8")), DTypeError, "float dtype"),
    (lambda: ops.image.sobel_edges(IMAGE[0]), ShapeError, "rank 4"),
    (lambda: keras.utils.bounding_boxes.convert_format(BOXES, "xyxy", "rel_xyxy"),
     ArgumentError, "height and width"),
    (lambda: keras.utils.bounding_boxes.convert_format(BOXES, "xyxy", "corners"),
     ArgumentError, "expected a format"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_what_is_wrong_is_said(number: int) -> None:
    call, error, text = WRONG[number]
    with pytest.raises(error, match=text.replace("(", r"\(").replace(")", r"\)")):
        call()
