"""What is a house worth? The districts of California, from numbers and a word.

::

    python -m models.housing --data california_housing.csv

The file has the columns of the census of 1990, `ocean_proximity` in words, and some
rows do not say how many bedrooms there are. What stands in for them, the logarithms,
the bins of latitude and longitude and their cross are part of the model: the exported
file takes the columns as they are, gaps included, and answers in dollars.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import graphkeras as keras
from graphkeras import layers, ops
from graphkeras.utils import FeatureSpace
from models.served import difference, options, report

EPOCHS = 30
TARGET = 0.75  # of the variance of the values of districts held back, after EPOCHS
VALUE = "median_house_value"
COUNTS = ("total_rooms", "total_bedrooms", "population", "households")
MEASURES = ("housing_median_age", "median_income")
PLACE = ("longitude", "latitude")

Table = dict[str, np.ndarray]


def load(path: str) -> tuple[Table, Table]:
    """Return the columns of districts to learn from, and of others to test."""
    table = keras.data.read_csv(path)
    order = np.random.default_rng(0).permutation(len(table[VALUE]))
    train, test = np.split(order, [len(order) * 4 // 5])
    return {n: c[train] for n, c in table.items()}, {
        n: c[test] for n, c in table.items()
    }


def parts(table: Table) -> tuple[Table, np.ndarray]:
    """Return the columns of the features, and the values in dollars."""
    names = (*PLACE, *MEASURES, *COUNTS, "ocean_proximity")
    return {name: table[name] for name in names}, table[VALUE].astype("float32")


def sized(column: keras.KerasTensor | np.ndarray, usual: float) -> keras.KerasTensor:
    """Return the logarithm of a count, that of the usual one where none is given."""
    x = ops.cast(column, "float32")
    return ops.log(ops.where(ops.isnan(x), usual, x))


def build(districts: Table, values: np.ndarray) -> keras.Model:
    """Return the compiled model; means, bins and words are learned from `districts`."""
    usual = {name: float(np.nanmedian(districts[name])) for name in COUNTS}
    space = FeatureSpace(
        {**dict.fromkeys((*MEASURES, *COUNTS), "float_normalized"),
         **dict.fromkeys(PLACE, "float_discretized"),
         "ocean_proximity": "string_categorical"},
        crosses=[PLACE], crossing_dim=512, num_discretization_bins=24,
    )  # fmt: skip
    known = {name: np.asarray(sized(districts[name], usual[name])) for name in COUNTS}
    space.adapt({**districts, **known})
    inputs = space.get_inputs()
    sizes = {name: sized(inputs[name], usual[name]) for name in COUNTS}
    x = space({**inputs, **sizes})
    for units in (64, 32):
        x = layers.Dense(units, activation="relu")(x)
    # Compared are logarithms: to be wrong by a tenth is as bad for a hut.
    start = keras.initializers.Constant(float(np.log(values).mean()))
    value = layers.Dense(1, "exponential", bias_initializer=start, name="value")(x)
    model = keras.Model(inputs, value, name="housing")
    measured = ["mae", keras.metrics.R2Score()]
    model.compile("adam", "mean_squared_logarithmic_error", metrics=measured)
    return model


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Train, evaluate, export and serve; return the figures."""
    given = options("housing", EPOCHS, "california_housing.csv", arguments)
    keras.utils.set_random_seed(0)
    train, test = load(given.data)
    districts, values = parts(train)
    model = build(districts, values)
    model.summary()
    model.fit(districts, values, batch_size=64, epochs=given.epochs, verbose=2)
    inputs, targets = parts(test)
    figures = model.evaluate(inputs, targets, verbose=0, return_dict=True)
    figures["difference"] = difference(model, given.out, inputs)
    return report(figures, given.out)


if __name__ == "__main__":
    main()
