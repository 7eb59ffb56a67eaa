"""What every answer carries, errors included: one form of problem, one id, the security headers."""

import re
import uuid
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from src.errors import Refused, StoreUnavailable, TimedOut
from tests.making import wire

from .student import ADMIN, STUDENT
from .tokens import bearer

Request = tuple[str, str, dict[str, Any]]

JSON = ADMIN | {"Content-Type": "application/json"}
MASTERY = f"{STUDENT}/mastery"
PROBLEMS: dict[int, tuple[Request, str]] = {
    400: (("POST", "/api/v1/events", {"content": b"{", "headers": JSON}), "invalid-json"),
    401: (("GET", MASTERY, {}), "unauthorized"),
    403: (("GET", MASTERY, {"headers": bearer("teacher")}), "forbidden"),
    404: (("GET", "/CANARY-7f3a", {"headers": ADMIN}), "not-found"),
    405: (("DELETE", MASTERY, {"headers": ADMIN}), "method-not-allowed"),
    413: (("POST", "/api/v1/events", {"content": b" " * 1_048_577, "headers": JSON}), "content-too-large"),
    415: (("POST", "/process", {"content": b"{}", "headers": ADMIN}), "unsupported-media-type"),
}
ANSWERS: list[Request] = [
    *(request for request, _ in PROBLEMS.values()),
    *(("GET", path, {}) for path in ("/live", "/health", "/ready", "/metrics", "/docs", "/openapi.json")),
    ("GET", MASTERY, {"headers": ADMIN}),
    ("GET", MASTERY, {"headers": ADMIN | {"If-None-Match": "*"}}),
    ("GET", f"{STUDENT}/outcomes?limit=0", {"headers": ADMIN}),
    ("POST", "/api/v1/events", {"json": wire(), "headers": ADMIN}),
    ("OPTIONS", MASTERY, {"headers": {"Origin": "https://else.example", "Access-Control-Request-Method": "GET"}}),
    ("HEAD", MASTERY, {"headers": ADMIN}),
    ("BREW", "/live", {}),
]
every_answer = pytest.mark.parametrize("request_", ANSWERS, ids=lambda r: f"{r[0]} {r[1]}"[:60])


async def ask(client: httpx.AsyncClient, request: Request, **headers: str) -> httpx.Response:
    method, path, options = request
    return await client.request(method, path, **options | {"headers": options.get("headers", {}) | headers})


@pytest.mark.parametrize(
    ("path", "allowed"),
    [(MASTERY, "GET"), ("/live", "GET"), ("/api/v1/cohorts/c", "DELETE, GET, PUT"), ("/process", "POST")],
)
async def test_a_wrong_method_is_told_every_method_that_the_path_takes(
    app_client: httpx.AsyncClient, path: str, allowed: str
) -> None:
    for headers in ({}, ADMIN):
        answer = await app_client.request("PATCH", path, headers=headers)
        assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)


@pytest.mark.parametrize("status", PROBLEMS)
async def test_an_error_is_a_problem_document(app_client: httpx.AsyncClient, status: int) -> None:
    request, code = PROBLEMS[status]
    answer = await ask(app_client, request, **{"X-Request-ID": "problem-1"})
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    document = answer.json()
    assert set(document) - {"errors"} == {"type", "title", "status", "detail", "correlation_id"}
    assert document["type"] == f"urn:mastery-engine:problem:{code}"
    assert (document["status"], document["correlation_id"]) == (status, "problem-1")
    assert all(isinstance(document[name], str) and document[name] for name in ("title", "detail"))
    assert all(set(error) == {"field", "reason"} for error in document.get("errors", []))
    assert "CANARY" not in answer.text


async def test_an_unknown_user_is_told_how_to_ask(app_client: httpx.AsyncClient) -> None:
    assert (await ask(app_client, PROBLEMS[401][0])).headers["WWW-Authenticate"] == "Bearer"
    assert "WWW-Authenticate" not in (await ask(app_client, PROBLEMS[403][0])).headers


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        (MASTERY, {"GET"}),
        (f"{STUDENT}/mastery/explanation", {"GET"}),
        (f"{STUDENT}/mastery/history", {"GET"}),
        (f"{STUDENT}/outcomes", {"GET"}),
        (f"{STUDENT}/struggles", {"GET"}),
        (f"{STUDENT}/events/e-1", {"GET"}),
        ("/api/v1/events", {"POST"}),
        ("/api/v1/process", {"POST"}),
        ("/process", {"POST"}),
        ("/api/v1/me", {"GET"}),
        ("/live", {"GET"}),
        ("/health", {"GET"}),
        ("/ready", {"GET"}),
        ("/metrics", {"GET"}),
    ],
)
async def test_a_method_that_a_path_does_not_take_is_405_and_names_those_it_takes(
    app_client: httpx.AsyncClient, path: str, allowed: set[str]
) -> None:
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"} - allowed:
        answer = await app_client.request(method, path, headers=ADMIN | {"X-Canary": "CANARY-7f3a"})
        assert answer.status_code == 405, method
        assert {name.strip() for name in answer.headers["Allow"].split(",")} == allowed
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert "CANARY" not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api",
        "/api/v1",
        "/api/v1/students",
        "/api/v1/student/student-1",
        "//live",
        "/live/live",
        "/live/",
        "/LIVE",
        "/redoc",
        "/api/v1/students/a%2fb/mastery",
        "/api/v1/students//mastery",
        "/api/v1/students/student-1/mastery/else",
        "/.env",
    ],
)
async def test_a_path_that_leads_nowhere_is_404(app_client: httpx.AsyncClient, path: str) -> None:
    answer = await app_client.get(path, headers=ADMIN)
    assert (answer.status_code, answer.json()["detail"]) == (404, "There is no such path.")


