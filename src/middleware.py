"""Pure ASGI middleware, in the order in which ``main.create_app`` lists it."""

import asyncio
import logging
import time
import uuid
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import TookTooLong
from .observability import Metrics, correlation_id, is_correlation_id, is_trace_parent, trace_parent
from .problems import problem_response, refusal_response

REQUEST_ID = "X-Request-ID"
TRACE_PARENT = "traceparent"
HSTS_S = 31_536_000
REQUEST_TIMEOUT_S = 60
VERDICT = "mastery_engine.rate_limit"
"""Where a request keeps what was decided about its limit."""

CLIENT_GONE = 499
"""Counted as the status of a request whose client went away before it had sent all of it."""

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
_log = logging.getLogger("mastery_engine.http")


def security_headers_middleware(app: ASGIApp) -> ASGIApp:
    """Put the security headers on every answer; what a route sets itself stands."""

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                if scope["scheme"] == "https":
                    headers.setdefault("Strict-Transport-Security", f"max-age={HSTS_S}")
            await send(message)

        await app(scope, receive, send_with_headers if scope["type"] == "http" else send)

    return handle


def rate_limit_headers_middleware(app: ASGIApp) -> ASGIApp:
    """Tell how much of a limit is left, where the request was counted."""

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_limit(message: Message) -> None:
            if message["type"] == "http.response.start" and VERDICT in scope:
                message["headers"] += [
                    (name.lower().encode(), value.encode()) for name, value in scope[VERDICT].headers.items()
                ]
            await send(message)

        await app(scope, receive, send_with_limit if scope["type"] == "http" else send)

    return handle


def correlation_middleware(app: ASGIApp) -> ASGIApp:
    """Take over a safe ``X-Request-ID`` or make one, for logs and the answer; and the trace that it is part of."""

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_ID, "")
        request_id = given if is_correlation_id(given) else uuid.uuid4().hex
        parent = Headers(scope=scope).get(TRACE_PARENT, "")

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
            await send(message)

        token = correlation_id.set(request_id)
        of_trace = trace_parent.set(parent if is_trace_parent(parent) else None)
        try:
            await app(scope, receive, send_with_id)
        finally:
            trace_parent.reset(of_trace)
            correlation_id.reset(token)

    return handle


def request_metrics_middleware(app: ASGIApp) -> ASGIApp:
    """Measure every request by its route, and turn what nothing else has caught into a 500 that tells nothing."""

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        status, began = 0, 0.0

        async def send_and_note(message: Message) -> None:
            nonlocal status, began
            if message["type"] == "http.response.start":
                status, began = message["status"], time.perf_counter()
            await send(message)

        started = time.perf_counter()
        try:
            await app(scope, receive, send_and_note)
        except ClientDisconnect:
            status = status or CLIENT_GONE  # no failure of ours, and nobody is there to be told
        except Exception:  # the last HTTP handler
            _log.exception("HTTP request failed", extra={"method": _method(scope), "route": _route(scope)})
            if status:
                raise  # the answer has begun: only breaking it off tells the client
            await problem_response(500, "internal", "Internal error", "The service failed to answer.")(
                scope, receive, send_and_note
            )
        finally:
            # To where the answer began: how long the rest takes is up to the client, and a stream has no end.
            seconds = (began or time.perf_counter()) - started
            metrics: Metrics = scope["app"].state.resources.metrics
            metrics.observe_request(_method(scope), _route(scope), status, seconds)
            fields = {
                "method": _method(scope),
                "route": _route(scope),
                "status": status,
                "ms": round(seconds * 1000, 1),
            }
            _log.debug("HTTP request", extra=fields)

    return handle


def request_timeout_middleware(app: ASGIApp) -> ASGIApp:
    """Give up on an answer that has not begun after a minute.

    What is given up may have been done all the same: events have ids, so they can be sent again.
    """

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return

        async def send_in_time(message: Message) -> None:
            timer.reschedule(None)  # what has begun may take its time
            await send(message)

        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S) as timer:
                await app(scope, receive, send_in_time)
        except TimeoutError:
            if not timer.expired():
                raise
            detail = f"The answer was not there within {REQUEST_TIMEOUT_S} seconds."
            await refusal_response(TookTooLong(detail))(scope, receive, send)

    return handle


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in _METHODS else "other"


def _route(scope: Scope) -> str:
    route: Any = scope.get("route")
    return getattr(route, "path", "unmatched")


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
