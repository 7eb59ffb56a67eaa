"""Layers point downwards, and the package imports itself by relative names only."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from .markdown import ROOT, names, read, section, table

MODULES = sorted((ROOT / "src").rglob("*.py"))
CONTRACTS = tomllib.loads(read("pyproject.toml"))["tool"]["importlinter"]["contracts"]


def imports(path: Path) -> list[tuple[int, str]]:
    """Return (dots, module) of every import in a module; plain imports have no dots."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(0, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append((node.level, node.module or ""))
    return found


def test_import_linter_finds_every_contract_kept() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_the_package_by_relative_names_only(path: Path) -> None:
    absolute = {module.partition(".")[0] for dots, module in imports(path) if dots == 0}
    assert not absolute & {"src", "mastery_engine", "tests", "benchmarks"}


@pytest.mark.parametrize("path", sorted((ROOT / "src/domain").rglob("*.py")), ids=lambda path: path.stem)
def test_the_domain_imports_the_standard_library_a_model_of_the_field_and_itself_only(path: Path) -> None:
    depth = len(path.relative_to(ROOT / "src/domain").parts)
    for dots, module in imports(path):
        allowed = sys.stdlib_module_names | ({"fsrs"} if path.name == "forgetting.py" else set())
        assert dots <= depth if dots else module.partition(".")[0] in allowed, module


def test_the_layers_of_the_contract_are_those_that_the_architecture_describes() -> None:
    [layers] = [contract["layers"] for contract in CONTRACTS if contract["type"] == "layers"]
    described = names(table(section(read("docs/architecture.md"), "## Layers"), "layer"))
    assert described == [name.strip() for layer in layers for name in layer.split("|")]


def test_the_architecture_describes_every_module_of_the_domain() -> None:
    described = names(table(section(read("docs/architecture.md"), "## Layers"), "module"))
    modules = {f"src/domain/{path.name}" for path in (ROOT / "src/domain").glob("*.py")} - {"src/domain/__init__.py"}
    assert set(described) == modules
