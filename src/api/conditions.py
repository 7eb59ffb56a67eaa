"""Conditional requests (RFC 9110, section 13): tags of what a client knows, and what it may change."""

from typing import Annotated, Any, TypeAlias

from fastapi import Depends, Request
from starlette.responses import Response

from ..mastery_service import Answer
from ..preconditions import Precondition

NOT_MODIFIED: dict[int | str, dict[str, Any]] = {
    304: {"description": "Unchanged since the answer with the ETag given in If-None-Match"}
}


def tagged(request: Request, answer: Answer) -> Response:
    """Return an answer that may be kept for its asker alone, with its ETag, or 304 where the client has it already."""
    headers = {"ETag": answer.etag, "Cache-Control": "private, no-cache"}
    if is_known(request, answer.etag):
        return Response(status_code=304, headers=headers)
    return Response(answer.body, headers=headers, media_type="application/json")


def is_known(request: Request, etag: str) -> bool:
    """Tell whether the client has what has this tag; whether the tag is marked as weak makes no difference."""
    known = {tag.removeprefix("W/") for tag in _tags(request, "if-none-match") or ()}
    return etag in known or "*" in known


async def precondition(request: Request) -> Precondition:
    """Return on what the request depends; a tag marked as weak matches nothing that is to be changed."""
    return Precondition(_tags(request, "if-match"), _tags(request, "if-none-match"))


Condition: TypeAlias = Annotated[Precondition, Depends(precondition)]


def _tags(request: Request, name: str) -> frozenset[str] | None:
    given = request.headers.getlist(name)
    return frozenset(tag.strip() for tag in ",".join(given).split(",")) if given else None
