from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.domain.events import Event, EventType
from src.event_schema import PAYLOADS, Envelope, Response
from src.event_validator import Invalid, decode, validate
from tests.making import NOW, NOW_US, event, wire
from tests.strategies import wire_events

from .rejection import (
    A_RATING,
    ACTIVITY,
    AFTER,
    ANSWER,
    AT_LEAST_0,
    AT_MOST_1,
    BOOLEAN,
    CHARACTERS,
    COUNTS,
    DATE,
    EXERCISE,
    FINITE,
    HARDNESS,
    HELP,
    LIST,
    NUMBER,
    OBJECT,
    ONE_WAY,
    QUALITY,
    QUIZ,
    REQUIRED,
    RUN,
    TEXT,
    WHOLE,
    Reasons,
    reasons,
)


def counts(completed: object, total: object) -> dict[str, object]:
    return {"completed_exercises": completed, "total_exercises": total}


EXERCISES: list[tuple[object, Reasons]] = [
    ({}, [("data", ONE_WAY)]),
    (None, [("data", ONE_WAY)]),
    ({"passed": None, "score": None}, [("data", ONE_WAY)]),
    ({"passed": True, "score": 1}, [("data", ONE_WAY)]),
    ({"passed": False, **counts(1, 2)}, [("data", ONE_WAY)]),
    ({"score": 0, **counts(1, 2)}, [("data", ONE_WAY)]),
    ({"completed_exercises": 1}, [("data.total_exercises", "required with completed_exercises")]),
    ({"total_exercises": 1}, [("data.completed_exercises", "required with total_exercises")]),
    (
        {"passed": True, "total_exercises": 1},
        [("data", ONE_WAY), ("data.completed_exercises", "required with total_exercises")],
    ),
    ({"passed": 1}, [("data.passed", BOOLEAN)]),
    ({"passed": "true"}, [("data.passed", BOOLEAN)]),
    ({"passed": []}, [("data.passed", BOOLEAN)]),
    ({"score": 1.0000001}, [("data.score", AT_MOST_1)]),
    ({"score": -0.1}, [("data.score", AT_LEAST_0)]),
    ({"score": -5e-324}, [("data.score", AT_LEAST_0)]),
    ({"score": 2**63}, [("data.score", AT_MOST_1)]),
    ({"score": True}, [("data.score", NUMBER)]),
    ({"score": "0.5"}, [("data.score", NUMBER)]),
    ({"score": [0.5]}, [("data.score", NUMBER)]),
    ({"score": 10**400}, [("data.score", NUMBER)]),
    ({"score": float("inf")}, [("data.score", FINITE)]),
    ({"score": float("-inf")}, [("data.score", FINITE)]),
    ({"score": float("nan")}, [("data.score", FINITE)]),
    (counts(6, 5), [("data.completed_exercises", "must not be more than total_exercises")]),
    (counts(-1, 5), [("data.completed_exercises", "must be at least 0")]),
    (counts(0, 0), [("data.total_exercises", "must be at least 1")]),
    (counts(1.0, 5), [("data.completed_exercises", WHOLE)]),
    (counts(1, 5.0), [("data.total_exercises", WHOLE)]),
    (counts("1", "5"), [("data.completed_exercises", WHOLE), ("data.total_exercises", WHOLE)]),
    (
        {"completed_exercises": False, "total_exercises": True},
        [("data.completed_exercises", WHOLE), ("data.total_exercises", WHOLE)],
    ),
    (counts(1, 1_000_001), [("data.total_exercises", "must be at most 1000000")]),
    (counts(1, 10**22), [("data.total_exercises", "must be at most 1000000")]),
    ({"passed": True, "difficulty": "hard"}, [("data.difficulty", HARDNESS)]),
    ({"passed": True, "difficulty": "Beginner"}, [("data.difficulty", HARDNESS)]),
    ({"passed": True, "difficulty": 1}, [("data.difficulty", HARDNESS)]),
    ({"passed": True, "difficulty": {}}, [("data.difficulty", HARDNESS)]),
    ({"passed": True, "time_spent_s": -1}, [("data.time_spent_s", AT_LEAST_0)]),
    ({"passed": True, "time_spent_s": 2_678_401}, [("data.time_spent_s", "must be at most 2678400.0")]),
    ({"passed": True, "time_spent_s": "60"}, [("data.time_spent_s", NUMBER)]),
    ([], [("data", OBJECT)]),
    ("passed", [("data", OBJECT)]),
    (True, [("data", OBJECT)]),
]

