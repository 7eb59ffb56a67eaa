"""The door for events: one or many, what becomes of each, and what is refused as a whole."""

import json
from typing import Any

import httpx
import pytest

from tests.making import wire

from .student import ADMIN
from .tokens import bearer

EVENTS = "/api/v1/events"
SERVICE = bearer("service")
TYPES = [
    "exercise.completed",
    "quiz.completed",
    "quality.assessed",
    "activity.recorded",
    "code.executed",
    "help.requested",
]


async def post(client: httpx.AsyncClient, content: object) -> httpx.Response:
    return await client.post(EVENTS, json=content, headers=SERVICE)


async def statuses(client: httpx.AsyncClient, *events: object) -> list[str]:
    answer = await post(client, list(events))
    assert answer.status_code == 200
    return [result["status"] for result in answer.json()["results"]]


async def test_a_single_event_is_answered_by_itself_and_in_the_list(app_client: httpx.AsyncClient) -> None:
    answer = await post(app_client, wire("e-1"))
    result = {"event_id": "e-1", "status": "applied"}
    assert (answer.status_code, answer.json()) == (200, {"results": [result], **result})
    assert answer.headers["Cache-Control"] == "no-store"


async def test_an_array_is_answered_item_by_item_in_its_order(app_client: httpx.AsyncClient) -> None:
    await post(app_client, wire("e-old"))
    events = [
        wire("e-1"),
        wire("e-1"),
        wire("e-old", data={"total_questions": 5, "correct_answers": 1}),
        wire("e-2", timestamp="2025-10-17T23:59:59Z"),
        wire("e-3", data={"total_questions": 0}),
        wire("e:4"),
        7,
        wire("e-5"),
    ]
    answer = await post(app_client, events)
    assert (answer.status_code, set(answer.json())) == (200, {"results"})
    results = answer.json()["results"]
    assert [(result["event_id"], result["status"]) for result in results] == [
        ("e-1", "applied"),
        ("e-1", "duplicate"),
        ("e-old", "conflict"),
        ("e-2", "expired"),
        ("e-3", "invalid"),
        (None, "invalid"),
        (None, "invalid"),
        ("e-5", "applied"),
    ]
    assert [sorted(result) for result in results].count(["errors", "event_id", "status"]) == 3
    assert results[4]["errors"] == [
        {"field": "data.correct_answers", "reason": "required"},
        {"field": "data.total_questions", "reason": "must be at least 1"},
    ]


@pytest.mark.parametrize("event_type", TYPES)
async def test_every_type_of_event_is_taken_once(app_client: httpx.AsyncClient, event_type: str) -> None:
    assert await statuses(app_client, wire("e-1", event_type)) == ["applied"]
    assert await statuses(app_client, wire("e-1", event_type)) == ["duplicate"]


async def test_a_cloud_event_is_the_same_event(app_client: httpx.AsyncClient) -> None:
    plain = wire("e-1")
    envelope = {
        "specversion": "1.0",
        "id": plain["event_id"],
        "type": f"com.learnflow.{plain['event_type']}.v1",
        "source": "exercise-agent",
        "subject": plain["student_id"],
        "time": plain["timestamp"],
        "data": {"topic": plain["topic"], "data": plain["data"]},
    }
    assert await statuses(app_client, plain, envelope) == ["applied", "duplicate"]
    answer = await app_client.post(
        EVENTS, content=json.dumps(envelope), headers=SERVICE | {"Content-Type": "application/cloudevents+json"}
    )
    assert answer.json()["status"] == "duplicate"


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON", "application/cloudevents-batch+json"],
)
async def test_a_content_type_for_json_is_read(app_client: httpx.AsyncClient, content_type: str) -> None:
    answer = await app_client.post(EVENTS, content=b"[]", headers=SERVICE | {"Content-Type": content_type})
    assert (answer.status_code, answer.json()) == (200, {"results": []})


async def test_a_single_invalid_event_is_400_with_every_reason(app_client: httpx.AsyncClient) -> None:
    answer = await post(app_client, wire("e-1", student_id="a b", timestamp="now", data={"correct_answers": "4"}))
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == [
        "data.correct_answers",
        "data.total_questions",
        "student_id",
        "timestamp",
    ]


