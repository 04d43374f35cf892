"""The building: a module imports only what stands on a lower floor."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.sources import ROOT, python_files, syntax

GROUND = (
    "errors", "config", "dtypes", "tree", "naming", "seeding", "dtype_policies",
    "limits", "protobuf",
)  # fmt: skip
RUNTIME = ("runtime",)
FLOOR_4 = ("ops", "variables", "ir", *GROUND)
FLOOR_5 = ("compiler", "autodiff", "random", "saving")
FLOOR_6 = (
    "activations", "export", "initializers", "regularizers", "constraints", "losses",
    "metrics", "optimizers", "quantizers",
)  # fmt: skip

# unit -> the units it may import; itself is always allowed
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    **{unit: GROUND for unit in GROUND},
    "kernels": (),
    "runtime": (*GROUND, "kernels"),
    "ir": GROUND,
    **{unit: FLOOR_4 for unit in ("ops", "variables")},
    **{unit: (*FLOOR_5[1:], *FLOOR_4) for unit in FLOOR_5},
    "compiler": (*FLOOR_5, *RUNTIME, *FLOOR_4, "kernels"),  # it writes in their Emit
    **{unit: (*FLOOR_6, *FLOOR_5, *FLOOR_4) for unit in FLOOR_6},
    "export": ("drawing", *FLOOR_6, *FLOOR_5, *FLOOR_4),
    "data": (*FLOOR_5[1:], *FLOOR_4),
    "layers": ("data", *FLOOR_6, *FLOOR_5, *FLOOR_4),
    "training": ("data", *FLOOR_6, *FLOOR_5, *FLOOR_4, *RUNTIME),
    "drawing": GROUND,
    "models": ("drawing", "layers", "training", *FLOOR_6, *FLOOR_5, *FLOOR_4),
    "applications": ("models", "layers", *FLOOR_6, *FLOOR_5, *FLOOR_4),
}
TOP = (
    "",
    "__main__",
    "backend",
    "cli",
    "demo",
    "callbacks",
    "datasets",
    "mixed_precision",
    "preprocessing",
    "utils",
    "wrappers",
)

# Rules finer than the floors: a module -> what it may take from another unit.
RUNTIME_FOR_TRAINING = {"graphkeras.runtime.program"}


def unit_of(module: str) -> str:
    """Return the part of the building a module belongs to: "ir" of graphkeras.ir.op."""
    parts = module.split(".")
    if parts[0] == "kernels":
        return "kernels"
    return parts[1] if len(parts) > 1 else ""


def imports(name: str) -> Iterator[tuple[str, int]]:
    """Yield (module, line) of every import of our own; type-checking ones too."""
    for node in ast.walk(syntax(name)):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [a.name for a in node.names if a.name != "__version__"]
            found = [_target(node.module or "", name) for name in names]
        else:
            continue
        for module in found:
            if module.split(".")[0] in ("graphkeras", "kernels"):
                yield module, node.lineno


def _target(module: str, name: str) -> str:
    """``from graphkeras import ops`` names a module, ``from graphkeras.ir.op`` not."""
    inside = ROOT / module.replace(".", "/") / name
    is_module = inside.is_dir() or inside.with_suffix(".py").exists()
    return f"{module}.{name}" if is_module or module == "graphkeras" else module


def module_of(name: str) -> str:
    """Return the dotted name of a file."""
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@pytest.mark.parametrize("name", python_files("graphkeras", "kernels"))
def test_imports_only_fall(name: str) -> None:
    unit = unit_of(module_of(name))
    if unit in TOP:
        return
    assert unit in MAY_IMPORT, f"{unit} stands on no floor yet: give it one above"
    allowed = {unit, *MAY_IMPORT[unit]}
    wrong = [f"line {at}: {m}" for m, at in imports(name) if unit_of(m) not in allowed]
    assert not wrong


@pytest.mark.parametrize("name", python_files("graphkeras/training"))
def test_training_knows_the_program_and_nothing_else_of_the_runtime(name: str) -> None:
    taken = {m for m, _ in imports(name) if unit_of(m) == "runtime"}
    assert taken <= RUNTIME_FOR_TRAINING


@pytest.mark.parametrize("name", python_files("graphkeras/runtime"))
def test_only_link_opens_the_door_to_kernels(name: str) -> None:
    taken = {m for m, _ in imports(name) if unit_of(m) == "kernels"}
    assert not taken or name == "graphkeras/runtime/link.py"


@pytest.mark.parametrize("name", python_files("kernels"))
def test_kernels_import_nothing_of_graphkeras_but_kernels(name: str) -> None:
    known = ("graphkeras.kernels", "kernels")
    assert all(m.startswith(known) for m, _ in imports(name))


@pytest.mark.parametrize("name", python_files())
def test_imports_are_absolute(name: str) -> None:
    froms = (n for n in ast.walk(syntax(name)) if isinstance(n, ast.ImportFrom))
    assert not [f"line {node.lineno}" for node in froms if node.level]
