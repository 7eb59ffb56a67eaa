"""Views of a class, for its teachers."""

from typing import Annotated, Any, TypeAlias

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import Response

from ..cohort_answers import (
    CohortMasteryAnswer,
    CohortStrugglesAnswer,
    CohortSummaryAnswer,
    ComparisonAnswer,
    HotspotsAnswer,
    TriageAnswer,
)
from ..cohort_views import Asked, CohortViews, Page, Sort
from ..domain.cohort_statistics import MAX_INACTIVE_DAYS, MAX_OPEN_STRUGGLES, Thresholds
from ..errors import BadRequest, Reason
from ..event_validator import explain
from ..problems import problems
from .access import ComparedCohort, ReadableCohort, resources_of
from .parameters import AsOf, Content, Cursor, IsoDate, Limit, Topic, WhatIf
from .spreadsheets import MEDIA_TYPE, spreadsheet, wants_csv

router = APIRouter(prefix="/api/v1/cohorts/{cohort_id}", tags=["cohorts"], responses=problems(401, 403, 404))

Share: TypeAlias = Annotated[float | None, Query(ge=0, le=1, description="Try this threshold; nothing is kept.")]
OpenStruggles: TypeAlias = Annotated[
    int | None, Query(ge=1, le=MAX_OPEN_STRUGGLES, description="Try this threshold; nothing is kept.")
]
InactiveDays: TypeAlias = Annotated[
    int | None, Query(ge=1, le=MAX_INACTIVE_DAYS, description="Try this threshold; nothing is kept.")
]


_USUAL = Thresholds()


class ThresholdsContent(BaseModel):
    """Where triage draws its lines; what is not given is as usual."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", title="ThresholdsContent")

    needs_help_below: Annotated[float, Field(ge=0, le=1)] = _USUAL.needs_help_below
    open_struggles: Annotated[int, Field(ge=1, le=MAX_OPEN_STRUGGLES)] = _USUAL.open_struggles
    inactive_days: Annotated[int, Field(ge=1, le=MAX_INACTIVE_DAYS)] = _USUAL.inactive_days
    excelling_from: Annotated[float, Field(ge=0, le=1)] = _USUAL.excelling_from


async def cohort_views(request: Request) -> CohortViews:
    """Return the service of the application."""
    return resources_of(request).cohort_views


async def asked_of_each(model: WhatIf, as_of: AsOf = None, topic: Topic = None) -> Asked:
    """Return what is asked of each student."""
    return Asked(model, as_of, topic)


async def page(limit: Limit = 100, cursor: Cursor = None) -> Page:
    """Return which part of a list is asked for."""
    return Page(limit, cursor)


async def moved_thresholds(
    needs_help_below: Share = None,
    open_struggles: OpenStruggles = None,
    inactive_days: InactiveDays = None,
    excelling_from: Share = None,
) -> dict[str, float]:
    """Return the thresholds to try."""
    given = {
        "needs_help_below": needs_help_below,
        "open_struggles": open_struggles,
        "inactive_days": inactive_days,
        "excelling_from": excelling_from,
    }
    return {name: value for name, value in given.items() if value is not None}


async def thresholds_content(content: Content) -> Thresholds:
    """Return the thresholds that the request describes; raises ``BadRequest`` with the reasons against them."""
    try:
        return Thresholds(**ThresholdsContent.model_validate(content).model_dump())
    except ValidationError as error:
        detail = "The thresholds are not valid."
        raise BadRequest(detail, {_known_field(reason): None for reason in explain(error)}) from None


def _known_field(reason: Reason) -> Reason:
    # The name of an unknown field is text of whoever sent it, and is not repeated.
    if reason.field in ("", *ThresholdsContent.model_fields):
        return reason
    return Reason("", "has a field that is not known")


Views: TypeAlias = Annotated[CohortViews, Depends(cohort_views)]
AskedOfEach: TypeAlias = Annotated[Asked, Depends(asked_of_each)]
PageAsked: TypeAlias = Annotated[Page, Depends(page)]
Moved: TypeAlias = Annotated[dict[str, float], Depends(moved_thresholds)]
Described: TypeAlias = Annotated[Thresholds, Depends(thresholds_content)]

_CSV: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A page of the table; with `Accept: text/csv` all of it as a file",
        "content": {MEDIA_TYPE: {"schema": {"type": "string"}}},
    }
}
_SCHEMA = ThresholdsContent.model_json_schema() | {"example": {"needs_help_below": 0.4, "inactive_days": 14}}
_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": _SCHEMA}}}}


@router.get("/mastery", response_model=CohortMasteryAnswer, responses=_CSV)
async def mastery(
    request: Request,
    cohort_id: ReadableCohort,
    views: Views,
    asked: AskedOfEach,
    page: PageAsked,
    sort: Annotated[Sort, Query(description="With a minus the largest come first; nulls come last.")] = Sort.STUDENT_ID,
) -> Response:
    """Return a row per student, as the student's own answer; as CSV the scores of all of them."""
    if wants_csv(request):
        return spreadsheet(await views.table(cohort_id, asked, sort))
    return _json(await views.mastery(cohort_id, asked, sort, page), {"Vary": "Accept"})


@router.get("/summary", response_model=CohortSummaryAnswer)
async def summary(cohort_id: ReadableCohort, views: Views, asked: AskedOfEach) -> Response:
    """Return what can be said of the students together: as a whole, and by topic over those with evidence of it."""
    return _json(await views.summary(cohort_id, asked))


@router.get("/compare", response_model=ComparisonAnswer)
async def compare(
    cohort_id: ReadableCohort,
    other: ComparedCohort,
    views: Views,
    asked: AskedOfEach,
    with_as_of: Annotated[
        IsoDate | None, Query(description="The day for the other side; `as_of` when not given.")
    ] = None,
) -> Response:
    """Compare with another cohort, or with itself at another date: then the same students with themselves."""
    return _json(await views.compare(cohort_id, asked, other, with_as_of))


@router.get("/triage", response_model=TriageAnswer)
async def triage(cohort_id: ReadableCohort, views: Views, model: WhatIf, moved: Moved) -> Response:
    """Return every student in exactly one group, with what put them there; as of today."""
    return _json(await views.triage(cohort_id, model, moved))


@router.put("/triage/thresholds", response_model=Thresholds, responses=problems(408, 413, 415), openapi_extra=_BODY)
async def put_thresholds(cohort_id: ReadableCohort, views: Views, thresholds: Described) -> Response:
    """Move the thresholds of this cohort; the cohort's teachers and admins may."""
    return _json(await views.set_thresholds(cohort_id, thresholds))


@router.get("/hotspots", response_model=HotspotsAnswer)
async def hotspots(cohort_id: ReadableCohort, views: Views) -> Response:
    """Return the topics by the share of the students with evidence of them who have an open struggle there."""
    return _json(await views.hotspots(cohort_id))


@router.get("/struggles", response_model=CohortStrugglesAnswer)
async def struggles(cohort_id: ReadableCohort, views: Views, page: PageAsked) -> Response:
    """Return the open struggles of all students, newest first."""
    return _json(await views.struggles(cohort_id, page))


def _json(answer: object, headers: dict[str, str] | None = None) -> Response:
    body = answer if isinstance(answer, bytes) else msgspec.json.encode(answer)
    return Response(body, headers=headers, media_type="application/json")
