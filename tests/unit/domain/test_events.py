import pytest

from src.domain.events import digest64, first_day
from tests.making import NOW, TODAY, event


@pytest.mark.parametrize(
    ("timestamp", "expired"),
    [
        ("2025-10-18T00:00:00Z", False),  # 89 days before the 15th of January
        ("2025-10-17T23:59:59.999999Z", True),
        ("2025-10-18T05:00:00+05:30", True),  # half past eleven the day before, UTC
        ("2026-01-16T12:00:00Z", False),
    ],
)
def test_an_event_expires_by_the_days_between_occurred_and_received(timestamp: str, *, expired: bool) -> None:
    assert event(timestamp=timestamp).expired is expired


@pytest.mark.parametrize("hour", [0, 23])
def test_the_time_of_day_it_was_received_makes_no_difference(hour: int) -> None:
    received_us = int(NOW.replace(hour=hour).timestamp()) * 1_000_000
    assert not event(timestamp="2025-10-18T00:00:00Z", received_us=received_us).expired
    assert event(timestamp="2025-10-17T23:59:59Z", received_us=received_us).expired


def test_an_expired_event_carries_no_evidence() -> None:
    assert event(timestamp="2025-10-17T23:59:59Z").evidence == ()


def test_the_window_is_ninety_days_with_its_last() -> None:
    assert first_day(TODAY) == TODAY - 89


def test_an_event_knows_its_day() -> None:
    assert event(timestamp="2026-01-15T23:59:59Z").day == TODAY
    assert event(timestamp="2026-01-15T00:30:00+01:00").day == TODAY - 1


def test_digests_never_change() -> None:
    # Stored states hold them: an event counted by one version must be a duplicate to every later one.
    # BLAKE2b with eight bytes, of nothing and of "e-1".
    assert digest64(b"") & 0xFFFF_FFFF_FFFF_FFFF == 0xE4A6A0577479B2B4
    assert event("e-1").digest == 0x317386494BF10D9F
