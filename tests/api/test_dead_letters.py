"""Dead letters over HTTP, read from fakes; what is replayed goes through the ingest of the application."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from src.config import Settings
from src.dead_letter_service import DeadLetterService
from src.main import create_app
from src.mastery_service import MasteryService
from src.resources import Resources, open_resources
from src.state_manager import StateManager, Ttl
from tests.dead_letters import INVALID, INVALID_VALUE, MemoryDeadLetterIndex, MemoryDeadLetters, MemoryQueue, letter
from tests.fakes import MemoryStore
from tests.making import Nobody, wire

from .serving import client_of, fixed_clock
from .tokens import SECRET, bearer

ADMIN = bearer("admin", user_id="ada")
PATH = "/api/v1/dead-letters"
RECORDS = [
    letter(0),
    letter(1, value=json.dumps(wire("was-early")).encode()),
    letter(2, value=b"\xff", code="conflict"),
]


@pytest.fixture
def queue() -> MemoryQueue:
    return MemoryQueue()


@pytest.fixture
async def client(tmp_path: Path, queue: MemoryQueue) -> AsyncIterator[httpx.AsyncClient]:
    """Talk to an application with three dead letters, whose events are queued."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Resources]:
        async with open_resources(settings, clock=fixed_clock) as resources:
            mastery = queueing(resources, queue)
            log, index = MemoryDeadLetters(RECORDS), MemoryDeadLetterIndex()
            service = DeadLetterService(mastery, log=log, index=index, clock=fixed_clock)
            yield replace(resources, mastery=mastery, dead_letters=service)

    settings = Settings(jwt_secret=SecretStr(SECRET), data_dir=tmp_path)
    app = create_app(opened)
    async with app.router.lifespan_context(app), client_of(app) as client:
        client.headers.update(ADMIN)
        yield client


def queueing(resources: Resources, queue: MemoryQueue) -> MasteryService:
    ttl = Ttl()
    store = MemoryStore(ttl.retention)
    state = StateManager(store, maintenance=store, ttl=ttl, clock=fixed_clock)
    return MasteryService(
        store,
        state=state,
        model=resources.mastery._model,  # noqa: SLF001  # as it is configured
        metrics=resources.metrics,
        telling=Nobody(),
        clock=fixed_clock,
        queue=queue,
    )


