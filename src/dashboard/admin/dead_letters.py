"""Dead letters worked through: which there are, what one holds, sent again as it was or corrected, or put aside."""

from typing import Annotated, Any

import msgspec
from fastapi import Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from ...api.access import Admin, resources_of
from ...api.dead_letters import DeadLetters, LetterId
from ...dead_letter_answers import ContentEncoding, LetterAnswer
from ...dead_letter_service import MAX_REASON, DeadLetterService
from ...errors import BadRequest, Conflict, InvalidJSON, Reason
from ...event_schema import ShortId
from ...event_validator import decode
from ..sessions import Posted
from .frame import ADMIN, admin_page, admin_router, chosen

LETTERS_PER_PAGE = 50
BASE = f"{ADMIN}/dead-letters"

router = admin_router("/dead-letters")


class LetterChoice(BaseModel):
    """Which dead letters are shown."""

    reason: ShortId | None = None
    every: bool = False
    cursor: Annotated[str | None, Field(max_length=4096)] = None


@router.get("")
async def list_dead_letters(request: Request, who: Admin, service: DeadLetters) -> Response:
    """Show the dead letters, newest first; those that are dealt with where one asks for all."""
    del who
    choice, wrong = chosen(LetterChoice, request)
    found = await service.list(
        limit=LETTERS_PER_PAGE, cursor=choice.cursor, reason=choice.reason, only_open=not choice.every
    )
    return admin_page(
        request,
        "dead_letters.html",
        400 if wrong else 200,
        wrong=wrong,
        letters=found.dead_letters,
        next_cursor=found.next,
        chosen=choice,
        with_kafka=resources_of(request).settings.kafka_bootstrap_servers is not None,
    )


@router.get("/{letter_id}")
async def show_dead_letter(request: Request, who: Admin, letter_id: LetterId, service: DeadLetters) -> Response:
    """Show one with all that it holds, and what can be done with it."""
    del who
    return await _shown(request, service, letter_id)


@router.post("/{letter_id}/replay")
async def replay_dead_letter(
    request: Request, who: Admin, letter_id: LetterId, service: DeadLetters, fields: Posted
) -> Response:
    """Send the event again: as it was, or corrected where the form has an event in it."""
    text = fields.get("event")
    try:
        await service.replay(letter_id, by=who.user_id, corrected=None if text is None else _event(text))
    except (BadRequest, Conflict) as error:
        return await _shown(request, service, letter_id, error, at="as_it_was" if text is None else "event", event=text)
    return RedirectResponse(f"{BASE}/{letter_id}", 303)


@router.post("/{letter_id}/discard")
async def discard_dead_letter(
    request: Request, who: Admin, letter_id: LetterId, service: DeadLetters, fields: Posted
) -> Response:
    """Put a dead letter aside for good."""
    reason = fields.get("reason", "")
    try:
        await service.discard(letter_id, by=who.user_id, reason=reason)
    except (BadRequest, Conflict) as error:
        return await _shown(request, service, letter_id, error, at="reason", reason=reason)
    return RedirectResponse(f"{BASE}/{letter_id}", 303)


async def _shown(
    request: Request,
    service: DeadLetterService,
    letter_id: str,
    error: BadRequest | Conflict | None = None,
    *,
    at: str = "",
    event: str | None = None,
    reason: str = "",
) -> Response:
    """Show one, and at a field of its forms what is wrong there."""
    found = await service.show(letter_id)
    return admin_page(
        request,
        "dead_letter.html",
        200 if error is None else error.status,
        letter=found.dead_letter,
        found=found,
        event=_to_correct(found) if event is None else event,
        reason=reason,
        most_reason=MAX_REASON,
        reasons={} if error is None else {at: error.reasons or (Reason("", error.detail),)},
    )


def _event(text: str) -> dict[str, Any]:
    """Return the event that was written down; raises ``BadRequest``."""
    try:
        event = decode(text.encode())
    except (InvalidJSON, UnicodeEncodeError):
        event = None
    if not isinstance(event, dict):
        detail = "The event is not valid."
        raise BadRequest(detail, [Reason("", "must be an object in JSON")])
    return event


def _to_correct(letter: LetterAnswer) -> str:
    """Return the text of a dead letter, in lines where it is JSON."""
    if letter.value is None or letter.value.encoding is not ContentEncoding.TEXT:
        return ""
    content = letter.value.content
    try:
        return msgspec.json.format(content, indent=2)
    except (msgspec.DecodeError, RecursionError):
        return content
