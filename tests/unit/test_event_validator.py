import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.domain.events import Event, EventType
from src.errors import InvalidJSON
from src.event_validator import Invalid, decode, validate
from tests.making import NOW_US, event, wire

from .rejection import (
    AHEAD,
    BOOLEAN,
    CHARACTERS,
    COUNTS,
    DEEP,
    EMPTY,
    EXERCISE,
    HELP,
    KIND,
    NOT_JSON,
    OBJECT,
    QUIZ,
    REQUIRED,
    RUN,
    TEXT,
    TIME,
    TWICE,
    WHOLE,
    reasons,
)

DEPTH = 100_000


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", NOT_JSON),
        (b"{", NOT_JSON),
        (b"hello", NOT_JSON),
        (b"{} {}", NOT_JSON),
        (b"{}x", NOT_JSON),
        (b"{'a': 1}", NOT_JSON),
        (b'{"a": 1,}', NOT_JSON),
        (b'{"a": 01}', NOT_JSON),
        (b"\xef\xbb\xbf{}", NOT_JSON),
        ("{}".encode("utf-16"), NOT_JSON),
        (b'{"a": "\xff"}', NOT_JSON),
        (b'{"a": "\xed\xa0\x80"}', NOT_JSON),
        (rb'{"a": "\ud800"}', NOT_JSON),
        (rb'{"\ud800": 1}', NOT_JSON),
        (b'{"a": "\x00"}', NOT_JSON),
        (b'{"a": NaN}', NOT_JSON),
        (b'{"a": Infinity}', NOT_JSON),
        (b'{"a": -Infinity}', NOT_JSON),
        (b'{"a": ' + b"9" * 5000 + b"}", NOT_JSON),
        (b"[" * DEPTH, DEEP),
        (b"[" * DEPTH + b"]" * DEPTH, DEEP),
        (b'{"a":' * DEPTH + b"1" + b"}" * DEPTH, DEEP),
        (b'{"score": 1, "score": 0}', TWICE),
        (b'{"data": {"score": 1, "score": 1}}', TWICE),
        (rb'{"student_id": "a", "student\u005fid": "b"}', TWICE),
        (b'[{"recursion limit": 1, "recursion limit": 2}]', TWICE),
    ],
)
def test_what_is_not_strict_json_is_refused_with_a_reason(content: bytes, reason: str) -> None:
    with pytest.raises(InvalidJSON) as refused:
        decode(content)
    assert refused.value.detail == f"The content cannot be read: {reason}."
    assert refused.value.reasons == (("", reason),)


def test_what_is_refused_is_never_repeated() -> None:
    for content in (b'{"canary": 1, "canary": 2}', b'{"a": canary}', b'{"canary": "\xff"}', b"[" * 999 + b'"canary"'):
        with pytest.raises(InvalidJSON) as refused:
            decode(content)
        assert "canary" not in f"{refused.value!r} {refused.value.reasons}"
        assert refused.value.__suppress_context__


@given(st.binary() | st.text().map(str.encode) | st.text('[]{}":,0eE+-.\\u truefalsn', max_size=30).map(str.encode))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        value = decode(content)
    except InvalidJSON:
        return
    assert value == json.loads(content)


@pytest.mark.parametrize("content", [None, True, 1, 0.5, "event", [], [wire()]])
def test_an_event_is_an_object(content: object) -> None:
    assert reasons(content) == [("", OBJECT)]


def test_everything_that_is_missing_is_told_at_once() -> None:
    names = ["event_id", "event_type", "student_id", "timestamp"]
    assert reasons({}) == [(name, REQUIRED) for name in names]
    assert reasons(wire(data=None)) == [("data.correct_answers", REQUIRED), ("data.total_questions", REQUIRED)]


