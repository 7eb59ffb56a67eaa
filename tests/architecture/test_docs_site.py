"""The documentation site: built strictly, with the references that the code makes, loading nothing from elsewhere."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from src.asyncapi import document
from src.main import create_app

from .markdown import ROOT

LOADED = re.compile(r"""<(?:script|link|img|iframe)\b[^>]*(?:src|href)=["'](https?:)?//""")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "--quiet", "build", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_both_documents_are_in_the_site_as_the_code_has_them(site: Path) -> None:
    assert json.loads((site / "reference/openapi.json").read_text(encoding="utf-8")) == create_app().openapi()
    assert json.loads((site / "reference/asyncapi.json").read_text(encoding="utf-8")) == document()


def test_every_message_of_the_topics_has_its_place(site: Path) -> None:
    text = (site / "reference/events.html").read_text(encoding="utf-8")
    for channel in document()["channels"].values():
        assert channel["address"] in text
    for message in document()["components"]["messages"].values():
        assert message["title"] in text


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 30
    assert [page.name for page in pages if LOADED.search(page.read_text(encoding="utf-8"))] == []
