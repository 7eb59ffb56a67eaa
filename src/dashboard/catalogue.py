"""Texts, dates and numbers in the language of who looks.

English stands in the templates and in ``words``. A translation is a file ``locale/LANGUAGE/messages.po`` made from
``locale/messages.pot``; it is found by its being there.
"""

from collections.abc import Collection
from datetime import date, datetime
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent
from fastapi import Request
from msgspec import convert

FOLDER = Path(__file__).with_name("locale")
SOURCE = Locale("en")
_MINUS = "\N{MINUS SIGN}"
MOST_LANGUAGES = 10
"""Entries of ``Accept-Language`` that are looked at."""


@cache
def languages(folder: Path = FOLDER) -> frozenset[str]:
    """Return the languages that there are texts in."""
    return frozenset({str(SOURCE.language), *(path.parent.name for path in folder.glob("*/messages.po"))})


@cache
def translations(language: str, folder: Path = FOLDER) -> NullTranslations:
    """Return the texts in a language."""
    path = folder / language / "messages.po"
    if not path.exists():
        return NullTranslations()
    with path.open("rb") as file:
        catalogue = read_po(file, locale=language)
    packed = BytesIO()
    write_mo(packed, catalogue)
    packed.seek(0)
    return GNUTranslations(packed)


def locale_of(request: Request) -> Locale:
    """Return the locale for a browser."""
    return negotiated(request.headers.get("accept-language", ""), languages())


def negotiated(accepted: str, known: Collection[str]) -> Locale:
    """Return the first locale in an ``Accept-Language`` that there are texts in, with its region; else English."""
    asked = accepted.split(",")[:MOST_LANGUAGES]
    for tag in (entry.partition(";")[0].strip() for entry in asked):
        found = _locale(tag)
        if found is not None and found.language in known:
            return found
    return SOURCE


@cache
def _locale(tag: str) -> Locale | None:
    try:
        return Locale.parse(tag, sep="-") if tag and len(tag) <= len("zh-Hant-TW") else None
    except (ValueError, UnknownLocaleError):
        return None


class Formats:
    """Numbers and dates as people of a locale write them; days and times are UTC."""

    def __init__(self, locale: Locale, today: date) -> None:
        self._locale = locale
        self._today = today

    @property
    def language(self) -> str:
        """Return the language, as HTML names it."""
        return str(self._locale.language)

    def percent(self, fraction: float) -> str:
        """Return a fraction as whole percent."""
        return format_percent(round(fraction, 2), locale=self._locale)

    def points(self, fraction: float) -> str:
        """Return a fraction as points of a hundred, with one decimal."""
        return format_decimal(round(fraction * 100, 1), format="0.0", locale=self._locale)

    def gain(self, fraction: float) -> str:
        """Return a change in points of a hundred, with its sign."""
        return format_decimal(round(fraction * 100, 1), format=f"+0.0;{_MINUS}0.0", locale=self._locale)

    def number(self, number: float) -> str:
        """Return a number."""
        return format_decimal(number, locale=self._locale)

    def day(self, day: date) -> str:
        """Return a day with its year."""
        return format_date(day, "medium", locale=self._locale)

    def short_day(self, day: date) -> str:
        """Return a day, with its year only where it is not this year's."""
        if day.year != self._today.year:
            return self.day(day)
        return format_date(day, "MMM d" if self._locale.territory in (None, "US") else "d MMM", locale=self._locale)

    def moment(self, text: str) -> str:
        """Return a time given as RFC 3339: of today the time, else the day with it."""
        at = convert(text, datetime)
        # The narrow space that some locales write before "PM" is in few typefaces.
        clock = f"{format_time(at, 'short', locale=self._locale)} UTC".replace(
            "\N{NARROW NO-BREAK SPACE}", "\N{NO-BREAK SPACE}"
        )
        return clock if at.date() == self._today else f"{self.short_day(at.date())}, {clock}"
