"""Limits at the door: who is counted for what, what a client is told, and what does not help to get around them."""

import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from src.rate_limits import RouteClass
from tests.making import NOW_US, wire

from .school import ADMINS
from .serving import client_of, running_app, running_server
from .sockets import exchange, head
from .test_access import RULES
from .tokens import bearer

MASTERY = "/api/v1/students/student-1/mastery"
LIMITS: dict[str, Any] = {
    "rate_limit_reads": 3,
    "rate_limit_writes": 2,
    "rate_limit_admin": 2,
    "rate_limit_auth_failures": 3,
}
LEFT_S = 60 - NOW_US // 1_000_000 % 60


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[FastAPI]:
    async with running_app(tmp_path, **LIMITS) as app:
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as client:
        yield client


async def statuses(client: httpx.AsyncClient, times: int, path: str = MASTERY, **options: Any) -> list[int]:
    headers = options.pop("headers", bearer("admin"))
    method = str(options.pop("method", "GET"))
    return [(await client.request(method, path, headers=headers, **options)).status_code for _ in range(times)]


async def test_one_too_many_is_429_and_says_when_to_come_back(client: httpx.AsyncClient) -> None:
    assert await statuses(client, 3) == [200] * 3
    answer = await client.get(MASTERY, headers=bearer("admin"))
    assert (answer.status_code, answer.headers["Content-Type"]) == (429, "application/problem+json")
    assert answer.json()["type"] == "urn:mastery-engine:problem:too-many-requests"
    assert answer.json()["detail"] == "At most 3 a minute are answered (reads); wait until the minute is over."
    assert answer.headers["Retry-After"] == f"{LEFT_S}"
    assert answer.headers["RateLimit"] == f'"reads";r=0;t={LEFT_S}'
    assert answer.headers["RateLimit-Policy"] == '"reads";q=3;w=60'


async def test_every_answer_tells_what_is_left(client: httpx.AsyncClient) -> None:
    left = []
    for path in (MASTERY, "/api/v1/me", "/api/v1/students/a:b/mastery"):
        answer = await client.get(path, headers=bearer("admin"))
        left.append(answer.headers["RateLimit"])
        assert "Retry-After" not in answer.headers
    assert left == [f'"reads";r={number};t={LEFT_S}' for number in (2, 1, 0)]
    assert "RateLimit" not in (await client.get("/live")).headers


async def test_each_subject_and_each_class_is_counted_apart(client: httpx.AsyncClient) -> None:
    assert await statuses(client, 4) == [200, 200, 200, 429]
    assert await statuses(client, 1, headers=bearer("admin", user_id="else")) == [200]
    assert await statuses(client, 3, "/api/v1/events", method="POST", json=wire()) == [200, 200, 429]
    assert await statuses(client, 3, "/api/v1/dead-letters") == [200, 200, 429]


async def test_another_token_of_the_same_subject_buys_no_new_count(client: httpx.AsyncClient) -> None:
    assert await statuses(client, 3) == [200] * 3
    for headers in (bearer("admin", "teacher"), bearer("student", user_id="someone")):
        assert await statuses(client, 1, headers=headers) == [429]


async def test_a_refused_request_counts_too(client: httpx.AsyncClient) -> None:
    student = bearer("student", user_id="student-2")
    assert await statuses(client, 4, headers=student) == [403, 403, 403, 429]
    assert await statuses(client, 3, "/api/v1/dead-letters", headers=student) == [403, 403, 429]


async def test_what_is_too_much_is_refused_before_its_content_is_read(client: httpx.AsyncClient) -> None:
    bad = {"content": b"{", "headers": bearer("admin") | {"Content-Type": "text/plain"}, "method": "POST"}
    assert await statuses(client, 3, "/api/v1/events", **bad) == [415, 415, 429]


async def test_failures_are_counted_by_address_and_stop_nobody_who_has_a_token(client: httpx.AsyncClient) -> None:
    for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic x"}):
        assert await statuses(client, 1, headers=headers) == [401]
    refused = await client.get(MASTERY, headers={"Authorization": "Bearer y"})
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, f"{LEFT_S}")
    assert refused.headers["RateLimit-Policy"] == '"auth-failures";q=3;w=60'
    assert await statuses(client, 1) == [200]


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "True-Client-IP", "CF-Connecting-IP"])
async def test_an_address_that_the_client_claims_buys_no_new_count(client: httpx.AsyncClient, name: str) -> None:
    found = []
    for number in range(5):
        claimed = f"for=192.0.2.{number}" if name == "Forwarded" else f"192.0.2.{number}"
        found += await statuses(client, 1, headers={name: claimed})
    assert found == [401, 401, 401, 429, 429]


async def test_going_beyond_a_limit_is_in_the_audit_log_once_a_minute(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "mastery_engine.audit"):
        await statuses(client, 6)
    [record] = [one for one in caplog.records if one.getMessage() == "AUDIT rate limit exceeded"]
    assert (vars(record)["route_class"], vars(record)["route"]) == (
        "reads",
        "/api/v1/students/{student_id}/mastery",
    )
    assert "someone" not in str(vars(record))
    metrics = (await client.get("/metrics")).text
    assert 'mastery_engine_rate_limited_total{route_class="reads"} 3.0' in metrics


async def test_limits_of_0_are_none_and_tell_nothing(tmp_path: Path) -> None:
    off: dict[str, Any] = dict.fromkeys(LIMITS, 0)
    async with running_app(tmp_path, **off) as app, client_of(app) as client:
        answers = [await client.get(MASTERY, headers=headers) for headers in [bearer("admin"), {}] * 100]
    assert {answer.status_code for answer in answers} == {200, 401}
    assert not any("RateLimit" in answer.headers for answer in answers)


async def test_the_class_of_a_route_follows_from_its_rule_and_its_method(app: FastAPI) -> None:
    async with client_of(app) as client:
        found: dict[str, str] = {}
        for route in [route for route in RULES if "/api/v1" in route]:
            method, path = route.split()
            target = re.sub(r"\{\w+\}", "x-1", path)
            brief = {"seconds": "0"} if path.endswith("/stream") else None  # or it would not end
            who = bearer("admin", user_id=f"{len(found)}")
            answer = await client.request(method, target, headers=who, params=brief)
            found[route] = answer.headers["RateLimit"].split('"')[1]
    expected = {
        route: RouteClass.ADMIN
        if RULES[route] == ADMINS
        else (RouteClass.READS if route.startswith("GET") else RouteClass.WRITES)
        for route in found
    }
    assert found == expected
    assert set(found.values()) == {"reads", "writes", "admin"}


def test_a_trusted_proxy_names_the_address_and_nobody_else_does(tmp_path: Path) -> None:
    limit = {"RATE_LIMIT_AUTH_FAILURES": "2"}

    def ask(port: int, *headers: str) -> int:
        return exchange(port, head("GET", MASTERY, *headers)).status

    with running_server(tmp_path / "alone", **limit) as server:
        assert [ask(server.port, f"X-Forwarded-For: 192.0.2.{n}") for n in range(4)] == [401, 401, 429, 429]
    with running_server(tmp_path / "behind", **limit, FORWARDED_ALLOW_IPS="127.0.0.0/8") as server:
        assert [ask(server.port, f"X-Forwarded-For: 192.0.2.{n}") for n in range(4)] == [401] * 4
        # What the client wrote itself stands to the left of what the proxy added.
        spoofed = [ask(server.port, f"X-Forwarded-For: 203.0.113.{n}, 192.0.2.77") for n in range(4)]
        assert spoofed == [401, 401, 429, 429]