QUIZZES: list[tuple[object, Reasons]] = [
    ({"total_questions": 5, "correct_answers": 6}, [("data.correct_answers", "must not be more than total_questions")]),
    ({"total_questions": 0, "correct_answers": 0}, [("data.total_questions", "must be at least 1")]),
    (
        {"total_questions": -1, "correct_answers": -1},
        [
            ("data.correct_answers", "must be at least 0"),
            ("data.total_questions", "must be at least 1"),
        ],
    ),
    ({"total_questions": 5}, [("data.correct_answers", REQUIRED)]),
    ({"correct_answers": 5}, [("data.total_questions", REQUIRED)]),
    ({"total_questions": None, "correct_answers": 5}, [("data.total_questions", WHOLE)]),
    ({"total_questions": 2**63, "correct_answers": 5}, [("data.total_questions", "must be at most 1000000")]),
    (COUNTS | {"responses": [ANSWER] * 201}, [("data.responses", "must have at most 200 entries")]),
    (COUNTS | {"responses": {"0": ANSWER}}, [("data.responses", LIST)]),
    (COUNTS | {"responses": "q-1"}, [("data.responses", LIST)]),
    (COUNTS | {"responses": [ANSWER, None]}, [("data.responses.1", OBJECT)]),
    (COUNTS | {"responses": [{}]}, [("data.responses.0.correct", REQUIRED), ("data.responses.0.item", REQUIRED)]),
    (COUNTS | {"responses": [ANSWER | {"correct": 1}]}, [("data.responses.0.correct", BOOLEAN)]),
    (COUNTS | {"responses": [ANSWER | {"correct": "true"}]}, [("data.responses.0.correct", BOOLEAN)]),
    (COUNTS | {"responses": [ANSWER | {"item": "q:1"}]}, [("data.responses.0.item", CHARACTERS)]),
    (
        COUNTS | {"responses": [ANSWER | {"item": "q" * 129}]},
        [("data.responses.0.item", "must be at most 128 characters")],
    ),
    (COUNTS | {"responses": [ANSWER | {"skills": "for"}]}, [("data.responses.0.skills", LIST)]),
    (COUNTS | {"responses": [ANSWER | {"skills": ["for", "*"]}]}, [("data.responses.0.skills.1", CHARACTERS)]),
]

RATINGS: list[tuple[object, Reasons]] = [
    ({}, [("data", A_RATING)]),
    (None, [("data", A_RATING)]),
    ({"code_quality_score": None}, [("data", A_RATING)]),
    ({"style_score": 1}, [("data", A_RATING)]),
    ({"code_quality_score": 1.0000001}, [("data.code_quality_score", AT_MOST_1)]),
    ({"correctness_score": 80}, [("data.correctness_score", AT_MOST_1)]),
    (
        {"efficiency_score": True, "peer_review_score": -1e-9, "code_quality_score": 0.5},
        [("data.efficiency_score", NUMBER), ("data.peer_review_score", AT_LEAST_0)],
    ),
]

ACTIVITIES: list[tuple[object, Reasons]] = [
    ({"activity_dates": ["2026-01-16"]}, [("data.activity_dates", AFTER)]),
    ({"activity_dates": ["2026-01-01", "9999-12-31"]}, [("data.activity_dates", AFTER)]),
    ({"activity_dates": ["2026-01-01"] * 91}, [("data.activity_dates", "must have at most 90 entries")]),
    ({"activity_dates": "2026-01-01"}, [("data.activity_dates", LIST)]),
    (
        {"activity_dates": ["2026-02-30", "2026-1-1", "20260101", "2026-01-01T00:00:00Z", 20_468, None, True]},
        [(f"data.activity_dates.{index}", DATE) for index in range(7)],
    ),
]

OTHERS: list[tuple[EventType, object, Reasons]] = [
    (RUN, {}, [("data.exercise_id", REQUIRED), ("data.success", REQUIRED)]),
    (RUN, {"exercise_id": "ex-1", "success": 0}, [("data.success", BOOLEAN)]),
    (RUN, {"exercise_id": "ex-1", "success": None}, [("data.success", BOOLEAN)]),
    (
        RUN,
        {"exercise_id": "ex-1", "success": False, "error_type": "E" * 65},
        [
            ("data.error_type", "must be at most 64 characters"),
        ],
    ),
    (HELP, {}, [("data.message_kind", REQUIRED)]),
    (HELP, {"message_kind": None}, [("data.message_kind", TEXT)]),
]

