"""The door for Dapr's pub/sub, and what is recorded of calls through a sidecar, in process."""

import base64
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from fastapi.routing import iter_route_contexts
from pydantic import SecretStr

from src.main import create_app
from src.processes import ProcessRole
from tests.making import wire

from .serving import client_of, running_app
from .student import ADMIN
from .tokens import APP_TOKEN, bearer

SIDECAR = {"dapr-api-token": APP_TOKEN}
MASTERY = "/api/v1/students/student-1/mastery"


@asynccontextmanager
async def door(data_dir: Path, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with running_app(data_dir, **{"dapr_pubsub": "pubsub"} | settings) as app, client_of(app) as client:
        yield client


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with door(tmp_path) as client:
        yield client


def wrapped(event: Mapping[str, Any], **attributes: Any) -> dict[str, Any]:
    """Return an event as Dapr wraps what an application publishes."""
    made = {"specversion": "1.0", "id": "made-by-dapr", "source": "agent", "type": "com.dapr.event.sent"}
    return made | {"topic": "mastery.events", "pubsubname": "pubsub", "data": event} | attributes


async def deliver(client: httpx.AsyncClient, body: object, **headers: str) -> Any:
    answer = await client.post("/dapr/events", json=body, headers=SIDECAR | headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def confidence(client: httpx.AsyncClient) -> float:
    return float((await client.get(MASTERY, headers=ADMIN)).json()["confidence"])


async def test_the_events_are_subscribed_to_where_a_component_is_named(client: httpx.AsyncClient) -> None:
    [one] = (await client.get("/dapr/subscribe", headers=SIDECAR)).json()
    assert (one["pubsubname"], one["topic"], one["route"]) == ("pubsub", "mastery.events", "/dapr/events")


async def test_without_a_component_nothing_is_subscribed_to(tmp_path: Path) -> None:
    async with door(tmp_path, dapr_pubsub=None) as client:
        assert (await client.get("/dapr/subscribe", headers=SIDECAR)).json() == []


@pytest.mark.parametrize("headers", [{}, {"dapr-api-token": "x"}, {"dapr-caller-app-id": "agent"}, ADMIN])
@pytest.mark.parametrize("token", [APP_TOKEN, None])
async def test_nobody_but_the_sidecar_gets_in(tmp_path: Path, headers: dict[str, str], token: str | None) -> None:
    async with door(tmp_path, app_api_token=None if token is None else SecretStr(token)) as client:
        asked = await client.get("/dapr/subscribe", headers=headers)
        sent = await client.post("/dapr/events", json=wire(), headers=headers)
        assert (asked.status_code, sent.status_code) == (401, 401)
        assert (await client.get(MASTERY, headers=ADMIN)).json()["score"] is None


@pytest.mark.parametrize("role", ProcessRole)
def test_every_role_has_the_route_since_dapr_forgets_an_event_that_finds_none(role: ProcessRole) -> None:
    paths = {context.path for context in iter_route_contexts(create_app(role=role).routes)}
    assert {"/dapr/subscribe", "/dapr/events"} <= paths


@pytest.mark.parametrize(
    "body",
    [
        wire(),
        wrapped(wire()),
        wrapped(wire() | {"event_id": None}, id="e-1"),
        wrapped({}, data_base64=base64.b64encode(msgspec.json.encode(wire())).decode(), id="other"),
        {
            "specversion": "1.0",
            "id": "e-1",
            "type": "com.learnflow.quiz.completed.v1",
            "source": "quiz-agent",
            "subject": "student-1",
            "time": "2026-01-15T10:30:00Z",
            "data": {"topic": "loops", "data": wire()["data"]},
        },
    ],
    ids=["plain", "wrapped by Dapr", "wrapped, by its id", "raw", "CloudEvent"],
)
async def test_an_event_counts_at_once_and_once_whatever_it_is_wrapped_in(
    client: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    assert await deliver(client, body) == {"status": "SUCCESS"}
    before = await confidence(client)
    assert before > 0
    assert await deliver(client, wrapped(wire())) == {"status": "SUCCESS"}
    again = await client.post("/api/v1/events", json=wire(), headers=ADMIN)
    assert again.json()["status"] == "duplicate"
    assert await confidence(client) == before


@pytest.mark.parametrize(
    "content", [b"{", b"\xff", b"[]", b"null", b'{"specversion":"1.0","data":{}}', b'{"data_base64":"%"}']
)
async def test_what_can_never_be_counted_goes_to_the_dead_letters(
    client: httpx.AsyncClient, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "mastery_engine.dapr"):
        answer = await client.post("/dapr/events", content=content, headers=SIDECAR)
    assert (answer.status_code, answer.json()) == (200, {"status": "DROP"})
    [record] = [record for record in caplog.records if record.name == "mastery_engine.dapr"]
    assert record.getMessage() == "DAPR event dropped"


async def test_the_same_id_with_other_content_goes_to_the_dead_letters(client: httpx.AsyncClient) -> None:
    await deliver(client, wire())
    other = wire(data={"total_questions": 5, "correct_answers": 0})
    assert await deliver(client, wrapped(other)) == {"status": "DROP"}


async def test_what_is_too_old_is_done_with(client: httpx.AsyncClient) -> None:
    assert await deliver(client, wire(timestamp="2025-01-15T10:30:00Z")) == {"status": "SUCCESS"}


async def test_each_of_many_has_its_answer(client: httpx.AsyncClient) -> None:
    body = {
        "id": "x",
        "entries": [
            {"entryId": "a", "event": wrapped(wire("e-1"))},
            {"entryId": "b", "event": "bm90IGpzb24="},
            {"entryId": "c", "event": wrapped(wire("e-2", student_id="a b"))},
            {"entryId": "d", "event": base64.b64encode(msgspec.json.encode(wire("e-3"))).decode()},
        ],
    }
    found = {one["entryId"]: one["status"] for one in (await deliver(client, body))["statuses"]}
    assert found == {"a": "SUCCESS", "b": "DROP", "c": "DROP", "d": "SUCCESS"}


async def test_none_of_many_is_no_error(client: httpx.AsyncClient) -> None:
    assert await deliver(client, {"id": "x", "entries": []}) == {"statuses": []}


async def test_events_come_again_while_the_store_is_away(tmp_path: Path) -> None:
    async with door(tmp_path, redis_url="redis://127.0.0.1:1/0") as client:
        assert await deliver(client, wire()) == {"status": "RETRY"}
        many = {"entries": [{"entryId": "a", "event": wire()}, {"entryId": "b", "event": "%"}]}
        statuses = {one["entryId"]: one["status"] for one in (await deliver(client, many))["statuses"]}
        assert statuses == {"a": "RETRY", "b": "DROP"}


async def test_what_is_answered_is_counted(client: httpx.AsyncClient) -> None:
    await deliver(client, wire())
    await deliver(client, {})
    text = (await client.get("/metrics")).text
    assert 'mastery_engine_dapr_events_total{status="SUCCESS"} 1.0' in text
    assert 'mastery_engine_dapr_events_total{status="DROP"} 1.0' in text


CALL = {"dapr-caller-app-id": "triage-agent"}


@pytest.mark.parametrize(
    ("headers", "told"), [(SIDECAR | CALL, "triage-agent"), (CALL, None), (CALL | {"dapr-api-token": "x"}, None)]
)
async def test_the_calling_application_is_recorded_where_the_sidecar_tells_it(
    client: httpx.AsyncClient, headers: dict[str, str], told: str | None
) -> None:
    answer = await client.post("/process", json={"intent": "ingest_event", "payload": wire()}, headers=ADMIN | headers)
    assert answer.status_code == 200
    entries = (await client.get("/api/v1/audit", headers=ADMIN)).json()["entries"]
    [row] = [row for row in entries if row["action"] == "agents.ingest-event"]
    assert row["facts"].get("calling_app") == told


@pytest.mark.parametrize("headers", [SIDECAR, SIDECAR | CALL])
async def test_the_token_of_the_sidecar_is_no_token_of_a_user(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    assert (await client.post("/process", json={"intent": "list_intents"}, headers=headers)).status_code == 401
    student = bearer("student", user_id="somebody") | headers
    body = {"intent": "get_mastery", "payload": {"student_id": "student-1"}}
    assert (await client.post("/process", json=body, headers=student)).status_code == 403
