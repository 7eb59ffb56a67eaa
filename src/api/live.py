"""Streams for screens: what changes of a student or of a cohort, as server-sent events."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any, TypeAlias

import msgspec
from fastapi import APIRouter, Depends, Header, Query, Request
from sse_starlette import EventSourceResponse, ServerSentEvent

from ..live_answers import Update, UpdateKind
from ..live_feeds import Feed
from ..problems import problems
from ..watching import Watch
from .access import Anyone, ReadableCohort, ReadableStudent, bearer_of, resources_of

HEARTBEAT_S = 15
LINE_END = "\n"
MAX_SECONDS = 86_400
GRACE_S = 1.0
"""How long the library leaves a stream alone that is being closed, before it breaks it off."""

router = APIRouter(prefix="/api/v1", responses=problems(401, 403))

_EVENT = {
    "type": "object",
    "properties": {
        "event": {"enum": [str(kind) for kind in UpdateKind]},
        "id": {"type": "string"},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
    "required": ["event", "data"],
}
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"description": "Events, each as described", "content": {"text/event-stream": {"schema": _EVENT}}}
}


async def _admitted(request: Request, who: Anyone) -> AsyncIterator[Watch]:
    with resources_of(request).live.admitted(who.user_id) as watch:
        yield watch


Listening: TypeAlias = Annotated[Watch, Depends(_admitted)]
"""What whoever is let in watches, for as long as the answer lasts."""

LastEventId: TypeAlias = Annotated[
    str | None, Header(description="The last id that was read: nothing is told twice of what it stands for.")
]
Seconds: TypeAlias = Annotated[
    int | None, Query(ge=0, le=MAX_SECONDS, description="End after so many seconds; 0 tells what is known and ends.")
]


@router.get(
    "/students/{student_id}/stream",
    name="stream",
    tags=["students"],
    response_class=EventSourceResponse,
    responses=_STREAM,
)
async def student(
    request: Request,
    student_id: ReadableStudent,
    watch: Listening,
    last_event_id: LastEventId = None,
    seconds: Seconds = None,
) -> EventSourceResponse:
    """Stream where the student stands and which struggles were opened and resolved, whenever that changes."""
    resources = resources_of(request)

    async def check() -> None:
        await resources.rights.check_student(await bearer_of(request), student_id)

    return _stream(request, resources.live.student(student_id, watch, last_event_id), watch, check, seconds)


@router.get(
    "/cohorts/{cohort_id}/stream",
    name="stream",
    tags=["cohorts"],
    response_class=EventSourceResponse,
    responses=_STREAM | problems(404),
)
async def cohort(
    request: Request,
    cohort_id: ReadableCohort,
    watch: Listening,
    last_event_id: LastEventId = None,
    seconds: Seconds = None,
) -> EventSourceResponse:
    """Stream where each student of the cohort stands, whenever that changes, and who comes and goes."""
    resources = resources_of(request)

    async def check() -> None:
        await resources.rights.check_cohort(await bearer_of(request), cohort_id)

    return _stream(request, await resources.live.cohort(cohort_id, watch, last_event_id), watch, check, seconds)


def _stream(
    request: Request, feed: Feed, watch: Watch, check: Callable[[], Awaitable[None]], seconds: int | None
) -> EventSourceResponse:
    updates = resources_of(request).live.follow(feed, watch, check=check, seconds=seconds)
    return EventSourceResponse(
        (_event(update) async for update in updates),
        ping=HEARTBEAT_S,
        ping_message_factory=lambda: ServerSentEvent(comment="still here", sep=LINE_END),
        sep=LINE_END,
        shutdown_grace_period=GRACE_S,
    )


def _event(update: Update) -> ServerSentEvent:
    data = msgspec.json.encode(update.content).decode()
    return ServerSentEvent(data, event=update.kind.value, id=update.id, sep=LINE_END)
