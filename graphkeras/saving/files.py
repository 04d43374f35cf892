"""Models and weights in files: ``.keras``, ``.weights.h5`` and the older ``.h5``."""

from __future__ import annotations

import contextlib
import datetime
import io
import json
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from graphkeras.errors import GraphKerasError, SavingError, message, one_line
from graphkeras.limits import Allowance, loading
from graphkeras.saving import legacy
from graphkeras.saving.archive import (
    CONFIG,
    METADATA,
    Archive,
    read_archive,
    read_json,
    write_archive,
    write_folder,
)
from graphkeras.saving.atomic import replacing, replacing_folder
from graphkeras.saving.hdf5 import Reader, Writer
from graphkeras.saving.legacy_config import (
    is_legacy,
    modern_compile_config,
    modern_config,
)
from graphkeras.saving.parts import shared_layers
from graphkeras.saving.registry import (
    CustomObjectScope,
    deserialize_keras_object,
    serialize_keras_object,
    sharing_when_read,
    sharing_when_written,
)
from graphkeras.saving.shards import ShardReader, check_shard_size, writing_shards
from graphkeras.saving.state import open_weights, read_state, write_state
from graphkeras.variables import arriving

_KERAS = "3.15.1"  # the version whose format is written
_WEIGHTS, _SHARDS = ".weights.h5", ".weights.json"
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
    config = read_json(json_string, "the JSON")
    return _revive(_modern(config, ""), custom_objects, True, True)


# ---------------------------------------------------------------------------- writing


def save_model(
    model: Any,
    filepath: Any,
    overwrite: bool = True,
    zipped: bool | None = None,
    include_optimizer: bool = True,
    **kwargs: Any,
) -> None:
    """Write config, weights and the state of training to one ``.keras`` file.

    The file is replaced whole or not at all. Training goes on from it as if it had
    never stopped.

    Args:
        model: the model.
        filepath: a path that ends in ``.keras``, or in ``.h5`` for the older format.
        overwrite: whether a file that is there may be replaced.
        zipped: False writes a folder with the parts of a ``.keras`` file instead.
        include_optimizer: whether an ``.h5`` file holds the optimizer's state.

    Raises:
        SavingError: for another ending, a path that cannot be written, or a model that
            has no config.
    """
    _check_format(kwargs)
    if zipped is False:
        path = _folder_target(filepath, overwrite)
    else:
        path = _target(filepath, (".keras", *legacy.ENDINGS), overwrite, "save")
    if not model.built:
        warnings.warn(
            f"{model.name} is saved before it is built, so without weights: call it on "
            "data first.",
            stacklevel=2,
        )
    if path.name.endswith(legacy.ENDINGS):
        with replacing(path) as staged, open(staged, "w+b") as file:
            legacy.write_model(model, file, include_optimizer, _KERAS)
        return
    _save_parts(model, path, zipped)


def _save_parts(model: Any, path: Path, zipped: bool | None) -> None:
    about = {
        "keras_version": _KERAS,
        "date_saved": datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S"),
        "saved_by": "graphkeras",
    }
    texts = {METADATA: json.dumps(about), CONFIG: model_to_json(model)}
    weights = io.BytesIO()
    with tempfile.TemporaryDirectory() as assets:
        with contextlib.closing(Writer(weights)) as writer:
            write_state(model, writer, Path(assets))
        if zipped is False:
            with replacing_folder(path) as staged:
                write_folder(staged, texts, weights, Path(assets))
            return
        with replacing(path) as staged, open(staged, "wb") as file:
            write_archive(file, texts, weights, Path(assets))


def save_weights(
    model: Any,
    filepath: Any,
    overwrite: bool = True,
    max_shard_size: float | None = None,
    objects_to_skip: Sequence[Any] | None = None,
) -> None:
    """Write the weights, and the optimizer's variables, to a ``.weights.h5`` file.

    Args:
        model: a built model.
        filepath: a path that ends in ``.weights.h5``, or in ``.weights.json`` for the
            list of several such files.
        overwrite: whether a file that is there may be replaced.
        max_shard_size: largest size of one file in GiB; more go into several.
        objects_to_skip: layers and other parts whose arrays are left out.

    Raises:
        SavingError: for another ending, a model that is not built, or a path that
            cannot be written.
    """
    skipped = objects_to_skip or ()
    if max_shard_size is None:
        path = _target(filepath, (_WEIGHTS,), overwrite, "save_weights")
        _require_built(model, "save_weights")
        with (
            replacing(path) as staged,
            open(staged, "w+b") as file,
            contextlib.closing(Writer(file)) as writer,
        ):
            write_state(model, writer, None, skipped)
        return
    limit = check_shard_size(max_shard_size)
    path = _target(filepath, (_SHARDS, _WEIGHTS), overwrite, "save_weights")
    _require_built(model, "save_weights")
    with writing_shards(path.with_suffix(".json"), limit) as shards:
        write_state(model, shards, None, skipped)


def _check_format(kwargs: dict[str, Any]) -> None:
    """`save_format` said in Keras 2 what the ending says now."""
    kwargs.pop("save_format", None)
    if kwargs:
        raise SavingError(
            message("save", "expected only known arguments.",
                    ", ".join(f"{k}={v!r}" for k, v in kwargs.items()),
                    "It takes filepath, overwrite, zipped and include_optimizer.")
        )  # fmt: skip


def _target(filepath: Any, endings: tuple[str, ...], overwrite: bool, who: str) -> Path:
    path = Path(filepath)
    if not path.name.endswith(endings):
        raise SavingError(
            message(who, f"expected a path that ends in {' or '.join(endings)}.",
                    repr(str(path)), f"Write {str(path.with_suffix(endings[0]))!r}.")
        )  # fmt: skip
    return _new(path, overwrite, who)


