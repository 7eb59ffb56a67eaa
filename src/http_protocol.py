"""What of HTTP is refused before the application sees it: bounds that the server beneath does not set itself.

uvicorn's protocol over httptools reads a head of any size, waits for it for ever, and answers what it refuses as plain
text. Here heads are bounded in size and time, and every refusal is a problem document.
"""

import asyncio
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from .errors import BadRequest, HeadersTooLarge, Refused, TargetTooLong, TimedOut, TooBusy
from .middleware import REQUEST_ID, SECURITY_HEADERS
from .observability import correlation_id
from .problems import refusal_response

MAX_TARGET = 8192
MAX_HEAD = 32_768
MAX_HEADERS = 100
HEAD_TIMEOUT_S = 10.0
MESSAGE_TIMEOUT_S = 60.0
"""How long a request may take to arrive, its content with it; the application gives up on content before that."""

UNREAD_TIMEOUT_S = 60.0
MAX_REQUESTS = 512
MAX_CONNECTIONS = 4096
ALWAYS_ANSWERED = "/live"
"""Answered also where there are too many requests: a process that is busy is not one to be restarted."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection. Bounds hold for whatever the parser has taken in without telling of it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # as uvicorn makes it
        super().__init__(*args, **kwargs)
        # uvicorn would count idle connections as requests, and answer in plain text.
        self._max_requests = self.limit_concurrency or MAX_REQUESTS
        self.limit_concurrency = None
        self._unheard = 0
        self._head_size = 0
        self._in_head = False
        self._in_message = False
        self._refusal: Refused | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._waits_for_head = True
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._wait(HEAD_TIMEOUT_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop_waiting()
        super().connection_lost(exc)  # which resumes writing

    def data_received(self, data: bytes) -> None:
        """Take what has come, unless it is more than is waited for."""
        self._unheard += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            self._stop_waiting()
        elif self._unheard > MAX_HEAD:
            self._refuse(HeadersTooLarge(f"At most {MAX_HEAD} bytes of headers are read."))
        elif not self._in_message:
            self._stop_waiting()
        elif self._deadline is None or self._waits_for_head != self._in_head:
            self._wait(HEAD_TIMEOUT_S if self._in_head else MESSAGE_TIMEOUT_S)
            self._waits_for_head = self._in_head

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._unheard = self._head_size = 0
        self._in_head = self._in_message = True

    def on_url(self, url: bytes) -> None:
        """Take a part of the target."""
        super().on_url(url)
        if len(self.url) > MAX_TARGET:
            raise self._refused(TargetTooLong(f"At most {MAX_TARGET} bytes of a target are read."))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, or a trailer."""
        super().on_header(name, value)
        self._head_size += len(name) + len(value)
        if self._head_size > MAX_HEAD or len(self.headers) > MAX_HEADERS:
            detail = f"At most {MAX_HEADERS} headers with {MAX_HEAD} bytes together are read."
            raise self._refused(HeadersTooLarge(detail))

    def on_headers_complete(self) -> None:
        """Hand the request over."""
        self._in_head = False
        self._unheard = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the content."""
        self._unheard = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        self._in_message = False
        self._unheard = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what the parser has refused."""
        del msg
        self._refuse(self._refusal or BadRequest("The request is not HTTP as it is read here."))

    def pause_writing(self) -> None:
        """Wait for a client that does not read its answer, but not for ever."""
        super().pause_writing()
        self._unread = self.loop.call_later(UNREAD_TIMEOUT_S, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on."""
        if self._unread is not None:
            self._unread.cancel()
        super().resume_writing()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:  # noqa: ANN401  # as uvicorn has it
        busy = len(self.tasks) >= self._max_requests or len(self.connections) > MAX_CONNECTIONS
        if busy and cycle.scope["path"] != ALWAYS_ANSWERED:
            self.logger.warning("Exceeded concurrency limit.")
            app = too_busy
        super()._start_asgi_task(cycle, app)

    def _refused(self, refusal: Refused) -> Refused:
        self._refusal = refusal
        return refusal

    def _refuse(self, error: Refused) -> None:
        """Answer and close; where the answer to an earlier request is due, or one has begun, only close."""
        self._stop_waiting()
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete:
            self.transport.write(_answer(error))
        elif cycle.more_body and not cycle.response_started and not self.pipeline:
            self.transport.write(_answer(error))
            cycle.disconnected = True
            cycle.message_event.set()
        self.transport.close()

    def _wait(self, seconds: float) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_later(seconds, self._too_slow)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        if self._in_head:
            self._refuse(TimedOut(f"The headers did not arrive within {HEAD_TIMEOUT_S:.0f} seconds."))
        else:
            self.transport.close()


async def too_busy(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer that there are too many requests at once."""
    await _response(TooBusy("Too many requests are being answered at once."))(scope, receive, send)


def _response(error: Refused) -> Response:
    """Return a problem with all that the middleware would have added."""
    request_id = uuid4().hex
    token = correlation_id.set(request_id)
    try:
        response = refusal_response(error)
    finally:
        correlation_id.reset(token)
    response.headers.update({**SECURITY_HEADERS, REQUEST_ID: request_id, "Connection": "close"})
    return response


def _answer(error: Refused) -> bytes:
    response = _response(error)
    lines = [b"HTTP/1.1 %d %s" % (error.status, HTTPStatus(error.status).phrase.encode())]
    lines += [name + b": " + value for name, value in response.raw_headers]
    return b"\r\n".join([*lines, b"", bytes(response.body)])
