"""The probability that a student answers the next question right: a fitted model, or a rate where there is none.

A prediction is a function of the model, the student's window of answers, the question and the time; nothing is kept
between two of them. Questions and students that the model has never met are judged by what is more general.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from .learner_history import Answered, History, question
from .learner_tables import Tables, logistic
from .learner_trees import Trees
from .outcomes import WINDOW_SIZE, Outcome

LOWEST, HIGHEST = 0.001, 0.999
"""No answer is certain."""

RATE = 0.65
"""The rate of right answers that is assumed of everybody while there is no model."""

RATE_STRENGTH = 5.0
"""As many answers count as much as what is more general."""


class Asked(NamedTuple):
    """What is asked about: a question by its item, where that is known, and the skills that it exercises."""

    item: str | None
    skills: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LearnerModel:
    """A fitted model; the id is a digest of its content. When and from what it was fitted is for people to read."""

    model_id: str
    fitted_at: str
    fitted_from: tuple[str, ...]
    tables: Tables
    trees: Trees
    about: Mapping[str, Any]


def predict(
    model: LearnerModel, answers: Iterable[Outcome], questions: Sequence[Asked], *, now_us: int
) -> tuple[float, ...]:
    """Return for each question the probability that the student answers it right now.

    ``answers`` come in any order; the newest 200 count.
    """
    history = History(model.tables)
    for outcome in newest(answers):
        history.take(answered(model, outcome))
    return tuple(probability(model, history, asked, now_us) for asked in questions)


def newest(answers: Iterable[Outcome]) -> list[Outcome]:
    """Return the answers that count, oldest first."""
    return sorted(answers, key=_order)[-WINDOW_SIZE:]


def answered(model: LearnerModel, outcome: Outcome) -> Answered:
    """Return an answer with what the model knows of its question."""
    return Answered(question(model.tables, outcome.item, outcome.skills), int(outcome.success), outcome.occurred_us)


def probability(model: LearnerModel, history: History, asked: Asked, now_us: int) -> float:
    """Return the probability of a right answer, after a history that is already taken."""
    features = history.features(question(model.tables, *asked), now_us)
    return min(HIGHEST, max(LOWEST, logistic(model.trees.odds(features))))


def smoothed_rate(answers: Iterable[Outcome], questions: Sequence[Asked]) -> tuple[float, ...]:
    """Return for each question the student's own rate, on its skills and in all, where there is no model.

    The rate on the skills is drawn towards the student's rate in all, and that towards ``RATE``.
    """
    window = newest(answers)
    general = _rate(window, RATE)
    return tuple(_rate([one for one in window if not _apart(one.skills, asked.skills)], general) for asked in questions)


def _rate(answers: Sequence[Outcome], towards: float) -> float:
    right = sum(outcome.success for outcome in answers)
    return (right + RATE_STRENGTH * towards) / (len(answers) + RATE_STRENGTH)


def _apart(skills: tuple[str, ...], others: tuple[str, ...]) -> bool:
    return frozenset(skills).isdisjoint(others)


def _order(outcome: Outcome) -> tuple[int, str, int]:
    return outcome[:3]
