from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.domain.days import DAY_US, day_of, from_date, parse_date, to_date, to_text, to_us

DATES = st.dates()
MOMENTS = st.datetimes(timezones=st.just(UTC))


@pytest.mark.parametrize(
    ("instant_us", "day"),
    [(0, 0), (DAY_US - 1, 0), (DAY_US, 1), (-1, -1), (-DAY_US, -1), (-DAY_US - 1, -2)],
)
def test_a_day_runs_from_midnight_to_midnight_before_and_after_1970(instant_us: int, day: int) -> None:
    assert day_of(instant_us) == day


@pytest.mark.parametrize(
    ("day", "value"),
    [
        (0, date(1970, 1, 1)),
        (-1, date(1969, 12, 31)),
        (59, date(1970, 3, 1)),  # 31 + 28: no leap year
        (20_468, date(2026, 1, 15)),  # 56 * 365 + 14 leap days + 14
        (-719_162, date(1, 1, 1)),
        (2_932_896, date(9999, 12, 31)),
    ],
)
def test_days_are_counted_from_1970(day: int, value: date) -> None:
    assert to_date(day) == value
    assert from_date(value) == day


@given(DATES)
def test_dates_come_back_from_days(value: date) -> None:
    assert to_date(from_date(value)) == value
    assert parse_date(value.isoformat()) == value


@pytest.mark.parametrize(
    ("moment", "instant_us"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), 0),
        (datetime(1970, 1, 1, 14, tzinfo=timezone(timedelta(hours=14))), 0),
        (datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), -1),
        (datetime(2026, 1, 15, 10, 30, tzinfo=UTC), 20_468 * DAY_US + 37_800_000_000),
        (datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), 2_932_897 * DAY_US - 1),
    ],
)
def test_moments_become_microseconds_exactly(moment: datetime, instant_us: int) -> None:
    assert to_us(moment) == instant_us


@given(MOMENTS)
def test_moments_come_back_from_their_text(moment: datetime) -> None:
    assert datetime.fromisoformat(to_text(to_us(moment))) == moment
    assert to_date(day_of(to_us(moment))) == moment.date()


@pytest.mark.parametrize(
    ("instant_us", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_500_000, "1970-01-01T00:00:01.500Z"),
        (1, "1970-01-01T00:00:00.000001Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
        (-62_135_596_800_000_000, "0001-01-01T00:00:00Z"),
    ],
)
def test_a_text_has_as_many_decimals_as_it_needs(instant_us: int, text: str) -> None:
    assert to_text(instant_us) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-1-5",
        "20260115",
        "2026-W03-4",
        "2026-02-30",
        "2026-01-15T00:00:00Z",
        "2026-01-15 ",
        "\uff12026-01-15",
        "x",
    ],
)
def test_only_one_form_of_a_date_is_read(text: str) -> None:
    assert parse_date(text) is None
