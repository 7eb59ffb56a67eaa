"""Small builders for tests: valid events, and the moments that they are judged against."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from typing import Any, Protocol

from src.domain.days import day_of, to_us
from src.domain.erasures import Pseudonym
from src.domain.events import Event
from src.event_validator import validate

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
NOW_US = to_us(NOW)
PSEUDONYM = Pseudonym(b"the key of the pseudonyms in tests")
TODAY = day_of(NOW_US)

_DATA: dict[str, dict[str, Any]] = {
    "quiz.completed": {"total_questions": 5, "correct_answers": 4},
    "exercise.completed": {"passed": True},
    "quality.assessed": {"code_quality_score": 0.5},
    "code.executed": {"exercise_id": "ex-1", "success": False, "error_type": "NameError"},
    "help.requested": {"message_kind": "stuck"},
    "activity.recorded": {},
}


def wire(event_id: str = "e-1", event_type: str = "quiz.completed", **fields: Any) -> dict[str, Any]:  # JSON
    """Return an event in its plain form; fields replace or add to those of a usual one."""
    usual = {
        "event_id": event_id,
        "event_type": event_type,
        "student_id": "student-1",
        "timestamp": "2026-01-15T10:30:00Z",
        "topic": "loops",
        "data": _DATA[event_type],
    }
    return usual | fields


def event(
    event_id: str = "e-1", event_type: str = "quiz.completed", *, received_us: int = NOW_US, **fields: Any
) -> Event:  # JSON
    """Return the same, validated."""
    valid = validate(wire(event_id, event_type, **fields), received_us)
    assert isinstance(valid, Event), valid
    return valid


class Nobody:
    """Stands in for what tells of students, where it is not what a test is about."""

    def expecting(self, students: Iterable[str]) -> AbstractContextManager[None]:
        del students
        return nullcontext()

    async def tell(self, causes: Mapping[str, Mapping[str, int]]) -> None:
        assert all(causes.values())


class Populated(Protocol):
    """A store that knows its students."""

    def students(self) -> AsyncIterator[str]:
        """Yield every student id, sorted."""


async def students_of(store: Populated) -> list[str]:
    """Return the ids of all students of a store."""
    return [student_id async for student_id in store.students()]
