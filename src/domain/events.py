"""A validated event: who, when, and what it adds."""

from enum import StrEnum
from hashlib import blake2b
from struct import Struct
from typing import NamedTuple

from .days import DAY_US, day_of
from .evidence import Evidence
from .outcomes import Outcome

WINDOW_DAYS = 90
"""Mastery looks at this many days, the last included; older evidence never counts."""


_signed = Struct(">q").unpack


class EventType(StrEnum):
    """The types of event that the service understands."""

    EXERCISE_COMPLETED = "exercise.completed"
    QUIZ_COMPLETED = "quiz.completed"
    QUALITY_ASSESSED = "quality.assessed"
    ACTIVITY_RECORDED = "activity.recorded"
    CODE_EXECUTED = "code.executed"
    HELP_REQUESTED = "help.requested"

    # As with Component: types are keys, of themselves and of the text that names them.
    __hash__ = str.__hash__


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

    __hash__ = str.__hash__  # as above


class Event(NamedTuple):
    """An event that passed validation, as what it adds to a student's state.

    ``digest`` is the 64-bit digest under which its id is counted, ``content`` one of everything but the source;
    ``received_us`` is when it first arrived, the moment against which its age is judged for ever.
    """

    event_id: str
    student_id: str
    type: EventType
    occurred_us: int
    received_us: int
    digest: int
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
        return self.occurred_us // DAY_US < first_day(self.received_us // DAY_US)


def first_day(last_day: int) -> int:
    """Return the first day of the window that ends with the last day."""
    return last_day - WINDOW_DAYS + 1


def digest64(content: bytes) -> int:
    """Return a signed 64-bit digest (BLAKE2b)."""
    digest: int = _signed(blake2b(content, digest_size=8).digest())[0]
    return digest
