"""A validated event: who, when, and what it adds."""

from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b

from .days import day_of
from .evidence import Evidence
from .outcomes import Outcome

WINDOW_DAYS = 90
"""Mastery looks at this many days, the last included; older evidence never counts."""


class EventType(StrEnum):
    """The types of event that the service understands."""

    EXERCISE_COMPLETED = "exercise.completed"
    QUIZ_COMPLETED = "quiz.completed"
    QUALITY_ASSESSED = "quality.assessed"
    ACTIVITY_RECORDED = "activity.recorded"
    CODE_EXECUTED = "code.executed"
    HELP_REQUESTED = "help.requested"


ALIASES = {
    "exercise.completion.submitted": EventType.EXERCISE_COMPLETED,
    "quiz.performance.submitted": EventType.QUIZ_COMPLETED,
    "quality.assessment.completed": EventType.QUALITY_ASSESSED,
    "consistency.activity.recorded": EventType.ACTIVITY_RECORDED,
}
"""Names of the same types on LearnFlow's bus."""


class EventStatus(StrEnum):
    """What became of an event."""

    APPLIED = "applied"
    QUEUED = "queued"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    EXPIRED = "expired"
    REFUSED = "refused"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Event:
    """An event that passed validation, as what it adds to a student's state.

    ``content`` is a 64-bit digest of everything but the source; ``received_us`` is when it first arrived, the
    moment against which its age is judged for ever.
    """

    event_id: str
    student_id: str
    type: EventType
    occurred_us: int
    received_us: int
    content: int
    evidence: tuple[Evidence, ...]
    outcomes: tuple[Outcome, ...]

    @property
    def day(self) -> int:
        """Return the UTC day that it occurred on."""
        return day_of(self.occurred_us)

    @property
    def expired(self) -> bool:
        """Tell whether it was older than the window when it was received."""
        return self.day < first_day(day_of(self.received_us))

    @property
    def digest(self) -> int:
        """Return the 64-bit digest under which its id is counted."""
        return digest64(self.event_id.encode())


def first_day(last_day: int) -> int:
    """Return the first day of the window that ends with the last day."""
    return last_day - WINDOW_DAYS + 1


def digest64(content: bytes) -> int:
    """Return a signed 64-bit digest (BLAKE2b)."""
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "big", signed=True)
