"""The console examples of the documents about the command line are run, each document in a shell of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .markdown import ROOT, Example, examples, read

DOCUMENTS = ["README.md", "docs/configuration.md", "docs/command-line.md", "docs/operations/embedded.md"]
_MARK = "\x1e"
_VARYING = [
    (re.compile(r"\d{4}-\d{2}-\d{2}"), "DAY"),
    (re.compile(r"(/rejected/\w+-)[0-9a-f]{8}"), r"\1DIGEST"),  # of the whole path
    (re.compile(r" +$", re.MULTILINE), ""),
]


def printed_by(commands: list[str], folder: Path) -> list[str]:
    """Run commands one after the other in one shell, and return what each printed on both outputs."""
    script = "".join(f"printf '{_MARK}'\n{command}\n" for command in commands)
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    kept["RETENTION_DAYS"] = "100"  # so that what is said of the day does not change where a test meets midnight
    done = subprocess.run(  # our own documents
        ["bash", "-c", script.replace(".venv/bin/python", sys.executable)],  # noqa: S607  # whichever bash there is
        cwd=folder,
        env=kept | {"PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout.split(_MARK)[1:]


def stable(text: str) -> str:
    """Return an output without what differs from day to day and from machine to machine."""
    for pattern, replacement in _VARYING:
        text = pattern.sub(replacement, text)
    return text.strip()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_prints_what_the_document_shows(document: str, tmp_path: Path) -> None:
    shown = list(examples(read(document)))
    assert shown
    found = printed_by([example.command for example in shown], tmp_path)
    printed = [Example(example.command, stable(output)) for example, output in zip(shown, found, strict=True)]
    assert printed == [Example(example.command, stable(example.output)) for example in shown]
