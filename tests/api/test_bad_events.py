"""Events and content that cannot be, each answered clearly and without repeating a value."""

import json
from typing import Any

import httpx
import pytest

from tests.making import wire

from .tokens import bearer

EVENTS = "/api/v1/events"
CANARY = "CANARY-7f3a"
SERVICE = bearer("service")
JSON = {"Content-Type": "application/json"}


async def post(client: httpx.AsyncClient, content: object) -> httpx.Response:
    return await client.post(EVENTS, json=content, headers=SERVICE)


BAD_EVENTS: dict[str, tuple[dict[str, Any], str]] = {
    "no event_id": ({"event_id": None}, "event_id"),
    "event_id empty": ({"event_id": ""}, "event_id"),
    "event_id a number": ({"event_id": 7}, "event_id"),
    "event_id of 129 characters": ({"event_id": CANARY.ljust(129, "x")}, "event_id"),
    "event_id of 10 KB": ({"event_id": CANARY * 1000}, "event_id"),
    "event_id with a colon": ({"event_id": f"{CANARY}:1"}, "event_id"),
    "event_id with a star": ({"event_id": f"{CANARY}*"}, "event_id"),
    "event_id with braces": ({"event_id": f"{{{CANARY}}}"}, "event_id"),
    "event_id with a line break": ({"event_id": f"{CANARY}\n"}, "event_id"),
    "event_id with NUL": ({"event_id": f"{CANARY}\0"}, "event_id"),
    "student_id with a colon": ({"student_id": f"a:{CANARY}"}, "student_id"),
    "student_id with a formula": ({"student_id": f"={CANARY}"}, "student_id"),
    "student_id with a look-alike letter": ({"student_id": f"{CANARY}\u0430"}, "student_id"),
    "student_id of 65 characters": ({"student_id": CANARY.ljust(65, "x")}, "student_id"),
    "student_id a list": ({"student_id": [CANARY]}, "student_id"),
    "topic with a space": ({"topic": f"{CANARY} x"}, "topic"),
    "topic a number": ({"topic": 1}, "topic"),
    "source too long": ({"source": CANARY * 100}, "source"),
    "event_type unknown": ({"event_type": CANARY}, "event_type"),
    "event_type of an unknown version": ({"event_type": "com.learnflow.quiz.completed.v9"}, "event_type"),
    "event_type a list": ({"event_type": [CANARY]}, "event_type"),
    "timestamp without a zone": ({"timestamp": "2026-01-15T10:30:00"}, "timestamp"),
    "timestamp a date": ({"timestamp": "2026-01-15"}, "timestamp"),
    "timestamp in year 9999": ({"timestamp": "9999-12-31T23:59:59Z"}, "timestamp"),
    "timestamp before year 1": ({"timestamp": "0001-01-01T00:00:00+14:00"}, "timestamp"),
    "timestamp a day and a second ahead": ({"timestamp": "2026-01-16T12:00:01Z"}, "timestamp"),
    "timestamp a leap second": ({"timestamp": "2016-12-31T23:59:60Z"}, "timestamp"),
    "timestamp of 23 digits": ({"timestamp": 10**22}, "timestamp"),
    "timestamp 2^63": ({"timestamp": 2**63}, "timestamp"),
    "timestamp a fraction": ({"timestamp": 1768473000000.5}, "timestamp"),
    "timestamp true": ({"timestamp": True}, "timestamp"),
    "timestamp null": ({"timestamp": None}, "timestamp"),
    "data a list": ({"data": [CANARY]}, "data"),
    "data as text": ({"data": CANARY}, "data"),
    "count as text": ({"data": {"total_questions": "5", "correct_answers": 4}}, "data.total_questions"),
    "count true": ({"data": {"total_questions": True, "correct_answers": 1}}, "data.total_questions"),
    "count 5.5": ({"data": {"total_questions": 5.5, "correct_answers": 1}}, "data.total_questions"),
    "count 0": ({"data": {"total_questions": 0, "correct_answers": 0}}, "data.total_questions"),
    "count 10^22": ({"data": {"total_questions": 10**22, "correct_answers": 1}}, "data.total_questions"),
    "count negative": ({"data": {"total_questions": 5, "correct_answers": -1}}, "data.correct_answers"),
    "correct above total": ({"data": {"total_questions": 5, "correct_answers": 6}}, "data.correct_answers"),
    "seconds negative": (
        {"data": {"total_questions": 5, "correct_answers": 4, "time_spent_s": -1}},
        "data.time_spent_s",
    ),
    "seconds 1e308": (
        {"data": {"total_questions": 5, "correct_answers": 4, "time_spent_s": 1e308}},
        "data.time_spent_s",
    ),
    "score above 1": ({"event_type": "exercise.completed", "data": {"score": 1.0000001}}, "data.score"),
    "score below 0": ({"event_type": "exercise.completed", "data": {"score": -0.0000001}}, "data.score"),
    "score as text": ({"event_type": "exercise.completed", "data": {"score": "0.5"}}, "data.score"),
    "score true": ({"event_type": "exercise.completed", "data": {"score": True}}, "data.score"),
    "two ways to score": ({"event_type": "exercise.completed", "data": {"score": 1, "passed": True}}, "data"),
    "no way to score": ({"event_type": "exercise.completed", "data": {}}, "data"),
    "difficulty unknown": (
        {"event_type": "exercise.completed", "data": {"passed": True, "difficulty": CANARY}},
        "data.difficulty",
    ),
    "no rating": ({"event_type": "quality.assessed", "data": {}}, "data"),
    "activity after its day": (
        {"event_type": "activity.recorded", "data": {"activity_dates": ["2026-01-16"]}},
        "data.activity_dates",
    ),
    "activity on no day": (
        {"event_type": "activity.recorded", "data": {"activity_dates": [CANARY]}},
        "data.activity_dates.0",
    ),
    "a response without an item": (
        {"data": {"total_questions": 1, "correct_answers": 1, "responses": [{"correct": True, "skills": [CANARY]}]}},
        "data.responses.0.item",
    ),
    "201 responses": (
        {"data": {"total_questions": 1, "correct_answers": 1, "responses": [{"item": "i", "correct": True}] * 201}},
        "data.responses",
    ),
    "specversion unknown": ({"specversion": "0.3", "data": wire()}, "specversion"),
    "data_base64": ({"specversion": "1.0", "data": None, "data_base64": CANARY}, "data"),
}


