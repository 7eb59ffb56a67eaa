"""What the validator says against an event, word by word, and the parts of events that the tests of it share."""

from typing import Any, TypeAlias

from src.domain.events import EventType
from src.event_validator import Invalid, validate
from tests.making import NOW_US

Reasons: TypeAlias = list[tuple[str, str]]

NOT_JSON, TWICE, DEEP = "not valid JSON", "a field is given twice", "nested too deeply"
REQUIRED = "required"
NUMBER, WHOLE, FINITE = "must be a number", "must be a whole number", "must be a finite number"
TEXT, BOOLEAN, OBJECT, LIST = "must be text", "must be true or false", "must be an object", "must be a list"
AT_LEAST_0, AT_MOST_1 = "must be at least 0.0", "must be at most 1.0"
CHARACTERS, EMPTY = "must consist of the characters A-Z a-z 0-9 . _ -", "must not be empty"
TIME = "must be RFC 3339 with an offset, as in 2026-01-15T10:30:00Z, or milliseconds since 1970"
AHEAD = "must not be more than a day ahead"
DATE, AFTER = "must be a date, YYYY-MM-DD", "must not be after the day of the timestamp"
KIND = f"must be one of {', '.join(EventType)}, or an alias of one"
HARDNESS = "must be one of 'beginner', 'intermediate' or 'advanced'"
ONE_WAY = "give exactly one of passed, score, or completed_exercises with total_exercises"
A_RATING = "give one or more of code_quality_score, correctness_score, efficiency_score, peer_review_score"

EXERCISE, QUIZ, QUALITY, ACTIVITY, RUN, HELP = EventType
ANSWER: dict[str, Any] = {"item": "q-1", "skills": ["for"], "correct": True}
COUNTS: dict[str, Any] = {"total_questions": 5, "correct_answers": 4}


def reasons(content: object) -> Reasons:
    """Return every (field, reason) against an event that is not valid."""
    found = validate(content, NOW_US)
    assert isinstance(found, Invalid), found
    return [(reason.field, reason.reason) for reason in found.reasons]
