"""Streams of the service that users start, and what surrounds them."""

import asyncio
import json
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from starlette.types import Message

from src.api.live import HEARTBEAT_S
from src.live_service import MAX_STREAMS_OF_ONE
from src.middleware import REQUEST_TIMEOUT_S
from tests.making import NOW_US, wire
from tests.services.process import wait_until
from tests.skipping import SkippingLoop

from .serving import Server, bearer_now, running_app, running_server
from .sockets import raw_head
from .streams import WITHIN_S, Sent, parsed, streaming
from .tokens import HOUR_S, bearer

Send = Callable[..., None]


@pytest.fixture
def student_id() -> str:
    """Return a student whom no other test knows."""
    return f"student-{uuid4().hex}"


@pytest.fixture
def url(server: Server, student_id: str) -> str:
    return f"{server.url}/api/v1/students/{student_id}"


@pytest.fixture
def send(server: Server, student_id: str) -> Send:
    def post(event_type: str, **fields: Any) -> None:
        post_event(server, student_id, event_type, **fields)

    return post


def post_event(server: Server, student_id: str, event_type: str, **fields: Any) -> None:
    usual = {"student_id": student_id, "timestamp": int(time.time() * 1000)}
    event = wire(uuid4().hex, event_type, **usual | fields)
    answer = httpx.post(f"{server.url}/api/v1/events", json=event, headers=bearer_now("service"))
    assert answer.json()["status"] == "applied"


def put_cohort(server: Server, *students: str) -> str:
    """Make a cohort of the teacher ``hopper`` and return its address."""
    url = f"{server.url}/api/v1/cohorts/c-{uuid4().hex}"
    content = {"name": "A cohort", "teachers": ["hopper"], "students": students}
    assert httpx.put(url, json=content, headers=bearer_now("admin")).status_code == 201
    return url


def students_of(events: list[Sent]) -> list[str]:
    return [sent.data["student_id"] for sent in events if sent.event == "mastery"]


def test_a_struggle_shows_at_once_on_the_stream_and_among_the_struggles(url: str, student_id: str, send: Send) -> None:
    own = bearer_now("student", user_id=student_id)
    with streaming(f"{url}/stream", own) as stream:
        assert stream.next().data["status"] == "no_evidence"
        send("help.requested")
        struggle, mastery = stream.next(), stream.next()
    assert (struggle.event, struggle.data["signal"], struggle.data["open"]) == ("struggle", "stuck", True)
    assert mastery.data["open_struggles"] == [struggle.data["id"]]
    [shown] = httpx.get(f"{url}/struggles?open=true", headers=own).json()["struggles"]
    assert shown | {"student_id": student_id} == struggle.data


def test_the_stream_says_of_mastery_what_the_question_after_it_does(url: str, student_id: str, send: Send) -> None:
    own = bearer_now("student", user_id=student_id)
    send("quiz.completed")
    with streaming(f"{url}/stream", own) as stream:
        told = stream.next()
    answer = httpx.get(f"{url}/mastery", headers=own)
    shared = ("student_id", "as_of", "score", "level", "status", "confidence")
    assert {name: told.data[name] for name in shared} == {name: answer.json()[name] for name in shared}


def test_a_stream_goes_on_where_another_ended(url: str, student_id: str, send: Send) -> None:
    own = bearer_now("student", user_id=student_id)
    with streaming(f"{url}/stream", own) as stream:
        known = stream.next().id
    with streaming(f"{url}/stream", own, known) as stream:
        send("quiz.completed")
        changed = stream.next()
        assert changed.event == "mastery"
    send("help.requested")
    with streaming(f"{url}/stream", own, changed.id) as stream:
        assert [sent.event for sent in stream.until("mastery")] == ["struggle", "mastery"]


def test_the_answer_passes_through_proxies_and_caches_as_a_stream(url: str, student_id: str) -> None:
    with streaming(f"{url}/stream", bearer_now("student", user_id=student_id)) as stream:
        headers = stream.answer.headers
    assert headers["Content-Type"].startswith("text/event-stream")
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Accel-Buffering"] == "no"
    assert headers["X-Request-ID"]


def test_a_teacher_sees_the_students_of_a_cohort_change_and_come_and_go(server: Server, student_id: str) -> None:
    other = f"{student_id}-2"
    cohort = put_cohort(server, student_id, other)
    with streaming(f"{cohort}/stream", bearer_now("teacher", user_id="hopper")) as stream:
        refresh, *rows = [stream.next() for _ in range(3)]
        assert (refresh.event, refresh.data["rows"], students_of(rows)) == ("refresh", True, [student_id, other])
        post_event(server, other, "quiz.completed")
        assert stream.next().data["student_id"] == other
        httpx.delete(f"{cohort}/students/{student_id}", headers=bearer_now("admin"))
        removed = stream.next()
        assert (removed.event, removed.data) == ("removed", {"student_id": student_id})
    with streaming(f"{cohort}/stream", bearer_now("teacher", user_id="hopper"), removed.id) as stream:
        post_event(server, other, "quiz.completed")
        assert stream.next().data["student_id"] == other


def test_who_teaches_a_cohort_no_longer_is_told_no_more_of_it(server: Server, student_id: str) -> None:
    cohort = put_cohort(server, student_id)
    with streaming(f"{cohort}/stream", bearer_now("teacher", user_id="hopper")) as stream:
        assert len(stream.until("mastery")) == 2
        httpx.delete(f"{cohort}/teachers/hopper", headers=bearer_now("admin"))
        post_event(server, student_id, "quiz.completed")
        [end] = stream.rest()
    assert (end.event, end.data) == ("end", {"reason": "forbidden"})