@pytest.mark.parametrize("name", BAD_EVENTS)
async def test_an_event_that_cannot_be_is_told_by_field_and_never_by_value(
    app_client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    changes, field = BAD_EVENTS[name]
    single = await post(app_client, wire() | changes)
    assert single.status_code == 400
    assert field in [error["field"] for error in single.json()["errors"]]
    many = await post(app_client, [wire() | changes])
    assert (many.status_code, many.json()["results"][0]["errors"]) == (200, single.json()["errors"])
    agent = await app_client.post(
        "/process", json={"intent": "ingest_event", "payload": wire() | changes}, headers=SERVICE
    )
    assert (agent.status_code, agent.json()["errors"]) == (400, single.json()["errors"])
    told = single.text + many.text + caplog.text
    assert CANARY not in told


BAD_CONTENT = {
    "nothing": b"",
    "a space": b" ",
    "one byte": b"{",
    "not JSON": CANARY.encode(),
    "more after the end": b"[] []",
    "a comma too many": b"[1,]",
    "a comment": b"[] // " + CANARY.encode(),
    "single quotes": b"{'a': 1}",
    "a byte order mark": b"\xef\xbb\xbf[]",
    "UTF-16": "[]".encode("utf-16"),
    "bytes that are no text": b'["\xff\xfe"]',
    "half a pair": b'{"event_id": "\\ud800"}',
    "half a pair as bytes": b'{"event_id": "\xed\xa0\x80"}',
    "a raw line break in text": b'{"event_id": "a\nb"}',
    "NaN": b'{"score": NaN}',
    "Infinity": b'{"score": Infinity}',
    "minus Infinity": b'{"score": -Infinity}',
    "a field twice": b'{"event_id": "a", "event_id": "b"}',
    "a field twice inside": b'{"data": {"score": 1, "score": 0}}',
    "nested 100,000 deep": b"[" * 100_000,
    "nested 100,000 deep and closed": b"[" * 100_000 + b"]" * 100_000,
    "objects nested 10,000 deep": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "gzip": b"\x1f\x8b\x08\x00",
    "leading zeros": b"[007]",
    "a number of 5,000 digits": b"[" + b"9" * 5000 + b"]",
}


@pytest.mark.parametrize("name", BAD_CONTENT)
@pytest.mark.parametrize("path", [EVENTS, "/process", "/api/v1/process"])
async def test_content_that_cannot_be_read_is_400_and_not_repeated(
    app_client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, path: str, name: str
) -> None:
    headers = SERVICE | JSON
    answer = await app_client.post(path, content=BAD_CONTENT[name], headers=headers)
    assert answer.status_code == 400
    assert answer.json()["type"] == "urn:mastery-engine:problem:invalid-json"
    assert answer.json()["errors"][0]["field"] == ""
    assert CANARY not in answer.text + caplog.text


@pytest.mark.parametrize("content", [b"7", b"null", b"true", b'"text"', b'[1e400, "x", null, []]', b"[[]]"])
async def test_json_that_is_no_event_is_an_invalid_event(app_client: httpx.AsyncClient, content: bytes) -> None:
    answer = await app_client.post(EVENTS, content=content, headers=SERVICE | JSON)
    if content.startswith(b"["):
        assert {result["status"] for result in answer.json()["results"]} == {"invalid"}
    else:
        assert (answer.status_code, answer.json()["errors"]) == (400, [{"field": "", "reason": "must be an object"}])


@pytest.mark.parametrize("score", ["1e400", "-1e400", "1e-400"])
async def test_a_number_beyond_what_can_be_kept_is_told_apart_from_a_small_one(
    app_client: httpx.AsyncClient, score: str
) -> None:
    event = json.dumps(wire("e-1", "exercise.completed", data={"score": 0.5})).replace("0.5", score)
    answer = await app_client.post(EVENTS, content=event, headers=SERVICE | JSON)
    assert answer.status_code == (200 if score == "1e-400" else 400)
