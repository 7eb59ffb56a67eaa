"""What a batch job derives for each student: the answer that the student gets too, or what a configuration changes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from .answers import mastery_answer
from .domain.aggregates import Aggregates
from .domain.batches import BatchKind, BatchSpec, ItemStatus
from .domain.curriculum import Curriculum
from .domain.forecast import forecast
from .domain.levels import Level, Status
from .domain.mastery import Standing, Window, whole_standing, window
from .domain.model import MasteryModel
from .domain.recommendations import Recommendation, recommend
from .ports import BatchItem

MAX_RECOMMENDATIONS = 5

Derive: TypeAlias = Callable[[str, Aggregates], BatchItem]


@dataclass(frozen=True, slots=True)
class ShortStanding:
    """Where a student stands with one configuration."""

    score: float | None
    level: Level | None
    status: Status


@dataclass(frozen=True, slots=True)
class Recomputed:
    """Where a student stands with the configuration of the service, and with the one proposed."""

    before: ShortStanding
    after: ShortStanding
    level_changed: bool


@dataclass(frozen=True, slots=True)
class Recommended:
    """What a student is recommended to do next."""

    recommendations: tuple[Recommendation, ...]


@dataclass(frozen=True, slots=True)
class _Task:
    """What is the same for every student of a job."""

    spec: BatchSpec
    span: Window
    model: MasteryModel
    proposed: MasteryModel
    curriculum: Curriculum


def work_of(spec: BatchSpec, curriculum: Curriculum) -> Derive:
    """Return what derives the item of a student from their aggregates."""
    model = spec.current.model()
    proposed = model if spec.proposed is None else spec.proposed.model()
    task = _Task(spec, window(spec.as_of, spec.kept_from), model, proposed, curriculum)
    derive = _KINDS[spec.kind]
    return lambda student_id, aggregates: derive(task, student_id, aggregates)


def _mastery(task: _Task, student_id: str, aggregates: Aggregates) -> BatchItem:
    return _done(student_id, mastery_answer(student_id, aggregates, task.span, task.model, None))


def _prediction(task: _Task, student_id: str, aggregates: Aggregates) -> BatchItem:
    return _done(student_id, forecast(aggregates, task.spec.as_of, task.spec.kept_from, task.model))


def _recommendation(task: _Task, student_id: str, aggregates: Aggregates) -> BatchItem:
    found = recommend(aggregates, task.curriculum, task.span, task.model, limit=MAX_RECOMMENDATIONS)
    return _done(student_id, Recommended(found))


def _recompute(task: _Task, student_id: str, aggregates: Aggregates) -> BatchItem:
    before = _short(whole_standing(aggregates, task.span, task.model))
    after = _short(whole_standing(aggregates, task.span, task.proposed))
    changed = before.level is not after.level
    return _done(student_id, Recomputed(before, after, changed), level_changed=changed)


_KINDS: Mapping[BatchKind, Callable[[_Task, str, Aggregates], BatchItem]] = {
    BatchKind.MASTERY: _mastery,
    BatchKind.PREDICTION: _prediction,
    BatchKind.RECOMMENDATION: _recommendation,
    BatchKind.RECOMPUTE: _recompute,
}


def _short(standing: Standing) -> ShortStanding:
    return ShortStanding(standing.score, standing.level, standing.status)


def _done(student_id: str, answer: object, *, level_changed: bool = False) -> BatchItem:
    return BatchItem(student_id, ItemStatus.DONE, msgspec.json.encode(answer), level_changed)