async def test_a_single_event_with_a_counted_id_is_a_duplicate_or_409(app_client: httpx.AsyncClient) -> None:
    await post(app_client, wire("e-1"))
    same = await post(app_client, wire("e-1", source="somewhere-else"))
    assert (same.status_code, same.json()["status"]) == (200, "duplicate")
    other = await post(app_client, wire("e-1", topic="lists"))
    assert other.status_code == 409
    assert other.headers["Content-Type"] == "application/problem+json"
    assert other.json()["errors"] == [{"field": "event_id", "reason": "was counted with other content"}]


async def test_an_id_is_counted_once_a_student(app_client: httpx.AsyncClient) -> None:
    found = await statuses(app_client, wire("e-1"), wire("e-1", student_id="student-2"), wire("E-1"))
    assert found == ["applied", "applied", "applied"]


async def test_a_single_event_that_is_too_old_is_taken_and_adds_nothing(app_client: httpx.AsyncClient) -> None:
    answer = await post(app_client, wire("e-1", timestamp="2025-10-17T12:00:00Z"))
    assert (answer.status_code, answer.json()["status"]) == (200, "expired")
    mastery = await app_client.get("/api/v1/students/student-1/mastery", headers=ADMIN)
    assert mastery.json()["status"] == "no_evidence"


async def test_a_thousand_events_are_taken_and_one_more_is_not(app_client: httpx.AsyncClient) -> None:
    events = [wire(f"e-{number}") for number in range(1001)]
    assert await statuses(app_client, *events[:1000]) == ["applied"] * 1000
    answer = await post(app_client, events)
    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"field": "", "reason": "must have at most 1000 entries"}]
    assert (await statuses(app_client, events[1000])) == ["applied"]


async def test_what_became_of_an_event_can_be_asked(app_client: httpx.AsyncClient) -> None:
    await post(app_client, wire("e-1"))
    path = "/api/v1/students/student-1/events"
    answer = await app_client.get(f"{path}/e-1", headers=SERVICE)
    assert (answer.status_code, answer.json()) == (200, {"event_id": "e-1", "status": "applied"})
    for missing in (f"{path}/e-2", "/api/v1/students/student-2/events/e-1"):
        answer = await app_client.get(missing, headers=SERVICE)
        assert (answer.status_code, answer.json()["detail"]) == (404, "It is not known what became of such an event.")
    assert (await app_client.get(f"{path}/e:1", headers=SERVICE)).status_code == 400


@pytest.mark.parametrize("changes", [{"data": {"total_questions": 5, "correct_answers": 5, "more": 1}}, {"x": 1}])
async def test_fields_that_nobody_knows_are_ignored_and_make_no_other_event(
    app_client: httpx.AsyncClient, changes: dict[str, Any]
) -> None:
    known = wire("e-1", data={"total_questions": 5, "correct_answers": 5})
    assert await statuses(app_client, known, known | changes) == ["applied", "duplicate"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/xml"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/jsonp"},
        {"Content-Type": ""},
        {},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
@pytest.mark.parametrize("path", [EVENTS, "/process", "/api/v1/process"])
async def test_another_type_of_content_is_415(
    app_client: httpx.AsyncClient, path: str, headers: dict[str, str]
) -> None:
    answer = await app_client.post(path, content=b"{}", headers=SERVICE | headers)
    assert answer.status_code == 415
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_content_of_a_mebibyte_is_read_and_one_byte_more_is_413(app_client: httpx.AsyncClient) -> None:
    largest = b"[]".ljust(1_048_576)
    headers = SERVICE | {"Content-Type": "application/json"}
    assert (await app_client.post(EVENTS, content=largest, headers=headers)).status_code == 200
    answer = await app_client.post(EVENTS, content=largest + b" ", headers=headers)
    assert (answer.status_code, answer.headers["Connection"]) == (413, "close")
    assert answer.json()["detail"] == "At most 1048576 bytes are read."
