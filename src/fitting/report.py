"""The report on a model: how good its like is on students who were left out while fitting."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..domain.outcomes import Outcome
from ..model_artefact import read_artefact, write_artefact
from .baselines import BASELINES
from .fit import Advance, Material, fit
from .measures import Measures, measure
from .scoring import score

FOLDS = 4
MODEL = "model"

SPANS = ((0, 0), (1, 1), (2, 2), (3, 4), (5, 9), (10, 19), (20, 49), (50, 99), (100, 199))
"""Answers are told apart by how many came before: so many to so many; what is beyond is the last span."""

LEFT_OUT = {"BKT": "pyBKT 1.4.3, the newest, runs neither with numpy 2 nor with scikit-learn 1.9"}
"""Baselines that are not measured, and why."""


class Scored(NamedTuple):
    """An answer, its probability, and how many came before: in all (``place``), on its skills (``practice``)."""

    outcome: Outcome
    probability: float
    place: int
    practice: int


@dataclass(frozen=True, slots=True)
class Compared:
    """One way to predict: the AUC of each fold and their mean, and the measures of all folds together."""

    name: str
    aucs: tuple[float | None, ...]
    auc: float | None
    pooled: Measures


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the answers: those on a skill, or with so many before them."""

    name: str
    answers: int
    predicted: float
    right: float
    auc: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """What is said of a model and of what it was fitted on; the first that is compared is the model."""

    model_id: str
    fitted_at: str
    fitted_from: tuple[str, ...]
    about: dict[str, Any]
    compared: tuple[Compared, ...]
    left_out: dict[str, str]
    by_practice: tuple[Part, ...]
    by_place: tuple[Part, ...]
    by_skill: tuple[Part, ...]


@dataclass(slots=True)
class Tested:
    """What was predicted of students left out, fold by fold: of every way the probabilities, and what was right."""

    right: list[list[int]] = field(default_factory=list)
    ways: dict[str, list[list[float]]] = field(default_factory=lambda: defaultdict(list))
    scored: list[Scored] = field(default_factory=list)

    def compared(self) -> tuple[Compared, ...]:
        """Return how good each way was."""
        return tuple(self._compared(name, folds) for name, folds in self.ways.items())

    def _compared(self, name: str, folds: Sequence[Sequence[float]]) -> Compared:
        aucs = tuple(measure(fold, right).auc for fold, right in zip(folds, self.right, strict=True))
        told = [auc for auc in aucs if auc is not None]
        everything = [one for fold in folds for one in fold]
        pooled = measure(everything, [one for fold in self.right for one in fold])
        return Compared(name, aucs, sum(told) / len(told) if told else None, pooled)


def cross_validate(answers: Material, advance: Advance) -> Tested:
    """Return what is predicted of each student by what was fitted on the others, for at least as many as folds."""
    tested = Tested()
    for number in range(FOLDS):
        some = answers.students[number::FOLDS]
        others = [one for at, one in enumerate(answers.students) if at % FOLDS != number]
        told = f"Fold {number + 1} of {FOLDS}: "
        _predict(tested, Material(others, answers.timed), some, _telling(told, advance))
    return tested


def _predict(tested: Tested, fitted: Material, some: Sequence[tuple[str, list[Outcome]]], advance: Advance) -> None:
    _, data = write_artefact(fit(fitted, advance), "")
    model = read_artefact(data)
    scored: list[Scored] = []
    total = sum(len(own) for _, own in some)
    for _, own in some:
        scored += with_places(own, score(model, own))
        advance("scoring", len(scored) / total)
    tested.right.append([int(one.outcome.success) for one in scored])
    tested.ways[MODEL].append([one.probability for one in scored])
    tested.scored += scored
    for name, baseline in BASELINES.items():
        advance(name, 0.0)
        tested.ways[name].append(baseline([own for _, own in fitted.students], [own for _, own in some]))


def with_places(own: Sequence[Outcome], probabilities: Iterable[float]) -> list[Scored]:
    """Return a student's answers, each with its probability and how many came before it."""
    practice = Counter[frozenset[str]]()
    scored = []
    for place, (outcome, probability) in enumerate(zip(own, probabilities, strict=True)):
        key = frozenset(outcome.skills)
        scored.append(Scored(outcome, probability, place, practice[key]))
        practice[key] += 1
    return scored


def report(
    model_id: str, fitted_at: str, fitted_from: tuple[str, ...], about: dict[str, Any], tested: Tested
) -> Report:
    """Return the report on a model whose like was tested."""
    scored = tested.scored
    return Report(
        model_id=model_id,
        fitted_at=fitted_at,
        fitted_from=fitted_from,
        about=about,
        compared=tested.compared(),
        left_out=LEFT_OUT,
        by_practice=by_span(scored, [one.practice for one in scored]),
        by_place=by_span(scored, [one.place for one in scored]),
        by_skill=by_skill(scored),
    )


def by_span(scored: Sequence[Scored], before: Sequence[int]) -> tuple[Part, ...]:
    """Return the answers told apart by how many came before."""
    parts: dict[int, list[Scored]] = defaultdict(list)
    for one, number in zip(scored, before, strict=True):
        parts[sum(number > last for _, last in SPANS)].append(one)
    return tuple(_part(_span(at), parts[at]) for at in sorted(parts))


def by_skill(scored: Sequence[Scored]) -> tuple[Part, ...]:
    """Return the answers on each skill, the most practised first."""
    parts: dict[str, list[Scored]] = defaultdict(list)
    for one in scored:
        for skill in set(one.outcome.skills):
            parts[skill].append(one)
    return tuple(_part(skill, parts[skill]) for skill in sorted(parts, key=lambda name: (-len(parts[name]), name)))


def _part(name: str, scored: Sequence[Scored]) -> Part:
    measures = measure([one.probability for one in scored], [int(one.outcome.success) for one in scored])
    predicted = sum(one.probability for one in scored) / len(scored)
    return Part(name, len(scored), predicted, measures.right, measures.auc)


def _span(at: int) -> str:
    if at == len(SPANS):
        return f"{SPANS[-1][1] + 1} or more"
    first, last = SPANS[at]
    return str(first) if first == last else f"{first} to {last}"


def _telling(told: str, advance: Advance) -> Advance:
    return lambda what, part: advance(told + what[:1].lower() + what[1:], part)