def test_every_reason_is_told_at_once_and_the_usable_id_with_it() -> None:
    bad = wire(
        student_id="a:b",
        timestamp="yesterday",
        topic="",
        source=1,
        data={
            "total_questions": 0,
            "correct_answers": "4",
            "quiz_id": None,
            "responses": [{"item": "*", "correct": 1}],
        },
    )
    found = validate(bad, NOW_US)
    assert isinstance(found, Invalid)
    assert found.event_id == "e-1"
    assert [tuple(reason) for reason in found.reasons] == [
        ("data.correct_answers", WHOLE),
        ("data.responses.0.correct", BOOLEAN),
        ("data.responses.0.item", CHARACTERS),
        ("data.total_questions", "must be at least 1"),
        ("source", TEXT),
        ("student_id", CHARACTERS),
        ("timestamp", TIME),
        ("topic", EMPTY),
    ]


@pytest.mark.parametrize("event_id", [None, 7, "", "a b", "a" * 129, ["a"]])
def test_an_unusable_id_is_not_given_back(event_id: object) -> None:
    found = validate(wire() | {"event_id": event_id}, NOW_US)
    assert isinstance(found, Invalid)
    assert found.event_id is None


IDS = [
    ("a:b", CHARACTERS),
    ("a*", CHARACTERS),
    ("{a}", CHARACTERS),
    ("a\n", CHARACTERS),
    ("\na", CHARACTERS),
    ("a\r\nb", CHARACTERS),
    ("a b", CHARACTERS),
    (" ", CHARACTERS),
    ("a/b", CHARACTERS),
    ("a\x00", CHARACTERS),
    ("\x1b[31m", CHARACTERS),
    ("é", CHARACTERS),
    ("\u0430", CHARACTERS),  # a Cyrillic letter that looks like an a
    ("\uff11", CHARACTERS),  # a wide digit
    ("a\u2028", CHARACTERS),
    ("\ud800", "is not valid"),
    ("", EMPTY),
    (1, TEXT),
    (True, TEXT),
    (["a"], TEXT),
    ({"a": "b"}, TEXT),
]


@pytest.mark.parametrize(("value", "reason"), IDS)
@pytest.mark.parametrize("field", ["event_id", "student_id", "topic"])
def test_ids_are_plain_ascii(field: str, value: object, reason: str) -> None:
    assert reasons(wire() | {field: value}) == [(field, reason)]


@pytest.mark.parametrize(("value", "reason"), IDS)
@pytest.mark.parametrize(
    ("event_type", "field", "rest"),
    [
        (EXERCISE, "exercise_id", {"passed": True}),
        (QUIZ, "quiz_id", COUNTS),
        (RUN, "exercise_id", {"success": True}),
        (RUN, "error_type", {"success": False, "exercise_id": "ex-1"}),
        (HELP, "message_kind", {}),
        (HELP, "exercise_id", {"message_kind": "stuck"}),
    ],
)
def test_so_are_the_ids_in_the_data(
    event_type: EventType, field: str, rest: dict[str, Any], value: object, reason: str
) -> None:
    assert reasons(wire(event_type=event_type, data=rest | {field: value})) == [(f"data.{field}", reason)]


@pytest.mark.parametrize(("field", "longest"), [("event_id", 128), ("student_id", 64), ("topic", 64)])
def test_an_id_has_its_greatest_length(field: str, longest: int) -> None:
    assert isinstance(validate(wire() | {field: "a" * longest}, NOW_US), Event)
    for length in (longest + 1, 10_000):
        assert reasons(wire() | {field: "a" * length}) == [(field, f"must be at most {longest} characters")]


@given(st.text(max_size=140) | st.from_regex(r"\A[A-Za-z0-9._-]{1,140}\Z"))
def test_an_accepted_id_is_unchanged(text: str) -> None:
    for field, longest in (("event_id", 128), ("student_id", 64), ("topic", 64)):
        found = validate(wire() | {field: text}, NOW_US)
        if re.fullmatch(rf"[A-Za-z0-9._-]{{1,{longest}}}", text):
            assert isinstance(found, Event)
            kept = found.outcomes[0].topic if field == "topic" else getattr(found, field)
            assert kept == text
        else:
            assert isinstance(found, Invalid)
            assert [reason.field for reason in found.reasons] == [field]


