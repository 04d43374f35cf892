"""Whole models in `.h5` that mean harm or are broken: see test_hostile_files."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import graphkeras as keras
from graphkeras.errors import SavingError
from graphkeras.saving.hdf5_texts import Headers
from tests.saving import zoo
from tests.saving.test_hostile_files import BYTES, SECONDS

resource = pytest.importorskip("resource")

GOOD = (zoo.FOLDER / "older" / "frozen.h5").read_bytes()
LAYER = "model_weights/dense_7"


def changed(change: Callable[[h5py.File], Any]) -> bytes:
    file = io.BytesIO(GOOD)
    with h5py.File(file, "r+") as opened:
        change(opened)
    return file.getvalue()


def config(change: Callable[[Any], Any]) -> bytes:
    def edit(file: h5py.File) -> None:
        whole = json.loads(file.attrs["model_config"])
        change(whole["config"]["layers"])
        file.attrs["model_config"] = json.dumps(whole)

    return changed(edit)


def attribute(value: Any, name: str = "model_config", path: str = "/") -> bytes:
    return changed(lambda f: f[path].attrs.__setitem__(name, value))


def array(name: str, **how: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        path = f"{LAYER}/{file[LAYER].attrs['weight_names'][0]}"
        del file[path]
        file.create_dataset(path, **how)

    return change


def text_of_gigabytes() -> bytes:
    """Let the reference to a text in a heap say that it is long."""
    heap = GOOD.index(b"GCOL").to_bytes(8, "little")
    at = GOOD.index(heap, GOOD.index(b"layer_names"))
    return GOOD[: at - 4] + b"\xff\xff\xff\x7f" + GOOD[at:]


def many_attributes() -> bytes:
    """Attributes so many that a newer file stores them apart from the header."""
    file = io.BytesIO()
    with h5py.File(file, "w", libver="latest") as made:
        for i in range(40):
            made.attrs[f"a{i}"] = "text"
        made.attrs["model_config"] = "{}"
    return file.getvalue()


def soft_cycle(file: h5py.File) -> None:
    del file[LAYER]
    file[LAYER] = h5py.SoftLink(f"/{LAYER}")


DEEP = "[" * 10**5 + "]" * 10**5
CASES: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "expected a whole HDF5 file"),
    "text": (lambda: b"hello", "expected a whole HDF5 file"),
    "half": (lambda: GOOD[: len(GOOD) // 2], "expected a whole HDF5 file"),
    "a block before": (lambda: bytes(512) + GOOD, "addresses of 64 bits"),
    "no model": (lambda: changed(lambda f: f.attrs.pop("model_config")), "make the mo"),
    "config of numbers": (lambda: attribute(3), "model_config to be text"),
    "config of arrays": (lambda: attribute(np.ones((2, 2))), "to be one text"),
    "config of bytes": (lambda: attribute(b"\xff\xfe{"), "JSON"),
    "no JSON": (lambda: attribute("{"), "expected model_config to be JSON"),
    "deep JSON": (lambda: attribute('{"a":' + DEEP + "}"), "at most 200 deep"),
    "digits": (lambda: attribute('{"a":' + "9" * 5000 + "}"), "to be JSON"),
    "long text": (text_of_gigabytes, "expected texts that lie in the file"),
    "attributes apart": (many_attributes, "in the header of its group"),
    "names of nothing": (
        lambda: attribute(["gone"], "layer_names", "model_weights"),
        "expected a group model_weights/gone",
    ),
    "no names": (
        lambda: changed(lambda f: f["model_weights"].attrs.pop("layer_names")),
        "which names its layers",
    ),
    "a path out": (
        lambda: attribute(["../../x"], "layer_names", "model_weights"),
        "expected a group",
    ),
    "a cycle": (lambda: changed(soft_cycle), "expected no links"),
    "external link": (
        lambda: changed(lambda f: f.__setitem__("a", h5py.ExternalLink("b", "/"))),
        "expected no links",
    ),
    "external array": (
        lambda: changed(array("k", shape=(2, 2), dtype="f4", external=[("o", 0, 16)])),
        "points outside",
    ),
    "huge array": (
        lambda: changed(array("k", shape=(10**6, 10**6), dtype="f4")),
        "are not there",
    ),
    "objects": (
        lambda: changed(array("k", data=[b"a"], dtype=h5py.special_dtype(vlen=bytes))),
        "expected arrays of numbers",
    ),
    "other shape": (
        lambda: changed(array("k", data=np.ones((1, 1), "f4"))),
        "expected a saved shape [6, 3]",
    ),
    "wide": (lambda: config(lambda x: x[-1]["config"].update(units=10**9)), "units"),
    "no number": (
        lambda: config(lambda x: x[-1]["config"].update(units=float("nan"))),
        "units of type int",
    ),
    "no end": (
        lambda: config(lambda x: x[-1]["config"].update(units=float("inf"))),
        "units of type int",
    ),
    "Popen": (
        lambda: config(lambda x: x[-1].update(class_name="Popen")),
        "Popen",
    ),
    "lambda": (
        lambda: config(lambda x: x[-1].update(
            class_name="Lambda", config={"function": ["4wEAAAA=", None, None],
                                         "function_type": "lambda"})),
        "ambda",
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("case", CASES)
def test_a_bad_model_is_refused_in_one_line(case: str, tmp_path: Path) -> None:
    make, text = CASES[case]
    path = tmp_path / "m.h5"
    path.write_bytes(make())
    peak, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    with pytest.raises(SavingError) as caught:
        keras.saving.load_model(path)
    line = str(caught.value)
    assert line.startswith(f"{path}: ") and line.isprintable()
    assert text in line
    assert time.monotonic() - start < SECONDS
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak
    assert grown << 10 < BYTES


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("seed", range(60))
def test_a_model_with_a_changed_byte_is_read_or_refused(
    seed: int, tmp_path: Path
) -> None:
    rng = np.random.default_rng(seed)
    content = bytearray(GOOD)
    content[int(rng.integers(len(content)))] = int(rng.choice([0x7F, 0xFF, 1, 0]))
    path = tmp_path / "m.h5"
    path.write_bytes(content)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        keras.saving.load_model(path)
    except SavingError as error:
        assert str(error).startswith(str(path)) and "\n" not in str(error)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak
    assert grown << 10 < BYTES


def test_long_texts_of_newer_files_are_found_too() -> None:
    file = io.BytesIO()
    with h5py.File(file, "w", libver="latest") as made:
        made.attrs["before"], made.attrs["model_config"] = "a" * 50, "{}" * 100
        address = h5py.h5o.get_info(made.id).addr
    whole = bytearray(file.getvalue())
    Headers(io.BytesIO(whole), len(whole)).check_texts(address, "model_config")
    heap = whole.index(b"GCOL").to_bytes(8, "little")
    at = whole.index(heap)
    whole[at - 4 : at] = b"\xff\xff\xff\x7f"
    with pytest.raises(SavingError, match="2,147,483,647 bytes"):
        Headers(io.BytesIO(whole), len(whole)).check_texts(address, "model_config")


def test_a_header_that_goes_on_for_ever_is_refused() -> None:
    """Continuation after continuation, each in the one before."""
    root = h5py.h5o.get_info(h5py.File(io.BytesIO(GOOD)).id).addr
    whole = bytearray(GOOD)
    message = (0x10).to_bytes(2, "little") + (16).to_bytes(2, "little") + bytes(4)
    place = (root + 16).to_bytes(8, "little") + (24).to_bytes(8, "little")
    whole[root + 16 : root + 40] = message + place
    with pytest.raises(SavingError, match="a header is too long"):
        Headers(io.BytesIO(whole), len(whole)).check_texts(root, "model_config")
