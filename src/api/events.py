"""The HTTP door for events, and what became of one."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from ..domain.events import EventStatus
from ..errors import BadRequest, Conflict, NotFound, Reason
from ..mastery_service import EventResult
from ..problems import FieldProblem, problems
from .access import Ingester, StudentId
from .parameters import Content, Mastery

MAX_EVENTS = 1000

router = APIRouter(prefix="/api/v1", tags=["events"])

EventId = Annotated[
    str, Path(pattern=r"^[A-Za-z0-9._-]+$", min_length=1, max_length=128, description="The id of an event.")
]


class ItemResult(BaseModel):
    """What became of one event."""

    event_id: str | None
    status: EventStatus
    errors: list[FieldProblem] | None = None


class IngestResult(BaseModel):
    """What became of each event, in the order of the request; of a single event also beside the list."""

    model_config = ConfigDict(title="IngestResult")

    results: list[ItemResult]
    event_id: str | None = None
    status: EventStatus | None = None


class EventState(BaseModel):
    """What became of an event that was sent earlier."""

    event_id: str
    status: EventStatus


_QUEUED: dict[int | str, dict[str, Any]] = {202: {"model": IngestResult, "description": "Queued"}}
EXAMPLE = {
    "event_id": "quiz-2026-01-15-0001",
    "event_type": "quiz.completed",
    "student_id": "student-001",
    "timestamp": "2026-01-15T10:30:00Z",
    "topic": "loops",
    "source": "exercise-agent",
    "data": {"total_questions": 5, "correct_answers": 4},
}


@router.post(
    "/events",
    response_model=IngestResult,
    responses=_QUEUED | problems(401, 403, 408, 409, 413, 415),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "oneOf": [
                            {"$ref": "#/components/schemas/Event"},
                            {
                                "type": "array",
                                "maxItems": MAX_EVENTS,
                                "items": {"$ref": "#/components/schemas/Event"},
                            },
                        ]
                    },
                    "example": EXAMPLE,
                }
            },
        }
    },
)
async def ingest(who: Ingester, mastery: Mastery, content: Content) -> Response:
    """Take one event or an array of at most 1000; each is counted once.

    They are applied at once (200), or where Kafka is configured queued (202) and applied within moments.

    A single event that is not valid is answered with 400, one that contradicts an earlier event with the same id with
    409; of an array every event is answered in the list. Plain events and CloudEvents 1.0 are understood.
    """
    del who
    if not isinstance(content, list):
        return _json(single_result((await mastery.ingest([content]))[0]), 202 if mastery.queues else 200)
    if len(content) > MAX_EVENTS:
        detail = f"At most {MAX_EVENTS} events are taken at once."
        raise BadRequest(detail, [Reason("", f"must have at most {MAX_EVENTS} entries")])
    results = [_shown(result) for result in await mastery.ingest(content)]
    return _json({"results": results}, 202 if mastery.queues else 200)


@router.get("/students/{student_id}/events/{event_id}", response_model=EventState, responses=problems(401, 403, 404))
async def event(student_id: StudentId, event_id: EventId, mastery: Mastery, who: Ingester) -> Response:
    """Tell what became of an event: 404 while nothing has, and for what was invalid."""
    del who
    status = await mastery.event_status(student_id, event_id)
    if status is None:
        detail = "It is not known what became of such an event."
        raise NotFound(detail)
    return _json({"event_id": event_id, "status": status})


def single_result(result: EventResult) -> dict[str, Any]:
    """Return the answer to one event; raises where it is invalid or a conflict."""
    if result.status is EventStatus.INVALID:
        detail = "The event is not valid."
        raise BadRequest(detail, result.errors)
    if result.status is EventStatus.CONFLICT:
        detail = "An event with this id and other content was counted before."
        raise Conflict(detail, [Reason("event_id", "was counted with other content")])
    shown = _shown(result)
    return {"results": [shown], **shown}


def _shown(result: EventResult) -> dict[str, Any]:
    shown: dict[str, Any] = {"event_id": result.event_id, "status": result.status}
    if result.errors:
        shown["errors"] = [reason._asdict() for reason in result.errors]
    return shown


def _json(content: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")
