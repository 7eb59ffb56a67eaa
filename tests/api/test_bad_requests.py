"""Those requests, byte by byte, against the real server: it answers clearly, goes on, and repeats nothing."""

import json
import time

import httpx
import pytest

from tests.making import wire

from .request_corpus import CANARY, CASES, EVENTS, JSON, MASTERY, MIB, TARGETS, endless, post
from .serving import Server, bearer_now
from .sockets import Reply, exchange, head, leave, parse, raw_head


def admin() -> str:
    return f"Authorization: {bearer_now('admin')['Authorization']}"


def check_goes_on(server: Server, reply: Reply) -> None:
    """Check that the server lives, that neither it nor its log repeats anything, and that it did not fail inside."""
    assert server.alive
    log = server.log()
    assert CANARY not in log
    assert CANARY.encode() not in reply.body + str(reply.headers).encode()
    assert '"level":"ERROR"' not in log


@pytest.mark.parametrize("name", CASES)
def test_a_request_that_cannot_be_is_answered_clearly(server: Server, name: str) -> None:
    make, status = CASES[name]
    reply = exchange(server.port, *make(admin()))
    assert reply.status == status
    assert reply.rest == b""
    if status >= 400:
        assert reply.headers["content-type"] == "application/problem+json"
        assert json.loads(reply.body)["status"] == status
        assert json.loads(reply.body)["correlation_id"] == reply.headers["x-request-id"]
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert "x-evil" not in reply.headers
    assert "server" not in reply.headers
    check_goes_on(server, reply)


@pytest.mark.parametrize("name", TARGETS)
def test_without_a_token_a_strange_target_is_no_way_in(server: Server, name: str) -> None:
    reply = exchange(server.port, *TARGETS[name][0]("X-No: token"))
    assert reply.status in (400, 401, 404, 414)
    check_goes_on(server, reply)


def test_a_host_that_looks_like_a_public_path_is_no_way_in(server: Server) -> None:
    reply = exchange(server.port, raw_head("GET", MASTERY, "Host: engine.test/live?", "Connection: close"))
    assert reply.status == 401


def test_content_without_an_end_is_cut_off(server: Server) -> None:
    reply = exchange(server.port, *endless(admin()))
    assert (reply.status, reply.headers["connection"]) == (413, "close")
    assert reply.sent < 64 * MIB
    check_goes_on(server, reply)


def test_content_is_not_asked_for_where_it_would_not_be_read(server: Server) -> None:
    continued = exchange(server.port, *post(b"[]", "Expect: 100-continue")(admin()))
    assert continued.status == 100
    assert parse(continued.rest).status == 200
    too_large = exchange(server.port, *post(b"", "Expect: 100-continue", declared=2 * MIB)(admin()))
    assert too_large.status == 413
    nobody = exchange(server.port, *post(b"", "Expect: 100-continue", declared=2)("X-No: token"))
    assert nobody.status == 401


def test_requests_on_one_connection_are_answered_in_their_order(server: Server) -> None:
    first = raw_head("GET", "/live", "Host: engine.test", "X-Request-ID: first")
    second = head("GET", MASTERY, admin(), "X-Request-ID: second")
    reply = exchange(server.port, first + second)
    assert (reply.status, reply.headers["x-request-id"]) == (200, "first")
    after = parse(reply.rest)
    assert (after.status, after.headers["x-request-id"], after.rest) == (200, "second", b"")


def test_a_request_inside_the_content_of_another_is_content(server: Server) -> None:
    smuggled = head("GET", "/live", f"X-Request-ID: {CANARY}")
    reply = exchange(server.port, *post(smuggled)(admin()))
    assert (reply.status, reply.rest) == (400, b"")
    check_goes_on(server, reply)


def test_a_client_that_leaves_in_the_middle_of_its_content_is_no_failure(server: Server) -> None:
    partly = head("POST", EVENTS, admin(), JSON, "Content-Length: 1000", "X-Request-ID: left-early")
    leave(server.port, partly + b'[{"event_id": "' + CANARY.encode())
    line = server.wait_for(lambda text: "left-early" in text)
    assert json.loads(line)["status"] == 499
    check_goes_on(server, Reply())


def test_a_client_that_does_not_wait_for_its_answer_is_no_failure(server: Server) -> None:
    for number in range(20):
        leave(server.port, head("GET", MASTERY, admin(), f"X-Request-ID: no-wait-{number}"))
    for number in range(20):
        server.wait_for(lambda text, number=number: f"no-wait-{number}" in text)  # type: ignore[misc]  # bound per number
    check_goes_on(server, Reply())


def test_an_event_that_arrived_whole_counts_though_its_sender_left(server: Server) -> None:
    event = wire("left", student_id="raw-leaver", timestamp=int(time.time() * 1000))
    leave(server.port, b"".join(post_event(json.dumps(event).encode())))
    assert json.loads(server.wait_for(lambda text: "sent-all" in text))["status"] == 200
    path = f"{server.url}/api/v1/students/raw-leaver/events/left"
    assert httpx.get(path, headers=bearer_now("service")).json()["status"] == "applied"


def post_event(content: bytes) -> list[bytes]:
    return [head("POST", EVENTS, admin(), JSON, f"Content-Length: {len(content)}", "X-Request-ID: sent-all"), content]


def test_every_line_of_the_log_is_one_json_object(server: Server) -> None:
    lines = [json.loads(line) for line in server.log().splitlines()]
    assert lines
    assert all({"time", "level", "logger", "message", "correlation_id"} <= set(line) for line in lines)
    assert {"SERVICE started"} <= {line["message"] for line in lines}
