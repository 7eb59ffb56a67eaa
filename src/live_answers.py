"""What streams tell, as it goes over the wire."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from .cohort_answers import CohortStruggle
from .domain.levels import Level, Status


class UpdateKind(StrEnum):
    """What an update is about, as the name of its event."""

    REFRESH = "refresh"
    MASTERY = "mastery"
    STRUGGLE = "struggle"
    REMOVED = "removed"
    GONE = "gone"
    END = "end"


@dataclass(frozen=True, slots=True)
class Refresh:
    """What was known is out of date; where ``rows`` is true, everybody's standing follows."""

    students: int
    rows: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a student stands now, in short, with the ids of the struggles that are open, newest first."""

    student_id: str
    as_of: date
    score: float | None
    level: Level | None
    status: Status
    confidence: float
    open_struggles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Removed:
    """Who is no student of the cohort any longer."""

    student_id: str


@dataclass(frozen=True, slots=True)
class Gone:
    """There is nothing left to tell of."""


@dataclass(frozen=True, slots=True)
class End:
    """The stream ends, and why: the code of the problem that a new request would be answered with."""

    reason: str


@dataclass(frozen=True, slots=True)
class Update:
    """One event of a stream; ``id`` where whoever got it knows everything up to here."""

    kind: UpdateKind
    content: Refresh | Standing | CohortStruggle | Removed | Gone | End
    id: str | None = None
