"""Models and weights in files: ``.keras``, ``.weights.h5`` and the older ``.h5``."""

from __future__ import annotations

import contextlib
import datetime
import io
import json
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from graphkeras.errors import GraphKerasError, SavingError, message
from graphkeras.saving.archive import (
    Archive,
    read_archive,
    read_json,
    write_archive,
)
from graphkeras.saving.atomic import replacing
from graphkeras.saving.hdf5 import Reader, Writer
from graphkeras.saving.parts import Walk, shared_layers
from graphkeras.saving.registry import (
    deserialize_keras_object,
    serialize_keras_object,
    sharing_when_read,
    sharing_when_written,
)
from graphkeras.variables import arriving

_KERAS = "3.15.1"  # the version whose format is written
_LEGACY = (".h5", ".hdf5")
_ROOM = 64 << 20  # bytes of variables a file may ask for beside those it holds
_SLOTS = 4  # times the weights: an optimizer may be made anew


# ------------------------------------------------------------------------------- JSON


def model_to_json(model: Any, **how: Any) -> str:
    """Return a model's config as JSON; `how` goes to `json.dumps`."""
    with sharing_when_written(shared_layers(model)):
        return json.dumps(serialize_keras_object(model), **how)


def model_from_json(json_string: str, custom_objects: Any = None) -> Any:
    """Return the model that `Model.to_json` described, with fresh weights.

    Raises:
        SavingError: if it holds a class that is not registered, or is no such JSON.
    """
    return _revive(read_json(json_string, "the JSON"), custom_objects, True, True)


# ---------------------------------------------------------------------------- writing


def save_model(
    model: Any, filepath: Any, overwrite: bool = True, zipped: bool | None = None
) -> None:
    """Write config, weights and the state of training to one ``.keras`` file.

    The file is replaced whole or not at all. Training goes on from it as if it had
    never stopped.

    Args:
        model: the model.
        filepath: a path that ends in ``.keras``.
        overwrite: whether a file that is there may be replaced.
        zipped: True; folders of loose files are not written.

    Raises:
        SavingError: for another ending, a path that cannot be written, or a model that
            has no config.
    """
    path = _target(filepath, (".keras",), overwrite, "save")
    if zipped is False:
        raise SavingError(
            message("save", "expected zipped=True.", "zipped=False",
                    "A .keras file is one zip; unpack it where a folder is needed.")
        )  # fmt: skip
    if not model.built:
        warnings.warn(
            f"{model.name} is saved before it is built, so without weights: call it on "
            "data first.",
            stacklevel=2,
        )
    config = model_to_json(model)
    about = {
        "keras_version": _KERAS,
        "date_saved": datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S"),
        "saved_by": "graphkeras",
    }
    weights = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder, replacing(path) as staged:
        _write_state(model, weights, Path(folder))
        with open(staged, "wb") as file:
            write_archive(file, config, json.dumps(about), weights, Path(folder))


def save_weights(model: Any, filepath: Any, overwrite: bool = True) -> None:
    """Write the weights, and the optimizer's variables, to a ``.weights.h5`` file.

    Args:
        model: a built model.
        filepath: a path that ends in ``.weights.h5``.
        overwrite: whether a file that is there may be replaced.

    Raises:
        SavingError: for another ending, a model that is not built, or a path that
            cannot be written.
    """
    path = _target(filepath, (".weights.h5",), overwrite, "save_weights")
    _require_built(model, "save_weights")
    with replacing(path) as staged, open(staged, "w+b") as file:
        _write_state(model, file, None)


def _target(filepath: Any, endings: tuple[str, ...], overwrite: bool, who: str) -> Path:
    path = Path(filepath)
    if not path.name.endswith(endings):
        raise SavingError(
            message(who, f"expected a path that ends in {' or '.join(endings)}.",
                    repr(str(path)), f"Write {str(path.with_suffix(endings[0]))!r}.")
        )  # fmt: skip
    if path.exists() and not overwrite:
        raise SavingError(
            message(who, "expected a new path, since overwrite=False.", repr(str(path)))
        )
    return path


def _require_built(model: Any, who: str) -> None:
    if not model.built:
        raise SavingError(
            message(who, "expected a built model.", model.name,
                    "Call it on data or use model.build(input_shape) first.")
        )  # fmt: skip


def _write_state(model: Any, file: Any, assets: Path | None) -> None:
    writer = Writer(file)

    def write(path: str, part: Any) -> bool:
        named = getattr(part, "name", None) if hasattr(part, "path") else None
        part.save_own_variables(writer.part(path, named))
        if assets is not None and hasattr(part, "save_assets"):
            folder = assets / path
            folder.mkdir(parents=True, exist_ok=True)
            part.save_assets(str(folder))
        return True

    try:
        Walk(write).part(model)
    finally:
        writer.close()


# ---------------------------------------------------------------------------- reading


