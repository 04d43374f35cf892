"""Keep the list of public names and signatures, so that a change of it is seen.

::

    python tools/check_api.py                      compare with tests/api.txt
    python tools/check_api.py --write              write it anew
    python tools/check_api.py --keras names.json   what of Keras's own list is missing

The last reads ``{"keras.layers": ["Dense", ...], ...}``.
"""

from __future__ import annotations

import argparse
import difflib
import functools
import importlib
import inspect
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

LISTED = Path(__file__).resolve().parent.parent / "tests" / "api.txt"
NAMESPACES = (
    "", "activations", "callbacks", "config", "constraints", "data",
    "datasets.boston_housing",
    "datasets.california_housing", "datasets.cifar10", "datasets.cifar100",
    "datasets.fashion_mnist", "datasets.imdb", "datasets.mnist", "datasets.reuters",
    "dtype_policies", "initializers", "layers", "losses", "metrics", "mixed_precision",
    "models", "ops", "optimizers", "optimizers.schedules", "preprocessing",
    "preprocessing.image", "preprocessing.sequence", "random", "regularizers", "saving",
    "tree", "utils", "wrappers",
)  # fmt: skip


def public_names(namespace: str) -> dict[str, Any]:
    """Return what a public namespace offers, by name; nothing if it does not exist."""
    path = f"graphkeras.{namespace}".rstrip(".")
    try:
        module = importlib.import_module(path)
    except ModuleNotFoundError as error:
        if error.name is None or not path.startswith(error.name):
            raise
        return {}
    names = getattr(module, "__all__", None) or [
        name for name in dir(module) if not name.startswith("_")
    ]
    found = {name: getattr(module, name) for name in names}
    return {n: v for n, v in found.items() if _is_offered(module, v)}


def _is_offered(module: ModuleType, thing: Any) -> bool:
    """A package offers what it imports of ours, a module what it defines."""
    home = getattr(thing, "__module__", "") or ""
    if not callable(thing) or home == "graphkeras.errors":
        return False
    if hasattr(module, "__path__"):
        return home.startswith("graphkeras.")
    return home == module.__name__


def api_lines() -> Iterator[str]:
    """Yield ``namespace.Name(arguments)``, sorted within each namespace."""
    for namespace in NAMESPACES:
        path = f"graphkeras.{namespace}".rstrip(".")
        for name, thing in sorted(public_names(namespace).items()):
            yield f"{path}.{name}{signature_text(thing)}"


def signature_text(thing: Any) -> str:
    """Return the arguments and their defaults, without annotations."""
    made = thing.__init__ if inspect.isclass(thing) else thing
    if made is object.__init__:
        return "()"
    try:
        signature = inspect.signature(made)
    except ValueError:  # made by C code, or without any
        return "(...)"
    plain = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    plain = plain[1:] if inspect.isclass(thing) else plain  # not self
    bare = signature.replace(parameters=plain, return_annotation=signature.empty)
    return re.sub(r"<(\w+ )?([\w.]+) at 0x\w+>", r"\2", str(bare))


def compare(write: bool) -> int:
    """Print how the API differs from the list; return whether it does."""
    now = [*api_lines()]
    if write:
        LISTED.write_text("\n".join(now) + "\n", encoding="utf-8")
        print(f"{LISTED.name}: {len(now)} names")
        return 0
    listed = LISTED.read_text(encoding="utf-8").splitlines()
    changes = [*difflib.unified_diff(listed, now, "listed", "now", lineterm="", n=0)]
    print("\n".join(changes) or f"{len(now)} names, as listed")
    return bool(changes)


def _is_there(path: str, name: str) -> bool:
    """Whether `name` is found where Keras has it: in ``keras.utils``, say."""
    first, *rest = path.split(".")
    assert first == "keras"
    try:
        place = functools.reduce(getattr, rest, importlib.import_module("graphkeras"))
    except AttributeError:
        return False
    return hasattr(place, name)


def report_distance(file: Path) -> int:
    """Print, for each namespace of Keras, which of its names there are not."""
    keras: dict[str, list[str]] = json.loads(file.read_text(encoding="utf-8"))
    for path, wanted in keras.items():
        missing = [name for name in wanted if not _is_there(path, name)]
        print(f"{path}: {len(wanted) - len(missing)} of {len(wanted)}")
        if missing:
            print("    " + " ".join(missing))
    return 0


def main(arguments: list[str]) -> int:
    """Do what the command line asks; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--write", action="store_true", help="write the list anew")
    parser.add_argument("--keras", type=Path, help="JSON file of Keras's public names")
    options = parser.parse_args(arguments)
    if options.keras:
        return report_distance(options.keras)
    return compare(options.write)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
