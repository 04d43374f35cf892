"""Files that mean harm or are broken: refused in one line, soon, in little memory.

A case is a change to a good file and a part of the line that refuses the result.
"""

from __future__ import annotations

import io
import json
import stat
import time
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import graphkeras as keras
from graphkeras.errors import SavingError
from tests.saving import zoo

resource = pytest.importorskip("resource")  # how much memory a process has taken

Parts = dict[str, bytes]
CONFIG, WEIGHTS = "config.json", "model.weights.h5"
FIRST = "layers/dense/vars/0"  # a kernel of shape (4, 3)
SECONDS, BYTES = 5.0, 256 << 20


def parts_of(name: str) -> Parts:
    with zipfile.ZipFile(zoo.FOLDER / f"{name}.keras") as archive:
        return {n: archive.read(n) for n in archive.namelist()}


def zipped(parts: Parts, compressed: bool = False) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", 8 if compressed else 0) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()


# ----------------------------------------------------------------------- ways to change


def config(change: Callable[[list[Any]], Any], name: str = "sequential") -> bytes:
    """Change the list of layers."""
    parts = parts_of(name)
    whole = json.loads(parts[CONFIG])
    change(whole["config"]["layers"])
    return zipped({**parts, CONFIG: json.dumps(whole).encode()})


def dense(**arguments: Any) -> bytes:
    """Change arguments of the first Dense layer."""
    return config(lambda layers: layers[1]["config"].update(arguments))


def layer(module: str, class_name: str, **arguments: Any) -> bytes:
    """Put another layer in place of the first Dense."""
    new = {"module": module, "class_name": class_name, "config": arguments}
    return config(lambda layers: layers[1].update(new))


def call(*history: Any) -> bytes:
    """Let the first call of a functional model take another tensor."""
    reference = {"shape": [None, 3], "dtype": "float32", "keras_history": history}
    tensor = {"class_name": "__keras_tensor__", "config": reference}
    return config(
        lambda layers: layers[-1]["inbound_nodes"][0].update(args=[tensor]), "nested"
    )


def op(kind: str, *operands: Any, **attributes: Any) -> bytes:
    """Add a call of an op on numbers only to a functional model."""
    new = {
        "module": "keras.src.ops.numpy", "class_name": kind, "name": "op",
        "config": {"name": "op", **attributes}, "registered_name": kind,
        "inbound_nodes": [{"args": list(operands), "kwargs": {}}],
    }  # fmt: skip
    return config(lambda layers: layers.append(new), "nested")


def function(module: str, name: str) -> bytes:
    """Let the activation be a function of some module."""
    tagged = {"module": module, "class_name": "function", "config": name}
    return dense(activation={**tagged, "registered_name": name})


def hdf5(change: Callable[[h5py.File], Any]) -> bytes:
    """Change the weights."""
    parts = parts_of("sequential")
    file = io.BytesIO(parts[WEIGHTS])
    with h5py.File(file, "r+") as opened:
        change(opened)
    return zipped({**parts, WEIGHTS: file.getvalue()})


def array(**how: Any) -> bytes:
    """Put another array in place of the first kernel."""

    def change(file: h5py.File) -> None:
        del file[FIRST]
        file.create_dataset(FIRST, **how)

    return hdf5(change)


def virtual() -> bytes:
    def change(file: h5py.File) -> None:
        del file[FIRST]
        layout = h5py.VirtualLayout((4, 3), "f4")
        layout[:] = h5py.VirtualSource("other.h5", "x", (4, 3))
        file.create_virtual_dataset(FIRST, layout)

    return hdf5(change)


def tower(file: h5py.File) -> None:
    for _ in range(1000):
        file = file.create_group("g")


def json_text(text: str) -> bytes:
    return zipped({**parts_of("sequential"), CONFIG: text.encode()})


def member(name: str, content: bytes = b"x", mode: int = 0) -> bytes:
    """Add a file to the zip."""
    file = io.BytesIO(zipped(parts_of("sequential")))
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    with warnings.catch_warnings(), zipfile.ZipFile(file, "a") as archive:
        warnings.simplefilter("ignore")  # of names that are there twice
        archive.writestr(info, content)
    return file.getvalue()


def bomb(name: str) -> bytes:
    parts = {**parts_of("sequential"), name: b" " * (100 << 20)}
    return zipped(parts, compressed=True)