@pytest.mark.parametrize(
    "student_id", ["a:b", "a*", "%00", "a%0a", "%0d%0aX:1", "%ff", "%D0%B0", "=cmd", "a b", "a" * 65]
)
async def test_a_path_with_an_id_that_cannot_be_is_400(app_client: httpx.AsyncClient, student_id: str) -> None:
    for path in ("mastery", "mastery/explanation", "mastery/history", "outcomes", "struggles", "events/e-1"):
        answer = await app_client.get(f"/api/v1/students/{student_id}/{path}", headers=ADMIN)
        assert answer.status_code == 400
        assert [error["field"] for error in answer.json()["errors"]] == ["student_id"]


@every_answer
async def test_every_answer_carries_the_security_headers(app_client: httpx.AsyncClient, request_: Request) -> None:
    answer = await ask(app_client, request_)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["Cache-Control"] in ("no-store", "private, no-cache")
    assert not [name for name in answer.headers if name.startswith("access-control-")]


@every_answer
async def test_every_answer_carries_the_id_of_its_request(app_client: httpx.AsyncClient, request_: Request) -> None:
    answer = await ask(app_client, request_, **{"X-Request-ID": "Trace.1_a-b"})
    assert answer.headers.get_list("X-Request-ID") == ["Trace.1_a-b"]


SAFE = ["a", "0", "A" * 128, "4bf92f35-77b3-4da6-a3ce-929d0e0e4736", "..", "-"]
UNSAFE = [
    b"",
    b" ",
    b"a b",
    b"a\r\nX-Evil: 1",
    b"a\nb",
    b"\x1b[31mred\x1b[0m",
    b"a\0",
    b"a\t",
    b"\xc2\xb7",
    b"\xe2\x80\xa8",
    b"a,b",
    b'{"a":1}',
    b"<script>",
    b"A" * 129,
    b"A" * 1_048_576,
]


@pytest.mark.parametrize("given", SAFE)
async def test_a_safe_request_id_is_taken_over(app_client: httpx.AsyncClient, given: str) -> None:
    answer = await app_client.get(MASTERY, headers={"X-Request-ID": given})
    assert answer.headers["X-Request-ID"] == answer.json()["correlation_id"] == given


@pytest.mark.parametrize("given", UNSAFE, ids=range(len(UNSAFE)))
async def test_an_unsafe_request_id_is_replaced(app_client: httpx.AsyncClient, given: bytes) -> None:
    answer = await app_client.get(MASTERY, headers=[(b"X-Request-ID", given)])
    made = answer.headers["X-Request-ID"]
    assert uuid.UUID(hex=made).hex == made == answer.json()["correlation_id"]
    assert "X-Evil" not in answer.headers


async def test_a_request_without_an_id_gets_one_of_its_own(app_client: httpx.AsyncClient) -> None:
    ids = {(await app_client.get("/live")).headers["X-Request-ID"] for _ in range(5)}
    assert len(ids) == 5
    assert all(re.fullmatch(r"[0-9a-f]{32}", made) for made in ids)


@pytest.mark.parametrize(
    ("error", "code", "header"),
    [
        (StoreUnavailable("The store is away."), "store-unavailable", ("Retry-After", "5")),
        (TimedOut("The content did not arrive."), "request-timeout", ("Connection", "close")),
    ],
    ids=["503", "408"],
)
async def test_an_error_that_passes_says_how_to_go_on(
    app: FastAPI, app_client: httpx.AsyncClient, error: Refused, code: str, header: tuple[str, str]
) -> None:
    async def fail() -> None:
        raise error

    app.add_api_route("/failing", fail)
    answer = await app_client.get("/failing")
    assert (answer.status_code, answer.json()["detail"]) == (error.status, error.detail)
    assert answer.json()["type"] == f"urn:mastery-engine:problem:{code}"
    assert answer.headers[header[0]] == header[1]
