"""Every row of `cases.py`: layer, program and onnxruntime give what Keras gave."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

import graphkeras as keras
from graphkeras import layers
from tests.images.cases import DRAWN, FIXED, Row, image_of

with np.load(Path(__file__).parent / "recorded.npz") as _file:
    RECORDED = dict(_file)
GROUPS: dict[str, list[int]] = {}
for _number, (_name, *_) in enumerate(FIXED):
    GROUPS.setdefault(f"{_name}, {_number // 20 * 20}", []).append(_number)


def close(row: Row, actual: Any, recorded: np.ndarray) -> None:
    """Dtype and shape are Keras's; numbers differ by less than 1e-3 of 255."""
    actual = np.asarray(actual)
    assert (actual.dtype, actual.shape) == (recorded.dtype, recorded.shape), row
    if actual.dtype == np.uint8:
        assert actual.tolist() == recorded.tolist(), row
        return
    top = 1.0 if "Spectrogram" in row[0] else row[1].get("value_range", (0, 255))[1]
    loose = 2e-5 if top == 1.0 else 1e-3 * top / 255
    if row[1].get("mode") == "angle":  # of nothing, an angle is noise
        loose = 1e-2
    np.testing.assert_allclose(
        actual, recorded, rtol=2e-5, atol=loose, err_msg=str(row)
    )


def made(row: Row) -> layers.Layer:
    """Return the layer of a row."""
    return getattr(layers, row[0])(**row[1])


@pytest.mark.parametrize("group", GROUPS)
def test_answer_is_that_of_keras(group: str) -> None:
    for number in GROUPS[group]:
        row = FIXED[number]
        close(row, made(row)(image_of(row)), RECORDED[f"fixed/{number}"])


def free_sizes(row: Row, x: np.ndarray) -> tuple:
    """The shape of a batch of x, of any height and width where the layer allows it."""
    sizes: list[int | None] = list(x.shape if x.ndim in (1, 3) else x.shape[1:])
    if row[0] in ("Resizing", "CenterCrop", "AutoContrast"):
        first = row[1].get("data_format") == "channels_first"
        sizes[1 if first else 0] = sizes[2 if first else 1] = None
    return tuple(sizes)


@pytest.mark.parametrize("group", GROUPS)
def test_program_and_file_of_any_size_answer_alike(group: str, tmp_path: Path) -> None:
    for number in GROUPS[group][:: 3 if "Resizing" in group else 1]:
        row = FIXED[number]
        x, recorded = image_of(row), RECORDED[f"fixed/{number}"]
        recorded = RECORDED.get(f"rest/{number}", recorded)
        single = x.ndim in (1, 3) and row[0] != "STFTSpectrogram"
        x = x[None] if single else x
        recorded = recorded[None] if single else recorded
        inputs = keras.Input(x.shape[1:] if row[0] == "STFTSpectrogram" else
                             free_sizes(row, x), dtype=row[3], name="x")  # fmt: skip
        model = keras.Model(inputs, made(row)(inputs))
        answer = model.predict(x, verbose=0)
        close(row, answer, recorded)
        model.export(tmp_path / "layer.onnx", samples=[x])
        session = onnxruntime.InferenceSession(
            tmp_path / "layer.onnx", providers=["CPUExecutionProvider"]
        )
        close(row, session.run(None, {"x": x})[0], answer)


def drawn_in(number: int) -> Any:
    """Return what Keras's layer drew, as it was nested."""
    prefix, found = f"given/{number}", {}
    for key, array in RECORDED.items():
        parts = key.split("/")
        if "/".join(parts[:2]) != prefix:
            continue
        if len(parts) == 2:
            return array
        place = found
        for part in parts[2:-1]:
            place = place.setdefault(part, {})
        whole = array.ndim == 0 and array.dtype.kind == "i"
        place[parts[-1]] = int(array) if whole else array
    return found


@pytest.mark.parametrize("name", dict.fromkeys(row[0] for row in DRAWN))
def test_what_keras_drew_gives_what_keras_gave(name: str) -> None:
    for number, row in enumerate(DRAWN):
        if row[0] == name:
            drawn = drawn_in(number)
            if name == "RandAugment":
                drawn["transforms"] = {
                    k: drawn["transforms"].get(k) for k in made(row)._AUGMENT_LAYERS
                }
            answer = made(row).transform_images(image_of(row), drawn, training=True)
            close(row, answer, RECORDED[f"drawn/{number}"])
