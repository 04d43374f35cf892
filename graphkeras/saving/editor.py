"""The arrays of a saved model, to look at, to change, and to save again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from graphkeras.errors import SavingError, message
from graphkeras.saving.archive import read_archive
from graphkeras.saving.atomic import replacing
from graphkeras.saving.hdf5 import Reader, Writer
from graphkeras.saving.parts import Walk
from graphkeras.saving.state import open_weights

Weights = dict[str, Any]  # name -> array, or the same one level below


class KerasFileEditor:
    """Shows and changes the arrays of a file, for a model whose layers have changed.

    Args:
        filepath: a ``.keras`` or ``.weights.h5`` file; it stays as it is.

    Raises:
        SavingError: if there is no such file, or it is damaged.

    Example:
        >>> import tempfile, graphkeras as keras
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.save_weights(f"{folder}/m.weights.h5")
        ...     editor = KerasFileEditor(f"{folder}/m.weights.h5")
        ...     editor.rename_object("dense", "head")
        ...     editor.save(f"{folder}/new.weights.h5")
        >>> editor.weights_dict["layers"]["head"]["0"].shape
        (3, 2)
    """

    def __init__(self, filepath: Any) -> None:
        self.filepath = str(filepath)
        self.metadata: dict[str, Any] | None = None
        self.config: dict[str, Any] | None = None
        self.model = None
        self.weights_dict: Weights = {}
        with contextlib.ExitStack() as stack:
            reader = stack.enter_context(
                open_weights(stack.enter_context(self._file()))
            )
            for path, arrays in reader.parts.items():
                self._take(path, {n: a.read() for n, a in arrays.items()})
            self.object_metadata = _names(reader)

    def _file(self) -> Any:
        path = Path(self.filepath)
        if not path.name.endswith((".keras", ".weights.h5")) or not path.is_file():
            raise SavingError(
                message(
                    "KerasFileEditor", "expected a .keras or .weights.h5 file.",
                    repr(self.filepath), "Give the path of one.",
                )
            )  # fmt: skip
        if path.suffix != ".keras":
            return path.open("rb")
        archive = read_archive(path)
        self.config, self.metadata = archive.config, archive.metadata
        return archive.weights

    def _take(self, path: str, arrays: Weights) -> None:
        if arrays:
            place = self.weights_dict
            for name in path.removesuffix("vars").split("/"):
                place = place.setdefault(name, {}) if name else place
            place.update(arrays)

    # ---------------------------------------------------------------------- looking

    def summary(self) -> None:
        """Print the objects of the file with their arrays."""
        print(f"Weights of {self.filepath}")
        for line in _tree_lines(self.weights_dict):
            print(line)

    def compare(self, reference_model: Any) -> dict[str, Any]:
        """Print and count how the file and a model differ.

        Args:
            reference_model: a built model.

        Returns:
            ``status`` ("success" or "error"), ``error_count`` and ``match_count``.
        """
        ours, theirs = _shapes(self.weights_dict), _model_shapes(reference_model)
        errors = []
        for path in sorted({*ours, *theirs}):
            here, there = ours.get(path), theirs.get(path)
            if there is None:
                errors.append(f"{path} {list(here or ())}: only in the file")
            elif here is None:
                errors.append(f"{path} {list(there)}: only in the model")
            elif here != there:
                errors.append(f"{path}: {list(here)} in the file, {list(there)} in the "
                              "model")  # fmt: skip
        for line in errors or ["The file fits the model."]:
            print(line)
        matches = sum(ours[p] == theirs.get(p) for p in ours)
        status = "error" if errors else "success"
        return {
            "status": status,
            "error_count": len(errors),
            "match_count": matches,
        }

    # --------------------------------------------------------------------- changing

    def rename_object(self, object_name: str, new_name: str) -> None:
        """Give an object, named by its name or its whole path, another name."""
        if "/" in new_name:
            raise _wrong("expected a name, and no path, as the new name", new_name)

        def rename(place: Weights, name: str) -> None:
            place[new_name] = place.pop(name)

        self._edit(object_name, rename)

    def delete_object(self, object_name: str) -> None:
        """Leave an object out, with all that is in it."""
        self._edit(object_name, lambda place, name: place.pop(name))

    def add_object(self, object_path: str, weights: Mapping[str, Any]) -> None:
        """Add an object; `weights` maps the names of its arrays, "0", "1" ..., to them.

        Raises:
            SavingError: if there is nothing at the path above it.
        """
        _check_weights(weights)
        above, _, name = object_path.rpartition("/")
        self._at(above)[name] = dict(weights)

    def delete_weight(self, object_name: str, weight_name: str) -> None:
        """Leave an array of an object out."""

        def delete(place: Weights, name: str) -> None:
            if weight_name not in place[name]:
                raise _wrong(f"expected an array {weight_name!r} of it", object_name)
            del place[name][weight_name]

        self._edit(object_name, delete)

    def add_weights(self, object_name: str, weights: Mapping[str, Any]) -> None:
        """Add arrays to an object, or put others in their place."""
        _check_weights(weights)
        self._edit(object_name, lambda place, name: place[name].update(weights))

    def save(self, filepath: Any) -> None:
        """Write the arrays to a ``.weights.h5`` file.

        Raises:
            SavingError: for another ending, or a path that cannot be written.
        """
        path = Path(filepath)
        if not path.name.endswith(".weights.h5"):
            raise _wrong("expected a path that ends in .weights.h5", str(path))
        with (
            replacing(path) as staged,
            staged.open("w+b") as file,
            contextlib.closing(Writer(file)) as writer,
        ):
            _write(self.weights_dict, writer, "")

    resave_weights = save

    def _at(self, path: str) -> Weights:
        place = self.weights_dict
        for name in path.split("/") if path else ():
            if not isinstance(place.get(name), dict):
                raise _wrong("expected the path of an object of the file", path)
            place = place[name]
        return place

    def _edit(self, target: str, change: Callable[[Weights, str], Any]) -> None:
        above, _, name = target.rpartition("/")
        places = [self._at(above)] if above else list(_holding(self.weights_dict, name))
        places = [p for p in places if isinstance(p.get(name), dict)]
        if len(places) != 1:
            number = len(places) or "none"
            raise _wrong(
                f"expected the name or path of one object, not {number}", target
            )
        change(places[0], name)


def _wrong(expected: str, received: str) -> SavingError:
    return SavingError(
        message("KerasFileEditor", f"{expected}.", repr(received),
                "See editor.summary() for what there is.")
    )  # fmt: skip


def _check_weights(weights: Any) -> None:
    if not isinstance(weights, Mapping):
        raise _wrong("expected a dict from names to arrays", type(weights).__name__)


def _holding(place: Weights, name: str) -> Any:
    """Yield every place that has something of that name."""
    if name in place:
        yield place
    for inner in place.values():
        if isinstance(inner, dict):
            yield from _holding(inner, name)


def _names(reader: Reader) -> dict[str, dict[str, Any]]:
    found = {}
    for path in reader.parts:
        name = reader.attribute(path, "name")
        if name is not None:
            found[f"/{path.removesuffix('/vars')}"] = {"name": name}
    return found


def _write(place: Weights, writer: Writer, path: str) -> None:
    part = writer.part(path, None)
    for name, value in place.items():
        if isinstance(value, dict):
            _write(value, writer, f"{path}/{name}".lstrip("/"))
        else:
            part[name] = value


def _tree_lines(place: Weights, before: str = "  ") -> Any:
    last = len(place) - 1
    for number, (name, value) in enumerate(place.items()):
        corner, line = ("└─ ", "   ") if number == last else ("├─ ", "│  ")
        if isinstance(value, dict):
            yield f"{before}{corner}{name}"
            yield from _tree_lines(value, before + line)
        else:
            array = np.asarray(value)
            yield f"{before}{corner}{name}: {array.dtype}{list(array.shape)}"


def _shapes(place: Weights, path: str = "") -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for name, value in place.items():
        if isinstance(value, dict):
            found |= _shapes(value, f"{path}/{name}")
        else:
            found[f"{path}/{name}"] = np.shape(value)
    return found


def _model_shapes(model: Any) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}

    def visit(path: str, part: Any) -> bool:
        store: dict[str, Any] = {}
        part.save_own_variables(store)
        for name, array in store.items():
            found[f"/{path}/{name}".replace("//", "/")] = np.shape(array)
        return True

    Walk(visit).part(model)
    return found
