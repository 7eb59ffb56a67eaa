"""What is known of one student."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from ..answers import (
    HistoryAnswer,
    MasteryAnswer,
    OutcomesAnswer,
    PathAnswer,
    RecommendationsAnswer,
    StrugglesAnswer,
)
from ..domain.explanation import Explanation
from ..domain.forecast import WEEK, Forecast
from ..domain.history import Interval
from ..errors import BadRequest, Reason
from ..event_schema import ShortId
from ..mastery_service import Answer
from ..prediction_service import ResponsePredictions
from ..problems import problems
from .access import ReadableStudent
from .conditions import NOT_MODIFIED, tagged
from .curriculum import TheCurriculum
from .parameters import AsOf, IsoDate, Limit, Mastery, Topic, WhatIf
from .questions import At, Predictions, Questions

router = APIRouter(prefix="/api/v1/students/{student_id}", tags=["students"], responses=problems(401, 403))


@router.get("/mastery", response_model=MasteryAnswer, responses=NOT_MODIFIED)
async def mastery(
    request: Request,
    student_id: ReadableStudent,
    service: Mastery,
    model: WhatIf,
    as_of: AsOf = None,
    topic: Topic = None,
) -> Response:
    """Return where the student stands, as a whole and in each topic; with ``topic`` in that topic only.

    With ``method`` or ``weights`` the answer is what it would be with these, and says so.
    """
    return tagged(request, await service.mastery(student_id, as_of=as_of, topic=topic, model=model))


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
    model: WhatIf,
    first: Annotated[IsoDate | None, Query(alias="from", description="29 days before the last when not given.")] = None,
    last: Annotated[IsoDate | None, Query(alias="to", description="Today when not given.")] = None,
    interval: Annotated[Interval, Query(description="A week ends on Sunday.")] = Interval.DAY,
    topic: Topic = None,
) -> Response:
    """Return the standing at the end of each day, week or month; the last point is on ``to``."""
    answer = await service.history(student_id, first=first, last=last, interval=interval, topic=topic, model=model)
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


@router.get("/predictions", response_model=Forecast)
async def predictions(
    student_id: ReadableStudent,
    service: Mastery,
    horizon_days: Annotated[int, Query(ge=1, le=30, description="How many days ahead.")] = WEEK,
) -> Response:
    """Return where the student's mastery is expected to be, how sure that is, and the risk of ending low.

    Without enough evidence nothing is expected: ``status`` tells, and the rest is null.
    """
    return _private(await service.forecast(student_id, horizon_days=horizon_days))


@router.get("/predictions/responses", response_model=ResponsePredictions, responses=NOT_MODIFIED)
async def responses(
    request: Request, student_id: ReadableStudent, service: Predictions, questions: Questions, at: At = None
) -> Response:
    """Return how likely the student answers questions right, predicted from their recent answers.

    Without a fitted model it is their own rate, smoothed, and ``model`` says so.
    """
    return tagged(request, await service.responses(student_id, questions, at_us=at))


@router.get("/recommendations", response_model=RecommendationsAnswer)
async def recommendations(
    student_id: ReadableStudent,
    service: Mastery,
    curriculum: TheCurriculum,
    limit: Annotated[int, Query(ge=1, le=50, description="At most so many.")] = 5,
) -> Response:
    """Return what the student should do next, most important first, with the reasons.

    Nothing whose prerequisites are missing is recommended; without evidence it is the start of the curriculum.
    """
    return _private(await service.recommendations(student_id, await curriculum.get(), limit=limit))


@router.get("/learning-path", response_model=PathAnswer)
async def learning_path(
    student_id: ReadableStudent,
    service: Mastery,
    curriculum: TheCurriculum,
    target: Annotated[ShortId, Query(description="The topic to get to.")],
) -> Response:
    """Return everything that leads to a topic of the curriculum, in the order in which to learn it."""
    return _private(await service.learning_path(student_id, await curriculum.get(), target=target))


def _private(answer: Answer) -> Response:
    # Without an ETag: more than the state and the day goes into it.
    return Response(answer.body, media_type="application/json")


def _position(cursor: str) -> tuple[int, str, int]:
    try:
        return msgspec.json.decode(bytes.fromhex(cursor), type=tuple[int, str, int])
    except (ValueError, msgspec.MsgspecError):
        detail = "The cursor is not one that this service gave."
        raise BadRequest(detail, [Reason("cursor", "is not a cursor of this list")]) from None
