"""What a served instance shows, to whom, and in which headers."""

import re
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import httpx
import pytest

from .request_corpus import CHUNKED, EVENTS, JSON, MASTERY, MIB, chunk
from .serving import Server, bearer_now, client_of, running_app, running_server
from .sockets import exchange, head, leave, parse, raw_head
from .test_access import PUBLIC, ROUTES

PERSONAL = [route for route in ROUTES if route.startswith("GET /api/")]
FORBIDDEN = ("server", "x-powered-by", "access-control-allow-origin", "access-control-allow-credentials", "set-cookie")


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("proxied"), FORWARDED_ALLOW_IPS="127.0.0.1") as server:
        yield server


def target(route: str) -> str:
    return re.sub(r"\{\w+\}", "x-1", route.split()[1].replace("{name}", "swagger-ui.css"))


@pytest.mark.parametrize("route", [route for route in ROUTES if route.startswith("GET ")])
def test_every_answer_says_how_it_may_be_used(server: Server, route: str) -> None:
    for headers in ({}, bearer_now("admin")):
        asked = headers | {"Origin": "https://evil.example"}
        with httpx.stream("GET", f"{server.url}{target(route)}", headers=asked) as answer:  # some answers have no end
            pass
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert not set(FORBIDDEN) & set(answer.headers)
        assert "strict-transport-security" not in answer.headers
        if route in PERSONAL:
            assert answer.headers["Cache-Control"] in ("no-store", "private, no-cache")


def test_a_browser_of_another_site_may_ask_nothing(server: Server) -> None:
    asks = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = httpx.options(f"{server.url}{EVENTS}", headers=asks | {"Access-Control-Request-Headers": "authorization"})
    assert answer.status_code == 405
    assert not any(name.startswith("access-control") for name in answer.headers)


@pytest.mark.parametrize("headers", [{}, bearer_now("admin")], ids=["nobody", "an admin"])
def test_neither_head_nor_options_tells_of_a_protected_route(server: Server, headers: dict[str, str]) -> None:
    for method in ("HEAD", "OPTIONS", "TRACE"):
        answer = httpx.request(method, f"{server.url}{MASTERY}", headers=headers)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET")
    assert httpx.head(f"{server.url}{MASTERY}").content == b""


def test_over_https_at_a_trusted_proxy_answers_ask_for_https(proxied: Server, server: Server) -> None:
    https = {"X-Forwarded-Proto": "https"}
    assert httpx.get(f"{proxied.url}/live", headers=https).headers["Strict-Transport-Security"] == "max-age=31536000"
    assert "Strict-Transport-Security" not in httpx.get(f"{proxied.url}/live").headers
    assert "Strict-Transport-Security" not in httpx.get(f"{server.url}/live", headers=https).headers


def test_in_production_the_description_and_the_metrics_are_open(server: Server) -> None:
    assert {httpx.get(f"{server.url}{target(f'GET {path}')}").status_code for path in PUBLIC} == {200}


async def test_the_description_can_be_taken_away_and_nothing_else_goes_with_it(tmp_path: Path) -> None:
    async with running_app(tmp_path, api_docs=False) as app, client_of(app) as client:
        for path in ("/docs", "/openapi.json", "/docs/assets/swagger-ui.css"):
            answer = await client.get(path)
            nowhere = await client.get("/nowhere")
            assert (answer.status_code, answer.json()["detail"]) == (404, nowhere.json()["detail"])
        assert {(await client.get(path)).status_code for path in ("/live", "/metrics", "/health")} == {200}


def test_a_header_of_a_hundred_megabytes_is_not_read(server: Server) -> None:
    reply = exchange(server.port, raw_head("GET", MASTERY, "Host: x")[:-2] + b"X-More: ", repeat(b"a" * 65_536, 1600))
    assert (reply.status, reply.headers["connection"]) == (431, "close")
    assert reply.sent < 32 * MIB
    assert server.alive


def test_trailers_without_an_end_are_not_read(server: Server) -> None:
    token = f"Authorization: {bearer_now('admin')['Authorization']}"
    start = head("POST", EVENTS, token, JSON, CHUNKED) + chunk(b"[]") + b"0\r\nX-More: "
    reply = exchange(server.port, start, repeat(b"a" * 65_536, 1600))
    assert (reply.status, reply.headers["connection"]) == (431, "close")
    assert reply.sent < 32 * MIB
    assert server.alive


def test_a_client_that_leaves_in_the_middle_of_its_answer_is_no_failure(server: Server) -> None:
    for _ in range(5):
        leave(server.port, head("GET", "/docs/assets/swagger-ui-bundle.js"))
    assert server.alive
    assert '"level":"ERROR"' not in server.log()


SMUGGLED = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
PAIRS = {
    "a length and chunks": b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and a length": b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n",
    "two lengths": b"Content-Length: 0\r\nContent-Length: 35\r\n\r\n",
    "a list of lengths": b"Content-Length: 0, 35\r\n\r\n",
    "a signed length": b"Content-Length: +0\r\n\r\n",
    "a length in hexadecimal": b"Content-Length: 0x0\r\n\r\n",
    "chunks with a tab": b"Transfer-Encoding:\tchunked\x0b\r\n\r\n0\r\n\r\n",
    "chunks on a second line": b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "chunks after a space": b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "chunks that are not the last coding": b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "a chunk of a negative size": b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
    "a chunk of too large a size": b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n\r\n",
    "a line that ends with a line feed alone": b"Content-Length: 0\n\n",
}


@pytest.mark.parametrize("name", PAIRS)
def test_no_second_request_hides_behind_a_first_of_doubtful_length(server: Server, name: str) -> None:
    start = b"POST /api/v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    reply = exchange(server.port, start + PAIRS[name] + SMUGGLED)
    assert reply.status in (400, 401)
    assert b"python_info" not in reply.body + reply.rest
    assert parse(reply.rest).status in (0, 400)
    assert server.alive