def flipped(inside: str) -> bytes:
    """Flip one bit in the middle of a member."""
    whole = zipped(parts_of("sequential"))
    content = parts_of("sequential")[inside]
    at = whole.index(content) + len(content) // 2
    return whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]


def lengthened() -> bytes:
    """Say in the zip's directory that a member is larger than it is."""
    whole = bytearray(zipped(parts_of("sequential")))
    at = whole.index(b"PK\x01\x02")
    whole[at + 20 : at + 28] = b"\xff\xff\xff\x0f" * 2
    return bytes(whole)


WHOLE = zipped(parts_of("sequential"))
LAMBDA = {"class_name": "__lambda__", "config": {"value": ["", None, None]}}
MANY = [{"class_name": "Flatten", "module": "keras.layers", "config": {}}] * 6000
LAST = json.loads(parts_of("nested")[CONFIG])["config"]["layers"][-1]["name"]

CASES: dict[str, tuple[Callable[[], bytes], str]] = {
    # the file
    "empty": (lambda: b"", "expected a whole .keras file"),
    "text": (lambda: b"hello", "expected a whole .keras file"),
    "cut in two": (lambda: WHOLE[: len(WHOLE) // 2], "expected a whole .keras file"),
    "last bytes gone": (lambda: WHOLE[:-30], "expected a whole .keras file"),
    "bit in config": (lambda: flipped(CONFIG), "Bad CRC-32"),
    "bit in weights": (lambda: flipped(WEIGHTS), "Bad CRC-32"),
    "sizes that lie": (lengthened, "as large as its parts say"),
    # the zip
    "path above": (lambda: member("../evil"), "expected plain paths"),
    "path of root": (lambda: member("/evil"), "expected plain paths"),
    "path in assets": (lambda: member("assets/../../evil"), "expected plain paths"),
    "path of Windows": (lambda: member("C:\\evil"), "expected plain paths"),
    "symbolic link": (lambda: member("a", mode=stat.S_IFLNK), "expected no links"),
    "twice": (lambda: member(CONFIG, b"{}"), "is twice"),
    "bomb of assets": (lambda: bomb("assets/x"), "does not grow 20 times"),
    "bomb of JSON": (lambda: bomb(CONFIG), "does not grow 20 times"),
    "no config": (lambda: zipped({WEIGHTS: b""}), "expected config.json among"),
    "no weights": (lambda: zipped({CONFIG: b""}), "expected model.weights.h5 among"),
    # the JSON
    "no JSON": (lambda: json_text("{"), "expected config.json to be JSON"),
    "no object": (lambda: json_text("[1]"), "an object in braces"),
    "deep": (lambda: json_text("[" * 10**5 + "]" * 10**5), "at most 200 deep"),
    "rather deep": (lambda: json_text('{"a":' * 300 + "1" + "}" * 300), "200 deep"),
    "long": (lambda: json_text("[" + " " * (33 << 20) + "]"), "at most 33,554,432"),
    "digits": (lambda: json_text('{"a":' + "9" * 5000 + "}"), "to be JSON"),
    "no model": (lambda: json_text('{"a": 1}'), "the config of a model"),
    "many layers": (lambda: config(lambda x: x.extend(MANY)), "at most 5,000 layers"),
    # names and code
    "os.system": (lambda: function("os", "system"), "a registered class or function"),
    "eval": (lambda: function("builtins", "eval"), "expected a name in keras"),
    "load_model": (lambda: function("keras.models", "load_model"), "a name in keras"),
    "Popen": (lambda: layer("subprocess", "Popen", args=["true"]), "registered class"),
    "CSVLogger": (lambda: layer("keras.callbacks", "CSVLogger"), "a name in keras"),
    "a module": (lambda: layer("keras.layers", "np"), "a name in keras.layers"),
    "nearest": (lambda: layer("keras.layers", "Dens"), "Did you mean 'Dense'"),
    "lambda": (lambda: layer("keras.layers", "Lambda", function=LAMBDA), "lambda"),
    "vocabulary": (
        lambda: layer("keras.layers", "TextVectorization", vocabulary="words.txt"),
        "the name of a file",
    ),
    # the graph
    "loop": (lambda: call(LAST, 0, 0), "without loops or missing calls"),
    "no such layer": (lambda: call("none", 0, 0), "the name of a layer"),
    "no such call": (lambda: call("block", 10**9, 0), "without loops or missing"),
    "no such output": (lambda: call("block", 0, 9), "to have an output 9"),
    "bad reference": (lambda: call(None, [], "x"), "the name of a layer"),
    "bad numbers": (lambda: call("block", "x", []), "TypeError"),
    "ones": (lambda: op("Tile", [1.0], repeats=[10**5]), "on tensors of the model"),
    # sizes
    "wide": (lambda: dense(units=10**7), "bytes, by the weights in the file"),
    "wider": (lambda: dense(units=2**70), "units to be at most 16,777,216"),
    "negative": (lambda: dense(units=-1), "units to be a positive int"),
    "words": (lambda: dense(units="many"), "units of type int"),
    "unknown argument": (lambda: dense(evil=1), "evil"),
    "input": (
        lambda: config(lambda x: x[0]["config"].update(batch_shape=[None, 10**12])),
        "batch_shape to be at most",
    ),
    # the HDF5 file
    "no HDF5": (
        lambda: zipped({**parts_of("sequential"), WEIGHTS: b"hello"}),
        "expected a whole HDF5 file",
    ),
    "half an HDF5": (
        lambda: zipped(
            {**parts_of("sequential"), WEIGHTS: parts_of("sequential")[WEIGHTS][:9000]}
        ),
        "expected a whole HDF5 file",
    ),
    "external link": (
        lambda: hdf5(lambda f: f.__setitem__("a", h5py.ExternalLink("b", "/c"))),
        "expected no links",
    ),
    "soft link": (
        lambda: hdf5(lambda f: f.__setitem__("a", h5py.SoftLink("/layers"))),
        "expected no links",
    ),
    "group in itself": (
        lambda: hdf5(lambda f: f["layers"].__setitem__("a", f["layers"])),
        "expected each part once",
    ),
    "external array": (
        lambda: array(shape=(4, 3), dtype="f4", external=[("other", 0, 48)]),
        "points outside",
    ),
    "virtual array": (virtual, "points outside"),
    "huge array": (lambda: array(shape=(10**6, 10**6), dtype="f4"), "are not there"),
    "compressed array": (
        lambda: array(shape=(10**6, 10**6), dtype="f4", compression="gzip"),
        "chunked or compressed",
    ),
    "wrong shape": (lambda: array(data=np.ones((3, 4), "f4")), "a saved shape [4, 3]"),
    "wrong dtype": (lambda: array(data=np.ones((4, 3), "i4")), "numbers of float32"),
    "text array": (lambda: array(data=["a", "b"]), "expected arrays of numbers"),
    "group for array": (
        lambda: hdf5(lambda f: (f.pop(FIRST), f.create_group(FIRST))),
        "2 saved variables",
    ),
    "missing array": (lambda: hdf5(lambda f: f.pop(FIRST)), "2 saved variables"),
    "deep groups": (lambda: hdf5(tower), "groups inside one another"),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("case", CASES)
def test_a_bad_file_is_refused_in_one_line(case: str, tmp_path: Path) -> None:
    make, text = CASES[case]
    path = tmp_path / "m.keras"
    path.write_bytes(make())
    peak, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    with pytest.raises(SavingError) as caught:
        keras.saving.load_model(path)
    line = str(caught.value)
    assert line.startswith(f"{path}: ") and "\n" not in line
    assert text in line
    assert time.monotonic() - start < SECONDS
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak
    assert grown << 10 < BYTES


@pytest.mark.parametrize("seed", range(40))
def test_weights_with_flipped_bits_are_read_or_refused(
    seed: int, tmp_path: Path
) -> None:
    rng = np.random.default_rng(seed)
    content = bytearray((zoo.FOLDER / "custom.weights.h5").read_bytes())
    for at in rng.integers(0, len(content), 8):
        content[at] ^= 1 << int(rng.integers(8))
    path = tmp_path / "m.weights.h5"
    path.write_bytes(content)
    try:
        zoo.custom(keras).load_weights(path)
    except SavingError as error:
        assert str(error).startswith(str(path)) and "\n" not in str(error)


def test_a_path_without_a_file_is_named() -> None:
    with pytest.raises(SavingError, match=r"none\.keras: expected a file"):
        keras.saving.load_model("none.keras")
