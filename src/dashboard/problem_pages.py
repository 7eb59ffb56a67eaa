"""Pure ASGI middleware that makes a page of every problem that a browser is told under the dashboard's address."""

from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import Request
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..problems import MEDIA_TYPE
from .rendering import page
from .sessions import PATH, end, to_sign_in

_KEPT = ("retry-after", "ratelimit", "ratelimit-policy", "connection", "allow")


def problem_pages_middleware(app: ASGIApp) -> ASGIApp:
    """Hold back a problem document, and send a page that tells the same to people; without a session, to sign in."""

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not (scope["path"] + "/").startswith(f"{PATH}/"):
            await app(scope, receive, send)
            return
        held: Message | None = None
        body = b""

        async def send_page(message: Message) -> None:
            nonlocal held, body
            if message["type"] == "http.response.start" and _is_problem(message):
                held = message
            elif held is None:
                await send(message)
            else:
                body += message.get("body", b"")
                if not message.get("more_body"):
                    await _page(Request(scope), held, body)(scope, receive, send)

        await app(scope, receive, send_page)

    return handle


def _is_problem(message: Message) -> bool:
    kind = Headers(raw=message["headers"]).get("content-type", "")
    return kind.startswith(MEDIA_TYPE) and message["status"] >= HTTPStatus.BAD_REQUEST


def _page(request: Request, start: Message, body: bytes) -> Response:
    problem: dict[str, Any] = msgspec.json.decode(body)
    status = start["status"]
    if status == HTTPStatus.UNAUTHORIZED:
        return _signed_out(request)
    response = page(request, "problem.html", status, problem=problem)
    given = Headers(raw=start["headers"])
    response.headers.update({name: given[name] for name in _KEPT if name in given})
    return response


def _signed_out(request: Request) -> Response:
    """Return the way to sign in again, after a session has ended."""
    headers = to_sign_in(request)
    # A browser tries a stream that is answered without content no more.
    status = 303 if "Location" in headers else 200 if headers else 204
    response = Response(status_code=status, headers=headers)
    end(request, response)
    return response