CASES = [
    *((EXERCISE, data, expected) for data, expected in EXERCISES),
    *((QUIZ, data, expected) for data, expected in QUIZZES),
    *((QUALITY, data, expected) for data, expected in RATINGS),
    *((ACTIVITY, data, expected) for data, expected in ACTIVITIES),
    *OTHERS,
]


@pytest.mark.parametrize(("event_type", "data", "expected"), CASES)
def test_bad_data_is_told_by_field(event_type: EventType, data: object, expected: Reasons) -> None:
    assert reasons(wire(event_type=event_type, data=data)) == expected


def test_numbers_beyond_any_double_are_refused_where_they_matter() -> None:
    content = decode(b'{"event_type": "exercise.completed", "data": {"score": 1e400}, "ignored": 1e400}')
    assert ("data.score", FINITE) in reasons(content)


def test_dates_that_come_too_late_are_told_beside_dates_that_are_none() -> None:
    found = reasons(wire(event_type=ACTIVITY, data={"activity_dates": ["2026-01-16", "soon"]}))
    assert sorted(found) == [("data.activity_dates", AFTER), ("data.activity_dates.1", DATE)]


@pytest.mark.parametrize(
    ("event_type", "data"),
    [
        (EXERCISE, {"score": 0}),
        (EXERCISE, {"score": 1, "passed": None, "total_exercises": None, "completed_exercises": None}),
        (EXERCISE, {"score": -0.0, "time_spent_s": 0}),
        (EXERCISE, counts(0, 1_000_000) | {"difficulty": "advanced", "exercise_id": None, "time_spent_s": 2_678_400}),
        (QUIZ, COUNTS | {"responses": [ANSWER] * 200, "quiz_id": None, "time_spent_s": None}),
        (QUIZ, COUNTS | {"responses": []}),
        (QUIZ, COUNTS | {"responses": [{"item": "q-1", "correct": False}]}),
        (QUALITY, {"peer_review_score": 0.0, "code_quality_score": None}),
        (ACTIVITY, {"activity_dates": None}),
        (ACTIVITY, {"activity_dates": ["2026-01-15"] * 90}),
        (ACTIVITY, None),
        (RUN, {"exercise_id": "e" * 128, "success": True, "error_type": "Ignored"}),
        (HELP, {"message_kind": "k" * 64, "exercise_id": None}),
    ],
)
def test_what_lies_on_the_edge_is_accepted(event_type: EventType, data: object) -> None:
    assert event(event_type=event_type, data=data).type is event_type


def fields() -> Iterator[tuple[EventType, str]]:
    for kind, payload in PAYLOADS.items():
        yield from ((kind, name) for name in Envelope.model_fields)
        yield from ((kind, f"data.{name}") for name in payload.model_fields)
    yield from ((QUIZ, f"data.responses.{name}") for name in Response.model_fields)


# The source may be any text, and an activity needs nothing of its data.
FREE = [*((kind, "source") for kind in EventType), (ACTIVITY, "data")]


@pytest.mark.parametrize(("event_type", "field"), list(fields()))
@pytest.mark.parametrize(
    "canary",
    [
        "canary 98765",
        "canary" * 50,
        98765432109876543210,
        -98765.25,
        ["canary 98765"],
        [{"canary 98765": 1}],
        {"canary 98765": 98765},
    ],
)
def test_no_reason_repeats_a_value(event_type: EventType, field: str, canary: object) -> None:
    bad = wire(event_type=event_type)
    name = field.rpartition(".")[2]
    if field.startswith("data.responses."):
        bad["data"] = COUNTS | {"responses": [ANSWER | {name: canary}]}
    elif field.startswith("data."):
        bad["data"] = bad["data"] | {name: canary}
    else:
        bad[name] = canary
    found = validate(bad, NOW_US)
    told = found.reasons if isinstance(found, Invalid) else ()
    assert told or (event_type, field) in FREE
    assert "canary" not in repr(told)
    assert "98765" not in repr(told)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None)
@given(wire_events(NOW), st.data())
def test_anything_anywhere_is_an_event_or_has_reasons(content: dict[str, Any], data: st.DataObject) -> None:
    where = data.draw(st.sampled_from([None, *content, *(f"data.{name}" for name in content["data"] or ())]))
    value = data.draw(JSON)
    if where is None:
        content = data.draw(st.dictionaries(st.text(max_size=5) | st.just("specversion"), JSON, max_size=3))
    elif where.startswith("data."):
        content["data"][where.removeprefix("data.")] = value
    else:
        content[where] = value
    found = validate(content, NOW_US)
    assert isinstance(found, Event) or all(reason.reason for reason in found.reasons)
