"""Is a text message spam? A classifier from raw strings, in one model.

::

    python -m models.sms_spam --data sms_spam.tsv

The file is the SMS Spam Collection of Almeida and Hidalgo, as UCI has it: a line is
"ham" or "spam", a tab, and the message. Splitting and looking up the words is the first
layer of the model, so the exported file takes strings.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import graphkeras as keras
from graphkeras import layers
from models.served import difference, options, report

EPOCHS = 8
TARGET = 0.98  # of the messages held back, after EPOCHS

Arrays = tuple[np.ndarray, np.ndarray]


def load(path: str) -> tuple[Arrays, Arrays]:
    """Return messages (n,) and whether each is spam (n,), to train and to test."""
    table = keras.data.read_csv(
        path, delimiter="\t", header=False, names=["kind", "message"], quote=None,
        missing=(),
    )  # fmt: skip
    messages = table["message"]
    spam = (table["kind"] == "spam").astype("float32")
    order = np.random.default_rng(0).permutation(len(messages))
    train, test = np.split(order, [len(order) * 4 // 5])
    return (messages[train], spam[train]), (messages[test], spam[test])


def build(messages: np.ndarray) -> keras.Model:
    """Return the compiled model, its vocabulary learned from `messages`."""
    vectorize = layers.TextVectorization(max_tokens=6000, output_sequence_length=40)
    vectorize.adapt(messages)
    message = keras.Input(shape=(), dtype="string", name="message")
    x = vectorize(message)
    x = layers.Embedding(vectorize.vocabulary_size(), 32)(x)
    x = layers.Conv1D(32, 3, activation="relu")(x)
    x = layers.GlobalMaxPooling1D()(x)
    x = layers.Dropout(0.3)(x)
    spam = layers.Dense(1, activation="sigmoid", name="spam")(x)
    model = keras.Model(message, spam, name="sms_spam")
    measured = ["accuracy", keras.metrics.Precision(), keras.metrics.Recall()]
    model.compile("adam", "binary_crossentropy", metrics=measured)
    return model


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Train, evaluate, export and serve; return the figures."""
    given = options("sms_spam", EPOCHS, "sms_spam.tsv", arguments)
    keras.utils.set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = load(given.data)
    model = build(x_train)
    model.summary()
    model.fit(x_train, y_train, batch_size=32, epochs=given.epochs, verbose=2)
    figures = model.evaluate(x_test, y_test, verbose=0, return_dict=True)
    inputs, kinds = {"message": x_test}, ("ham", "spam")
    figures["difference"] = difference(model, given.out, inputs, labels=kinds)
    return report(figures, given.out)


if __name__ == "__main__":
    main()
