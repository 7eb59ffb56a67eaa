"""What each type of event becomes: evidence, active days and outcomes."""

from typing import Any

import pytest

from src.domain.events import EventType
from src.domain.evidence import Component
from src.domain.outcomes import Outcome, OutcomeKind
from tests.making import NOW_US, TODAY, event

from .rejection import ACTIVITY, EXERCISE, HELP, QUALITY, QUIZ, RUN

COMPLETION, QUIZZES, RATINGS, CONSISTENCY = Component
OCCURRED_US = 1_768_473_000_000_000


@pytest.mark.parametrize(
    ("event_type", "data", "expected"),
    [
        (EXERCISE, {"passed": True}, (COMPLETION, 1_000_000, 1_000_000)),
        (EXERCISE, {"passed": False, "difficulty": "advanced"}, (COMPLETION, 0, 1_200_000)),
        (EXERCISE, {"score": 0.25, "difficulty": "beginner"}, (COMPLETION, 200_000, 800_000)),
        (EXERCISE, {"score": 0.25, "difficulty": None}, (COMPLETION, 250_000, 1_000_000)),
        (
            EXERCISE,
            {"completed_exercises": 30, "total_exercises": 60, "difficulty": "advanced"},
            (COMPLETION, 30_000_000, 60_000_000),  # half of 50 * 1.2
        ),
        (QUIZ, {"total_questions": 5, "correct_answers": 4}, (QUIZZES, 4_000_000, 5_000_000)),
        (QUIZ, {"total_questions": 80, "correct_answers": 20}, (QUIZZES, 12_500_000, 50_000_000)),
        (QUALITY, {"correctness_score": 0.5, "peer_review_score": 1}, (RATINGS, 750_000, 1_000_000)),
        (
            QUALITY,
            {"code_quality_score": 0, "correctness_score": 0.5, "efficiency_score": 0.25, "peer_review_score": 0.75},
            (RATINGS, 375_000, 1_000_000),
        ),
    ],
)
@pytest.mark.parametrize("topic", ["loops", None])
def test_events_with_a_score_become_evidence_and_an_active_day(
    event_type: EventType, data: dict[str, Any], expected: tuple[Component, int, int], topic: str | None
) -> None:
    component, score, weight = expected
    assert event(event_type=event_type, data=data, topic=topic).evidence == (
        (TODAY, component, topic, score, weight),
        (TODAY, CONSISTENCY, None, 1_000_000, 1_000_000),
    )


@pytest.mark.parametrize("event_type", [RUN, HELP, ACTIVITY])
def test_other_events_become_an_active_day(event_type: EventType) -> None:
    assert event(event_type=event_type).evidence == ((TODAY, CONSISTENCY, None, 1_000_000, 1_000_000),)


def test_the_days_that_an_activity_lists_are_active_with_its_own_each_once() -> None:
    listed = ["2026-01-10", "2025-12-01", "2026-01-15", "2026-01-10", "2025-10-18", "2025-10-17"]
    found = event(event_type=ACTIVITY, data={"activity_dates": listed})
    # The 17th of October is 90 days before it was received: too old to count.
    assert [piece.day - TODAY for piece in found.evidence] == [-89, -45, -5, 0]
    assert {piece[1:] for piece in found.evidence} == {(CONSISTENCY, None, 1_000_000, 1_000_000)}


def test_evidence_belongs_to_the_day_it_occurred_on_in_utc() -> None:
    assert {piece.day for piece in event(timestamp="2026-01-15T00:30:00+01:00").evidence} == {TODAY - 1}
    ahead = event(timestamp="2026-01-16T11:00:00Z", received_us=NOW_US)
    assert {piece.day for piece in ahead.evidence} == {TODAY + 1}


@pytest.mark.parametrize(
    ("event_type", "data", "expected"),
    [
        (
            EXERCISE,
            {"passed": True, "exercise_id": "ex-1", "time_spent_s": 61.5},
            {"kind": OutcomeKind.EXERCISE, "item": "ex-1", "score": 1_000_000, "time_spent_s": 61.5},
        ),
        (EXERCISE, {"score": 0.1}, {"kind": OutcomeKind.EXERCISE, "score": 100_000}),
        (
            EXERCISE,
            {"completed_exercises": 1, "total_exercises": 3, "difficulty": "advanced"},
            {"kind": OutcomeKind.EXERCISE, "score": 333_333},
        ),
        (
            QUIZ,
            {"total_questions": 3, "correct_answers": 2, "quiz_id": "quiz-1", "time_spent_s": 30},
            {"kind": OutcomeKind.QUIZ, "item": "quiz-1", "score": 666_667, "time_spent_s": 30.0},
        ),
        (
            RUN,
            {"exercise_id": "ex-1", "success": False, "error_type": "TypeError"},
            {"kind": OutcomeKind.RUN, "item": "ex-1", "score": 0, "detail": "TypeError"},
        ),
        (RUN, {"exercise_id": "ex-1", "success": False}, {"kind": OutcomeKind.RUN, "item": "ex-1", "score": 0}),
        (
            RUN,
            {
                "exercise_id": "ex-1",
                "success": True,
                "error_type": "TypeError",
            },  # it did not fail, so not with an error
            {"kind": OutcomeKind.RUN, "item": "ex-1", "score": 1_000_000},
        ),
        (
            HELP,
            {"message_kind": "stuck", "exercise_id": "ex-1"},
            {"kind": OutcomeKind.HELP, "item": "ex-1", "detail": "stuck"},
        ),
        (HELP, {"message_kind": "question"}, {"kind": OutcomeKind.HELP, "detail": "question"}),
    ],
)
def test_acts_become_outcomes(event_type: EventType, data: dict[str, Any], expected: dict[str, Any]) -> None:
    assert event(event_type=event_type, data=data).outcomes == (
        Outcome(OCCURRED_US, "e-1", 0, topic="loops", **expected),
    )


@pytest.mark.parametrize("event_type", [QUALITY, ACTIVITY])
def test_ratings_and_activity_are_no_outcome(event_type: EventType) -> None:
    assert event(event_type=event_type).outcomes == ()


def test_each_response_of_a_quiz_becomes_an_answer_after_the_quiz() -> None:
    responses = [{"item": "q-1", "skills": ["for", "if"], "correct": True}, {"item": "q-1", "correct": False}]
    data = {"total_questions": 2, "correct_answers": 1, "responses": responses}
    quiz, *answers = event(event_type=QUIZ, data=data, topic=None).outcomes
    assert quiz == Outcome(OCCURRED_US, "e-1", 0, OutcomeKind.QUIZ, score=500_000)
    assert answers == [
        Outcome(OCCURRED_US, "e-1", 1, OutcomeKind.ANSWER, item="q-1", score=1_000_000, skills=("for", "if")),
        Outcome(OCCURRED_US, "e-1", 2, OutcomeKind.ANSWER, item="q-1", score=0),
    ]
