"""Tickets of a help desk: how urgent, and whose? Three raw inputs, two answers.

::

    python -m models.tickets --data tickets.csv

The file has the columns title, body, tags (with spaces between them), priority (0 to 1)
and department. Without one, tickets are made up. All three inputs are strings: what
turns them into numbers is part of the model, and of the exported file.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import graphkeras as keras
from graphkeras import layers
from models.served import difference, options, report

EPOCHS = 8
TARGET = 0.85  # of the departments of made-up tickets, after EPOCHS
DEPARTMENTS = ("billing", "hardware", "network", "software")
_WORDS = {
    "billing": "invoice refund payment charged card price receipt contract",
    "hardware": "screen keyboard battery printer fan broken laptop cable",
    "network": "wifi router vpn connection offline slow ping address",
    "software": "crash install update licence login error button version",
}
_URGENT = "urgent immediately outage everybody today blocked"
_FILLER = "please help since i have the my with it does not work anymore hello thanks"

Table = dict[str, np.ndarray]


def made_up(count: int, seed: int = 0) -> Table:
    """Return so many tickets whose words tell department and urgency."""
    random = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        department = str(random.choice(DEPARTMENTS))
        urgent = random.random() < 0.3
        own, filler = _WORDS[department].split(), _FILLER.split()
        other = _WORDS[str(random.choice(DEPARTMENTS))].split()  # nobody is precise
        words = [*random.choice(own, 2), *random.choice(other, 2)]
        words += list(random.choice(filler, 9))
        words += list(random.choice(_URGENT.split(), 2)) if urgent else []
        title = " ".join(random.choice(own + filler, 3)).capitalize() + "!" * urgent
        body = " ".join(random.permutation(words)).capitalize() + "."
        tags = " ".join([str(random.choice(own + other)), "prio"[: 4 * urgent]])
        priority = 0.9 * urgent + 0.1 * random.random()
        rows.append((title, body, tags, priority, department))
    names = ("title", "body", "tags", "priority", "department")
    columns = dict(zip(names, zip(*rows)))
    return {
        name: np.array(column, float if name == "priority" else object)
        for name, column in columns.items()
    }


def build(tickets: Table) -> keras.Model:
    """Return the compiled model, its vocabularies learned from `tickets`."""

    def words(name: str, most: int, standardize: str) -> tuple[object, object]:
        encode = layers.TextVectorization(
            most, standardize=standardize, output_mode="multi_hot"
        )
        encode.adapt(tickets[name])
        text = keras.Input(shape=(), dtype="string", name=name)
        return text, encode(text)

    title, has_title = words("title", 2000, "lower_and_strip_punctuation")
    body, has_body = words("body", 5000, "lower_and_strip_punctuation")
    tags, has_tags = words("tags", 200, "lower")
    x = layers.Concatenate()([has_title, has_body, has_tags])
    x = layers.Dense(64, activation="relu")(x)
    priority = layers.Dense(1, activation="sigmoid", name="priority")(x)
    count = len(DEPARTMENTS)
    department = layers.Dense(count, activation="softmax", name="department")(x)
    model = keras.Model(
        {"title": title, "body": body, "tags": tags},
        {"priority": priority, "department": department},
        name="tickets",
    )
    model.compile(
        "adam",
        {"priority": "mse", "department": "sparse_categorical_crossentropy"},
        metrics={"priority": "mae", "department": "accuracy"},
    )
    return model


def parts(tickets: Table) -> tuple[Table, Table]:
    """Return inputs and targets of tickets, by name."""
    inputs = {name: tickets[name] for name in ("title", "body", "tags")}
    numbers = [DEPARTMENTS.index(name) for name in tickets["department"]]
    return inputs, {"priority": tickets["priority"], "department": np.array(numbers)}


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Train, evaluate, export and serve; return the figures."""
    given = options("tickets", EPOCHS, "", arguments)
    keras.utils.set_random_seed(0)
    named = given.data.endswith(".csv")
    tickets = keras.data.read_csv(given.data) if named else made_up(1500)
    at = len(tickets["title"]) * 4 // 5
    train, test = ({n: c[part] for n, c in tickets.items()} for part in
                   (slice(at), slice(at, None)))  # fmt: skip
    model = build(train)
    model.summary()
    model.fit(*parts(train), batch_size=32, epochs=given.epochs, verbose=2)
    inputs, targets = parts(test)
    figures = model.evaluate(inputs, targets, verbose=0, return_dict=True)
    labels = {"department": DEPARTMENTS}
    figures["difference"] = difference(model, given.out, inputs, labels=labels)
    return report(figures, given.out)


if __name__ == "__main__":
    main()
