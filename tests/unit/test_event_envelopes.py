import json
from typing import Any

import pytest

from src.domain.events import Event, EventType
from src.errors import InvalidJSON
from src.event_validator import decode, decode_record, validate
from tests.making import NOW_US, event, wire

from .rejection import (
    ACTIVITY,
    ANSWER,
    CHARACTERS,
    COUNTS,
    EMPTY,
    EXERCISE,
    HELP,
    KIND,
    OBJECT,
    QUALITY,
    QUIZ,
    REQUIRED,
    TIME,
    Reasons,
    reasons,
)


@pytest.mark.parametrize(
    ("alias", "event_type"),
    [
        ("exercise.completion.submitted", EXERCISE),
        ("quiz.performance.submitted", QUIZ),
        ("quality.assessment.completed", QUALITY),
        ("consistency.activity.recorded", ACTIVITY),
        *((str(kind), kind) for kind in EventType),
    ],
)
def test_a_type_has_several_names_for_one_thing(alias: str, event_type: EventType) -> None:
    plain = event(event_type=event_type)
    assert plain.type is event_type
    for name in (alias, f"com.learnflow.{alias}", f"{alias}.v1", f"com.learnflow.{alias}.v1"):
        assert validate(wire(event_type=event_type) | {"event_type": name}, NOW_US) == plain


def test_unknown_fields_are_ignored() -> None:
    noisy = wire(data=COUNTS | {"more": float("nan"), "responses": None}, priority=9, datacontenttype=[])
    assert validate(noisy, NOW_US) == event()


def cloud(**attributes: Any) -> dict[str, Any]:  # JSON
    """Return an event in an envelope that tells everything but what is in its data."""
    usual = {
        "specversion": "1.0",
        "id": "e-1",
        "source": "/exercise-agent",
        "type": "com.learnflow.quiz.completed.v1",
        "subject": "student-1",
        "time": "2026-01-15T10:30:00Z",
        "datacontenttype": "application/json",
        "data": {"topic": "loops", "data": COUNTS},
    }
    return usual | attributes


def test_an_envelope_says_what_its_data_leaves_out() -> None:
    assert validate(cloud(), NOW_US) == event()
    nulls = dict.fromkeys(["event_id", "event_type", "student_id", "timestamp"])
    assert validate(cloud(data=nulls | {"topic": "loops", "data": COUNTS}), NOW_US) == event()


@pytest.mark.parametrize("attribute", ["id", "type", "subject", "time"])
def test_what_the_data_says_itself_goes_before_the_envelope(attribute: str) -> None:
    others = {"id": "another", "type": "com.dapr.event.sent", "subject": "somebody", "time": "2020-01-01T00:00:00Z"}
    assert validate(cloud(data=wire(), **{attribute: others[attribute]}), NOW_US) == event()


def test_an_envelope_need_not_say_what_its_data_says() -> None:
    assert validate({"specversion": "1.0", "data": wire()}, NOW_US) == event()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (cloud(specversion="0.3"), [("specversion", "must be 1.0")]),
        (cloud(specversion=1.0), [("specversion", "must be 1.0")]),
        (cloud(specversion=None), [("specversion", "must be 1.0")]),
        (cloud(id="a:b", subject=""), [("event_id", CHARACTERS), ("student_id", EMPTY)]),
        (cloud(time="2026-01-15"), [("timestamp", TIME)]),
        (cloud(type="com.dapr.event.sent"), [("event_type", KIND)]),
        (cloud(data=COUNTS), [("data.correct_answers", REQUIRED), ("data.total_questions", REQUIRED)]),
        (cloud(type="activity.recorded", data=[]), [("data", OBJECT)]),
        (cloud(type="activity.recorded", data="{}"), [("data", OBJECT)]),
        (cloud(type="activity.recorded", data=None), [("data", OBJECT)]),
        (
            {
                name: value
                for name, value in cloud(type="activity.recorded", data_base64="e30=").items()
                if name != "data"
            },
            [("data", f"{OBJECT}; data_base64 is not understood")],
        ),
        (
            {"specversion": "2.0", "data": {}},
            [
                *((name, REQUIRED) for name in ("event_id", "event_type")),
                ("specversion", "must be 1.0"),
                *((name, REQUIRED) for name in ("student_id", "timestamp")),
            ],
        ),
    ],
)
def test_a_bad_envelope_is_told_by_field(content: dict[str, Any], expected: Reasons) -> None:
    assert reasons(content) == expected


