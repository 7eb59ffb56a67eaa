"""The wheel is built from pyproject.toml alone and runs under its own name, away from the checkout."""

import os
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from src import __version__

from .markdown import ROOT

BUILD = "import sys; from hatchling.build import build_wheel; build_wheel(sys.argv[1])"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-c", BUILD, folder], cwd=ROOT, check=True, capture_output=True)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that holds the package and nothing of the checkout."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run(installed: Path, *arguments: str) -> str:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(installed), "DATA_DIR": "data"}
    command = [sys.executable, "-m", "mastery_engine", *arguments]
    done = subprocess.run(command, cwd=installed, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_the_package_with_everything_beside_its_modules(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    tracked = {path.relative_to(ROOT / "src") for path in (ROOT / "src").rglob("*") if path.is_file()}
    assert held == {f"mastery_engine/{path}" for path in tracked if "__pycache__" not in path.parts}
    assert {"mastery_engine/py.typed", "mastery_engine/adapters/migrations/0001_state.sql"} <= held


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = Parser().parsestr(archive.read(name).decode())
        entry_points = archive.read(name.replace("METADATA", "entry_points.txt")).decode()
    assert (metadata["Name"], metadata["Version"]) == ("mastery-engine", __version__)
    assert (metadata["License-Expression"], metadata["License-File"]) == ("Apache-2.0", "LICENSE")
    assert "mastery-engine = mastery_engine.cli:main" in entry_points


def test_the_package_runs_away_from_the_checkout(installed: Path) -> None:
    assert run(installed, "--version") == f"mastery-engine, version {__version__}\n"


def test_the_package_finds_its_migrations_and_serves_its_interface_away_from_the_checkout(installed: Path) -> None:
    assert run(installed, "dump", "--all") == "[]\n"
    assert '"/api/v1/events"' in run(installed, "openapi")
