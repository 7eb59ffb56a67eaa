"""What is known of one student."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from ..answers import HistoryAnswer, MasteryAnswer, OutcomesAnswer, StrugglesAnswer
from ..domain.explanation import Explanation
from ..domain.history import Interval
from ..errors import BadRequest, Reason
from ..problems import problems
from .access import ReadableStudent
from .conditions import NOT_MODIFIED, tagged
from .parameters import AsOf, IsoDate, Limit, Mastery, MethodName, Topic

router = APIRouter(prefix="/api/v1/students/{student_id}", tags=["students"], responses=problems(401, 403))


@router.get("/mastery", response_model=MasteryAnswer, responses=NOT_MODIFIED)
async def mastery(
    request: Request,
    student_id: ReadableStudent,
    service: Mastery,
    as_of: AsOf = None,
    topic: Topic = None,
    method: MethodName = None,
) -> Response:
    """Return where the student stands, as a whole and in each topic; with ``topic`` in that topic only."""
    return tagged(request, await service.mastery(student_id, as_of=as_of, topic=topic, method=method))


@router.get("/mastery/explanation", response_model=Explanation, responses=NOT_MODIFIED)
async def explanation(
    request: Request, student_id: ReadableStudent, service: Mastery, as_of: AsOf = None, topic: Topic = None
) -> Response:
    """Return what the score is made of, to the last millionth, and what would raise it most."""
    return tagged(request, await service.explanation(student_id, as_of=as_of, topic=topic))


@router.get("/mastery/history", response_model=HistoryAnswer, responses=NOT_MODIFIED)
async def history(
    request: Request,
    student_id: ReadableStudent,
    service: Mastery,
    first: Annotated[IsoDate | None, Query(alias="from", description="29 days before the last when not given.")] = None,
    last: Annotated[IsoDate | None, Query(alias="to", description="Today when not given.")] = None,
    interval: Annotated[Interval, Query(description="A week ends on Sunday.")] = Interval.DAY,
    topic: Topic = None,
) -> Response:
    """Return the standing at the end of each day, week or month; the last point is on ``to``."""
    answer = await service.history(student_id, first=first, last=last, interval=interval, topic=topic)
    return tagged(request, answer)


@router.get("/outcomes", response_model=OutcomesAnswer)
async def outcomes(
    student_id: ReadableStudent,
    service: Mastery,
    limit: Limit = 100,
    cursor: Annotated[str | None, Query(max_length=512, description="``next`` of the page before.")] = None,
) -> Response:
    """Return what the student did lately, newest first."""
    before = None if cursor is None else _position(cursor)
    return Response(
        msgspec.json.encode(await service.outcomes(student_id, limit=limit, before=before)),
        media_type="application/json",
    )


@router.get("/struggles", response_model=StrugglesAnswer)
async def struggles(
    student_id: ReadableStudent,
    service: Mastery,
    only_open: Annotated[bool, Query(alias="open", description="Leave out what is resolved.")] = False,  # noqa: FBT002  # a query parameter
) -> Response:
    """Return the signs that the student needs help, newest first."""
    found = await service.struggles(student_id, only_open=only_open)
    return Response(msgspec.json.encode(found), media_type="application/json")


def _position(cursor: str) -> tuple[int, str, int]:
    try:
        return msgspec.json.decode(bytes.fromhex(cursor), type=tuple[int, str, int])
    except (ValueError, msgspec.MsgspecError):
        detail = "The cursor is not one that this service gave."
        raise BadRequest(detail, [Reason("cursor", "is not a cursor of this list")]) from None
