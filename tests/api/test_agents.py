"""The door for other agents: the same use cases, by intent."""

from typing import Any

import httpx
import pytest

from tests.making import wire

from .student import ADMIN, STUDENT
from .tokens import bearer

KNOWN = [
    "explain_mastery",
    "generate_path",
    "get_mastery",
    "get_prediction",
    "get_recommendations",
    "ingest_event",
    "list_intents",
    "mastery_calculation",
]
PATHS = pytest.mark.parametrize("path", ["/process", "/api/v1/process"])


async def ask(client: httpx.AsyncClient, path: str, content: object) -> httpx.Response:
    return await client.post(path, json=content, headers=ADMIN | {"X-Request-ID": "agent-1"})


async def result(client: httpx.AsyncClient, path: str, intent: str, **payload: Any) -> Any:
    answer = await ask(client, path, {"intent": intent, "payload": payload})
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"intent", "result", "correlation_id"}
    assert (answer.json()["intent"], answer.json()["correlation_id"]) == (intent, "agent-1")
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.json()["result"]


@PATHS
@pytest.mark.parametrize("intent", ["get_mastery", "mastery_calculation"])
@pytest.mark.parametrize("options", [{}, {"as_of": "2026-01-14"}, {"topic": "loops"}, {"method": "latest"}])
async def test_mastery_is_what_its_route_answers(
    client: httpx.AsyncClient, path: str, intent: str, options: dict[str, str]
) -> None:
    answer = await client.get(f"{STUDENT}/mastery", params=options, headers=ADMIN)
    assert await result(client, path, intent, student_id="student-1", **options) == answer.json()


@PATHS
@pytest.mark.parametrize("options", [{}, {"as_of": "2026-01-14", "topic": "functions"}])
async def test_an_explanation_is_what_its_route_answers(
    client: httpx.AsyncClient, path: str, options: dict[str, str]
) -> None:
    answer = await client.get(f"{STUDENT}/mastery/explanation", params=options, headers=ADMIN)
    assert await result(client, path, "explain_mastery", student_id="student-1", **options) == answer.json()


@PATHS
async def test_an_event_is_taken_as_by_its_route(app_client: httpx.AsyncClient, path: str) -> None:
    shown = {"event_id": "e-1", "status": "applied"}
    assert await result(app_client, path, "ingest_event", **wire("e-1")) == {"results": [shown], **shown}
    assert (await result(app_client, path, "ingest_event", **wire("e-1")))["status"] == "duplicate"
    conflict = await ask(app_client, path, {"intent": "ingest_event", "payload": wire("e-1", topic="lists")})
    assert conflict.status_code == 409


@PATHS
async def test_the_intents_are_listed(app_client: httpx.AsyncClient, path: str) -> None:
    assert await result(app_client, path, "list_intents") == {"intents": KNOWN}
    assert (await ask(app_client, path, {"intent": "list_intents"})).status_code == 200


@PATHS
@pytest.mark.parametrize("intent", ["CANARY-7f3a", "", "GET_MASTERY", None, 7, ["get_mastery"], {"a": 1}])
async def test_an_unknown_intent_is_400_and_names_the_known_ones(
    app_client: httpx.AsyncClient, path: str, intent: object
) -> None:
    answer = await ask(app_client, path, {"intent": intent, "payload": {}})
    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"field": "intent", "reason": f"must be one of {', '.join(KNOWN)}"}]
    assert "CANARY" not in answer.text


@PATHS
@pytest.mark.parametrize(
    ("content", "fields"),
    [
        ([], [""]),
        ("get_mastery", [""]),
        (False, [""]),
        ({}, ["intent"]),
        ({"intent": "get_mastery", "payload": None}, ["payload"]),
        ({"intent": "get_mastery", "payload": []}, ["payload"]),
        ({"intent": "none", "payload": 7}, ["intent", "payload"]),
        ({"intent": "get_mastery"}, ["payload.student_id"]),
        ({"intent": "get_mastery", "payload": {"student_id": 7}}, ["payload.student_id"]),
        ({"intent": "get_mastery", "payload": {"student_id": "CANARY:7f3a"}}, ["payload.student_id"]),
        ({"intent": "get_mastery", "payload": {"student_id": "a\n"}}, ["payload.student_id"]),
        ({"intent": "get_mastery", "payload": {"student_id": "a", "as_of": "CANARY"}}, ["payload.as_of"]),
        ({"intent": "get_mastery", "payload": {"student_id": "a", "as_of": 1768435200}}, ["payload.as_of"]),
        ({"intent": "get_mastery", "payload": {"student_id": "a", "as_of": "2026-01-16"}}, ["as_of"]),
        ({"intent": "get_mastery", "payload": {"student_id": "a", "topic": ""}}, ["payload.topic"]),
        ({"intent": "get_mastery", "payload": {"student_id": "a", "method": "CANARY"}}, ["payload.method"]),
        ({"intent": "explain_mastery", "payload": {"topic": 7}}, ["payload.student_id", "payload.topic"]),
        ({"intent": "ingest_event", "payload": {}}, ["event_id", "event_type", "student_id", "timestamp"]),
    ],
)
async def test_what_cannot_be_followed_is_400_by_field(
    app_client: httpx.AsyncClient, path: str, content: object, fields: list[str]
) -> None:
    answer = await ask(app_client, path, content)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == fields
    assert "CANARY" not in answer.text


async def test_a_student_in_the_payload_is_not_more_readable_than_one_in_a_path(client: httpx.AsyncClient) -> None:
    content = {"intent": "get_mastery", "student_id": "student-2", "payload": {"student_id": "student-1"}}
    answer = await client.post("/process", json=content, headers=bearer("student", user_id="student-2"))
    assert answer.status_code == 403


async def test_one_learns_who_one_is(app_client: httpx.AsyncClient) -> None:
    answer = await app_client.get("/api/v1/me", headers=bearer("teacher", "owner", "admin", user_id="t-1"))
    assert (answer.status_code, answer.json()) == (200, {"user_id": "t-1", "roles": ["admin", "teacher"]})
    assert answer.headers["Cache-Control"] == "no-store"
