"""Scoring answers with the function that serves: each from the same student's earlier answers alone."""

from collections.abc import Iterator, Sequence

from ..domain.days import DAY_US, day_of
from ..domain.learner import Asked, LearnerModel, answered, probability
from ..domain.learner_history import Answered, History
from ..domain.outcomes import WINDOW_SIZE, Outcome

KEPT_DAYS = 90
"""A window holds no answers of earlier days: the service keeps none."""


def score(model: LearnerModel, answers: Sequence[Outcome]) -> Iterator[float]:
    """Yield for each answer of a student, in their order, the probability that it is right.

    It is what ``predict`` gives for the window of answers before it, at the time of the answer. A history is taken on
    for as long as nothing falls out of the window, which gives the same bit for bit, and else begun anew.
    """
    window: list[Answered] = []
    history = History(model.tables)
    for outcome in answers:
        first_us = (day_of(outcome.occurred_us) - KEPT_DAYS + 1) * DAY_US
        kept = [one for one in window[-WINDOW_SIZE:] if one.at_us >= first_us]
        if len(kept) < len(window):
            history = History(model.tables)
            for one in kept:
                history.take(one)
        window = kept
        yield probability(model, history, Asked(outcome.item, outcome.skills), outcome.occurred_us)
        taken = answered(model, outcome)
        window.append(taken)
        history.take(taken)
