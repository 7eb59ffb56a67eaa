"""What to do next and why: low mastery x prerequisites met x due for review.

The priority of a topic is ``need * readiness``: need is what is missing of the topic's score after forgetting, and
readiness how well the weakest of its prerequisites is remembered. What is blocked is not recommended; a topic that is
new counts for half, so that what was begun comes first.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from .aggregates import Aggregates
from .curriculum import Curriculum
from .fixed import MICRO
from .forgetting import Memory, is_due, memory
from .levels import LEVEL_FROM, Level, Status
from .mastery import TopicStanding, Window, standings
from .model import MasteryModel

MASTERED = LEVEL_FROM[Level.PROFICIENT] / MICRO
"""From this score on, with enough evidence, a topic is mastered."""

PREREQUISITE_MET = LEVEL_FROM[Level.COMPETENT] / MICRO
"""From this score on, with enough evidence, a topic no longer blocks what builds on it."""

NEW_NEED = 0.5
"""The need of a topic that was not begun."""


class Doing(StrEnum):
    """What to do about a topic."""

    LEARN = "learn"
    PRACTISE = "practise"
    REVIEW = "review"
    CONSOLIDATE = "consolidate"


class StepStatus(StrEnum):
    """Where a topic stands on the way to a target."""

    MASTERED = "mastered"
    READY = "ready"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Grounds:
    """One reason: a code for programs, a sentence for people, and the facts in it."""

    code: str
    text: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What to do about one topic; ``due`` is the day of the next review, null for what was not begun."""

    topic: str
    action: Doing
    priority: float
    due: date | None
    reasons: tuple[Grounds, ...]


@dataclass(frozen=True, slots=True)
class PathStep:
    """One topic on the way to a target."""

    topic: str
    status: StepStatus
    score: float | None
    missing_prerequisites: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a student as of a day, by topic."""

    curriculum: Curriculum
    standings: Mapping[str, TopicStanding]
    memories: Mapping[str, Memory]
    as_of: int

    def reaches(self, topic: str, score: float) -> bool:
        standing = self.standings.get(topic)
        return standing is not None and standing.status is Status.OK and (standing.score or 0) >= score

    def prerequisites(self, topic: str) -> tuple[str, ...]:
        listed = self.curriculum.by_name.get(topic)
        return listed.prerequisites if listed else ()

    def missing(self, topic: str) -> tuple[str, ...]:
        return tuple(name for name in self.prerequisites(topic) if not self.reaches(name, PREREQUISITE_MET))

    def kept(self, topic: str) -> float:
        """Return the score of a topic after forgetting."""
        standing, left = self.standings.get(topic), self.memories.get(topic)
        return (standing.score or 0) * left.retrievability if standing and left else 0.0


def recommend(
    aggregates: Aggregates, curriculum: Curriculum, span: Window, model: MasteryModel, *, limit: int
) -> tuple[Recommendation, ...]:
    """Return what to do next, most important first; of equals what the curriculum teaches first."""
    known = _known(aggregates, curriculum, span, model)
    # Evidence may tell of topics that the curriculum does not have; nothing comes before those.
    others = sorted(known.standings.keys() - curriculum.by_name.keys())
    found = [one for topic in (*curriculum.by_name, *others) if (one := _recommendation(topic, known))]
    return tuple(sorted(found, key=lambda one: -one.priority)[:limit])


def learning_path(
    aggregates: Aggregates, curriculum: Curriculum, span: Window, model: MasteryModel, *, target: str
) -> tuple[PathStep, ...]:
    """Return the way to a topic, each step after what it builds on; raises ``KeyError`` for an unknown target."""
    known = _known(aggregates, curriculum, span, model)
    return tuple(_step(topic.topic, known) for topic in curriculum.way_to(target))


def whole_path(
    aggregates: Aggregates, curriculum: Curriculum, span: Window, model: MasteryModel
) -> tuple[PathStep, ...]:
    """Return where every topic of the curriculum stands, in the order in which they are listed."""
    known = _known(aggregates, curriculum, span, model)
    return tuple(_step(topic.topic, known) for topic in curriculum.topics)


def _known(aggregates: Aggregates, curriculum: Curriculum, span: Window, model: MasteryModel) -> _Known:
    by_topic = {standing.topic: standing for standing in standings(aggregates, span, model)[1]}
    memories = {topic: left for topic in by_topic if (left := memory(aggregates, topic, span))}
    return _Known(curriculum, by_topic, memories, span.last)


def _step(topic: str, known: _Known) -> PathStep:
    missing = known.missing(topic)
    standing = known.standings.get(topic)
    status = StepStatus.BLOCKED if missing else StepStatus.READY
    if known.reaches(topic, MASTERED):
        status, missing = StepStatus.MASTERED, ()
    return PathStep(topic, status, standing.score if standing else None, missing)


def _recommendation(topic: str, known: _Known) -> Recommendation | None:
    if known.missing(topic):
        return None
    left = known.memories.get(topic)
    need = NEW_NEED if left is None else 1 - known.kept(topic)
    readiness = min((known.kept(name) for name in known.prerequisites(topic)), default=1.0)
    return Recommendation(
        topic=topic,
        action=_action(topic, known),
        priority=round(need * readiness, 6),
        due=left.due if left else None,
        reasons=tuple(_reasons(topic, known)),
    )


def _action(topic: str, known: _Known) -> Doing:
    left = known.memories.get(topic)
    if left is None:
        return Doing.LEARN
    if not known.reaches(topic, MASTERED):
        return Doing.PRACTISE
    return Doing.REVIEW if is_due(left, known.as_of) else Doing.CONSOLIDATE


def _reasons(topic: str, known: _Known) -> Iterator[Grounds]:
    yield from _about_mastery(topic, known)
    yield from _about_memory(topic, known)
    yield from _about_place(topic, known)


def _about_mastery(topic: str, known: _Known) -> Iterator[Grounds]:
    standing = known.standings.get(topic)
    if standing is None:
        yield Grounds("not_started", "There is no evidence of this topic yet.", {})
        return
    facts = {"score": standing.score, "level": standing.level, "confidence": standing.confidence}
    if standing.status is Status.INSUFFICIENT_EVIDENCE:
        yield Grounds("little_evidence", "There is too little evidence to tell how well this topic is mastered.", facts)
    elif not known.reaches(topic, MASTERED):
        yield Grounds("low_mastery", "This topic is not mastered yet.", facts | {"mastered_from": MASTERED})
    else:
        yield Grounds("mastered", "This topic is mastered.", facts | {"mastered_from": MASTERED})


def _about_memory(topic: str, known: _Known) -> Iterator[Grounds]:
    left = known.memories.get(topic)
    if left is None:
        return
    facts = {"due": left.due.isoformat(), "last": left.last.isoformat(), "retrievability": left.retrievability}
    if is_due(left, known.as_of):
        yield Grounds("review_due", "It is time to review this topic before it is forgotten.", facts)
    else:
        yield Grounds("remembered", "No review of this topic is due yet.", facts)


def _about_place(topic: str, known: _Known) -> Iterator[Grounds]:
    before = known.prerequisites(topic)
    if before:
        scores = {name: known.standings[name].score for name in before}
        yield Grounds("prerequisites_met", "Everything that this topic builds on is in place.", {"scores": scores})
    if not known.reaches(topic, PREREQUISITE_MET):
        waiting = known.curriculum.dependants.get(topic, ())
        if waiting:
            yield Grounds("unlocks", "Other topics build on this one.", {"topics": list(waiting)})
