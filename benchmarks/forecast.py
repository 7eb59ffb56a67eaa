"""How good the forecast of a week is: as of every day of every student, beside what really became of them.

A day counts where the student still had answers a week later: of later ones nobody knows whether work had ended or only
the record of it. Nothing is fitted, so every student is unseen. Points are hundredths of a score.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from statistics import fmean, quantiles
from typing import NamedTuple

from src.domain.aggregates import Aggregates
from src.domain.days import DAY_US
from src.domain.events import Event, first_day
from src.domain.forecast import INTERVAL_LEVEL, WEEK, Basis, Forecast, forecast
from src.domain.levels import Status
from src.domain.mastery import whole_standing, window
from src.domain.model import MasteryModel
from src.domain.simulator import simulate
from src.event_validator import Invalid, validate
from src.importing.responses import read_responses
from src.importing.sources import open_source

from .figures import Amount, Bound, Figure
from .measure import NotHere
from .processes import ROOT

ANSWERS = ROOT.parent / "shared" / "data" / "kt" / "algebra05s_dev.csv.gz"
STUDENTS, DAYS, SEED, LAST_DAY = 60, 150, 7, date(2026, 5, 1)
MODEL = MasteryModel()
LATE_US = 100_000 * DAY_US
"""After every event: what is received then is never ahead of its time."""

_HALF = 5e-7
"""What is rounded to six decimals may be off by so much."""


class Scored(NamedTuple):
    """A forecast, the score of the day that it was made on, and the one that came."""

    told: Forecast
    today: float
    came: float

    @property
    def covered(self) -> bool:
        """Tell whether the score came to lie within the interval."""
        interval = self.told.interval
        return interval is not None and interval.low - _HALF <= self.came <= interval.high + _HALF


def run() -> list[Figure]:
    """Measure on real students and on simulated ones; raises ``NotHere`` without the file of the real ones."""
    if not ANSWERS.exists():
        message = f"there is no ../{ANSWERS.relative_to(ROOT.parent)}"
        raise NotHere(message)
    with open_source(str(ANSWERS)) as file:
        real = _by_student(record.event for record in read_responses(file.content, ANSWERS.name).records)
    made_up = _by_student(simulate(students=STUDENTS, days=DAYS, seed=SEED, last_day=LAST_DAY))
    told = _figures("simulated students", made_up)
    return [*_figures("algebra05s_dev", real), *(replace(figure, bound=None) for figure in told[1:])]


def _by_student(contents: Iterable[object]) -> Mapping[str, Aggregates]:
    students: defaultdict[str, Aggregates] = defaultdict(Aggregates)
    for content in contents:
        event = _received_at_once(content)
        students[event.student_id].add(event.evidence)
    return students


def _received_at_once(content: object) -> Event:
    late = validate(content, LATE_US)
    event = late if isinstance(late, Invalid) else validate(content, late.occurred_us)
    assert isinstance(event, Event), event  # noqa: S101  # neither source holds anything else
    return event


def _forecasts(aggregates: Aggregates) -> Iterator[Scored]:
    """Yield a forecast for every day with enough evidence."""
    days = [day for series in aggregates.series.values() for day in series.days]
    for as_of in range(min(days), max(days) - WEEK + 1):
        known = aggregates.between(first_day(as_of), as_of)
        today = whole_standing(known, window(as_of, 0), MODEL)
        later = as_of + WEEK
        came = whole_standing(aggregates.between(first_day(later), later), window(later, 0), MODEL)
        if today.status is Status.OK and today.score is not None and came.score is not None:
            yield Scored(forecast(known, as_of, first_day(as_of), MODEL), today.score, came.score)


def _figures(whose: str, students: Mapping[str, Aggregates]) -> list[Figure]:
    told = [one for aggregates in students.values() for one in _forecasts(aggregates)]
    as_today = sum(one.told.basis is Basis.AS_TODAY for one in told) / len(told)
    covered = 100 * fmean(one.covered for one in told)
    level = Amount(100 * INTERVAL_LEVEL, "%")
    return [
        *(
            Figure(
                f"{whose}: scores within the interval, of {len(told):,} forecasts",
                Amount(covered, "%"),
                "what the interval claims",
                level,
                covered / level.value,
                Bound(limit, at_least=at_least, of_ratio=False),
            )
            for limit, at_least in ((75, True), (85, False))
        ),
        _width(whose, told),
        _error(whose, told),
        _risk(whose, told),
        Figure(
            f"{whose}: forecasts that are as today, the past being short",
            Amount(100 * as_today, "%"),
            "all forecasts",
            Amount(100, "%"),
            as_today,
        ),
    ]


def _width(whose: str, told: list[Scored]) -> Figure:
    """Compare with one width for all that covers as much, which only hindsight knows."""
    widths = [one.told.interval.high - one.told.interval.low for one in told if one.told.interval]
    covered = round(1000 * fmean(one.covered for one in told))
    fixed = 2 * quantiles((abs(one.came - one.today) for one in told), n=1000)[covered - 1]
    mean = fmean(widths)
    return Figure(
        f"{whose}: mean width of the interval",
        Amount(100 * mean, "points"),
        "the same width around today's score for all that covers as much",
        Amount(100 * fixed, "points"),
        mean / fixed,
    )


def _error(whose: str, told: list[Scored]) -> Figure:
    error = fmean(abs((one.told.expected or 0) - one.came) for one in told)
    naive = fmean(abs(one.today - one.came) for one in told)
    bound = Bound(1, at_least=False, of_ratio=True)
    what, points = f"{whose}: mean absolute error", "points"
    return Figure(what, Amount(100 * error, points), "as today", Amount(100 * naive, points), error / naive, bound)


def _risk(whose: str, told: list[Scored]) -> Figure:
    risks = [(one.told.risk, one) for one in told if one.told.risk]
    brier = fmean((risk.probability - (one.came < risk.threshold)) ** 2 for risk, one in risks)
    naive = fmean((one.today < risk.threshold) != (one.came < risk.threshold) for risk, one in risks)
    bound = Bound(1, at_least=False, of_ratio=True)
    what = f"{whose}: Brier score of the risk"
    return Figure(
        what,
        Amount(100 * brier, "points"),
        "as today, for certain",
        Amount(100 * naive, "points"),
        brier / naive,
        bound,
    )
