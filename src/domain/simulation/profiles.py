"""Kinds of students: how able, how diligent, how persistent."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Profile:
    """How a kind of student learns and works.

    ``weekday`` and ``weekend`` are the probabilities of a day with work, ``tasks`` how many a day has at least and at
    most, ``quota`` how many a topic takes. ``joins`` and ``leaves`` are the earliest and latest such day as a fraction
    of all days. Who prepares for exams works in the days before one, every ``exam_days`` days.
    """

    name: str
    ability: float
    learning: float = 0.045
    forgetting: float = 0.03
    slip: float = 0.04
    tries: int = 4
    asks: float = 0.3
    weekday: float = 0.75
    weekend: float = 0.35
    tasks: tuple[int, int] = (2, 5)
    quota: int = 22
    joins: tuple[float, float] = (0.0, 0.04)
    leaves: tuple[float, float] = (1.0, 1.0)
    exam_days: int = 0


STEADY = Profile("steady", ability=-0.25)
CRAMMER = Profile("crammer", ability=-0.1, forgetting=0.08, weekday=0.12, weekend=0.06, tasks=(4, 8), exam_days=21)
STRUGGLING = Profile(
    "struggling", ability=-1.7, learning=0.02, slip=0.1, tries=5, asks=0.5, weekday=0.6, weekend=0.15, tasks=(1, 4)
)
EXCELLING = Profile(
    "excelling", ability=2.4, learning=0.09, forgetting=0.01, slip=0.01, asks=0.1, weekday=0.93, weekend=0.7, quota=18
)
DROP_OUT = Profile(
    "drop-out", ability=-0.7, learning=0.03, tries=3, asks=0.2, weekday=0.6, weekend=0.2, leaves=(0.08, 0.5)
)
NEWCOMER = Profile("newcomer", ability=0.0, tasks=(1, 1), joins=(1.0, 1.0))

ROSTER = (
    STEADY,
    CRAMMER,
    STRUGGLING,
    STEADY,
    EXCELLING,
    STEADY,
    DROP_OUT,
    STRUGGLING,
    STEADY,
    NEWCOMER,
)
"""The kinds in a class, over and over again: so every class of ten has one of each, whatever the seed."""


def profile_of(number: int) -> Profile:
    """Return the kind that the student with this number, counted from 1, is."""
    return ROSTER[(number - 1) % len(ROSTER)]