def load_model(
    filepath: Any,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,  # noqa: A002  Keras's name
    safe_mode: bool = True,
) -> Any:
    """Read a model that this program or Keras 3 saved.

    Nothing in the file is run: only classes of graphkeras, and those registered or
    passed, are ever built.

    Args:
        filepath: a ``.keras`` file.
        custom_objects: names to classes or functions, beside what is registered.
        compile: whether to compile the model as it was, and restore the optimizer.
        safe_mode: False lets the file bring Python code and names of files: only for
            one you would run as a program.

    Raises:
        SavingError: in one line with the path and the cause: the file is damaged, asks
            for something unknown, or breaks a limit.

    Example:
        >>> import tempfile, graphkeras as keras
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.save(f"{folder}/m.keras")
        ...     keras.saving.load_model(f"{folder}/m.keras").output_shape
        (None, 2)
    """
    path = Path(filepath)
    with _one_line_errors(path):
        _require_file(path, (".keras",))
        archive = read_archive(path)
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(_assets_on_disk(archive))
            weights = stack.enter_context(open_weights(io.BytesIO(archive.weights)))
            rest = stack.enter_context(arriving(_SLOTS * weights.bytes + _ROOM))
            model = _revive(archive.config, custom_objects, compile, safe_mode)
            _read_state(model, weights, folder)
            rest.initialize()
    return model


def load_weights(
    model: Any,
    filepath: Any,
    skip_mismatch: bool = False,
    by_name: bool | None = None,
) -> None:
    """Read weights into a model of the same architecture.

    Args:
        model: a built model.
        filepath: a ``.weights.h5`` or ``.keras`` file.
        skip_mismatch: whether to warn of layers that do not fit rather than to fail.
        by_name: only for older ``.h5`` files.

    Raises:
        SavingError: in one line with the path and the cause.
    """
    path = Path(filepath)
    with _one_line_errors(path):
        _require_built(model, "load_weights")
        _require_file(path, (".weights.h5", ".keras"))
        if by_name:
            raise SavingError("by_name is for older .h5 files; these know no names")
        with contextlib.ExitStack() as stack:
            if path.suffix == ".keras":
                source: Any = io.BytesIO(read_archive(path, weights_only=True).weights)
            else:
                source = stack.enter_context(open(path, "rb"))
            weights = stack.enter_context(open_weights(source))
            _read_state(model, weights, None, skip_mismatch)


@contextlib.contextmanager
def open_weights(source: Any) -> Iterator[Reader]:
    """Give a checked HDF5 file, closed at the end."""
    reader = Reader(source)
    try:
        yield reader
    finally:
        reader.close()


def _require_file(path: Path, endings: tuple[str, ...]) -> None:
    if not path.name.endswith(endings):
        raise SavingError(f"expected a path that ends in {' or '.join(endings)}")
    if not path.is_file():
        raise SavingError("expected a file, and there is none")


@contextlib.contextmanager
def _one_line_errors(path: Path) -> Iterator[None]:
    """Make whatever goes wrong one line that begins with the path.

    A file of a stranger may provoke any error in any layer, so all are caught.
    """
    try:
        yield
    except Exception as error:
        text = " ".join(str(error).split()) or type(error).__name__
        if not isinstance(error, GraphKerasError):
            text = f"{type(error).__name__}: {text}"
        raise SavingError(f"{path}: {text[:2000]}") from error


def _revive(config: Any, custom_objects: Any, compiled: bool, safe_mode: bool) -> Any:
    if not compiled:
        config = {k: v for k, v in config.items() if k != "compile_config"}
    with sharing_when_read():
        model = deserialize_keras_object(config, custom_objects, safe_mode)
    if not hasattr(model, "save_own_variables"):
        raise SavingError(f"expected the config of a model, not of {model!r:.60}")
    return model


@contextlib.contextmanager
def _assets_on_disk(archive: Archive) -> Iterator[Path | None]:
    """Give a folder with the files of layers, for their `load_assets`."""
    if not archive.assets:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        for name, content in archive.assets.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        yield Path(folder)


def _read_state(
    model: Any, weights: Reader, assets: Path | None, skip_mismatch: bool = False
) -> None:
    failed: dict[int, str] = {}

    def read(path: str, part: Any) -> bool:
        try:
            part.load_own_variables(weights.part(path))
            folder = None if assets is None else assets / path
            if folder is not None and folder.is_dir() and hasattr(part, "load_assets"):
                part.load_assets(str(folder))
        except Exception as error:  # layers of users may raise anything
            text = " ".join(str(error).split())
            failed.setdefault(id(part), f"{path or 'the model'}: {text}")
            return False
        failed.pop(id(part), None)
        return True

    Walk(read).part(model)
    if failed and skip_mismatch:
        for text in failed.values():
            warnings.warn(f"load_weights skips {text}", stacklevel=4)
    elif failed:
        first, *more = failed.values()
        others = f" (and {len(more)} more do not fit)" if more else ""
        raise SavingError(first + others)
