"""What the middleware does with a request that nothing else has answered."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from src.middleware import REQUEST_TIMEOUT_S, request_timeout_middleware
from src.observability import JsonFormatter, Metrics, correlation_id
from tests.api.serving import client_of, running_app
from tests.skipping import SkippingLoop

CANARY = "CANARY-7f3a"


async def fail(value: str = "") -> None:
    message = f"the value was {value} {CANARY}"
    raise ZeroDivisionError(message)


async def leave() -> None:
    raise ClientDisconnect


async def break_off() -> StreamingResponse:
    async def parts() -> AsyncIterator[bytes]:
        yield b"first"
        raise ZeroDivisionError

    return StreamingResponse(parts(), headers={"Content-Security-Policy": "default-src 'self'"})


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[FastAPI]:
    async with running_app(tmp_path) as app:
        for path, route in {"/fail": fail, "/leave": leave, "/break-off": break_off}.items():
            app.add_api_route(path, route, response_model=None)
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as client:
        yield client


@pytest.fixture
def metrics(app: FastAPI) -> Metrics:
    found: Metrics = app.state.resources.metrics
    return found


async def test_an_unhandled_exception_is_a_500_that_tells_nothing(client: httpx.AsyncClient) -> None:
    answer = await client.get("/fail", headers={"X-Request-ID": "failing-1"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (500, "application/problem+json")
    assert answer.json() == {
        "type": "urn:mastery-engine:problem:internal",
        "title": "Internal error",
        "status": 500,
        "detail": "The service failed to answer.",
        "correlation_id": "failing-1",
    }
    assert answer.headers["X-Request-ID"] == "failing-1"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"


async def test_an_unhandled_exception_is_logged_with_its_traceback_and_its_request(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "mastery_engine.http"):
        await client.get("/fail?value=secret-value")
    [record] = caplog.records
    assert (record.getMessage(), record.levelname) == ("HTTP request failed", "ERROR")
    assert (vars(record)["method"], vars(record)["route"]) == ("GET", "/fail")
    assert "ZeroDivisionError" in JsonFormatter().format(record)
    assert "in fail\\n    raise ZeroDivisionError" in JsonFormatter().format(record)


async def test_the_service_goes_on_after_a_failure(client: httpx.AsyncClient) -> None:
    for _ in range(3):
        assert (await client.get("/fail")).status_code == 500
    assert (await client.get("/live")).status_code == 200


async def test_an_answer_that_has_begun_is_broken_off(client: httpx.AsyncClient, metrics: Metrics) -> None:
    with pytest.raises(ZeroDivisionError):
        await client.get("/break-off")
    assert metrics.performance_metrics["requests"] == 1


async def test_every_request_updates_the_running_figures(client: httpx.AsyncClient, metrics: Metrics) -> None:
    for path in ("/live", "/nowhere", "/fail"):
        await client.get(path)
    figures = metrics.performance_metrics
    assert (figures["requests"], figures["errors"]) == (3, 1)
    assert figures["seconds_total"] >= figures["seconds_max"] > 0
    text = (await metrics.exposition()).decode()
    assert 'http_requests_total{method="GET",route="/live",status="200"} 1.0' in text
    assert 'http_requests_total{method="GET",route="unmatched",status="404"} 1.0' in text
    assert 'http_requests_total{method="GET",route="/fail",status="500"} 1.0' in text


async def test_a_client_that_has_left_is_no_failure(
    app: FastAPI, metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope_of("/leave"), receive, send)
    assert sent == []
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert metrics.performance_metrics["errors"] == 0
    assert 'route="/leave",status="499"} 1.0' in (await metrics.exposition()).decode()


def scope_of(path: str) -> dict[str, Any]:
    return {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "headers": [],
    }


async def test_what_a_route_says_about_itself_stands(client: httpx.AsyncClient, app: FastAPI) -> None:
    async def own() -> StreamingResponse:
        return StreamingResponse(iter([b"x"]), headers={"Cache-Control": "public", "X-Frame-Options": "SAMEORIGIN"})

    app.add_api_route("/own", own, response_model=None)
    answer = await client.get("/own")
    assert (answer.headers["Cache-Control"], answer.headers["X-Frame-Options"]) == ("public", "SAMEORIGIN")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_the_id_of_a_request_is_set_while_it_is_served_and_only_then(
    client: httpx.AsyncClient, app: FastAPI
) -> None:
    async def who() -> dict[str, str]:
        return {"correlation_id": correlation_id.get()}

    app.add_api_route("/who", who)
    assert (await client.get("/who", headers={"X-Request-ID": "mine"})).json() == {"correlation_id": "mine"}
    assert correlation_id.get() == "-"


async def test_a_request_is_logged_by_its_route_and_not_by_its_path(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "mastery_engine.http"):
        await client.get(f"/api/v1/students/{CANARY}/mastery?topic={CANARY}")
    [record] = [record for record in caplog.records if record.name == "mastery_engine.http"]
    assert vars(record)["route"] == "/api/v1/students/{student_id}/mastery"
    assert vars(record)["status"] == 401
    assert CANARY not in JsonFormatter().format(record)


def within_a_minute(app: ASGIApp) -> list[Message]:
    """Return what is sent where waiting takes no time."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        runner.run(request_timeout_middleware(app)(scope_of("/x"), receive, send))  # type: ignore[arg-type]  # a coroutine
    return sent


def test_an_answer_that_does_not_come_is_given_up() -> None:
    cancelled = []

    async def wait(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive, send
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(True)

    start, body = within_a_minute(wait)
    assert (start["status"], dict(start["headers"])[b"retry-after"]) == (503, b"5")
    assert json.loads(body["body"])["type"] == "urn:mastery-engine:problem:timeout"
    assert cancelled == [True]


def test_an_answer_that_has_begun_may_take_its_time() -> None:
    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.sleep(2 * REQUEST_TIMEOUT_S)
        await send({"type": "http.response.body", "body": b"last"})

    assert [message.get("body") for message in within_a_minute(stream)] == [None, b"last"]


def test_a_timeout_of_something_else_is_no_timeout_of_the_answer() -> None:
    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive, send
        raise TimeoutError

    with pytest.raises(TimeoutError):
        within_a_minute(fail)