def test_a_student_who_is_erased_is_gone_from_their_stream_and_from_those_of_cohorts(
    server: Server, url: str, student_id: str, send: Send
) -> None:
    send("quiz.completed")
    with ExitStack() as stack:
        cohort = put_cohort(server, student_id)
        of_cohort = stack.enter_context(streaming(f"{cohort}/stream", bearer_now("teacher", user_id="hopper")))
        of_student = stack.enter_context(streaming(f"{url}/stream", bearer_now("student", user_id=student_id)))
        of_student.until("mastery")
        of_cohort.until("mastery")
        httpx.delete(url, headers=bearer_now("admin")).raise_for_status()
        assert [sent.event for sent in of_student.rest()] == ["gone"]
        assert of_cohort.until("removed")[-1].data == {"student_id": student_id}


def test_one_user_opens_so_many_streams_and_no_more(url: str, student_id: str) -> None:
    own = bearer_now("student", user_id=student_id)
    with ExitStack() as stack:
        for _ in range(MAX_STREAMS_OF_ONE):
            stack.enter_context(streaming(f"{url}/stream", own))
        refused = httpx.get(f"{url}/stream", headers=own)
        assert (refused.status_code, refused.json()["type"]) == (429, "urn:mastery-engine:problem:too-many-streams")
        assert refused.headers["Retry-After"] == "5"
    assert wait_until(lambda: httpx.get(f"{url}/stream?seconds=0", headers=own).status_code == 200, WITHIN_S)


@pytest.mark.parametrize("query", ["seconds=-1", "seconds=86401", "seconds=x"])
def test_how_long_a_stream_lasts_is_checked(url: str, student_id: str, query: str) -> None:
    refused = httpx.get(f"{url}/stream?{query}", headers=bearer_now("student", user_id=student_id))
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "seconds")


def test_a_client_that_does_not_read_holds_up_nobody(server: Server, url: str, student_id: str, send: Send) -> None:
    own = bearer_now("student", user_id=student_id)
    idle = raw_head("GET", f"/api/v1/students/{student_id}/stream", "Host: e", f"Authorization: {own['Authorization']}")
    with ExitStack() as stack:
        stack.enter_context(not_reading(server.port, idle))
        stream = stack.enter_context(streaming(f"{url}/stream", own))
        for _ in range(20):
            send("help.requested")
        assert wait_until(lambda: len(stream.until("mastery")[-1].data["open_struggles"]) == 20, WITHIN_S)
    assert '"level":"ERROR"' not in server.log()


def not_reading(port: int, request: bytes) -> socket.socket:
    """Return a connection over which a request was sent, and whose answer nobody reads."""
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(request)
    return connection


def test_streams_end_in_good_order_when_the_service_stops(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        url = f"{server.url}/api/v1/students/ada/stream"
        with streaming(url, bearer_now("admin")) as stream:
            assert stream.next().event == "mastery"
            server.stop()
            assert stream.rest() == []
        log = server.wait_for(lambda line: "SERVICE stopped" in line)
        assert log
        with pytest.raises(AssertionError):
            server.wait_for(lambda line: '"level":"ERROR"' in line, 0)


def test_an_open_stream_is_one_row_of_the_audit_trail_however_much_it_tells(server: Server, student_id: str) -> None:
    cohort = put_cohort(server, student_id)
    with streaming(f"{cohort}/stream", bearer_now("teacher", user_id="hopper")) as stream:
        request_id = stream.answer.headers["X-Request-ID"]
        for _ in range(3):
            stream.until("mastery")
            post_event(server, student_id, "quiz.completed")
    line = server.wait_for(lambda line: "AUDIT recorded" in line and request_id in line)
    assert json.loads(line)["action"] == "cohorts.stream"
    assert server.log().count(request_id) == 2  # with the line of the request itself


async def heard(data_dir: Path, seconds: int) -> list[str]:
    """Return the lines of a stream that lasts so long, on a loop in which waiting takes no time and clocks go on."""
    began = asyncio.get_running_loop().time()

    def clock() -> int:
        return NOW_US + int((asyncio.get_running_loop().time() - began) * 1_000_000)

    sent: list[Message] = []
    own = bearer("student", user_id="ada")

    async def receive() -> Message:
        if not sent:
            return {"type": "http.request", "body": b"", "more_body": False}
        await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def keep(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": "/api/v1/students/ada/stream",
        "raw_path": b"/api/v1/students/ada/stream",
        "query_string": f"seconds={seconds}".encode(),
        "root_path": "",
        "scheme": "http",
        "headers": [(name.lower().encode(), value.encode()) for name, value in own.items()],
        "client": ("127.0.0.1", 1),
        "server": ("engine.test", 80),
    }
    async with running_app(data_dir, clock) as app:
        await app(scope, receive, keep)
    assert [message.get("more_body") for message in sent][-1] is False
    return b"".join(message.get("body", b"") for message in sent).decode().splitlines()


def test_a_stream_outlasts_the_time_for_other_answers_and_shows_that_it_is_alive(tmp_path: Path) -> None:
    beats = 2 * REQUEST_TIMEOUT_S // HEARTBEAT_S
    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        lines = runner.run(heard(tmp_path, beats * HEARTBEAT_S + 1))
    assert lines.count(": still here") == beats
    assert [sent.event for sent in parsed(iter(lines))] == ["mastery"]


def test_a_stream_ends_with_its_token(tmp_path: Path) -> None:
    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        lines = runner.run(heard(tmp_path, 2 * HOUR_S))
    *_, end = parsed(iter(lines))
    assert (end.event, end.data) == ("end", {"reason": "unauthorized"})
    assert lines.count(": still here") <= HOUR_S // HEARTBEAT_S