@pytest.mark.parametrize("topic", [".", "..", "-", "_", "A.b-c_9"])
def test_every_character_allowed_may_stand_alone(topic: str) -> None:
    assert event(topic=topic).outcomes[0].topic == topic


@pytest.mark.parametrize(
    ("event_type", "expected"),
    [
        ("", KIND),
        ("quiz", KIND),
        ("Quiz.Completed", KIND),
        ("quiz.completed ", KIND),
        ("quiz.completed\n", KIND),
        ("quiz.completed.v2", KIND),
        ("quiz.completed.v1.v1", KIND),
        ("com.learnflow.com.learnflow.quiz.completed", KIND),
        ("com.elsewhere.quiz.completed", KIND),
        ("mastery.updated", KIND),
        (None, TEXT),
        (1, TEXT),
        ([], TEXT),
    ],
)
def test_an_unknown_type_or_version_is_refused(event_type: object, expected: str) -> None:
    assert reasons(wire() | {"event_type": event_type}) == [("event_type", expected)]


@pytest.mark.parametrize(
    "timestamp",
    [
        "",
        "now",
        "2026-01-15",
        "2026-01-15T10:30:00",  # no zone
        "2026-01-15 10:30:00Z",
        "2026-01-15T10:30Z",
        "2026-01-15T10:30:00+0100",
        "2026-01-15T10:30:00+24:00",
        "2026-01-15T24:00:00Z",
        "2026-01-15T10:60:00Z",
        "2026-01-15T10:30:60Z",  # a leap second: it has no instant of its own
        "2025-02-29T00:00:00Z",
        "2026-00-10T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "2026-W03-4T10:30:00Z",
        "2026-01-15T10:30:00,5Z",
        "2026-01-15T10:30:00.Z",
        "2026-01-15T10:30:00Z\n",
        " 2026-01-15T10:30:00Z",
        "\uff12026-01-15T10:30:00Z",
        "1768473000000",
        None,
        True,
        False,
        1768473000000.0,
        float("inf"),
        [],
        {},
        10**22,
        -(10**22),
        2**63,
        10**400,
    ],
)
def test_what_is_no_instant_is_refused(timestamp: object) -> None:
    assert reasons(wire() | {"timestamp": timestamp}) == [("timestamp", TIME)]


@pytest.mark.parametrize(
    "timestamp", ["2026-01-16T12:00:00.000001Z", 1768564800001, "2026-01-17T02:00:01+14:00", "9999-12-31T23:59:59Z"]
)
def test_more_than_a_day_ahead_is_refused(timestamp: str | int) -> None:
    assert reasons(wire(timestamp=timestamp)) == [("timestamp", AHEAD)]


@pytest.mark.parametrize(
    ("timestamp", "occurred_us"),
    [
        ("2026-01-15T10:30:00Z", 1_768_473_000_000_000),
        ("2026-01-15t10:30:00z", 1_768_473_000_000_000),
        ("2026-01-16T00:30:00+14:00", 1_768_473_000_000_000),
        ("2026-01-14T22:30:00-12:00", 1_768_473_000_000_000),
        ("2026-01-15T10:30:00-00:00", 1_768_473_000_000_000),
        (1_768_473_000_000, 1_768_473_000_000_000),
        ("2026-01-15T10:30:00.5Z", 1_768_473_000_500_000),
        ("2026-01-15T10:30:00.123456789Z", 1_768_473_000_123_456),
        ("2026-01-16T12:00:00Z", NOW_US + 86_400_000_000),  # a day ahead, not more
        ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
        (0, 0),
        (-1, -1000),
    ],
)
def test_instants_are_read_to_the_microsecond(timestamp: str | int, occurred_us: int) -> None:
    assert event(timestamp=timestamp).occurred_us == occurred_us
