"""What each type of event becomes, beside the activity that every event shows: evidence and outcomes.

Data is read by its fields alone, so that a model of ``event_schema`` and its form of ``event_forms`` serve.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

from .domain import evidence
from .domain.events import EventType
from .domain.evidence import TOPICAL, Component, Difficulty, Evidence
from .domain.fixed import MICRO, ratio, scale
from .domain.outcomes import Outcome, OutcomeKind
from .event_schema import (
    CodeExecuted,
    Envelope,
    ExerciseCompleted,
    HelpRequested,
    QualityAssessed,
    QuizCompleted,
)

Effects: TypeAlias = tuple[Evidence | None, tuple[Outcome, ...]]

# Members of an enum are looked up in Python code, and there are several in every event.
_COMPLETION, _QUIZ, _QUALITY = TOPICAL
_INTERMEDIATE = Difficulty.INTERMEDIATE
_ANSWER, _EXERCISE, _WHOLE_QUIZ, _RUN, _HELP = OutcomeKind

# These take all fields as one tuple: half of the time that the constructor of a named tuple takes.
_EVIDENCE: Callable[[tuple[int, Component, str | None, int, int]], Evidence]
_EVIDENCE = partial(tuple.__new__, Evidence)
_Fields: TypeAlias = tuple[
    int, str, int, OutcomeKind, str | None, str | None, int | None, str | None, float | None, tuple[str, ...]
]
_OUTCOME: Callable[[_Fields], Outcome]
_OUTCOME = partial(tuple.__new__, Outcome)


def _of_exercise(about: Envelope, data: ExerciseCompleted, occurred_us: int, day: int) -> Effects:
    hardness = data.difficulty or _INTERMEDIATE
    if data.completed_exercises is not None and data.total_exercises is not None:
        sums = evidence.counted(data.completed_exercises, data.total_exercises, hardness)
        score = ratio(data.completed_exercises, data.total_exercises)
    else:
        fraction = float(data.passed is True) if data.score is None else data.score
        score = scale(fraction, MICRO)
        sums = evidence.scored(fraction, hardness)
    item, seconds = data.exercise_id, data.time_spent_s
    whole = _OUTCOME((occurred_us, about.event_id, 0, _EXERCISE, about.topic, item, score, None, seconds, ()))
    return _EVIDENCE((day, _COMPLETION, about.topic, *sums)), (whole,)


def _of_quiz(about: Envelope, data: QuizCompleted, occurred_us: int, day: int) -> Effects:
    event_id, topic = about.event_id, about.topic
    score = ratio(data.correct_answers, data.total_questions)
    whole = _OUTCOME((occurred_us, event_id, 0, _WHOLE_QUIZ, topic, data.quiz_id, score, None, data.time_spent_s, ()))
    piece = _EVIDENCE((day, _QUIZ, topic, *evidence.counted(data.correct_answers, data.total_questions)))
    if not data.responses:
        return piece, (whole,)
    answers = [
        _OUTCOME(
            (
                occurred_us,
                event_id,
                position,
                _ANSWER,
                topic,
                response.item,
                MICRO if response.correct else 0,
                None,
                None,
                tuple(response.skills),
            )
        )
        for position, response in enumerate(data.responses, 1)
    ]
    return piece, (whole, *answers)


def _of_quality(about: Envelope, data: QualityAssessed, occurred_us: int, day: int) -> Effects:
    del occurred_us
    all_four = (data.code_quality_score, data.correctness_score, data.efficiency_score, data.peer_review_score)
    sums = evidence.rated([rating for rating in all_four if rating is not None])
    return _EVIDENCE((day, _QUALITY, about.topic, *sums)), ()


def _of_run(about: Envelope, data: CodeExecuted, occurred_us: int, day: int) -> Effects:
    del day
    score, error = (MICRO, None) if data.success else (0, data.error_type)
    return None, (
        _OUTCOME((occurred_us, about.event_id, 0, _RUN, about.topic, data.exercise_id, score, error, None, ())),
    )


def _of_help(about: Envelope, data: HelpRequested, occurred_us: int, day: int) -> Effects:
    del day
    item, asked = data.exercise_id, data.message_kind
    return None, (_OUTCOME((occurred_us, about.event_id, 0, _HELP, about.topic, item, None, asked, None, ())),)


def _none(about: Envelope, data: object, occurred_us: int, day: int) -> Effects:
    del about, data, occurred_us, day
    return None, ()


EFFECTS: dict[EventType, Callable[[Envelope, Any, int, int], Effects]] = {
    EventType.EXERCISE_COMPLETED: _of_exercise,
    EventType.QUIZ_COMPLETED: _of_quiz,
    EventType.QUALITY_ASSESSED: _of_quality,
    EventType.ACTIVITY_RECORDED: _none,
    EventType.CODE_EXECUTED: _of_run,
    EventType.HELP_REQUESTED: _of_help,
}
