"""What an event says about mastery: (score, weight) pairs in micro-units, per day, component and topic."""

from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from .fixed import MICRO, divide, scale

QUESTIONS_CAP = 50
"""A quiz or a set of exercises weighs no more than this many questions."""


class Component(StrEnum):
    """The four parts of mastery, in the order in which they are shown."""

    COMPLETION = "completion"
    QUIZ = "quiz"
    QUALITY = "quality"
    CONSISTENCY = "consistency"

    # Enum hashes in Python code, and components are keys everywhere: str's own hash takes a tenth of the time.
    __hash__ = str.__hash__


TOPICAL = (Component.COMPLETION, Component.QUIZ, Component.QUALITY)
"""The components that a topic has; consistency belongs to the whole only."""


class Difficulty(StrEnum):
    """How hard an exercise is; the weight of its evidence follows."""

    BEGINNER = "beginner"
    INTERMEDIATE = "intermediate"
    ADVANCED = "advanced"

    __hash__ = str.__hash__  # as above


DIFFICULTY_WEIGHT = {
    Difficulty.BEGINNER: 800_000,
    Difficulty.INTERMEDIATE: MICRO,
    Difficulty.ADVANCED: 1_200_000,
}
"""Weight of an exercise in micro-units."""


class Evidence(NamedTuple):
    """A piece of evidence: score times weight, and weight, both in micro-units."""

    day: int
    component: Component
    topic: str | None
    score: int
    weight: int


def scored(score: float, difficulty: Difficulty) -> tuple[int, int]:
    """Return (score * weight, weight) of one exercise with a score of 0..1."""
    weight = DIFFICULTY_WEIGHT[difficulty]
    return scale(score, weight), weight


def counted(correct: int, total: int, difficulty: Difficulty = Difficulty.INTERMEDIATE) -> tuple[int, int]:
    """Return (score * weight, weight) of correct out of total questions or exercises; total is at least 1."""
    each = DIFFICULTY_WEIGHT[difficulty]
    if total <= QUESTIONS_CAP:
        return correct * each, total * each
    weight = QUESTIONS_CAP * each
    return divide(correct * weight, total), weight


def rated(ratings: Sequence[float]) -> tuple[int, int]:
    """Return (score * weight, weight) of the mean of one or more ratings of 0..1."""
    # Exact: a sum of floats is rounded on the way, and not by every version of Python in the same way. The denominators
    # of doubles are powers of two, so the largest is a multiple of all.
    total, common = 0, 1
    for rating in ratings:
        numerator, denominator = rating.as_integer_ratio()
        if denominator > common:
            total, common = total * (denominator // common), denominator
        total += numerator * (common // denominator)
    return divide(total * MICRO, common * len(ratings)), MICRO


@lru_cache(maxsize=128)
def active(day: int) -> Evidence:
    """Return the evidence that a student was active on a day."""
    return Evidence(day, Component.CONSISTENCY, None, MICRO, MICRO)