BINARY: list[tuple[str, bytes | None]] = [
    ("ce_specversion", b"1.0"),
    ("ce_id", b"e-1"),
    ("ce_source", b"/exercise-agent"),
    ("ce_type", b"com.learnflow.quiz.completed.v1"),
    ("ce_subject", b"student-1"),
    ("ce_time", b"2026-01-15T10:30:00Z"),
    ("content-type", b"application/json"),
]
DATA = json.dumps({"topic": "loops", "data": COUNTS}).encode()


def test_headers_of_a_record_may_be_the_envelope() -> None:
    assert validate(decode_record(DATA, BINARY), NOW_US) == event()
    assert validate(decode_record(DATA, [(name.upper(), text) for name, text in BINARY]), NOW_US) == event()
    assert validate(decode_record(json.dumps(wire()).encode(), BINARY), NOW_US) == event()


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("content-type", b"application/json"), ("ce_id", b"another")],
        [*BINARY[:-1], ("content-type", b"application/cloudevents+json; charset=UTF-8")],
        [("content-type", None), ("traceparent", b"\xff")],
    ],
)
def test_other_headers_say_nothing_of_the_event(headers: list[tuple[str, bytes | None]]) -> None:
    for content in (wire(), cloud()):
        assert validate(decode_record(json.dumps(content).encode(), headers), NOW_US) == event()


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("ce_specversion", b"0.3", ("specversion", "must be 1.0")),
        ("ce_specversion", None, ("specversion", "must be 1.0")),
        ("ce_id", b"\xff", ("event_id", CHARACTERS)),
        ("ce_id", None, ("event_id", EMPTY)),
        ("ce_time", b"soon", ("timestamp", TIME)),
        ("ce_type", b"com.dapr.event.sent", ("event_type", KIND)),
    ],
)
def test_a_bad_header_is_told_by_field(name: str, text: bytes | None, expected: tuple[str, str]) -> None:
    assert reasons(decode_record(DATA, [*BINARY, (name, text)])) == [expected]


def test_a_record_without_a_value_is_no_event() -> None:
    with pytest.raises(InvalidJSON) as refused:
        decode_record(None, BINARY)
    assert refused.value.reasons == (("", "there is no value"),)


FULL_QUIZ = COUNTS | {"quiz_id": "q", "time_spent_s": 60, "responses": [ANSWER]}


@pytest.mark.parametrize(
    "same",
    [
        wire(data=FULL_QUIZ, timestamp=1_768_473_000_000),
        wire(data=FULL_QUIZ, timestamp="2026-01-15T11:30:00.000+01:00"),
        wire(data=FULL_QUIZ) | {"event_type": "com.learnflow.quiz.performance.submitted.v1"},
        wire(data=FULL_QUIZ, source="another-agent"),
        wire(data=dict(reversed(FULL_QUIZ.items())) | {"unknown": 1}),
        wire(data=FULL_QUIZ | {"time_spent_s": 60.0}),
        cloud(data={"topic": "loops", "data": FULL_QUIZ}),
        decode(json.dumps(wire(data=FULL_QUIZ), indent=4).encode()),
    ],
)
def test_one_content_has_one_digest_however_it_is_spelt(same: dict[str, Any]) -> None:
    assert validate(same, NOW_US) == event(data=FULL_QUIZ)


def test_a_digest_does_not_depend_on_when_or_whose() -> None:
    assert event(received_us=NOW_US + 1).content == event().content
    assert event("e-2").content == event().content


@pytest.mark.parametrize(("one", "same"), [({"score": 1}, {"score": 1.0}), ({"score": 0}, {"score": -0.0})])
def test_equal_numbers_are_equal_content(one: dict[str, Any], same: dict[str, Any]) -> None:
    assert event(event_type=EXERCISE, data=one) == event(event_type=EXERCISE, data=same)


@pytest.mark.parametrize(
    "other",
    [
        wire(data=FULL_QUIZ, timestamp=1_768_473_000_001),
        wire(data=FULL_QUIZ, topic="lists"),
        wire(data=FULL_QUIZ, topic=None),
        wire(data=FULL_QUIZ | {"correct_answers": 5}),
        wire(data=FULL_QUIZ | {"total_questions": 6}),
        wire(data=FULL_QUIZ | {"quiz_id": None}),
        wire(data=FULL_QUIZ | {"time_spent_s": 61}),
        wire(data=FULL_QUIZ | {"responses": [ANSWER, ANSWER]}),
        wire(data=FULL_QUIZ | {"responses": [ANSWER | {"correct": False}]}),
        wire(data=FULL_QUIZ | {"responses": [ANSWER | {"skills": []}]}),
        wire(event_type=HELP),
        wire(event_type=ACTIVITY),
    ],
)
def test_other_content_has_another_digest(other: dict[str, Any]) -> None:
    found = validate(other, NOW_US)
    assert isinstance(found, Event)
    assert found.content != event(data=FULL_QUIZ).content
