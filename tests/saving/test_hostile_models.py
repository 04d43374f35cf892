"""Small configs that ask for much, or for what no class was written for."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import graphkeras as keras
from graphkeras.errors import SavingError
from tests.saving.test_hostile_files import (
    BYTES,
    CONFIG,
    SECONDS,
    Parts,
    dense,
    parts_of,
    zipped,
)

resource = pytest.importorskip("resource")  # time and memory of this process

# ------------------------------------------------------------------ functional configs


def tensor(layer: str, shape: Any = (None, 3), call: int = 0) -> dict[str, Any]:
    history = {"keras_history": [layer, call, 0], "shape": shape, "dtype": "float32"}
    return {"class_name": "__keras_tensor__", "config": history}


def layer(kind: str, name: str, *calls: Any, **config: Any) -> dict[str, Any]:
    nodes = [{"args": [call], "kwargs": {}} for call in calls]
    return {
        "module": config.pop("module", "keras.layers"), "class_name": kind,
        "config": {"name": name, **config}, "name": name, "inbound_nodes": nodes,
    }  # fmt: skip


def model(name: str, layers: list[Any], output: Any) -> dict[str, Any]:
    config = {
        "name": name, "layers": layers, "output_layers": [output],
        "input_layers": [[layers[0]["name"], 0, 0]],
    }  # fmt: skip
    return {"module": "keras", "class_name": "Functional", "config": config}


def of(config: dict[str, Any]) -> bytes:
    return zipped({**parts_of("sequential"), CONFIG: json.dumps(config).encode()})


def one(kind: str, shape: Any = (None, 4, 4, 3), **config: Any) -> bytes:
    first = layer("InputLayer", "x", batch_shape=shape)
    only = layer(kind, "f", tensor("x", shape), **config)
    return of(model("m", [first, only], ["f", 0, 0]))


def op(kind: str, file: str = "numpy", **config: Any) -> bytes:
    return one(kind, module=f"keras.src.ops.{file}", **config)


def nested(depth: int) -> bytes:
    """Each model calls the one inside of it twice: 2**depth calls."""
    found = model("m0", [layer("InputLayer", "x0", batch_shape=[None, 3]),
                         layer("ReLU", "r", tensor("x0"))], ["r", 0, 0])  # fmt: skip
    for level in range(1, depth):
        x, inner = f"x{level}", f"m{level - 1}"
        calls = layer("", inner, tensor(x), tensor(inner))["inbound_nodes"]
        found |= {"name": inner, "inbound_nodes": calls}
        first = layer("InputLayer", x, batch_shape=[None, 3])
        found = model(f"m{level}", [first, found], [inner, 2, 0])
    return of(found)


def calls_of_one(count: int) -> bytes:
    calls = [tensor("r" if i else "x", call=max(i - 1, 0)) for i in range(count)]
    first = layer("InputLayer", "x", batch_shape=[None, 3])
    return of(model("m", [first, layer("ReLU", "r", *calls)], ["r", count - 1, 0]))


def backwards(count: int, output: str = "none") -> bytes:
    """A chain of layers, listed from the last to the first."""
    names = ["x", *(f"r{i}" for i in range(count))]
    pairs = itertools.pairwise(names)
    chain = [layer("ReLU", b, tensor(a)) for a, b in pairs]
    first = layer("InputLayer", "x", batch_shape=[None, 3])
    return of(model("m", [first, *chain[::-1]], [output, 0, 0]))


def raw(**parts: bytes) -> bytes:
    names: Parts = {"metadata.json": b"{}", **parts}
    return zipped(names)


def inside(of_kind: str, depth: int) -> bytes:
    inner: dict[str, Any] = {"class_name": "LSTM", "config": {"units": 1}}
    inner["module"] = "keras.layers"
    for _ in range(depth):
        inner = {"class_name": of_kind, "config": {"layer": inner}}
        inner["module"] = "keras.layers"
    return one(of_kind, (None, 4, 3), layer=inner)


PICKLE = b"\x80\x04\x95\x1c\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system"

CASES: dict[str, tuple[Callable[[], bytes], str]] = {
    # much work
    "nested": (lambda: nested(40), "a model of at most 80,000 ops"),
    "calls": (lambda: calls_of_one(9_000), "a model of at most 80,000 ops"),
    "backwards": (lambda: backwards(2000), "the name of a layer of the model"),
    "wrappers": (lambda: inside("TimeDistributed", 30), "expected (batch, time"),
    "both ways": (lambda: inside("Bidirectional", 30), "expected a recurrent layer"),
    # much room
    "repeat": (lambda: one("RepeatVector", (None, 3), n=10**12), "n to be at most"),
    "repeat less": (
        lambda: one("RepeatVector", (None, 9999), n=10**5),
        "268,435,456 el",
    ),
    "parts of an average": (
        lambda: one("AdaptiveAveragePooling1D", (None, 9, 2), output_size=10**7),
        "output_size to be at most 262,144",
    ),
    "enlarge": (lambda: one("UpSampling2D", size=[10**4, 10**4]), "268,435,456 el"),
    "pad": (lambda: one("ZeroPadding2D", padding=10**9), "padding to be at most"),
    "tokens": (
        lambda: one("CategoryEncoding", (None, 3), num_tokens=10**9),
        "num_tokens to be at most 16,777,216",
    ),
    "bins": (
        lambda: one("Hashing", (None, 3), num_bins=10**9, output_mode="one_hot"),
        "num_bins to be at most 16,777,216",
    ),
    "classes": (lambda: op("OneHot", "nn", num_classes=10**10), "num_classes to be"),
    "powers": (lambda: op("Vander", N=10**9), "N to be at most"),
    "tile": (lambda: op("Tile", repeats=[1, 10**12]), "repeats to be at most"),
    "tile less": (lambda: op("Tile", repeats=[1, 10**4, 10**4, 1]), "268,435,456 el"),
    "table": (
        lambda: one("Embedding", (None, 3), input_dim=10**12, output_dim=9),
        "bytes, by the weights in the file",
    ),
    "chains": (
        lambda: one("AugMix", num_chains=5000),
        "num_chains to be at most 32",
    ),
    "parts": (
        lambda: raw(**{CONFIG: b"[" + b"{}," * 1_100_000, "model.weights.h5": b""}),
        "at most 1,000,000 parts",
    ),
    # other things than a model
    "pickle": (lambda: raw(**{"data.pkl": PICKLE}), "expected model.weights.h5 among"),
    "torch": (lambda: raw(**{"archive/data.pkl": PICKLE}), "expected model.weights.h5"),
    "npz weights": (
        lambda: raw(**{"model.weights.npz": b""}),
        "model.weights.h5 among",
    ),
    "torch module": (
        lambda: one("TorchModuleWrapper", module=PICKLE.hex()),
        "deseriali",
    ),
    "saved model": (
        lambda: one("TFSMLayer", filepath="/tmp"),
        "a program of TensorFlow",
    ),
    # functions that are no part of a model
    "saving": (lambda: op("LoadModel", "numpy"), "the name of an op"),
    "deserialize": (lambda: op("DeserializeKerasObject"), "the name of an op"),
    "private op": (lambda: op("_private"), "the name of an op"),
    # values of another type
    "flag": (lambda: dense(use_bias="yes"), "use_bias of type bool"),
    "list": (lambda: dense(units=[3]), "units of type int"),
    "nothing": (lambda: dense(units=None), "units of type int"),
    "half": (lambda: dense(units=2.5), "units of type int"),
    "true": (lambda: dense(units=True), "units of type int"),
    "not a number": (lambda: dense(kernel_regularizer=float("nan")), "of type number"),
    "rate": (lambda: one("Dropout", rate=float("nan")), "rate of type"),
    "name": (lambda: dense(name=["a"]), "name of type str"),
    "control": (lambda: dense(activation="\x1b[2J\nabc"), "\\x1b[2J\\nabc"),
    "layers": (
        lambda: of({**json.loads(parts_of("nested")[CONFIG]), "config": 3}),
        "expected a config of named arguments. Received 3",
    ),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("case", CASES)
def test_a_bad_model_is_refused_in_one_line(case: str, tmp_path: Path) -> None:
    make, text = CASES[case]
    path = tmp_path / "m.keras"
    path.write_bytes(make())
    before = resource.getrusage(resource.RUSAGE_SELF)
    with pytest.raises(SavingError) as caught:
        keras.saving.load_model(path)
    line = str(caught.value)
    assert line.startswith(f"{path}: ") and line.isprintable()
    assert text in line
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert after.ru_utime - before.ru_utime < SECONDS
    assert (after.ru_maxrss - before.ru_maxrss) << 10 < BYTES


def test_a_chain_listed_backwards_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    path.write_bytes(backwards(50, "r49"))
    assert len(keras.saving.load_model(path).layers) == 51


def test_who_vouches_for_a_file_may_load_a_large_model(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    path.write_bytes(one("UpSampling2D", size=[10**4, 10**4]))
    big = keras.saving.load_model(path, safe_mode=False)
    assert big.output_shape == (None, 40_000, 40_000, 3)
