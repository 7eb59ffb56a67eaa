"""What the field compares with: the mean of the skills, PFA and Best-LR, fitted and measured on the same students.

PFA (Pavlik, Cen and Koedinger, 2009) and Best-LR (Gervet et al., 2020) are logistic regressions, here with logarithmic
counts and without a window.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from math import log1p
from typing import TypeAlias

from ..domain.outcomes import Outcome
from ..errors import CommandFailed

Row: TypeAlias = dict[str, float]
Rows: TypeAlias = Callable[[list[Outcome]], Iterator[Row]]
Baseline: TypeAlias = Callable[[Sequence[list[Outcome]], Sequence[list[Outcome]]], list[float]]
"""Fitted on the first students it gives a probability for each answer of the second, in their order."""

_STRENGTH = 5.0
_MOST_STEPS = 200


def skill_mean(fitted: Sequence[list[Outcome]], tested: Sequence[list[Outcome]]) -> list[float]:
    """Return the share of right answers on the same set of skills, drawn a little towards that on all."""
    answers, right = Counter[frozenset[str]](), Counter[frozenset[str]]()
    for own in fitted:
        answers.update(frozenset(outcome.skills) for outcome in own)
        right.update(frozenset(outcome.skills) for outcome in own if outcome.success)
    mean = (right.total() + 1) / (answers.total() + 2)
    keys = (frozenset(outcome.skills) for own in tested for outcome in own)
    return [(right[key] + _STRENGTH * mean) / (answers[key] + _STRENGTH) for key in keys]


def pfa(fitted: Sequence[list[Outcome]], tested: Sequence[list[Outcome]]) -> list[float]:
    """Return probabilities from the skills and the counts of right and wrong answers on them."""
    return _logistic(_pfa_rows, fitted, tested)


def best_lr(fitted: Sequence[list[Outcome]], tested: Sequence[list[Outcome]]) -> list[float]:
    """Return probabilities from these, the item, and the counts over all skills."""
    return _logistic(_best_lr_rows, fitted, tested)


BASELINES: dict[str, Baseline] = {"skill mean": skill_mean, "PFA": pfa, "Best-LR": best_lr}


def _pfa_rows(answers: list[Outcome]) -> Iterator[Row]:
    counts = Counter[tuple[str, bool]]()
    for outcome in answers:
        row: Row = {}
        for skill in outcome.skills:
            row[f"skill {skill}"] = 1.0
            row[f"right {skill}"] = log1p(counts[skill, True])
            row[f"wrong {skill}"] = log1p(counts[skill, False])
        yield row
        counts.update((skill, outcome.success) for skill in outcome.skills)


def _best_lr_rows(answers: list[Outcome]) -> Iterator[Row]:
    right = wrong = 0
    for outcome, row in zip(answers, _pfa_rows(answers), strict=True):
        yield row | {f"item {outcome.item}": 1.0, "right": log1p(right), "wrong": log1p(wrong)}
        right += outcome.success
        wrong += not outcome.success


def _logistic(rows: Rows, fitted: Sequence[list[Outcome]], tested: Sequence[list[Outcome]]) -> list[float]:
    try:
        from sklearn.feature_extraction import DictVectorizer  # noqa: PLC0415  # only the report needs it
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415  # likewise
    except ImportError:
        message = "The report needs libraries that are not installed: pip install 'mastery-engine[fit]'"
        raise CommandFailed(message) from None
    right = [outcome.success for own in fitted for outcome in own]
    if len(set(right)) == 1:
        return [float(right[0]) for own in tested for _ in own]
    columns = DictVectorizer()
    matrix = columns.fit_transform(row for own in fitted for row in rows(own))
    # Where it has not converged after so many steps, it is as good as it gets: the figures no longer move.
    learner = LogisticRegression(C=1.0, max_iter=_MOST_STEPS, tol=1e-3, solver="lbfgs")
    learner.fit(matrix, right)
    chances = learner.predict_proba(columns.transform(row for own in tested for row in rows(own)))
    return [float(chance) for chance in chances[:, 1]]
