"""What is answered about a student, as it goes over the wire and into snapshots; fractions have six decimals."""

from dataclasses import dataclass
from datetime import date
from typing import Self

from .domain.aggregates import Aggregates
from .domain.days import to_date, to_text
from .domain.evidence import Component
from .domain.fixed import fraction
from .domain.history import Point
from .domain.levels import Level, Status
from .domain.mastery import ComponentValue, TopicStanding, Window, standings, topic_standing
from .domain.model import VERSION, MasteryModel, Method
from .domain.outcomes import Outcome
from .domain.recommendations import PathStep, Recommendation
from .domain.struggles import Struggle


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """The configuration that an answer was derived with."""

    version: int
    method: Method
    weights: dict[Component, float]
    half_life_days: float
    config_id: str

    @classmethod
    def of(cls, model: MasteryModel) -> Self:
        """Return what is shown of a configuration."""
        return cls(VERSION, model.method, model.shown_weights(), float(model.half_life_days), model.config_id)


@dataclass(frozen=True, slots=True)
class MasteryAnswer:
    """Where a student stands as of the end of a day: as a whole (or in the topic asked for) and in each topic.

    ``what_if`` tells that another configuration than the service's own was asked for.
    """

    student_id: str
    as_of: date
    score: float | None
    level: Level | None
    status: Status
    confidence: float
    components: dict[Component, ComponentValue | None]
    topics: tuple[TopicStanding, ...]
    model: ModelInfo
    complete: bool
    evidence_from: date | None
    what_if: bool = False


@dataclass(frozen=True, slots=True)
class HistoryAnswer:
    """The standing at the end of each day, week or month; the last point is the last day asked for."""

    points: tuple[Point, ...]
    model: ModelInfo
    what_if: bool = False


@dataclass(frozen=True, slots=True)
class RecommendationsAnswer:
    """What to do next, most important first."""

    recommendations: tuple[Recommendation, ...]


@dataclass(frozen=True, slots=True)
class PathAnswer:
    """The way to a topic, each step after what it builds on."""

    target: str
    steps: tuple[PathStep, ...]


@dataclass(frozen=True, slots=True)
class OutcomeAnswer:
    """One act of a student; ``score`` is a fraction."""

    occurred: str
    event_id: str
    index: int
    kind: str
    topic: str | None
    item: str | None
    score: float | None
    detail: str | None
    time_spent_s: float | None
    skills: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OutcomesAnswer:
    """Recent outcomes, newest first; ``next`` is the cursor of the next page."""

    outcomes: tuple[OutcomeAnswer, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class StrugglesAnswer:
    """Struggle signals, newest first."""

    struggles: tuple[Struggle, ...]


def mastery_answer(
    student_id: str,
    aggregates: Aggregates,
    span: Window,
    model: MasteryModel,
    topic: str | None,
    *,
    what_if: bool = False,
) -> MasteryAnswer:
    """Return where a student stands at the end of a window, as a whole and by topic, or in one topic."""
    if topic is None:
        standing, topics = standings(aggregates, span, model)
    else:
        standing = topic_standing(aggregates, topic, span, model)
        topics = (standing,)
    return MasteryAnswer(
        student_id=student_id,
        as_of=to_date(span.last),
        score=standing.score,
        level=standing.level,
        status=standing.status,
        confidence=standing.confidence,
        components=standing.components,
        topics=topics,
        model=ModelInfo.of(model),
        complete=span.complete,
        evidence_from=span.evidence_from,
        what_if=what_if,
    )


def outcome_answer(outcome: Outcome) -> OutcomeAnswer:
    """Return an outcome as it is shown."""
    return OutcomeAnswer(
        occurred=to_text(outcome.occurred_us),
        event_id=outcome.event_id,
        index=outcome.position,
        kind=outcome.kind,
        topic=outcome.topic,
        item=outcome.item,
        score=None if outcome.score is None else fraction(outcome.score),
        detail=outcome.detail,
        time_spent_s=outcome.time_spent_s,
        skills=outcome.skills,
    )
