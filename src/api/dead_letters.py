"""Dead letters: records of ``mastery.events`` that could not be applied, to look at and to deal with."""

from typing import Annotated, Any, TypeAlias

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from ..dead_letter_answers import HandlingAnswer, LetterAnswer, LettersAnswer
from ..dead_letter_service import MAX_REASON, DeadLetterService
from ..domain.events import EventStatus
from ..errors import BadRequest, Reason
from ..problems import problems
from .access import Admin, resources_of
from .events import EXAMPLE
from .parameters import Content, Limit, json_body

router = APIRouter(prefix="/api/v1/dead-letters", tags=["dead letters"], responses=problems(401, 403))

LetterId: TypeAlias = Annotated[
    str,
    Path(
        pattern=r"^[A-Za-z0-9._-]+$",
        min_length=1,
        max_length=64,
        description="The id of a dead letter: its partition and offset.",
        examples=["0-17"],
    ),
]
_QUEUED: dict[int | str, dict[str, Any]] = {202: {"model": HandlingAnswer, "description": "Queued"}}
_DISCARD_SCHEMA = {
    "type": "object",
    "required": ["reason"],
    "properties": {
        "reason": {"type": "string", "minLength": 1, "maxLength": MAX_REASON, "pattern": r"^[^\x00-\x1f\x7f-\x9f]+$"}
    },
    "example": {"reason": "The exercise agent sent a test event."},
}


async def dead_letter_service(request: Request) -> DeadLetterService:
    """Return the service of the application."""
    return resources_of(request).dead_letters


async def corrected_event(request: Request) -> dict[str, Any] | None:
    """Return the content of a request that need not have any."""
    if request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers:
        return None
    return _object(await json_body(request))


DeadLetters: TypeAlias = Annotated[DeadLetterService, Depends(dead_letter_service)]
Corrected: TypeAlias = Annotated[dict[str, Any] | None, Depends(corrected_event)]


@router.get("", response_model=LettersAnswer, name="list")
async def dead_letters(
    who: Admin,
    service: DeadLetters,
    reason: Annotated[
        str | None,
        Query(
            pattern=r"^[A-Za-z0-9._-]+$",
            min_length=1,
            max_length=64,
            description="Only those buried for this reason: ``invalid`` or ``conflict``.",
        ),
    ] = None,
    limit: Limit = 100,
    cursor: Annotated[str | None, Query(max_length=4096, description="``next`` of the page before.")] = None,
    only_open: Annotated[bool, Query(alias="open", description="Leave out what was replayed or discarded.")] = False,  # noqa: FBT002  # a query parameter
) -> Response:
    """Return the dead letters that the topic keeps, newest first.

    A page may hold fewer than ``limit`` though there are more: what counts is ``next``. Without Kafka there are none.
    """
    del who
    return _json(await service.list(limit=limit, cursor=cursor, reason=reason, only_open=only_open))


@router.get("/{letter_id}", response_model=LetterAnswer, responses=problems(404), name="show")
async def dead_letter(who: Admin, letter_id: LetterId, service: DeadLetters) -> Response:
    """Return one with all that it holds, the key and the value as they were received."""
    del who
    return _json(await service.show(letter_id))


@router.post(
    "/{letter_id}/replay",
    response_model=HandlingAnswer,
    responses=_QUEUED | problems(404, 408, 409, 413, 415),
    openapi_extra={
        "requestBody": {
            "required": False,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Event"}, "example": EXAMPLE}},
        }
    },
)
async def replay(who: Admin, letter_id: LetterId, service: DeadLetters, corrected: Corrected) -> Response:
    """Send the event again: as it was, or the corrected one that is given.

    It takes the way of every event, so it is validated and counted once. A dead letter is replayed once; asked again,
    the answer tells what was done then. One that was discarded is not replayed.
    """
    answer = await service.replay(letter_id, by=who.user_id, corrected=corrected)
    queued = answer.handled.status is EventStatus.QUEUED and not answer.repeated
    return _json(answer, 202 if queued else 200)


@router.post(
    "/{letter_id}/discard",
    response_model=HandlingAnswer,
    responses=problems(404, 408, 409, 413, 415),
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": _DISCARD_SCHEMA}}}},
)
async def discard(who: Admin, letter_id: LetterId, service: DeadLetters, content: Content) -> Response:
    """Put a dead letter aside for good, and say why. The topic keeps it for as long as it keeps every record."""
    reason = _object(content).get("reason")
    if not isinstance(reason, str):
        detail = "Say why the dead letter is discarded."
        raise BadRequest(detail, [Reason("reason", "required" if reason is None else "must be text")])
    return _json(await service.discard(letter_id, by=who.user_id, reason=reason))


def _object(content: object) -> dict[str, Any]:
    if not isinstance(content, dict):
        detail = "Send an object."
        raise BadRequest(detail, [Reason("", "must be an object")])
    return content


def _json(answer: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(answer), status, media_type="application/json")
