"""What requests carry: bodies, query parameters, and what the routes are given to work with."""

import asyncio
from collections import Counter
from datetime import date
from typing import Annotated, Any, TypeAlias

from fastapi import Depends, Query, Request
from fastapi.dependencies.models import Dependant
from pydantic import BeforeValidator

from ..domain.model import MasteryModel, Method, parse_weights
from ..errors import BadRequest, Reason, TimedOut, TooLarge, UnsupportedMediaType
from ..event_schema import calendar_date
from ..event_validator import decode
from ..mastery_service import MasteryService
from .access import resources_of

MAX_BODY = 1_048_576
"""The largest content read, in bytes."""

BODY_TIMEOUT_S = 30
_JSON = frozenset({"application/json", "application/cloudevents+json", "application/cloudevents-batch+json"})


async def json_body(request: Request) -> Any:  # noqa: ANN401  # JSON may be anything
    """Return the decoded content; raises a ``Refused`` for another type, one too large, too slow or not JSON."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in _JSON or request.headers.get("content-encoding", "identity") != "identity":
        detail = "Send application/json, not compressed."
        raise UnsupportedMediaType(detail)
    return decode(await content_within(request, MAX_BODY))


async def content_within(request: Request, most: int) -> bytes:
    """Return the content of a request; raises ``TooLarge`` and ``TimedOut``."""
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            return await read_body(request, most)
    except TimeoutError:
        detail = f"The content did not arrive within {BODY_TIMEOUT_S} seconds."
        raise TimedOut(detail) from None


async def read_body(request: Request, most: int = MAX_BODY) -> bytes:
    """Return the content, up to so many bytes; raises ``TooLarge``."""
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > most:
        _too_large(most)
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > most:
            _too_large(most)
    return bytes(content)


def _too_large(most: int) -> None:
    detail = f"At most {most} bytes are read."
    raise TooLarge(detail)


async def single_values(request: Request) -> None:
    """Refuse a query parameter that is given twice: which of the two is meant is a guess."""
    times = Counter(name for name, _ in request.query_params.multi_items())
    twice = [name for name, count in times.items() if count > 1]
    if twice:
        known = _query_names(request.scope["route"].dependant)
        detail = "A query parameter is given twice."
        names = {name if name in known else "" for name in twice}
        raise BadRequest(detail, [Reason(name, "must be given once") for name in sorted(names)])


def _query_names(dependant: Dependant) -> set[str]:
    """Return the names of the query parameters that a route knows, by itself or by what it depends on."""
    own = {parameter.alias for parameter in dependant.query_params}
    return own.union(*map(_query_names, dependant.dependencies))


async def mastery_service(request: Request) -> MasteryService:
    """Return the service of the application."""
    return resources_of(request).mastery


Content: TypeAlias = Annotated[Any, Depends(json_body)]
Mastery: TypeAlias = Annotated[MasteryService, Depends(mastery_service)]

IsoDate: TypeAlias = Annotated[date, BeforeValidator(calendar_date, json_schema_input_type=date)]
AsOf: TypeAlias = Annotated[
    IsoDate | None, Query(description="The day at whose end (UTC) to look; today when not given.")
]
Topic: TypeAlias = Annotated[
    str | None,
    Query(pattern=r"^[A-Za-z0-9._-]+$", min_length=1, max_length=64, description="Look at one topic only."),
]
MethodName: TypeAlias = Annotated[Method | None, Query(description="What if: another method than the configured one.")]
WeightsText: TypeAlias = Annotated[
    str | None,
    Query(
        max_length=200,
        description="What if: other weights than the configured ones; they add up to 1.",
        examples=["completion=0.4,quiz=0.3,quality=0.2,consistency=0.1"],
    ),
]


async def what_if(service: Mastery, method: MethodName = None, weights: WeightsText = None) -> MasteryModel:
    """Return the configuration that is asked for, by default that of the service; raises ``BadRequest``."""
    try:
        return service.what_if(method, None if weights is None else parse_weights(weights))
    except ValueError as error:
        detail = "The weights are not valid."
        raise BadRequest(detail, [Reason("weights", str(error))]) from None


WhatIf: TypeAlias = Annotated[MasteryModel, Depends(what_if)]
Limit: TypeAlias = Annotated[int, Query(ge=1, le=1000, description="Entries a page.")]
Cursor: TypeAlias = Annotated[str | None, Query(max_length=512, description="``next`` of the page before.")]
