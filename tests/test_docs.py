"""What the documents say is run: the tour, the recipes, the docstrings' examples."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import graphkeras as keras
from graphkeras.autodiff import gradient
from graphkeras.export.onnx import export_graph
from graphkeras.ir.interpret import interpret
from graphkeras.ir.op import input_value
from graphkeras.ir.types import TensorType
from graphkeras.ir.value import Graph
from graphkeras.runtime import link
from tests.architecture.sources import ROOT, python_files
from tests.kernels.machine import Machine

README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
COMMANDS = ["python3 tools/start.py demo", "python3 tools/start.py test"]
SCRIPTS = {"graphkeras.demo.serve"}  # imports onnxruntime, to run without graphkeras


def blocks(text: str, language: str) -> list[str]:
    """Return the code of the fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def modules() -> list[str]:
    """Return the dotted names of all modules of the package."""
    names = (
        n.removesuffix(".py").replace("/", ".") for n in python_files("graphkeras")
    )
    return sorted({n.removesuffix(".__init__") for n in names} - SCRIPTS)


@pytest.mark.parametrize("name", modules())
def test_examples_in_docstrings_run(name: str) -> None:
    module = importlib.import_module(name)
    found = doctest.testmod(module, extraglobs={"np": np, "keras": keras})
    assert not found.failed


def test_readme_has_exactly_two_commands() -> None:
    shown = "".join(blocks(README, "sh")).splitlines()
    assert shown == COMMANDS


def test_tour_of_the_readme_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in blocks(README, "python"):
        exec(compile(block, "README.md", "exec"), names)
    difference = float(capsys.readouterr().out.splitlines()[-1])
    assert difference < 1e-5
    assert float(names["accuracy"]) > 0.8  # type: ignore[arg-type]


@pytest.mark.parametrize("text", [README, CONTRIBUTING], ids=["README", "CONTRIBUTING"])
def test_paths_named_in_the_documents_exist(text: str) -> None:
    folders = "graphkeras|kernels|models|tests|tools|.ci"
    named = set(re.findall(rf"`((?:{folders})/[\w./]+)`", text))
    recipes = {"graphkeras/ops/cubes.py", "graphkeras/layers/scale.py"}
    missing = [n for n in named - recipes if not (ROOT / n).exists()]
    assert not missing
    assert all((ROOT / n).exists() for n in re.findall(r"\]\((\w[\w./]*)\)", text))


# ------------------------------------------------------------------------- the recipes


@pytest.fixture
def recipe(request: pytest.FixtureRequest, tmp_path: Path) -> ModuleType:
    """The code under a heading of CONTRIBUTING.md, imported from a file of its own."""
    section = CONTRIBUTING.split(f"## {request.param}\n")[1].split("\n## ")[0]
    (code,) = blocks(section, "python")
    file = tmp_path / "recipe.py"
    file.write_text(code, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("recipe", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def of_recipe(title: str) -> pytest.MarkDecorator:
    """Mark a test as that of one recipe."""
    return pytest.mark.parametrize("recipe", [title], indirect=True, ids=[""])


@of_recipe("Add an op")
def test_op_of_the_recipe_has_a_gradient_and_an_onnx_rule(
    recipe: ModuleType, tmp_path: Path
) -> None:
    x = input_value("x", TensorType("float32", (4,)))
    y = recipe.cube(x)
    data = np.array([-2, -0.5, 0, 3], "float32")
    graph = Graph((x,), (y, *gradient(y, [x])))
    (value, slope), _ = interpret(graph, [data])
    np.testing.assert_allclose(value, data**3)
    np.testing.assert_allclose(slope, 3 * data**2)
    names = {"input_names": ["x"], "output_names": ["y", "slope"]}
    assert export_graph(graph, [], tmp_path / "op.onnx", **names).difference < 1e-6


@of_recipe("Add a layer")
def test_layer_of_the_recipe_builds_computes_and_has_a_config(
    recipe: ModuleType,
) -> None:
    layer = recipe.Scale(name="scale")
    assert layer(keras.Input((3,))).shape == (None, 3)
    layer.set_weights([np.array([1, 2, 3], "float32")])
    assert layer(np.ones((1, 3), "float32")).numpy().tolist() == [[1, 2, 3]]
    assert recipe.Scale.from_config(layer.get_config()).name == "scale"


@of_recipe("Add a rewrite rule")
def test_rule_of_the_recipe_fires(recipe: ModuleType) -> None:
    x = input_value("x", TensorType("float32", (2,)))
    rule = recipe.square_of_negative
    assert rule.apply(recipe.square(-x)) is recipe.square(x)
    assert rule.apply(recipe.square(x)) is None


@of_recipe("Add a kernel")
def test_kernel_of_the_recipe_computes(
    recipe: ModuleType, rng: np.random.Generator
) -> None:
    a, b = (rng.normal(size=n).astype("float32") for n in (5, 37))
    out = np.zeros((5, 37), "float32")
    machine = Machine()
    machine.add(recipe.outer, a, b, out)
    machine.run()
    np.testing.assert_array_equal(out, np.outer(a, b))


def test_recipe_says_how_an_op_names_its_kernel() -> None:
    assert 'kernel="outer.outer"' in CONTRIBUTING
    assert link.kernel("matmul.gemm").__name__ == "gemm"
