"""The wire form of events: one strict model per event type.

The models are the single description of the format: they validate, and the OpenAPI document shows their schemas.
"""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, ClassVar, Self, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)
from pydantic_core import PydanticCustomError

from .domain import days
from .domain.events import EventType
from .domain.evidence import Difficulty

ID_PATTERN = r"^[A-Za-z0-9._-]+$"
MAX_RESPONSES = 200
MAX_ACTIVITY_DATES = 90
MAX_COUNT = 1_000_000
MAX_SECONDS = 2_678_400


def unsigned(value: float) -> float:
    """Return a number without the sign of a zero: -0.0 is the same content as 0.0."""
    return value + 0.0


Score: TypeAlias = Annotated[float, Field(ge=0, le=1), AfterValidator(unsigned)]
Count: TypeAlias = Annotated[int, Field(ge=0, le=MAX_COUNT)]
Total: TypeAlias = Annotated[int, Field(ge=1, le=MAX_COUNT)]
Seconds: TypeAlias = Annotated[float, Field(ge=0, le=MAX_SECONDS), AfterValidator(unsigned)]
ShortId: TypeAlias = Annotated[str, Field(pattern=ID_PATTERN, min_length=1, max_length=64)]
LongId: TypeAlias = Annotated[str, Field(pattern=ID_PATTERN, min_length=1, max_length=128)]


class Refusal(PydanticCustomError):
    """A rule of ours that a field broke; the text names no value."""

    def __new__(cls, reason: str) -> Self:
        """Make an error with a reason for people."""
        return super().__new__(cls, "rule", reason)


def calendar_date(text: object) -> date:
    """Return the date that a text names; raises ``Refusal`` for anything but YYYY-MM-DD."""
    day = days.parse_date(text) if isinstance(text, str) else None
    if day is None:
        reason = "must be a date, YYYY-MM-DD"
        raise Refusal(reason)
    return day


CalendarDate: TypeAlias = Annotated[date, BeforeValidator(calendar_date, json_schema_input_type=str)]

Timestamp: TypeAlias = Annotated[
    Any,  # read by the validator, which knows when the event was received
    WithJsonSchema(
        {
            "anyOf": [{"type": "string", "format": "date-time"}, {"type": "integer"}],
            "description": "RFC 3339 with an offset, or milliseconds since 1970; not more than a day ahead",
        }
    ),
]


class Wire(BaseModel):
    """Strict and frozen; unknown fields are ignored and not kept."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", allow_inf_nan=False)


class Payload(Wire):
    """The ``data`` of an event; ``within`` names a count and the total that it may not exceed."""

    type: ClassVar[EventType]
    within: ClassVar[tuple[str, str] | None] = None

    @classmethod
    def missing(cls, data: dict[str, Any]) -> Sequence[tuple[str, str]]:
        """Return (field, reason) of every broken rule about which fields are there."""
        del data
        return ()


class ExerciseCompleted(Payload):
    """An exercise, or a set of them, was worked on: exactly one of passed, score, or the two counts."""

    type = EventType.EXERCISE_COMPLETED
    within = ("completed_exercises", "total_exercises")

    passed: StrictBool | None = None
    score: Score | None = None
    total_exercises: Total | None = None
    completed_exercises: Count | None = None
    exercise_id: LongId | None = None
    difficulty: Annotated[Difficulty, Field(strict=False)] | None = None
    time_spent_s: Seconds | None = None

    @field_validator("completed_exercises")
    @classmethod
    def _within_total(cls, value: int | None, info: ValidationInfo) -> int | None:
        return _at_most(value, info, cls.within[1])

    @classmethod
    def missing(cls, data: dict[str, Any]) -> Sequence[tuple[str, str]]:
        """Return a reason unless there is exactly one way to score it."""
        part, total = cls.within
        has_part, has_total = data.get(part) is not None, data.get(total) is not None
        ways = (data.get("passed") is not None) + (data.get("score") is not None) + (has_part or has_total)
        reasons = []
        if ways != 1:
            reasons.append(("", "give exactly one of passed, score, or completed_exercises with total_exercises"))
        if has_part != has_total:
            given, other = (part, total) if has_part else (total, part)
            reasons.append((other, f"required with {given}"))
        return reasons


class Response(Wire):
    """The answer to one question of a quiz."""

    item: LongId
    skills: Annotated[list[LongId], Field(max_length=50)] = []
    correct: StrictBool


class QuizCompleted(Payload):
    """A quiz was answered; with its responses, each question counts for the learner model."""

    type = EventType.QUIZ_COMPLETED
    within = ("correct_answers", "total_questions")

    total_questions: Total
    correct_answers: Count
    quiz_id: LongId | None = None
    time_spent_s: Seconds | None = None
    responses: Annotated[list[Response], Field(max_length=MAX_RESPONSES)] | None = None

    @field_validator("correct_answers")
    @classmethod
    def _within_total(cls, value: int, info: ValidationInfo) -> int | None:
        return _at_most(value, info, cls.within[1])


class QualityAssessed(Payload):
    """A person or an agent rated code: one rating or more."""

    type = EventType.QUALITY_ASSESSED

    code_quality_score: Score | None = None
    correctness_score: Score | None = None
    efficiency_score: Score | None = None
    peer_review_score: Score | None = None

    @classmethod
    def missing(cls, data: dict[str, Any]) -> Sequence[tuple[str, str]]:
        """Return a reason where there is no rating at all."""
        ratings = cls.__pydantic_fields__
        for name in ratings:
            if data.get(name) is not None:
                return ()
        return [("", f"give one or more of {', '.join(ratings)}")]


class ActivityRecorded(Payload):
    """A student was active, on the day of the event and on the days listed."""

    type = EventType.ACTIVITY_RECORDED

    activity_dates: Annotated[list[CalendarDate], Field(max_length=MAX_ACTIVITY_DATES)] | None = None


class CodeExecuted(Payload):
    """Code for an exercise was run."""

    type = EventType.CODE_EXECUTED

    exercise_id: LongId
    success: StrictBool
    error_type: ShortId | None = None


class HelpRequested(Payload):
    """A student asked for help; ``stuck`` is a struggle by itself."""

    type = EventType.HELP_REQUESTED

    message_kind: ShortId
    exercise_id: LongId | None = None


PAYLOADS: dict[EventType, type[Payload]] = {
    payload.type: payload
    for payload in (ExerciseCompleted, QuizCompleted, QualityAssessed, ActivityRecorded, CodeExecuted, HelpRequested)
}


class Envelope(Wire):
    """The plain form of an event, around its data."""

    event_id: LongId
    event_type: str
    student_id: ShortId
    timestamp: Timestamp
    topic: ShortId | None = None
    source: Annotated[str, Field(max_length=256)] | None = None
    data: dict[str, Any] | None = None


def _at_most(value: int | None, info: ValidationInfo, name: str) -> int | None:
    total = info.data.get(name)
    if value is not None and total is not None and value > total:
        reason = f"must not be more than {name}"
        raise Refusal(reason)
    return value
