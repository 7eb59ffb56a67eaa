"""The catalogue of texts is complete, and a translation is used where a browser asks for it."""

import re
import subprocess
from pathlib import Path

import httpx
import pytest

from src.dashboard import catalogue, words
from src.domain.cohort_statistics import Group
from src.domain.evidence import Component
from src.domain.levels import Level, Status
from src.domain.recommendations import Doing, StepStatus
from src.domain.struggles import Signal
from tests.architecture.markdown import ROOT

POT = ROOT / "src/dashboard/locale/messages.pot"
TEXT_IN_A_TAG = re.compile(r">\s*([A-Za-z][A-Za-z ,.']{2,})\s*<")


def test_the_catalogue_holds_every_text_of_the_pages() -> None:
    before = POT.read_text(encoding="utf-8")
    try:
        subprocess.run([ROOT / "scripts/catalogue"], check=True, capture_output=True)
        assert POT.read_text(encoding="utf-8") == before, "run scripts/catalogue"
    finally:
        POT.write_text(before, encoding="utf-8")


def test_no_template_has_a_text_beside_the_catalogue() -> None:
    for path in (ROOT / "src/dashboard/templates").rglob("*.html"):
        text = re.sub(
            r"{%-?\s*trans.*?endtrans\s*-?%}|{#.*?#}|{{.*?}}|{%.*?%}", "", path.read_text("utf-8"), flags=re.DOTALL
        )
        assert not TEXT_IN_A_TAG.findall(text), path.name


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (words.LEVELS, Level),
        (words.ENCOURAGEMENT, Level),
        (words.STATUSES, Status),
        (words.COMPONENTS, Component),
        (words.COMPONENT_MEANINGS, Component),
        (words.DOINGS, Doing),
        (words.STEPS, StepStatus),
        (words.SIGNALS, Signal),
        (words.GROUPS, Group),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_every_word_of_the_field_has_a_text(texts: dict[str, str], kind: type[Level]) -> None:
    assert set(texts) == set(kind)


async def test_a_translation_is_one_file(
    client: httpx.AsyncClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    header = (
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\nPlural-Forms: nplurals=2; plural=(n != 1);\\n"\n'
    )
    (tmp_path / "de").mkdir()
    (tmp_path / "de/messages.po").write_text(f'{header}\nmsgid "Sign in"\nmsgstr "Anmelden"\n', encoding="utf-8")
    caches = (catalogue.languages, catalogue.translations)
    monkeypatch.setattr(catalogue, "FOLDER", tmp_path)
    for cache in caches:
        cache.cache_clear()
    try:
        german = await client.get("/dashboard/sign-in", headers={"Accept-Language": "de-AT, en;q=0.5"})
        french = await client.get("/dashboard/sign-in", headers={"Accept-Language": "fr, *;q=0.1"})
    finally:
        for cache in caches:
            cache.cache_clear()
    assert "<h1>Anmelden</h1>" in german.text
    assert '<html lang="de">' in german.text
    assert "15.01.2026" in german.text
    assert "<h1>Sign in</h1>" in french.text
