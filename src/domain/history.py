"""How a score came about over time: the standing at the end of each day, week or month."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from .aggregates import Aggregates
from .days import from_date
from .mastery import Standing, topic_standing, whole_standing, window
from .model import MasteryModel

_SUNDAY = 7


class Interval(StrEnum):
    """How far apart the points of a history are."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Point(Standing):
    """Where the student stood at the end of a day."""

    date: date


def points(first: date, last: date, interval: Interval) -> Iterator[date]:
    """Yield the days to look at: every day, each Sunday or each month's last day, and always the last."""
    day = first
    while day < last:
        if interval is Interval.DAY or _ends(day, interval):
            yield day
        day += timedelta(days=1)
    yield last


def history(
    aggregates: Aggregates, days: Iterator[date], kept_from: int, model: MasteryModel, topic: str | None = None
) -> Iterator[Point]:
    """Yield the standing of the whole, or of one topic, as of each day."""
    for day in days:
        span = window(from_date(day), kept_from)
        standing = (
            whole_standing(aggregates, span, model) if topic is None else topic_standing(aggregates, topic, span, model)
        )
        yield Point(standing.score, standing.level, standing.status, standing.confidence, standing.components, date=day)


def _ends(day: date, interval: Interval) -> bool:
    if interval is Interval.WEEK:
        return day.isoweekday() == _SUNDAY
    return (day + timedelta(days=1)).day == 1
