"""How a student does, as it moves with every answer: averages at two speeds, and an ability in two parts.

The ability is a student's in all and on each skill. Each answer corrects both by how uncertain they are and by how
much it was not expected (an extended Kalman filter of the Rasch model); being uncertain grows again with every answer.
"""

from typing import Final

from .learner_tables import logistic

FAST, SLOW = 0.35, 0.08
SKILL_FAST, SKILL_SLOW = 0.4, 0.15
"""How much the newest answer weighs in the moving averages."""

SPREAD, SKILL_SPREAD = 0.8, 0.3
"""The variance of abilities among students, and of one student's among skills, before anything is known."""

DRIFT, SKILL_DRIFT = 0.002, 0.02
"""By how much the variance grows with each answer."""


class Practice:
    """What a student has shown, in all or on one skill."""

    __slots__ = (
        "at_us",
        "fast",
        "level",
        "place",
        "right",
        "slow",
        "spread",
        "surprise_fast",
        "surprise_slow",
        "wrong",
    )

    def __init__(self, spread: float) -> None:
        self.right = self.wrong = 0
        self.fast = self.slow = self.surprise_fast = self.surprise_slow = self.level = 0.0
        self.spread = spread
        self.place = -1
        self.at_us = 0

    def take(self, right: int, surprise: float, fast: float, slow: float) -> None:
        """Count an answer and move the averages: of outcomes as 1 and -1, and of how much they were not expected."""
        outcome = 1.0 if right else -1.0
        self.right += right
        self.wrong += 1 - right
        self.fast += fast * (outcome - self.fast)
        self.slow += slow * (outcome - self.slow)
        self.surprise_fast += fast * (surprise - self.surprise_fast)
        self.surprise_slow += slow * (surprise - self.surprise_slow)

    def correct(self, error: float, shrink: float, drift: float) -> None:
        """Move the ability by an error, as far as it is uncertain."""
        self.level += self.spread * error
        self.spread += drift - self.spread * self.spread * shrink


NOT_PRACTISED: Final = Practice(SKILL_SPREAD)
"""A skill of which nothing was seen; it is never changed."""


def chance(odds: float, student: Practice, skills: list[Practice]) -> float:
    """Return the probability of a right answer on a question of so much ease."""
    return logistic(odds + student.level + _mean([skill.level for skill in skills]))


def learn(right: int, odds: float, student: Practice, skills: list[Practice]) -> None:
    """Correct the ability of a student and on each skill by an answer."""
    expected = chance(odds, student, skills)
    information = expected * (1.0 - expected)
    uncertain = 1.0 + (student.spread + _mean([skill.spread for skill in skills])) * information
    error, shrink = (right - expected) / uncertain, information / uncertain
    student.correct(error, shrink, DRIFT)
    for skill in skills:
        skill.correct(error, shrink, SKILL_DRIFT)


def _mean(values: list[float]) -> float:
    if len(values) == 1:
        return values[0]
    return sum(values) / len(values) if values else 0.0
