"""A connection, byte by byte, with a clock that is set by hand: how long and how much is waited for."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn import Config
from uvicorn.server import ServerState

from src.http_protocol import (
    HEAD_TIMEOUT_S,
    MAX_CONNECTIONS,
    MAX_HEAD,
    MESSAGE_TIMEOUT_S,
    UNREAD_TIMEOUT_S,
    BoundedProtocol,
)

GET = b"GET /x HTTP/1.1\r\nHost: engine.test\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\nHost: engine.test\r\nContent-Length: 10\r\n\r\n"
CHUNKED = b"POST /x HTTP/1.1\r\nHost: engine.test\r\nTransfer-Encoding: chunked\r\n\r\n"


@dataclass
class Timer:
    """What is to be done at a moment, unless it is cancelled."""

    at_s: float
    call: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


class HandSetLoop:
    """Runs tasks at once, and timers when the test says so."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.timers: list[Timer] = []

    def call_later(self, delay_s: float, call: Callable[[], None]) -> Timer:
        self.timers.append(Timer(self.now_s + delay_s, call))
        return self.timers[-1]

    def create_task(self, work: Any) -> "asyncio.Task[Any]":
        return asyncio.get_running_loop().create_task(work)

    def wait(self, seconds: float) -> None:
        self.now_s += seconds
        due = [timer for timer in self.timers if timer.at_s <= self.now_s]
        self.timers = [timer for timer in self.timers if timer not in due]
        for timer in due:
            if not timer.cancelled:
                timer.call()


@dataclass
class Wire:
    """The transport: what was written to it, and whether it was closed."""

    written: bytearray = field(default_factory=bytearray)
    closed: bool = False
    aborted: bool = False

    def get_extra_info(self, _: str) -> None:
        """Know nothing."""

    def write(self, content: bytes) -> None:
        self.written += content

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def pause_reading(self) -> None:
        """Go on all the same."""

    def resume_reading(self) -> None:
        """Go on."""

    @property
    def status(self) -> int:
        return int(self.written.split()[1]) if self.written else 0

    @property
    def problem(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.written.partition(b"\r\n\r\n")[2])
        return found


async def answer(_: Scope, receive: Receive, send: Send) -> None:
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        more = message["more_body"]
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


class Connection:
    """A protocol with its wire."""

    def __init__(self, app: Any = answer, *, state: ServerState | None = None, max_requests: int = 3) -> None:
        self.loop, self.wire = HandSetLoop(), Wire()
        config = Config(app, log_config=None, ws="none", limit_concurrency=max_requests, server_header=False)
        config.load()
        self.protocol = BoundedProtocol(config, state or ServerState(), {}, _loop=self.loop)
        self.protocol.connection_made(self.wire)  # type: ignore[arg-type]  # all that is used of a transport

    async def take(self, content: bytes) -> None:
        self.protocol.data_received(content)
        for _ in range(5):
            await asyncio.sleep(0)


async def test_a_connection_on_which_nothing_comes_is_closed() -> None:
    connection = Connection()
    connection.loop.wait(HEAD_TIMEOUT_S - 1)
    assert not connection.wire.closed
    connection.loop.wait(1)
    assert connection.wire.closed
    assert not connection.wire.written


@pytest.mark.parametrize("before", [b"", GET], ids=["first", "later"])
async def test_headers_that_drip_are_given_up(before: bytes) -> None:
    connection = Connection()
    if before:
        await connection.take(before)
        connection.wire.written.clear()
    for byte in b"GET /x H":
        await connection.take(bytes([byte]))
        connection.loop.wait(1)
    assert not connection.wire.closed
    for byte in b"TTP/1.1\r":
        if not connection.wire.closed:
            await connection.take(bytes([byte]))
            connection.loop.wait(1)
    assert (connection.wire.status, connection.wire.closed) == (408, True)
    assert connection.wire.problem["detail"] == "The headers did not arrive within 10 seconds."


@pytest.mark.parametrize("content", [POST + b"1", CHUNKED + b"5\r\nhel"])
async def test_content_that_does_not_end_is_given_up(content: bytes) -> None:
    connection = Connection()
    await connection.take(content)
    connection.loop.wait(MESSAGE_TIMEOUT_S - 1)
    assert not connection.wire.closed
    connection.loop.wait(1)
    assert connection.wire.closed


