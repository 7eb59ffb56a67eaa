"""Errors as ``application/problem+json`` (RFC 9457): never the value sent, never a library's own words."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import RouteContext, iter_route_contexts
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from .errors import Reason, Refused, TooManyStreams
from .event_validator import reason_for
from .observability import correlation_id

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """A field, and why it was not accepted."""

    field: str
    reason: str


class Problem(BaseModel):
    """What went wrong with a request."""

    model_config = ConfigDict(title="Problem")

    type: str
    title: str
    status: int
    detail: str
    correlation_id: str
    errors: list[FieldProblem] | None = None


def problem_response(
    status: int,
    code: str,
    title: str,
    detail: str,
    reasons: tuple[Reason, ...] = (),
    headers: dict[str, str] | None = None,
) -> Response:
    """Return a problem document as a response."""
    document: dict[str, Any] = {
        "type": f"urn:mastery-engine:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "correlation_id": correlation_id.get(),
    }
    if reasons:
        document["errors"] = [reason._asdict() for reason in reasons]
    return Response(msgspec.json.encode(document), status, headers, MEDIA_TYPE)


def refusal_response(error: Refused) -> Response:
    """Return the problem document of one of our errors."""
    headers = _HEADERS.get(error.code) or _HEADERS.get(error.status)
    return problem_response(error.status, error.code, error.title, error.detail, error.reasons, headers)


def add_problem_handlers(app: FastAPI) -> None:
    """Make the application answer every error with a problem document."""
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the documentation of the problems that a route may answer with, for ``responses=``.

    Who is asked for a token is counted, and may be told to wait.
    """
    limited = (429,) if HTTPStatus.UNAUTHORIZED in statuses else ()
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": _SCHEMA}}}
        for status in (*statuses, *limited, 400, 503)
    }


_SCHEMA = {"$ref": "#/components/schemas/Problem"}
_HEADERS: dict[int | str, dict[str, str]] = {
    401: {"WWW-Authenticate": "Bearer"},
    408: {"Connection": "close"},  # what is left of the content would be read, and thrown away, for as long as it comes
    413: {"Connection": "close"},
    503: {"Retry-After": "5"},
    TooManyStreams.code: {"Retry-After": "5"},  # of other limits the middleware knows when they are over
}


async def _refused(request: Request, error: Exception) -> Response:
    del request
    assert isinstance(error, Refused)  # noqa: S101  # registered for nothing else
    return refusal_response(error)


async def _invalid(request: Request, error: Exception) -> Response:
    del request
    assert isinstance(error, RequestValidationError)  # noqa: S101  # registered for nothing else
    reasons = tuple(
        Reason(
            ".".join(str(part) for part in found["loc"][1:]),
            reason_for(found["type"], found["msg"], found.get("ctx", {})),
        )
        for found in error.errors()
    )
    return problem_response(400, "invalid", "The request is not valid", "See errors for what to mend.", reasons)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # registered for nothing else
    status = HTTPStatus(error.status_code)
    detail = {404: "There is no such path.", 405: "The path does not take this method."}.get(status, status.description)
    code = status.phrase.lower().replace(" ", "-")
    headers = {"Allow": _allowed(request)} if status == HTTPStatus.METHOD_NOT_ALLOWED else dict(error.headers or {})
    return problem_response(status, code, status.phrase, detail or status.phrase, headers=headers)


def _allowed(request: Request) -> str:
    """Return every method that the path takes; the framework knows those of the first route that fits."""
    routes = iter_route_contexts(request.app.routes)
    return ", ".join(sorted({m for route in routes if _fits(route, request) for m in route.methods or ()}))


def _fits(route: RouteContext, request: Request) -> bool:
    return route.matches(request.scope)[0] is not Match.NONE
