from datetime import date

import pytest

from src.domain.evidence import Component
from src.domain.history import Interval, history, points
from src.domain.levels import Level, Status
from src.domain.mastery import topic_standing, whole_standing, window
from src.domain.model import MasteryModel
from tests.making import TODAY

from .building import KEPT_FROM, active_ago, aggregates, day, piece

COMPLETION, QUIZ, QUALITY, CONSISTENCY = Component
MODEL = MasteryModel()
SUMS = aggregates(piece(31, QUIZ, 1.0), piece(1, QUIZ, 0.0), *active_ago(31, 1))


@pytest.mark.parametrize(
    ("first", "last", "interval", "expected"),
    [
        ("2026-01-13", "2026-01-15", Interval.DAY, ["2026-01-13", "2026-01-14", "2026-01-15"]),
        ("2026-01-15", "2026-01-15", Interval.DAY, ["2026-01-15"]),
        # Sundays, and the Thursday asked for
        ("2026-01-01", "2026-01-15", Interval.WEEK, ["2026-01-04", "2026-01-11", "2026-01-15"]),
        ("2026-01-04", "2026-01-11", Interval.WEEK, ["2026-01-04", "2026-01-11"]),
        ("2026-01-05", "2026-01-10", Interval.WEEK, ["2026-01-10"]),
        ("2025-11-20", "2026-01-15", Interval.MONTH, ["2025-11-30", "2025-12-31", "2026-01-15"]),
        ("2024-02-01", "2024-03-31", Interval.MONTH, ["2024-02-29", "2024-03-31"]),
        ("2026-01-31", "2026-02-01", Interval.MONTH, ["2026-01-31", "2026-02-01"]),
        ("2026-01-02", "2026-01-30", Interval.MONTH, ["2026-01-30"]),
    ],
)
def test_a_history_looks_at_the_end_of_each_interval_and_at_the_last_day(
    first: str, last: str, interval: Interval, expected: list[str]
) -> None:
    found = points(date.fromisoformat(first), date.fromisoformat(last), interval)
    assert [one.isoformat() for one in found] == expected


def test_each_point_is_the_standing_as_of_its_day() -> None:
    days = [day(ago) for ago in (32, 31, 30, 2, 1, 0)]
    found = list(history(SUMS, iter(days), KEPT_FROM, MODEL, "loops"))
    assert [point.date for point in found] == days
    # 1.0 until yesterday's 0.0, then 0.5 / 1.5, a day later the same: both fade alike
    assert [point.score for point in found] == [None, 1.0, 1.0, 1.0, 0.333333, 0.333333]
    # n = 1, fading to 2^(-29/30) = 0.51169 in 29 days; then 1.5, then 1.5 * 2^(-1/30) = 1.46574;
    # of the topic's weight of 0.9 the quiz has 0.3
    assert [point.confidence for point in found] == [0.0, 0.083333, 0.081898, 0.04857, 0.111111, 0.109406]
    assert [point.status for point in found] == [Status.NO_EVIDENCE] + [Status.INSUFFICIENT_EVIDENCE] * 5


@pytest.mark.parametrize("topic", [None, "loops"])
def test_a_history_says_what_the_answer_of_that_day_says(topic: str | None) -> None:
    for point in history(SUMS, iter([day(31), day(10), day(0)]), KEPT_FROM, MODEL, topic):
        span = window(TODAY - (day(0) - point.date).days, KEPT_FROM)
        standing = topic_standing(SUMS, topic, span, MODEL) if topic else whole_standing(SUMS, span, MODEL)
        assert (point.score, point.level, point.status) == (standing.score, standing.level, standing.status)
        assert (point.confidence, point.components) == (standing.confidence, standing.components)


def test_what_retention_has_cut_off_is_missing_from_every_point() -> None:
    sums = aggregates(piece(89, COMPLETION, 1.0, 50), piece(90, COMPLETION, 0.0, 50))
    (before, after) = history(sums, iter([day(90), day(89)]), KEPT_FROM, MODEL, "loops")
    assert (before.score, before.status) == (None, Status.NO_EVIDENCE)
    assert (after.score, after.level) == (1.0, Level.EXPERT)
