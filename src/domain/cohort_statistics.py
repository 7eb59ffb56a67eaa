"""What can be said of a class: how its students stand together, who needs help, and where the class struggles.

Everything is worked out from the students' own answers, in micro-units, whatever the order of the students, so that a
view of a class and a view of a student cannot disagree.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Protocol

from .fixed import MICRO, divide, fraction, ratio
from .levels import Level, Status
from .outcomes import WINDOW_SIZE
from .struggles import Struggle

MAX_OPEN_STRUGGLES = WINDOW_SIZE
MAX_INACTIVE_DAYS = 90
"""Nobody has more open struggles, and of who was away for longer nothing is known."""


class Scored(Protocol):
    """Where somebody stands, as far as a view of a class looks at it."""

    @property
    def score(self) -> float | None:
        """Return the score, None without evidence."""

    @property
    def level(self) -> Level | None:
        """Return the level, None where none is claimed."""

    @property
    def status(self) -> Status:
        """Return what the score is worth."""

    @property
    def confidence(self) -> float:
        """Return how much evidence there is."""


class ScoredTopic(Scored, Protocol):
    """The same of one topic."""

    @property
    def topic(self) -> str:
        """Return the name of the topic."""


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
    standing: Scored
    topics: Sequence[ScoredTopic]
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


class Tally:
    """Adds up the scores of a group one by one, in whatever order."""

    __slots__ = ("_levels", "_scores", "_statuses")

    def __init__(self) -> None:
        self._scores: list[int] = []
        self._levels: Counter[Level | None] = Counter()
        self._statuses: Counter[Status] = Counter()

    def add(self, one: Scored) -> None:
        """Count somebody in."""
        self._levels[one.level] += 1
        self._statuses[one.status] += 1
        if one.score is not None:
            self._scores.append(micro(one.score))

    @property
    def scores(self) -> Sequence[int]:
        """Return the scores in micro-units."""
        return self._scores

    def summary(self) -> Summary:
        """Return the summary of those counted."""
        scores = sorted(self._scores)
        return Summary(
            count=self._statuses.total(),
            scored=len(scores),
            mean=fraction(divide(sum(scores), len(scores))) if scores else None,
            median=_quantile(scores, 2),
            lower_quartile=_quantile(scores, 1),
            upper_quartile=_quantile(scores, 3),
            levels={level: self._levels[level] for level in Level},
            statuses={status: self._statuses[status] for status in Status},
        )


class TopicTally:
    """Adds up the scores in each topic, of those with evidence of it."""

    __slots__ = ("_by_topic",)

    def __init__(self) -> None:
        self._by_topic: dict[str, Tally] = {}

    def add(self, topics: Iterable[ScoredTopic]) -> None:
        """Count the topics of somebody in."""
        for one in topics:
            if one.status is not Status.NO_EVIDENCE:
                self._by_topic.setdefault(one.topic, Tally()).add(one)

    def summaries(self) -> Iterator[TopicSummary]:
        """Yield the summary of each topic, sorted by name."""
        for topic in sorted(self._by_topic):
            one = self._by_topic[topic].summary()
            yield TopicSummary(**{part.name: getattr(one, part.name) for part in fields(Summary)}, topic=topic)


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


class HotspotTally:
    """Counts who struggles with what, in whatever order."""

    __slots__ = ("_signals", "_struggling", "_students")

    def __init__(self) -> None:
        self._students: Counter[str] = Counter()
        self._struggling: Counter[str] = Counter()
        self._signals: dict[str, Counter[str]] = {}

    def add(self, member: Member) -> None:
        """Count somebody in."""
        troubled: dict[str, set[str]] = {}
        for struggle in member.open_struggles:
            if struggle.topic is not None:
                troubled.setdefault(struggle.topic, set()).add(struggle.signal)
        self._students.update({one.topic for one in member.topics} | troubled.keys())
        self._struggling.update(troubled.keys())
        for topic, found in troubled.items():
            self._signals.setdefault(topic, Counter()).update(found)

    def hotspots(self) -> tuple[Hotspot, ...]:
        """Return the topics that students struggle with, the largest share first, then by name."""
        return tuple(sorted(map(self._hotspot, self._struggling), key=lambda spot: (-spot.share, spot.topic)))

    def _hotspot(self, topic: str) -> Hotspot:
        number, students = self._struggling[topic], self._students[topic]
        signals = {signal: self._signals[topic][signal] for signal in sorted(self._signals[topic])}
        return Hotspot(topic, number, students, fraction(ratio(number, students)), signals)


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


def _quantile(ordered: Sequence[int], quarters: int) -> float | None:
    """Return the quantile at so many quarters of sorted micro-units, None of none."""
    if not ordered:
        return None
    place, rest = divmod((len(ordered) - 1) * quarters, 4)
    above = ordered[min(place + 1, len(ordered) - 1)]
    return fraction(divide(ordered[place] * (4 - rest) + above * rest, 4))
