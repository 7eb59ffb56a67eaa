"""Where a student's mastery will be in some days, from what it would become if their own past weeks came again.

Each stretch of the student's window that is as long as the horizon is moved to the days that come, and the standing at
their end derived from it as from any evidence. So the forecast knows what decay, an idle week or a usual one do to this
very student under this very configuration, and holds no number that was fitted to anybody's answers. What it is worth
on real answers is told in ``docs/learner-model.md``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from math import sqrt
from statistics import NormalDist, fmean, median, quantiles

from .aggregates import Aggregates, Key, Series
from .days import to_date
from .fixed import MICRO
from .levels import LEVEL_FROM, Level, Status
from .mastery import Window, whole_standing, window
from .model import MasteryModel

INTERVAL_LEVEL = 0.8
"""How often mastery is meant to end within the interval."""

RISK_BELOW = LEVEL_FROM[Level.COMPETENT] / MICRO
"""The risk is to end below this score."""

MOVED = 0.03
"""A change of at least this much over two weeks is a trend."""

TREND_DAYS = 14
WEEK = 7

STRIDE = 2
"""Days between the beginnings of two stretches: closer ones tell hardly more and take their time."""

USUAL_SPREAD = 0.06
"""The standard deviation of a week's change that is assumed of a student with a past of less than two weeks."""

LEAST_SPREAD = 0.005
"""No student is so even that mastery is known better than with this standard deviation."""

_STUDENT_T = (3.078, 1.886, 1.638, 1.533, 1.476, 1.440, 1.415, 1.397, 1.383, 1.372, 1.363, 1.356, 1.350)
"""The 90th percentile of Student's distribution by degrees of freedom: few weeks make a wide interval."""

_NORMAL = NormalDist().inv_cdf((1 + INTERVAL_LEVEL) / 2)


class Trend(StrEnum):
    """Where mastery has been going."""

    IMPROVING = "improving"
    STEADY = "steady"
    DECLINING = "declining"


class Basis(StrEnum):
    """What a forecast is made from: the student's own past, or, where that is short, today's score and the usual."""

    PAST = "past"
    AS_TODAY = "as_today"


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
    basis: Basis | None = None


def forecast(
    aggregates: Aggregates, as_of: int, kept_from: int, model: MasteryModel, *, horizon_days: int = WEEK
) -> Forecast:
    """Return the forecast as of the end of a day; abstains unless the standing of that day is ``ok``."""
    span = window(as_of, kept_from)
    today = whole_standing(aggregates, span, model)
    if today.score is None or today.status is not Status.OK:
        return Forecast(to_date(as_of), horizon_days, None, None, None, None, today.status)
    past = _Past(_without_topics(aggregates, span), span, model, horizon_days)
    if past.days >= 2 * max(horizon_days, WEEK):
        basis, outlook = Basis.PAST, _outlook(list(past.endings()), today.score, past.days, horizon_days)
    else:
        reach = _NORMAL * USUAL_SPREAD * sqrt(horizon_days / WEEK)
        basis, outlook = Basis.AS_TODAY, (today.score, today.score - reach, today.score + reach)
    expected, low, high = outlook
    around = NormalDist(expected, (high - low) / 2 / _NORMAL)
    return Forecast(
        as_of=to_date(as_of),
        horizon_days=horizon_days,
        expected=round(expected, 6),
        interval=ForecastInterval(INTERVAL_LEVEL, round(max(0.0, low), 6), round(min(1.0, high), 6)),
        risk=Risk(RISK_BELOW, round(around.cdf(RISK_BELOW), 6)),
        trend=_trend(aggregates, as_of, kept_from, model, today.score),
        status=today.status,
        basis=basis,
    )


@dataclass(frozen=True, slots=True)
class _Past:
    """What a student did in a window, component by component, and how long a stretch of it is moved."""

    known: Aggregates
    span: Window
    model: MasteryModel
    stretch: int

    @property
    def days(self) -> int:
        """Return how long ago the first evidence is, that day included."""
        return self.span.last + 1 - self._first

    @property
    def _first(self) -> int:
        return min(series.days[0] for series in self.known.series.values())

    def endings(self) -> Iterator[float]:
        """Yield where mastery would end if a stretch of the past came again, for the newest stretch and older ones."""
        first, last = self.span.first + self.stretch, self.span.last + self.stretch
        for begin in range(self.span.last + 1 - self.stretch, self._first - 1, -STRIDE):
            moved = self._with_again(begin, self.span.last + 1 - begin)
            score = whole_standing(moved, Window(first, last, None), self.model).score
            if score is not None:
                yield score

    def _with_again(self, begin: int, later: int) -> Aggregates:
        """Return what is known with the stretch from a day on once more, so many days later."""
        grown: dict[Key, Series] = {}
        for key, series in self.known.series.items():
            part = series.between(begin, begin + self.stretch - 1)
            days = [day + later for day in part.days]
            grown[key] = Series(series.days + days, series.scores + part.scores, series.weights + part.weights)
        return Aggregates(grown)


def _without_topics(aggregates: Aggregates, span: Window) -> Aggregates:
    """Return the sums of each component over all topics: the whole does not tell them apart."""
    whole = Aggregates()
    for (component, _), series in aggregates.series.items():
        part = series.between(span.first, span.last)
        if part.days:
            whole.merge(Aggregates({(component, None): part}))
    return whole


def _outlook(endings: list[float], today: float, past_days: int, horizon_days: int) -> tuple[float, float, float]:
    """Return what is expected, and between what.

    Expected is a value between today's score and the mean of the endings, a week ahead half way. Each stretch that the
    past holds without overlap, but the first, is a degree of freedom.
    """
    freedom = min(past_days // horizon_days - 1, len(_STUDENT_T))
    wider = _STUDENT_T[freedom - 1] / _NORMAL * sqrt(1 + 1 / (freedom + 1))
    middle, tenths = median(endings), quantiles(endings, n=10, method="inclusive")
    expected = today + (fmean(endings) - today) * horizon_days / (horizon_days + WEEK)
    reach = LEAST_SPREAD * _NORMAL
    low = min(middle + (tenths[0] - middle) * wider, expected - reach)
    return expected, low, max(middle + (tenths[-1] - middle) * wider, expected + reach)


def _trend(aggregates: Aggregates, as_of: int, kept_from: int, model: MasteryModel, today: float) -> Trend:
    """Return how today's score differs from that of two weeks ago, as today's configuration sees it."""
    span = window(as_of - TREND_DAYS, kept_from)
    before = whole_standing(aggregates, span, model) if span.first <= span.last else None
    if before is None or before.score is None or before.status is not Status.OK:
        return Trend.STEADY
    change = today - before.score
    if change >= MOVED:
        return Trend.IMPROVING
    return Trend.DECLINING if change <= -MOVED else Trend.STEADY
