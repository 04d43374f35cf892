"""What is in a picture? A classifier that learns from a folder of pictures.

::

    python -m models.image_folder --data FOLDER

The folder holds `train` and `test`, and each of them a folder of pictures for each
class. Threads read them while the model trains; what makes every picture a little
different each time is part of the model, and does nothing once it is trained. The
exported file takes bytes, as pictures have them, and gives the name of a folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

import graphkeras as keras
from graphkeras import layers
from models.served import difference, options, report

EPOCHS = 40
TARGET = 0.35  # of 500 pictures of CIFAR-10 after 1,500 to learn from; chance is 0.1
SIZE = (32, 32)


def load(folder: str, part: str) -> keras.data.Dataset:
    """Return batches of images (batch, 32, 32, 3) and classes (batch,)."""
    return keras.utils.image_dataset_from_directory(
        Path(folder) / part, image_size=SIZE, batch_size=32, seed=0
    )


def build(classes: int) -> keras.Model:
    """Return the compiled model; it takes pixels from 0 to 255."""
    pixels = keras.Input(shape=(*SIZE, 3), dtype="uint8", name="image")
    x = layers.Rescaling(1.0 / 255)(pixels)
    x = layers.RandomFlip("horizontal")(x)
    x = layers.RandomTranslation(0.1, 0.1)(x)
    x = layers.RandomRotation(0.03)(x)
    for filters in (32, 64, 128):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.Activation("relu")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.3)(x)
    kind = layers.Dense(classes, activation="softmax", name="kind")(x)
    model = keras.Model(pixels, kind, name="image_folder")
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def as_bytes(dataset: keras.data.Dataset) -> keras.data.Dataset:
    """Return the images as bytes: whole numbers again, as they were in the files."""
    return dataset.map(lambda x, y: (keras.ops.cast(keras.ops.round(x), "uint8"), y))


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Train, evaluate, export and serve; return the figures."""
    given = options("image_folder", EPOCHS, "images", arguments)
    keras.utils.set_random_seed(0)
    read, test = load(given.data, "train"), as_bytes(load(given.data, "test"))
    train = as_bytes(read).cache().shuffle(100).prefetch(2)
    names = list(read.class_names or ())
    model = build(len(names))
    model.summary()
    model.fit(train, epochs=given.epochs, verbose=2)
    figures = model.evaluate(test, verbose=0, return_dict=True)
    images = np.concatenate([x.numpy() for x, _ in test])
    found = difference(model, given.out, {"image": images}, labels=names)
    figures["difference"] = found
    return report(figures, given.out)


if __name__ == "__main__":
    main()