async def test_a_request_that_came_whole_is_not_hurried() -> None:
    waiting = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await waiting.wait()
        await answer(scope, receive, send)

    connection = Connection(slow)
    await connection.take(GET)
    connection.loop.wait(MESSAGE_TIMEOUT_S * 2)
    assert not connection.wire.closed
    waiting.set()
    await connection.take(b"")
    assert connection.wire.status == 204


async def test_one_request_after_the_other_leaves_no_timer_but_that_of_an_idle_connection() -> None:
    connection = Connection()
    for _ in range(100):
        await connection.take(GET)
        await connection.take(POST + b"0123456789")
    assert connection.wire.written.count(b"204 No Content") == 200
    assert len([timer for timer in connection.loop.timers if not timer.cancelled]) == 1


async def test_a_client_that_does_not_read_its_answer_is_dropped() -> None:
    connection = Connection()
    await connection.take(GET)
    connection.protocol.pause_writing()
    connection.loop.wait(UNREAD_TIMEOUT_S / 2)
    connection.protocol.resume_writing()
    connection.loop.wait(UNREAD_TIMEOUT_S)
    assert not connection.wire.aborted
    connection.protocol.pause_writing()
    connection.loop.wait(UNREAD_TIMEOUT_S)
    assert connection.wire.aborted


@pytest.mark.parametrize(
    ("start", "status"),
    [
        (b"GET /x HTTP/1.1\r\nX-More: ", 431),
        (b"GET /x HTTP/1.1\r\n", 431),
        (b"GET /", 414),
        (CHUNKED + b"0\r\nX-Trailer: ", 431),
        (CHUNKED + b"1;more=", 431),
        (b"GE", 400),
    ],
    ids=["a value", "a name", "a target", "a trailer", "the extension of a chunk", "a method"],
)
async def test_nothing_is_taken_in_without_an_end(start: bytes, status: int) -> None:
    connection = Connection()
    await connection.take(start)
    taken = 0
    while not connection.wire.closed:
        await connection.take(b"a" * 1000)
        taken += 1000
        assert taken <= MAX_HEAD + 1000
    assert connection.wire.status == status
    assert connection.wire.problem["status"] == status


async def test_headers_in_many_small_pieces_are_bounded_too() -> None:
    connection = Connection()
    await connection.take(b"GET /x HTTP/1.1\r\n")
    for number in range(102):
        if not connection.wire.closed:
            await connection.take(b"X-%d: 1\r\n" % number)
    assert connection.wire.status == 431


async def test_content_has_no_bound_here() -> None:
    connection = Connection()
    await connection.take(b"POST /x HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (MAX_HEAD * 4))
    for _ in range(4):
        await connection.take(b"a" * MAX_HEAD)
    assert connection.wire.status == 204


async def test_what_breaks_a_later_request_does_not_answer_an_earlier_one() -> None:
    waiting = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await waiting.wait()
        await answer(scope, receive, send)

    connection = Connection(slow)
    await connection.take(GET + b"\x00\x01\x02")
    assert connection.wire.closed
    assert not connection.wire.written
    connection.protocol.connection_lost(None)
    waiting.set()


@pytest.mark.parametrize("path", ["/x", "/live"])
async def test_beyond_so_many_requests_at_once_only_the_probe_of_life_is_answered(path: str) -> None:
    state = ServerState()
    held = [Connection(state=state) for _ in range(3)]
    for one in held:
        await one.take(POST + b"1")
    late = Connection(state=state)
    await late.take(GET.replace(b"/x", path.encode()))
    if path == "/live":
        assert late.wire.status == 204
        return
    assert (late.wire.status, late.wire.problem["type"]) == (503, "urn:mastery-engine:problem:too-busy")
    assert b"retry-after: 5\r\n" in late.wire.written
    for one in held:
        await one.take(b"123456789")
        assert one.wire.status == 204
    after = Connection(state=state)
    await after.take(GET)
    assert after.wire.status == 204


async def test_idle_connections_are_no_requests() -> None:
    state = ServerState()
    for _ in range(10):
        Connection(state=state)
    busy = Connection(state=state)
    await busy.take(GET)
    assert busy.wire.status == 204
    state.connections |= {object() for _ in range(MAX_CONNECTIONS)}  # type: ignore[misc]  # counted only
    crowded = Connection(state=state)
    await crowded.take(GET)
    assert crowded.wire.status == 503
