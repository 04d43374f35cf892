"""Models and data of the user: saved files are read, files of Python are run."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from graphkeras.errors import ExportError, GraphKerasError, message, nearest


def read_samples(path: Path, option: str = "--check") -> dict[str, Any]:
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as archive:
            return dict(archive)
    except (ValueError, TypeError, AttributeError) as error:
        raise ExportError(
            message(
                option, "expected an .npz file with an array for each input.",
                f"{str(path)!r}: {error}", "Make one by np.savez(path, name=array).",
            )
        ) from error  # fmt: skip


def read_labels(texts: Sequence[str]) -> list[str] | dict[str, list[str]] | None:
    """Return labels as `Model.export` takes them.

    Args:
        texts: each a list ``a,b,c`` or the path of a file with one on each line, behind
            ``output=`` where there are several outputs.
    """
    found: dict[str, list[str]] = {}
    for text in texts:
        output, _, labels = text.rpartition("=")
        path = Path(labels)
        lines = path.read_text("utf-8").splitlines() if path.is_file() else None
        found[output] = labels.split(",") if lines is None else lines
    return found[""] if [*found] == [""] else found or None


def load_model(path: Path, name: str, custom: Path | None = None) -> Any:
    """Return a saved model, or the model `name` of the user's file, or what it gives.

    A file of Python is run, a saved model is only read.
    """
    if custom is not None:
        _run_file(custom)
    if not name:
        from graphkeras import saving

        return saving.load_model(path, compile=False)
    module = _run_file(path)
    if not hasattr(module, name):
        known = [n for n in vars(module) if not n.startswith("_")]
        raise ExportError(
            message(
                str(path), f"expected {name!r} in this file.", "a file without it",
                nearest(name, known),
            )
        )  # fmt: skip
    found = getattr(module, name)
    if not _is_model(found) and callable(found):
        found = _call(found, path, name)
    if not _is_model(found):
        raise ExportError(
            message(
                f"{path}:{name}", "expected a model, or a function that returns one.",
                f"{type(found).__name__}", "Name the model, or return it.",
            )
        )  # fmt: skip
    return found


def _is_model(found: Any) -> bool:
    from graphkeras.models import Model

    return isinstance(found, Model)


def _run_file(path: Path) -> ModuleType:
    """Import a file by its path, as Python would run it: its folder comes first."""
    if not path.is_file():
        raise ExportError(
            message(
                str(path), "expected a Python file.", "a path where there is none",
                f"The working folder is {Path.cwd()}.",
            )
        )  # fmt: skip
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None  # it ends in .py
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.absolute().parent))
    sys.modules.setdefault(path.stem, module)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # whatever the user's code raises
        raise _in_their_code(path, error) from error
    return module


def _call(function: Any, path: Path, name: str) -> Any:
    required = [
        p.name for p in inspect.signature(function).parameters.values()
        if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]  # fmt: skip
    if required:
        raise ExportError(
            message(
                f"{path}:{name}", "expected a function without arguments.",
                f"one that needs {', '.join(required)}", "Give them default values.",
            )
        )  # fmt: skip
    try:
        return function()
    except (Exception, SystemExit) as error:  # whatever the user's code raises
        raise _in_their_code(path, error) from error


def _in_their_code(path: Path, error: BaseException) -> GraphKerasError:
    """Return one error that says what went wrong and on which line of the file."""
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).absolute() == path.absolute()
    ]  # fmt: skip
    line = error.lineno if isinstance(error, SyntaxError) else lines and lines[-1]
    where = f"{path}:{line}" if line else str(path)
    return ExportError(
        message(
            where, "the file should run without an error.",
            f"{type(error).__name__}: {error}", "Run it by python to see more.",
        )
    )  # fmt: skip
