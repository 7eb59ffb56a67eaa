"""Days and instants as integers: days and microseconds since 1970-01-01, UTC."""

from datetime import UTC, date, datetime
from functools import lru_cache

DAY_US = 86_400_000_000
"""Microseconds in a day."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TWO_DIGITS = tuple(f"{number:02}" for number in range(60))
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


def day_of(instant_us: int) -> int:
    """Return the UTC day that an instant falls on."""
    return instant_us // DAY_US


def to_date(day: int) -> date:
    """Return the calendar date of a day."""
    return date.fromordinal(day + _EPOCH_ORDINAL)


def from_date(value: date) -> int:
    """Return the day of a calendar date."""
    return value.toordinal() - _EPOCH_ORDINAL


def to_us(value: datetime) -> int:
    """Return an aware datetime in microseconds since the epoch, exactly."""
    since = value - _EPOCH
    return since.days * DAY_US + since.seconds * 1_000_000 + since.microseconds


def to_text(instant_us: int) -> str:
    """Return an instant as RFC 3339, UTC, with as many decimals as it needs (0, 3 or 6)."""
    day, rest_us = divmod(instant_us, DAY_US)
    second, microsecond = divmod(rest_us, 1_000_000)
    minute, second = divmod(second, 60)
    hour, minute = divmod(minute, 60)
    # In a third of the time that a datetime takes.
    text = f"{_date_text(day)}T{_TWO_DIGITS[hour]}:{_TWO_DIGITS[minute]}:{_TWO_DIGITS[second]}"
    if not microsecond:
        return f"{text}Z"
    return f"{text}.{microsecond:06}Z" if microsecond % 1000 else f"{text}.{microsecond // 1000:03}Z"


@lru_cache(maxsize=1024)
def _date_text(day: int) -> str:
    return to_date(day).isoformat()


def parse_date(text: str) -> date | None:
    """Return the date that a text in the form YYYY-MM-DD names, None for any other text."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.isoformat() == text else None
