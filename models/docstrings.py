"""What is a docstring about? A classifier from raw text to topic, in one model.

::

    python -m models.docstrings

The texts are the docstrings of Python's own standard library, which every machine has;
the topic is the module they stand in. Splitting and looking up the words is the model's
first layer, so the exported file takes strings.
"""

from __future__ import annotations

import ast
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime

import graphkeras as keras
from graphkeras import layers

Arrays = tuple[np.ndarray, np.ndarray]

TITLE = "Docstrings of the standard library"
INPUT, OUTPUT = "text", "topic"
BATCH, EPOCHS = 32, 20
TOPICS = {
    "network": "email ftplib http imaplib ipaddress poplib smtplib socket ssl urllib",
    "files": "_pyio bz2 dbm filecmp fileinput glob gzip lzma os pathlib pickle"
    " posixpath shelve shutil tarfile tempfile zipfile",
    "concurrency": "asyncio concurrent multiprocessing queue sched selectors subprocess"
    " threading",
    "numbers": "_pydatetime _pydecimal calendar datetime decimal fractions heapq random"
    " statistics zoneinfo",
    "testing": "bdb cProfile doctest inspect logging pdb profile pstats timeit trace"
    " traceback unittest warnings",
}
FEWEST_WORDS = 6  # "Return self." is about nothing


def load() -> tuple[Arrays, Arrays]:
    """Return texts (n,) and topic numbers (n,), to train and test, as many of each."""
    random = np.random.default_rng(0)
    found = [random.permutation(docstrings(names)) for names in TOPICS.values()]
    count = min(map(len, found))
    texts = np.concatenate([topic[:count] for topic in found]).astype(object)
    topics = np.repeat(np.arange(len(found)), count)
    order = random.permutation(len(texts))
    train, test = np.split(order, [len(order) * 4 // 5])
    return (texts[train], topics[train]), (texts[test], topics[test])


def docstrings(modules: str) -> list[str]:
    """Return the different docstrings of some modules, read from their sources."""
    library = Path(sysconfig.get_paths()["stdlib"])
    files = [
        file
        for name in modules.split()
        for file in (library / f"{name}.py", *sorted((library / name).rglob("*.py")))
        if file.exists()
    ]
    return list(dict.fromkeys(text for file in files for text in _docstrings_of(file)))


def _docstrings_of(file: Path) -> Iterator[str]:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(file.read_bytes())):
        text = ast.get_docstring(node) if isinstance(node, documented) else None
        if text and len(text.split()) >= FEWEST_WORDS:
            yield text


def build(texts: np.ndarray) -> keras.Model:
    """Return the compiled model, its vocabulary learned from `texts`."""
    vectorize = layers.TextVectorization(max_tokens=4000, output_sequence_length=64)
    vectorize.adapt(texts)
    text = keras.Input(shape=(), dtype="string", name=INPUT)
    x = vectorize(text)
    x = layers.Embedding(vectorize.vocabulary_size(), 64)(x)
    x = layers.GlobalAveragePooling1D()(x)
    x = layers.Dropout(0.3)(x)
    x = layers.Dense(64, activation="relu")(x)
    topic = layers.Dense(len(TOPICS), activation="softmax", name=OUTPUT)(x)
    model = keras.Model(text, topic, name="docstrings")
    optimizer = keras.optimizers.Adam(3e-3)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def serve(path: str, texts: np.ndarray) -> np.ndarray:
    """Return what onnxruntime makes of raw strings."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run([OUTPUT], {INPUT: texts})[0]


def main(path: str = "docstrings.onnx") -> dict[str, float]:
    """Train, evaluate, export and serve; return the figures."""
    keras.utils.set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = load()
    model = build(x_train)
    model.summary()
    model.fit(x_train, y_train, batch_size=BATCH, epochs=EPOCHS, validation_split=0.1)
    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    model.export(path)
    predicted = model.predict(x_test, verbose=0)
    difference = float(np.abs(predicted - serve(path, x_test)).max())
    print(f"test accuracy {accuracy:.4f}")
    print(f"{path}: differs from predict by at most {difference:.1e}")
    return {"accuracy": accuracy, "difference": difference}


if __name__ == "__main__":
    main(*sys.argv[1:])
