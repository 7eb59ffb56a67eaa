"""What the pages of a class show, put into the order in which people read it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean

from ..cohort_answers import TriageAnswer
from ..cohort_rows import Row, TopicRow
from ..domain.cohort_statistics import Group
from ..domain.curriculum import Curriculum
from ..domain.levels import Level, Status

SHOWN = 200
"""Students on a page; of a larger class one narrows down."""


class LevelChoice(StrEnum):
    """Whom the table shows: everybody, those at a level, or those of whom too little is known to say one."""

    ALL = ""
    BEGINNER = "beginner"
    DEVELOPING = "developing"
    COMPETENT = "competent"
    PROFICIENT = "proficient"
    EXPERT = "expert"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Students by topics; a cell is None where there is no evidence. ``means`` are of those who have any."""

    topics: tuple[str, ...]
    rows: tuple[tuple[str, Row, tuple[TopicRow | None, ...]], ...]
    means: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Move:
    """What other thresholds change for one group: how many there are, and who comes and who goes."""

    group: Group
    before: int
    after: int
    comes: tuple[str, ...]
    goes: tuple[str, ...]


def heat_map(students: Sequence[tuple[str, Row]], curriculum: Curriculum) -> HeatMap:
    """Return a class by topics, in the order in which they are taught; topics that nobody has begun are left out."""
    places = {name: place for place, name in enumerate(curriculum.by_name)}
    begun = {one.topic for _, row in students for one in row.topics}
    topics = sorted(begun, key=lambda topic: (places.get(topic, len(places)), topic))
    rows = []
    for student_id, row in students:
        known = {one.topic: one for one in row.topics}
        rows.append((student_id, row, tuple(known.get(topic) for topic in topics)))
    columns = [[cells[place].score for *_, cells in rows if cells[place]] for place in range(len(topics))]  # type: ignore[union-attr]  # asked just before
    return HeatMap(tuple(topics), tuple(rows[:SHOWN]), tuple(_mean(column) for column in columns))


def narrowed(students: Iterable[tuple[str, Row]], level: LevelChoice, text: str) -> list[tuple[str, Row]]:
    """Return those at a level whose id has a text in it."""
    wanted = text.strip().lower()
    return [(student_id, row) for student_id, row in students if wanted in student_id.lower() and _fits(row, level)]


def moves(kept: TriageAnswer, tried: TriageAnswer) -> list[Move]:
    """Return what changes for each group when other thresholds hold."""
    found = []
    for group in Group:
        before = {placed.student_id for placed in kept.groups[group]}
        after = {placed.student_id for placed in tried.groups[group]}
        come, go = tuple(sorted(after - before)), tuple(sorted(before - after))
        found.append(Move(group, len(before), len(after), come, go))
    return found


def level_counts(levels: Mapping[Level, int], statuses: Mapping[Status, int]) -> list[tuple[Level | None, int]]:
    """Return how many are at each level, and how many at none."""
    unknown = statuses[Status.NO_EVIDENCE] + statuses[Status.INSUFFICIENT_EVIDENCE]
    return [*levels.items(), (None, unknown)]


def _fits(row: Row, level: LevelChoice) -> bool:
    if level is LevelChoice.ALL:
        return True
    return row.level is None if level is LevelChoice.UNKNOWN else row.level == level.value


def _mean(scores: Sequence[float | None]) -> float | None:
    known = [score for score in scores if score is not None]
    return fmean(known) if known else None
