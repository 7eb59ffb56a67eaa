"""The wire form of events: one strict model per event type, and what each becomes.

The models are the single description of the format: they validate, and the OpenAPI document shows their schemas.
"""

from collections.abc import Iterator
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

from .domain import days, evidence
from .domain.events import EventType
from .domain.evidence import Component, Difficulty
from .domain.fixed import MICRO, ratio, scale
from .domain.outcomes import OutcomeKind

ID_PATTERN = r"^[A-Za-z0-9._-]+$"
MAX_RESPONSES = 200
MAX_ACTIVITY_DATES = 90
MAX_COUNT = 1_000_000
MAX_SECONDS = 2_678_400


def _unsigned(value: float) -> float:
    return value + 0.0  # -0.0 is the same number, and so the same content, as 0.0


Score: TypeAlias = Annotated[float, Field(ge=0, le=1), AfterValidator(_unsigned)]
Count: TypeAlias = Annotated[int, Field(ge=0, le=MAX_COUNT)]
Total: TypeAlias = Annotated[int, Field(ge=1, le=MAX_COUNT)]
Seconds: TypeAlias = Annotated[float, Field(ge=0, le=MAX_SECONDS), AfterValidator(_unsigned)]
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

Sums: TypeAlias = tuple[Component, int, int]
"""Component, score times weight, and weight, in micro-units."""


class Wire(BaseModel):
    """Strict and frozen; unknown fields are ignored and not kept."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", allow_inf_nan=False)


class Payload(Wire):
    """The ``data`` of an event."""

    type: ClassVar[EventType]

    def sums(self) -> Sums | None:
        """Return the evidence that it is, if any."""
        return None

    def active_days(self, day: int) -> set[int]:
        """Return the days on which it shows activity; day is the event's own."""
        return {day}

    def outcomes(self) -> Iterator[dict[str, Any]]:
        """Yield the outcomes that it tells of, as fields of ``Outcome``, in their order in the event."""
        yield from ()

    @classmethod
    def missing(cls, data: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield (field, reason) for rules about which fields are there."""
        del data
        yield from ()


class ExerciseCompleted(Payload):
    """An exercise, or a set of them, was worked on: exactly one of passed, score, or the two counts."""

    type = EventType.EXERCISE_COMPLETED

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
        return _at_most(value, info, "total_exercises")

    @classmethod
    def missing(cls, data: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield a reason unless there is exactly one way to score it."""
        counts = [name for name in ("completed_exercises", "total_exercises") if data.get(name) is not None]
        ways = sum(data.get(name) is not None for name in ("passed", "score")) + bool(counts)
        if ways != 1:
            yield "", "give exactly one of passed, score, or completed_exercises with total_exercises"
        if len(counts) == 1:
            other = "total_exercises" if counts == ["completed_exercises"] else "completed_exercises"
            yield other, f"required with {counts[0]}"

    @property
    def hardness(self) -> Difficulty:
        """Return the difficulty, intermediate when not given."""
        return self.difficulty or Difficulty.INTERMEDIATE

    @property
    def counts(self) -> tuple[int, int] | None:
        """Return (completed, total) where the exercise was given so."""
        if self.completed_exercises is None or self.total_exercises is None:
            return None
        return self.completed_exercises, self.total_exercises

    @property
    def fraction(self) -> float:
        """Return the score where it was given by one number or by passed."""
        return float(self.passed is True) if self.score is None else self.score

    def sums(self) -> Sums:
        """Return evidence of completion."""
        if self.counts:
            return Component.COMPLETION, *evidence.counted(*self.counts, self.hardness)
        return Component.COMPLETION, *evidence.scored(self.fraction, self.hardness)

    def outcomes(self) -> Iterator[dict[str, Any]]:
        """Yield the exercise as a whole."""
        yield {
            "kind": OutcomeKind.EXERCISE,
            "item": self.exercise_id,
            "score": ratio(*self.counts) if self.counts else scale(self.fraction, MICRO),
            "time_spent_s": self.time_spent_s,
        }


class Response(Wire):
    """The answer to one question of a quiz."""

    item: LongId
    skills: Annotated[list[LongId], Field(max_length=50)] = []
    correct: StrictBool


class QuizCompleted(Payload):
    """A quiz was answered; with its responses, each question counts for the learner model."""

    type = EventType.QUIZ_COMPLETED

    total_questions: Total
    correct_answers: Count
    quiz_id: LongId | None = None
    time_spent_s: Seconds | None = None
    responses: Annotated[list[Response], Field(max_length=MAX_RESPONSES)] | None = None

    @field_validator("correct_answers")
    @classmethod
    def _within_total(cls, value: int, info: ValidationInfo) -> int | None:
        return _at_most(value, info, "total_questions")

    def sums(self) -> Sums:
        """Return evidence of quiz."""
        return Component.QUIZ, *evidence.counted(self.correct_answers, self.total_questions)

    def outcomes(self) -> Iterator[dict[str, Any]]:
        """Yield the quiz as a whole, then each answer."""
        yield {
            "kind": OutcomeKind.QUIZ,
            "item": self.quiz_id,
            "score": ratio(self.correct_answers, self.total_questions),
            "time_spent_s": self.time_spent_s,
        }
        for answer in self.responses or ():
            yield {
                "kind": OutcomeKind.ANSWER,
                "item": answer.item,
                "score": MICRO if answer.correct else 0,
                "skills": tuple(answer.skills),
            }


class QualityAssessed(Payload):
    """A person or an agent rated code: one rating or more."""

    type = EventType.QUALITY_ASSESSED

    code_quality_score: Score | None = None
    correctness_score: Score | None = None
    efficiency_score: Score | None = None
    peer_review_score: Score | None = None

    @classmethod
    def missing(cls, data: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield a reason where there is no rating at all."""
        if all(data.get(name) is None for name in cls.model_fields):
            yield "", f"give one or more of {', '.join(cls.model_fields)}"

    def sums(self) -> Sums:
        """Return evidence of quality."""
        given = [getattr(self, name) for name in type(self).model_fields]
        return Component.QUALITY, *evidence.rated([rating for rating in given if rating is not None])


class ActivityRecorded(Payload):
    """A student was active, on the day of the event and on the days listed."""

    type = EventType.ACTIVITY_RECORDED

    activity_dates: Annotated[list[CalendarDate], Field(max_length=MAX_ACTIVITY_DATES)] | None = None

    def active_days(self, day: int) -> set[int]:
        """Return the listed days and the event's own."""
        return {day, *map(days.from_date, self.activity_dates or ())}


class CodeExecuted(Payload):
    """Code for an exercise was run."""

    type = EventType.CODE_EXECUTED

    exercise_id: LongId
    success: StrictBool
    error_type: ShortId | None = None

    def outcomes(self) -> Iterator[dict[str, Any]]:
        """Yield the run."""
        yield {
            "kind": OutcomeKind.RUN,
            "item": self.exercise_id,
            "score": MICRO if self.success else 0,
            "detail": None if self.success else self.error_type,
        }


class HelpRequested(Payload):
    """A student asked for help; ``stuck`` is a struggle by itself."""

    type = EventType.HELP_REQUESTED

    message_kind: ShortId
    exercise_id: LongId | None = None

    def outcomes(self) -> Iterator[dict[str, Any]]:
        """Yield the request."""
        yield {"kind": OutcomeKind.HELP, "item": self.exercise_id, "detail": self.message_kind}


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