def _folder_target(filepath: Any, overwrite: bool) -> Path:
    path = Path(filepath)
    if path.name.endswith(".keras"):
        raise SavingError(
            message("save", "expected the path of a folder, since zipped=False.",
                    repr(str(path)), f"Write {str(path.with_suffix(''))!r}.")
        )  # fmt: skip
    return _new(path, overwrite, "save")


def _new(path: Path, overwrite: bool, who: str) -> Path:
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


# ---------------------------------------------------------------------------- reading


def load_model(
    filepath: Any,
    custom_objects: Any = None,
    compile: bool = True,  # noqa: A002  Keras's name
    safe_mode: bool = True,
) -> Any:
    """Return the model a ``.keras`` file holds, its state of training included.

    Nothing in the file is trusted: no code of it runs, only classes that are registered
    or built in are made, and sizes are checked before memory is taken.

    Args:
        filepath: a ``.keras`` file, a folder with the parts of one, or an ``.h5`` file
            of Keras 2 or 3.
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
    with _one_line_errors(path), contextlib.ExitStack() as stack:
        if path.is_dir():
            archive = read_archive(path)
        else:
            _require_file(path, (".keras", *legacy.ENDINGS))
            if path.suffix != ".keras":
                return _load_legacy(path, custom_objects, compile, safe_mode)
            archive = read_archive(path)
        source = stack.enter_context(archive.weights)
        folder = stack.enter_context(_assets_on_disk(archive))
        weights = stack.enter_context(open_weights(source))
        rest = stack.enter_context(arriving(_SLOTS * weights.bytes + _ROOM))
        config = _modern(archive.config, archive.metadata.get("keras_version"))
        model = _revive(config, custom_objects, compile, safe_mode)
        read_state(model, weights, folder)
        rest.initialize()
    return model


def _load_legacy(
    path: Path, custom_objects: Any, compiled: bool, safe_mode: bool
) -> Any:
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(open(path, "rb"))
        weights = stack.enter_context(open_weights(source))
        rest = stack.enter_context(arriving(_SLOTS * weights.bytes + _ROOM))
        stack.enter_context(CustomObjectScope(custom_objects or {}))
        config = legacy.read_config(weights, "model_config")
        if config is None:
            raise SavingError(
                "expected a whole model, and there are only weights: make the model "
                "and use load_weights"
            )
        model = _revive(_modern(config, "2."), custom_objects, False, safe_mode)
        legacy.read_layers(model, weights, "model_weights")
        if compiled:
            legacy.read_training(model, weights)
        rest.initialize()
    return model


def _modern(config: dict[str, Any], version: Any) -> dict[str, Any]:
    """Return a config in the form of Keras 3, whatever wrote it."""
    if not is_legacy(config, version):
        return config
    compiled = config.get("compile_config")
    config = modern_config(config)
    if compiled:
        config["compile_config"] = modern_compile_config(compiled)
    return config


def load_weights(
    model: Any,
    filepath: Any,
    skip_mismatch: bool = False,
    by_name: bool | None = None,
    objects_to_skip: Sequence[Any] | None = None,
) -> None:
    """Read weights into a model of the same architecture.

    Args:
        model: a built model.
        filepath: a ``.weights.h5``, ``.weights.json``, ``.keras`` or older ``.h5``
            file, or a folder saved with ``zipped=False``.
        skip_mismatch: whether to warn of layers that do not fit rather than to fail.
        by_name: whether layers of an older ``.h5`` file go by their names rather than
            by their order.
        objects_to_skip: layers and other parts that keep their numbers.

    Raises:
        SavingError: in one line with the path and the cause.
    """
    path = Path(filepath)
    with _one_line_errors(path), contextlib.ExitStack() as stack:
        _require_built(model, "load_weights")
        if not path.is_dir():
            _require_file(path, (_WEIGHTS, _SHARDS, ".keras", *legacy.ENDINGS))
        older = path.name.endswith(legacy.ENDINGS) and not path.name.endswith(_WEIGHTS)
        if by_name and not older:
            raise SavingError("by_name is for older .h5 files; these know no names")
        if path.name.endswith(_SHARDS):
            shards = stack.enter_context(ShardReader(path))
            read_state(model, shards, None, skip_mismatch, objects_to_skip or ())
            return
        weights = stack.enter_context(_weights_of(path))
        if older:
            root = "model_weights" if "model_weights" in weights.parts else ""
            legacy.read_layers(model, weights, root, bool(by_name), skip_mismatch)
        else:
            read_state(model, weights, None, skip_mismatch, objects_to_skip or ())


@contextlib.contextmanager
def _weights_of(path: Path) -> Iterator[Reader]:
    """Give the HDF5 file that is a file, or is inside of one."""
    packed = path.is_dir() or path.suffix == ".keras"
    with contextlib.ExitStack() as stack:
        if packed:
            file = stack.enter_context(read_archive(path, weights_only=True).weights)
        else:
            file = stack.enter_context(open(path, "rb"))
        yield stack.enter_context(open_weights(file))


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
        raise SavingError(f"{path}: {_cause(error)}") from error


def _cause(error: Exception) -> str:
    """One line; of an error that is not ours, also what the file should have had."""
    text = one_line(error) or type(error).__name__
    if isinstance(error, GraphKerasError):
        return text
    where = one_line("".join(getattr(error, "__notes__", ["the model"])[:1]), 100)
    return f"{where}: expected a config that fits; {type(error).__name__}: {text}"


def _revive(config: Any, custom_objects: Any, compiled: bool, safe_mode: bool) -> Any:
    if not compiled:
        config = {k: v for k, v in config.items() if k != "compile_config"}
    with sharing_when_read(), loading(Allowance() if safe_mode else None):
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