async def listed(client: httpx.AsyncClient, query: str = "") -> Any:
    answer = await client.get(f"{PATH}{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(answer: Any) -> list[str]:
    return [one["id"] for one in answer["dead_letters"]]


def sent(queue: MemoryQueue) -> list[Any]:
    return [json.loads(message.value or b"") for message in queue.messages]


async def test_they_are_listed_newest_first_page_by_page(client: httpx.AsyncClient) -> None:
    first = await listed(client, "?limit=2")
    assert ids(first) == ["0-2", "0-1"]
    second = await listed(client, f"?limit=2&cursor={first['next']}")
    assert (ids(second), second["next"]) == (["0-0"], None)
    assert ids(await listed(client, "?reason=conflict")) == ["0-2"]


async def test_one_of_them_is_listed_with_its_reasons_and_without_its_content(client: httpx.AsyncClient) -> None:
    [*_, one] = (await listed(client))["dead_letters"]
    assert one == {
        "id": "0-0",
        "buried_at": "2026-01-15T12:00:00Z",
        "reason": "invalid",
        "errors": [{"field": field, "reason": reason} for field, reason in INVALID],
        "event_id": "e-1",
        "correlation_id": "request-7",
        "origin": {"topic": "mastery.events", "partition": 2, "offset": 41, "timestamp": "2026-01-15T11:59:58Z"},
        "handled": None,
    }


async def test_one_is_shown_with_its_content_and_not_kept_by_caches(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{PATH}/0-0")
    shown = answer.json()
    assert shown["dead_letter"]["id"] == "0-0"
    assert shown["key"] == {"encoding": "utf-8", "content": "student-1"}
    assert shown["value"] == {"encoding": "utf-8", "content": INVALID_VALUE.decode()}
    assert {"name": "dlq-reason", "value": {"encoding": "utf-8", "content": "invalid"}} in shown["headers"]
    assert answer.headers["cache-control"] == "no-store"


async def test_bytes_are_shown_in_base64(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"{PATH}/0-2")).json()["value"] == {"encoding": "base64", "content": "/w=="}


@pytest.mark.parametrize("options", [{}, {"content": b""}, {"headers": {"Content-Type": "application/json"}}])
async def test_without_content_the_event_is_sent_as_it_was(
    client: httpx.AsyncClient, queue: MemoryQueue, options: dict[str, Any]
) -> None:
    answer = await client.post(f"{PATH}/0-1/replay", **options)
    handled = {
        "action": "replayed",
        "at": "2026-01-15T12:00:00Z",
        "by": "ada",
        "reason": None,
        "event_id": "was-early",
        "status": "queued",
        "corrected": False,
    }
    assert (answer.status_code, answer.json()) == (202, {"id": "0-1", "handled": handled, "repeated": False})
    assert sent(queue) == [wire("was-early")]


async def test_a_corrected_event_is_sent_with_the_id_of_the_request_and_once(
    client: httpx.AsyncClient, queue: MemoryQueue
) -> None:
    first = await client.post(f"{PATH}/0-0/replay", json=wire(), headers={"X-Request-ID": "mending-1"})
    second = await client.post(f"{PATH}/0-0/replay", json=wire("e-2"))
    assert (first.status_code, second.status_code) == (202, 200)
    assert second.json() == first.json() | {"repeated": True}
    assert sent(queue) == [wire()]
    assert dict(queue.messages[0].headers)["x-request-id"] == b"mending-1"


async def test_content_in_chunks_is_a_corrected_event_too(client: httpx.AsyncClient, queue: MemoryQueue) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield json.dumps(wire("in-chunks")).encode()

    answer = await client.post(f"{PATH}/0-0/replay", content=chunks(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 202
    assert sent(queue) == [wire("in-chunks")]


@pytest.mark.parametrize(
    ("letter_id", "options", "fields"),
    [
        ("0-0", {}, ["data.correct_answers", "topic"]),
        ("0-0", {"json": wire(topic="a:b", student_id=7)}, ["student_id", "topic"]),
        ("0-0", {"json": []}, [""]),
        ("0-0", {"content": b"null", "headers": {"Content-Type": "application/json"}}, [""]),
        ("0-2", {}, [""]),
    ],
)
async def test_an_event_that_is_not_valid_is_400_with_the_reasons_and_not_sent(
    client: httpx.AsyncClient, queue: MemoryQueue, letter_id: str, options: dict[str, Any], fields: list[str]
) -> None:
    answer = await client.post(f"{PATH}/{letter_id}/replay", **options)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == fields
    assert not queue.messages
    assert ids(await listed(client, "?open=true")) == ["0-2", "0-1", "0-0"]


async def test_a_corrected_event_of_another_content_type_is_415(client: httpx.AsyncClient) -> None:
    assert (await client.post(f"{PATH}/0-0/replay", content=b"{}")).status_code == 415


async def test_one_is_discarded_with_a_reason_and_then_not_replayed(
    client: httpx.AsyncClient, queue: MemoryQueue
) -> None:
    answer = await client.post(f"{PATH}/0-1/discard", json={"reason": "sent by a test"})
    handled = answer.json()["handled"]
    assert (answer.status_code, handled["action"], handled["by"]) == (200, "discarded", "ada")
    assert handled["reason"] == "sent by a test"
    refused = await client.post(f"{PATH}/0-1/replay")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:mastery-engine:problem:conflict")
    assert not queue.messages
    assert ids(await listed(client, "?open=true")) == ["0-2", "0-0"]
    assert (await client.get(f"{PATH}/0-1")).json()["dead_letter"]["handled"] == handled


async def test_what_was_replayed_is_not_discarded(client: httpx.AsyncClient) -> None:
    await client.post(f"{PATH}/0-1/replay")
    assert (await client.post(f"{PATH}/0-1/discard", json={"reason": "late"})).status_code == 409


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({}, "reason", "required"),
        ({"reason": None}, "reason", "required"),
        ({"reason": 7}, "reason", "must be text"),
        ({"reason": " "}, "reason", "must not be empty"),
        ({"reason": "a\u0007"}, "reason", "must not have control characters"),
        ({"reason": "a" * 501}, "reason", "must be at most 500 characters"),
        (["reason"], "", "must be an object"),
    ],
)
async def test_without_a_usable_reason_nothing_is_discarded(
    client: httpx.AsyncClient, body: object, field: str, reason: str
) -> None:
    answer = await client.post(f"{PATH}/0-0/discard", json=body)
    assert (answer.status_code, answer.json()["errors"]) == (400, [{"field": field, "reason": reason}])
    assert len(ids(await listed(client, "?open=true"))) == 3


@pytest.mark.parametrize("letter_id", ["0-3", "1-0", "x", "0-99999999999999999999"])
async def test_an_unknown_one_is_404(client: httpx.AsyncClient, letter_id: str) -> None:
    answers = [
        await client.get(f"{PATH}/{letter_id}"),
        await client.post(f"{PATH}/{letter_id}/replay"),
        await client.post(f"{PATH}/{letter_id}/discard", json={"reason": "a test"}),
    ]
    assert [answer.status_code for answer in answers] == [404] * 3


@pytest.mark.parametrize(
    ("query", "field", "reason"),
    [
        ("?limit=0", "limit", "must be at least 1"),
        ("?limit=1001", "limit", "must be at most 1000"),
        ("?cursor=x", "cursor", "is not a cursor of this list"),
        ("?reason=a:b", "reason", "must consist of the characters A-Z a-z 0-9 . _ -"),
        ("?open=maybe", "open", "must be true or false"),
    ],
)
async def test_a_parameter_that_cannot_be_is_400(
    client: httpx.AsyncClient, query: str, field: str, reason: str
) -> None:
    answer = await client.get(f"{PATH}{query}")
    assert (answer.status_code, answer.json()["errors"]) == (400, [{"field": field, "reason": reason}])


async def test_without_kafka_there_are_none(app_client: httpx.AsyncClient) -> None:
    answer = await app_client.get(PATH, headers=ADMIN)
    assert (answer.status_code, answer.json()) == (200, {"dead_letters": [], "next": None})
    assert (await app_client.get(f"{PATH}/0-0", headers=ADMIN)).status_code == 404
    assert (await app_client.post(f"{PATH}/0-0/replay", headers=ADMIN)).status_code == 404


async def test_they_are_described_with_their_models_and_problems(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    operations = {path: item for path, item in document["paths"].items() if path.startswith(PATH)}
    assert set(operations) == {PATH, *(f"{PATH}/{{letter_id}}{action}" for action in ("", "/replay", "/discard"))}
    replay = operations[f"{PATH}/{{letter_id}}/replay"]["post"]
    assert set(replay["responses"]) == {
        "200",
        "202",
        "400",
        "401",
        "403",
        "404",
        "408",
        "409",
        "413",
        "415",
        "429",
        "503",
    }
    assert replay["requestBody"]["required"] is False
    for item in operations.values():
        for operation in item.values():
            schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
            assert schema["$ref"].removeprefix("#/components/schemas/") in document["components"]["schemas"]
