"""Recent outcomes: what a student answered, ran and asked lately, in two windows of the newest 200."""

from bisect import bisect_left
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from .days import DAY_US
from .fixed import MICRO

WINDOW_SIZE = 200
"""Outcomes that each window holds."""

SUCCESS_SCORE = MICRO // 2
"""An outcome with this score or more, in micro-units, is a success."""


class OutcomeKind(StrEnum):
    """What kind of act an outcome tells of."""

    ANSWER = "answer"
    EXERCISE = "exercise"
    QUIZ = "quiz"
    RUN = "run"
    HELP = "help"


class Outcome(NamedTuple):
    """One act of a student; the first three fields order it among all others.

    ``item`` is the question, exercise or quiz; ``score`` is in micro-units, None where there is none to give;
    ``detail`` is the type of error of a failed run or the kind of a help request; ``time_spent_s`` is in seconds.
    """

    occurred_us: int
    event_id: str
    position: int
    kind: OutcomeKind
    topic: str | None = None
    item: str | None = None
    score: int | None = None
    detail: str | None = None
    time_spent_s: float | None = None
    skills: tuple[str, ...] = ()

    @property
    def order(self) -> tuple[int, str, int]:
        """Return the position among outcomes: occurred time, event id, position in the event."""
        return self[:3]

    @property
    def success(self) -> bool:
        """Tell whether it went well enough to resolve a struggle."""
        return self.score is not None and self.score >= SUCCESS_SCORE


class Recent:
    """Both windows of one student, each sorted oldest first."""

    __slots__ = ("answers", "others")

    def __init__(self, answers: list[Outcome] | None = None, others: list[Outcome] | None = None) -> None:
        self.answers: list[Outcome] = [] if answers is None else answers
        self.others: list[Outcome] = [] if others is None else others

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Add outcomes; each window keeps the newest of all it was ever given."""
        for outcome in outcomes:
            window = self.answers if outcome.kind is OutcomeKind.ANSWER else self.others
            if not window or window[-1][:3] < outcome[:3]:
                window.append(outcome)
            else:
                window.insert(bisect_left(window, outcome[:3], key=_order), outcome)
            if len(window) > WINDOW_SIZE:
                del window[0]

    def merge(self, other: "Recent") -> None:
        """Add the outcomes of a disjoint part."""
        self.add(other.answers)
        self.add(other.others)

    def since(self, first_day: int) -> "Recent":
        """Return the outcomes from the first day on."""
        start = (first_day * DAY_US,)
        return Recent(
            self.answers[bisect_left(self.answers, start) :],
            self.others[bisect_left(self.others, start) :],
        )

    def newest_first(self) -> list[Outcome]:
        """Return the outcomes of both windows, newest first."""
        return sorted([*self.answers, *self.others], key=_order, reverse=True)


def _order(outcome: Outcome) -> tuple[int, str, int]:
    return outcome[:3]
