"""Where a student's mastery will be in some days: as today, with an interval as wide as the student's own past moves.

The expected value is the naive one; what the forecast adds is how far it may be off. The spread is that of the changes
over as many days in the student's own window, drawn towards ``USUAL_SPREAD``, which is assumed, where there are few.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from math import sqrt
from statistics import NormalDist

from .aggregates import Aggregates
from .days import to_date
from .fixed import MICRO
from .levels import LEVEL_FROM, Level, Status
from .mastery import Window, whole_standing, window
from .model import MasteryModel

INTERVAL_LEVEL = 0.8
"""How often mastery is meant to end within the interval."""

RISK_BELOW = LEVEL_FROM[Level.COMPETENT] / MICRO
"""The risk is to end below this score."""

USUAL_SPREAD = 0.06
"""The standard deviation of a week's change that is assumed of a student without a past."""

USUAL_CHANGES = 3
"""As many observed changes count as much as what is assumed."""

MOVED = 0.03
"""A change of at least this much over two weeks is a trend."""

TREND_DAYS = 14
WEEK = 7
MAX_CHANGES = 8


class Trend(StrEnum):
    """Where mastery has been going."""

    IMPROVING = "improving"
    STEADY = "steady"
    DECLINING = "declining"


@dataclass(frozen=True, slots=True)
class ForecastInterval:
    """Where mastery ends with a probability of ``level``."""

    level: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Risk:
    """The probability of ending below a score."""

    threshold: float
    probability: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is expected at the end of a day so many days later; all null where there is too little evidence."""

    as_of: date
    horizon_days: int
    expected: float | None
    interval: ForecastInterval | None
    risk: Risk | None
    trend: Trend | None
    status: Status


def forecast(
    aggregates: Aggregates, as_of: int, kept_from: int, model: MasteryModel, *, horizon_days: int = WEEK
) -> Forecast:
    """Return the forecast as of the end of a day; abstains unless the standing of that day is ``ok``."""
    today = whole_standing(aggregates, window(as_of, kept_from), model)
    if today.score is None or today.status is not Status.OK:
        return Forecast(to_date(as_of), horizon_days, None, None, None, None, today.status)
    past = _Past(aggregates, as_of, kept_from, model)
    spread = _spread(past.changes(today.score, horizon_days), horizon_days)
    around = NormalDist(today.score, spread)
    reach = NormalDist().inv_cdf((1 + INTERVAL_LEVEL) / 2) * spread
    return Forecast(
        as_of=to_date(as_of),
        horizon_days=horizon_days,
        expected=today.score,
        interval=ForecastInterval(
            INTERVAL_LEVEL, round(max(0.0, today.score - reach), 6), round(min(1.0, today.score + reach), 6)
        ),
        risk=Risk(RISK_BELOW, round(around.cdf(RISK_BELOW), 6)),
        trend=past.trend(today.score),
        status=today.status,
    )


@dataclass(frozen=True, slots=True)
class _Past:
    """Where the student stood before, as today's configuration sees it."""

    aggregates: Aggregates
    as_of: int
    kept_from: int
    model: MasteryModel

    def score(self, day: int) -> float | None:
        """Return the score at the end of a day, None where too little was known."""
        span: Window = window(day, self.kept_from)
        if span.first > span.last:
            return None
        standing = whole_standing(self.aggregates, span, self.model)
        return standing.score if standing.status is Status.OK else None

    def changes(self, today: float, days: int) -> list[float]:
        """Return the changes over so many days, back from today for as long as enough was known."""
        found, later = [], today
        for step in range(1, MAX_CHANGES + 1):
            before = self.score(self.as_of - step * days)
            if before is None:
                break
            found.append(later - before)
            later = before
        return found

    def trend(self, today: float) -> Trend:
        before = self.score(self.as_of - TREND_DAYS)
        change = 0.0 if before is None else today - before
        if change >= MOVED:
            return Trend.IMPROVING
        return Trend.DECLINING if change <= -MOVED else Trend.STEADY


def _spread(changes: list[float], days: int) -> float:
    """Return the standard deviation of a change over so many days, of what was observed and what is assumed."""
    assumed = USUAL_SPREAD**2 * days / WEEK
    return sqrt((USUAL_CHANGES * assumed + sum(change**2 for change in changes)) / (USUAL_CHANGES + len(changes)))
