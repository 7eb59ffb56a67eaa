"""The catalogue of texts is complete, and a translation is used where a browser asks for it."""

import re
import subprocess
from datetime import date
from pathlib import Path

import pytest
from babel import Locale

from src.dashboard import catalogue, words
from src.domain.cohort_statistics import Group
from src.domain.evidence import Component
from src.domain.levels import Level, Status
from src.domain.recommendations import Doing
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
        (words.SIGNALS, Signal),
        (words.GROUPS, Group),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_every_word_of_the_field_has_a_text(texts: dict[str, str], kind: type[Level]) -> None:
    assert set(texts) == set(kind)


HEADER = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'


def test_a_translation_is_one_file(tmp_path: Path) -> None:
    (tmp_path / "de").mkdir()
    (tmp_path / "de/messages.po").write_text(f'{HEADER}msgid "Sign in"\nmsgstr "Anmelden"\n', encoding="utf-8")
    assert catalogue.languages(tmp_path) == {"en", "de"}
    assert catalogue.translations("de", tmp_path).gettext("Sign in") == "Anmelden"
    assert catalogue.translations("en", tmp_path).gettext("Sign in") == "Sign in"


@pytest.mark.parametrize(
    ("accepted", "locale"),
    [
        ("de-AT, en;q=0.5", "de_AT"),
        ("fr, en-GB;q=0.8, de;q=0.1", "en_GB"),
        ("", "en"),
        ("xx-nonsense, ../../etc, *", "en"),
        ("fr," * 50 + "de", "en"),
    ],
)
def test_the_locale_is_the_first_that_there_are_texts_in(accepted: str, locale: str) -> None:
    assert str(catalogue.negotiated(accepted, {"en", "de"})) == locale


def test_numbers_and_days_are_written_as_in_the_locale() -> None:
    german = catalogue.Formats(Locale("de"), date(2026, 1, 15))
    assert german.percent(0.125) == "12\N{NO-BREAK SPACE}%"
    assert (german.points(0.3071), german.gain(-0.021)) == ("30,7", "\N{MINUS SIGN}2,1")
    assert german.day(date(2026, 1, 5)) == "05.01.2026"
    assert german.moment("2026-01-15T10:30:00Z") == "10:30 UTC"
    assert german.moment("2025-12-31T10:30:00Z") == "31.12.2025, 10:30 UTC"
