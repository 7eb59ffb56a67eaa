"""When to review a topic: the forgetting model FSRS over the days on which there was evidence of it.

Each day with evidence counts as a review, and the mean of its scores as the rating. Source: the package ``fsrs`` of the
open spaced repetition project, with its default parameters; without its short steps within a day and without chance.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from fsrs import Card, Rating, Scheduler

from .aggregates import Aggregates
from .days import from_date, to_date
from .evidence import TOPICAL
from .fixed import ratio
from .levels import Level, level_of
from .mastery import Window

RETENTION_WANTED = 0.9
"""A review is due when the chance to remember falls to this."""

_RATING = {
    Level.BEGINNER: Rating.Again,
    Level.DEVELOPING: Rating.Hard,
    Level.COMPETENT: Rating.Good,
    Level.PROFICIENT: Rating.Good,
    Level.EXPERT: Rating.Easy,
}

_SCHEDULER = Scheduler(
    desired_retention=RETENTION_WANTED,
    learning_steps=(),
    relearning_steps=(),
    maximum_interval=365,
    enable_fuzzing=False,
)


@dataclass(frozen=True, slots=True)
class Memory:
    """What is left of a topic: the chance to remember it now, 0..1, and the day on which a review is due."""

    retrievability: float
    due: date
    last: date
    reviews: int


def memory(aggregates: Aggregates, topic: str, span: Window) -> Memory | None:
    """Return what is left of a topic at the end of a window, None without evidence in it."""
    days = _means(aggregates, topic, span)
    if not days:
        return None
    card = Card(card_id=0, due=_moment(days[0][0]))
    for day, mean in days:
        card, _ = _SCHEDULER.review_card(card, _RATING[level_of(mean)], _moment(day))
    left = _SCHEDULER.get_card_retrievability(card, _moment(span.last))
    return Memory(round(left, 6), card.due.date(), to_date(days[-1][0]), len(days))


def _means(aggregates: Aggregates, topic: str, span: Window) -> list[tuple[int, int]]:
    """Return (day, mean score in micro-units) of each day with evidence of a topic, in order."""
    sums: dict[int, tuple[int, int]] = {}
    for component in TOPICAL:
        series = aggregates.series.get((component, topic))
        for day, score, weight in series.between(span.first, span.last).rows() if series else ():
            before = sums.get(day, (0, 0))
            sums[day] = before[0] + score, before[1] + weight
    return [(day, ratio(score, weight)) for day, (score, weight) in sorted(sums.items()) if weight]


def _moment(day: int) -> datetime:
    return datetime.combine(to_date(day), time(), UTC)


def is_due(left: Memory, as_of: int) -> bool:
    """Tell whether a review is due by a day."""
    return from_date(left.due) <= as_of
