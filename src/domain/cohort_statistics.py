"""What can be said of a class: how its students stand together, who needs help, and where the class struggles.

Everything is worked out from the students' own answers, in micro-units, whatever the order of the students, so that a
view of a class and a view of a student cannot disagree.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from .fixed import MICRO, divide, fraction, ratio
from .levels import Level, Status
from .mastery import Standing, TopicStanding
from .struggles import Struggle


@dataclass(frozen=True, slots=True)
class Summary:
    """The scores of a group of students; ``count`` are all of them, the figures are over those with a score.

    Quartiles are interpolated between neighbours, so that they lie within the scores.
    """

    count: int
    scored: int
    mean: float | None
    median: float | None
    lower_quartile: float | None
    upper_quartile: float | None
    levels: dict[Level, int]
    statuses: dict[Status, int]


@dataclass(frozen=True, slots=True)
class TopicSummary(Summary):
    """The same of one topic, over the students with evidence of it."""

    topic: str


@dataclass(frozen=True, slots=True)
class Member:
    """What is looked at of one student: where they stand, when they were last active, and what is open."""

    student_id: str
    standing: Standing
    topics: tuple[TopicStanding, ...]
    idle_days: int | None
    open_struggles: tuple[Struggle, ...]


class Group(StrEnum):
    """Where triage puts a student; the first that applies, in the order of ``group_of``."""

    NEEDS_HELP = "needs_help"
    INACTIVE = "inactive"
    ON_TRACK = "on_track"
    EXCELLING = "excelling"
    NO_DATA = "no_data"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What triage goes by; scores are fractions 0..1."""

    needs_help_below: float = 0.5
    open_struggles: int = 1
    inactive_days: int = 7
    excelling_from: float = 0.9


@dataclass(frozen=True, slots=True)
class Fact:
    """A code for programs, and the facts behind it."""

    code: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Placed:
    """A student in a group, with what put them there."""

    student_id: str
    reasons: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Hotspot:
    """A topic, and the share of the students with evidence of it who have an open struggle in it."""

    topic: str
    struggling: int
    students: int
    share: float
    signals: dict[str, int]


def summarise(standings: Sequence[Standing]) -> Summary:
    """Return the summary of a group."""
    scores = sorted(micro(one.score) for one in standings if one.score is not None)
    levels, statuses = Counter(one.level for one in standings), Counter(one.status for one in standings)
    return Summary(
        count=len(standings),
        scored=len(scores),
        mean=fraction(divide(sum(scores), len(scores))) if scores else None,
        median=_quantile(scores, 2),
        lower_quartile=_quantile(scores, 1),
        upper_quartile=_quantile(scores, 3),
        levels={level: levels[level] for level in Level},
        statuses={status: statuses[status] for status in Status},
    )


def summarise_topics(standings: Iterable[TopicStanding]) -> tuple[TopicSummary, ...]:
    """Return the summary of each topic, sorted by name."""
    by_topic: dict[str, list[Standing]] = {}
    for one in standings:
        by_topic.setdefault(one.topic, []).append(one)
    return tuple(_about(topic, summarise(by_topic[topic])) for topic in sorted(by_topic))


def group_of(member: Member, thresholds: Thresholds) -> tuple[Group, tuple[Fact, ...]]:
    """Return the one group that a student is in, and the facts that put them there.

    In this order: without data; not active for long (what was open then may hold no more); in need of help; excelling.
    """
    standing = member.standing
    if standing.status is Status.NO_EVIDENCE and not member.open_struggles:
        return Group.NO_DATA, (Fact("no_evidence", {}),)
    if member.idle_days is not None and member.idle_days >= thresholds.inactive_days:
        return Group.INACTIVE, (Fact("inactive", {"days": member.idle_days}),)
    if needs := tuple(_needs(member, thresholds)):
        return Group.NEEDS_HELP, needs
    facts = {"score": standing.score, "level": standing.level, "confidence": standing.confidence}
    if standing.status is not Status.OK:
        return Group.ON_TRACK, (Fact("little_evidence", facts),)
    if (standing.score or 0) >= thresholds.excelling_from:
        return Group.EXCELLING, (Fact("high_mastery", facts),)
    return Group.ON_TRACK, (Fact("steady", facts),)


def triage(members: Iterable[Member], thresholds: Thresholds) -> dict[Group, tuple[Placed, ...]]:
    """Return every group with its students: those with most reasons first, then by id."""
    groups: dict[Group, list[Placed]] = {group: [] for group in Group}
    for member in members:
        group, reasons = group_of(member, thresholds)
        groups[group].append(Placed(member.student_id, reasons))
    return {
        group: tuple(sorted(placed, key=lambda one: (-len(one.reasons), one.student_id)))
        for group, placed in groups.items()
    }


def hotspots(members: Iterable[Member]) -> tuple[Hotspot, ...]:
    """Return the topics that students struggle with, the largest share first, then by name."""
    students: Counter[str] = Counter()
    struggling: Counter[str] = Counter()
    signals: dict[str, Counter[str]] = {}
    for member in members:
        troubled: dict[str, set[str]] = {}
        for struggle in member.open_struggles:
            if struggle.topic is not None:
                troubled.setdefault(struggle.topic, set()).add(struggle.signal)
        students.update({one.topic for one in member.topics} | troubled.keys())
        struggling.update(troubled.keys())
        for topic, found in troubled.items():
            signals.setdefault(topic, Counter()).update(found)
    spots = [
        Hotspot(topic, number, students[topic], fraction(ratio(number, students[topic])), dict(signals[topic]))
        for topic, number in struggling.items()
    ]
    return tuple(sorted(spots, key=lambda spot: (-spot.share, spot.topic)))


def micro(score: float) -> int:
    """Return a score as the micro-units that it came from."""
    return round(score * MICRO)


def _needs(member: Member, thresholds: Thresholds) -> Iterable[Fact]:
    standing = member.standing
    if standing.status is Status.OK and (standing.score or 0) < thresholds.needs_help_below:
        yield Fact("low_mastery", {"score": standing.score, "below": thresholds.needs_help_below})
    if len(member.open_struggles) >= thresholds.open_struggles:
        signals = Counter(struggle.signal for struggle in member.open_struggles)
        topics = sorted({struggle.topic for struggle in member.open_struggles if struggle.topic is not None})
        yield Fact("open_struggles", {"number": len(member.open_struggles), "signals": dict(signals), "topics": topics})


def _about(topic: str, one: Summary) -> TopicSummary:
    return TopicSummary(**{part.name: getattr(one, part.name) for part in fields(Summary)}, topic=topic)


def _quantile(ordered: Sequence[int], quarters: int) -> float | None:
    """Return the quantile at so many quarters of sorted micro-units, None of none."""
    if not ordered:
        return None
    place, rest = divmod((len(ordered) - 1) * quarters, 4)
    above = ordered[min(place + 1, len(ordered) - 1)]
    return fraction(divide(ordered[place] * (4 - rest) + above * rest, 4))


def paired(before: Mapping[str, float], after: Mapping[str, float]) -> list[float]:
    """Return the change of each student who has a score both times."""
    return [after[student_id] - before[student_id] for student_id in sorted(before.keys() & after.keys())]
