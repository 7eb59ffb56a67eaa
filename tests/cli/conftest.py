"""The command line under test: in this process, over a data directory of its own."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest
from click.testing import CliRunner, Result

from src.cli import main

SECRET = "a-secret-of-the-tests-with-enough-bytes"  # used nowhere else


class Run(Protocol):
    """Runs a command and returns its result."""

    def __call__(self, *arguments: str | Path, code: int = 0) -> Result: ...


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    monkeypatch.setenv("DATA_DIR", str(folder))
    monkeypatch.setenv("JWT_SECRET", SECRET)
    monkeypatch.setenv("AUDIT_KEY", SECRET)
    monkeypatch.delenv("ENVIRONMENT", raising=False)
    return folder


@pytest.fixture
def run(data_dir: Path) -> Iterator[Run]:
    del data_dir
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def invoke(*arguments: str | Path, code: int = 0) -> Result:
        result = CliRunner().invoke(main, [str(argument) for argument in arguments])
        assert result.exit_code == code, result.output
        return result

    yield invoke
    root.handlers = handlers
    root.setLevel(level)
