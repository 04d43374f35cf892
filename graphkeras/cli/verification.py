"""``graphkeras verify``: do two models compute the same?"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from graphkeras.cli.artefacts import Artefact, LoadedModel, OnnxFile
from graphkeras.cli.options import source
from graphkeras.cli.showing import Progress, show_pairs
from graphkeras.cli.sources import read_samples
from graphkeras.errors import ExportError, GraphKerasError, message
from graphkeras.export.differences import Difference, difference
from graphkeras.export.feeds import Feeds, given_feeds, random_feeds

_DIFFERENT = 3
Outputs = dict[str, np.ndarray]


def run(options: argparse.Namespace, wrong: Callable[[str], Any]) -> int:
    """Run both on the same inputs, print how far apart they are, and judge it."""
    sources = [_source(text, wrong) for text in (options.first, options.second)]
    samples = None if options.data is None else read_samples(options.data, "--data")
    with Progress().showing() as progress:
        both = []
        for path, name in sources:
            progress.tell(f"loading {path}")
            both.append(_artefact(path, name, options.custom))
        progress.tell("comparing")
        feeds, a, b = _outputs(both[0], both[1], samples, options)
    pairs = _by_name(a, b, "outputs")
    found = [
        difference(x, b[y], a[x], options.atol, options.rtol) for x, y in pairs.items()
    ]
    show_pairs(_rows(options, feeds, found))
    return 0 if all(each.fits for each in found) else _DIFFERENT


def _source(text: str, wrong: Callable[[str], Any]) -> tuple[Path, str]:
    if text.endswith(".onnx"):
        return Path(text), ""
    try:
        return source(text)
    except argparse.ArgumentTypeError as error:
        return wrong(f"verify: file.onnx, {error}")


def _artefact(path: Path, name: str, custom: Path | None) -> Artefact:
    if path.suffix == ".onnx":
        return OnnxFile(path)
    return LoadedModel(path, name, custom)


def _outputs(
    a: Artefact, b: Artefact, samples: Any, options: argparse.Namespace
) -> tuple[Feeds, Outputs, Outputs]:
    """Return inputs on which both ran, and what they gave."""
    names = _by_name(a.inputs, b.inputs, "inputs")
    if samples is not None:
        feeds = given_feeds(samples, a.inputs)
        return feeds, a.run(feeds), b.run(_renamed(feeds, names, b))
    limits = {**{n: b.limits[m] for n, m in names.items() if m in b.limits}, **a.limits}
    failure: Exception | None = None
    for feeds in random_feeds(a.inputs, options.rows, options.seed, limits):
        try:
            return feeds, a.run(feeds), b.run(_renamed(feeds, names, b))
        except (GraphKerasError, IndexError, ValueError) as error:
            failure = error
    raise ExportError(
        message("verify", "expected both to run on random inputs.", str(failure),
                "Give --data DATA.npz.")
    ) from failure  # fmt: skip


def _renamed(feeds: Feeds, names: Mapping[str, str], b: Artefact) -> Feeds:
    samples = {names[name]: array for name, array in feeds.items()}
    return given_feeds(samples, b.inputs)


def _by_name(a: Mapping[str, Any], b: Mapping[str, Any], what: str) -> dict[str, str]:
    """Pair names of A with those of B: the same ones, or else by their order.

    Raises:
        ExportError: if there are more of one than of the other.
    """
    if len(a) != len(b):
        raise ExportError(
            message("verify", f"expected two models with as many {what}.",
                    f"{', '.join(a)} and {', '.join(b)}")
        )  # fmt: skip
    return {n: n for n in a} if set(a) == set(b) else dict(zip(a, b))


def _rows(
    options: argparse.Namespace, feeds: Feeds, found: list[Difference]
) -> list[tuple[str, str]]:
    how = f"seed {options.seed}" if options.data is None else str(options.data)
    shown = ", ".join(f"{n} {a.dtype}{[*a.shape]}" for n, a in feeds.items())
    allowed = f"atol={options.atol:g}, rtol={options.rtol:g}"
    judged = "they agree" if all(x.fits for x in found) else "they differ"
    return [
        ("A", options.first),
        ("B", options.second),
        ("inputs", f"{shown} ({how})"),
        *((x.output, f"{x}{'' if x.fits else ': too far'}") for x in found),
        ("verdict", f"{judged} within {allowed}" if judged == "they agree"
         else f"{judged} by more than {allowed}"),
    ]  # fmt: skip
