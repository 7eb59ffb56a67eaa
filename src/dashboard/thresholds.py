"""The page on which a teacher moves the thresholds of triage, and sees what that changes before it is kept."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from ..api.access import ReadableCohort
from ..api.cohort_views import Moved, ThresholdsContent, Views
from ..api.parameters import Mastery
from ..cohort_answers import TriageAnswer
from ..cohort_views import CohortViews
from ..domain.cohort_statistics import Thresholds
from ..domain.model import MasteryModel
from ..errors import BadRequest
from ..event_validator import explain
from . import class_views as views
from .classes import about_class
from .navigation import class_address
from .rendering import page
from .sessions import PATH, Posted, session

router = APIRouter(
    prefix=PATH + "/classes/{cohort_id}/thresholds",
    include_in_schema=False,
    tags=["dashboard"],
    dependencies=[Depends(session)],
)


@router.get("")
async def thresholds(
    request: Request,
    cohort_id: ReadableCohort,
    service: Views,
    mastery: Mastery,
    moved: Moved,
    saved: Annotated[bool, Query()] = False,  # noqa: FBT002  # a query parameter
) -> Response:
    """Show the thresholds, and what would change with those that are tried."""
    return await _shown(request, cohort_id, service, mastery.what_if(None, None), moved, saved=saved)


@router.post("")
async def keep_thresholds(
    request: Request, cohort_id: ReadableCohort, service: Views, mastery: Mastery, fields: Posted
) -> Response:
    """Keep the thresholds that were tried."""
    try:
        content = ThresholdsContent.model_validate_strings(fields).model_dump()
        await service.set_thresholds(cohort_id, Thresholds(**content))
    except ValidationError as error:
        wrong = {reason.field: reason.reason for reason in explain(error)}
        return await _shown(request, cohort_id, service, mastery.what_if(None, None), {}, wrong=wrong)
    except BadRequest as error:
        wrong = {reason.field: reason.reason for reason in error.reasons}
        return await _shown(request, cohort_id, service, mastery.what_if(None, None), {}, wrong=wrong)
    return RedirectResponse(f"{class_address(cohort_id)}/thresholds?saved=true", 303)


async def _shown(
    request: Request,
    cohort_id: str,
    service: CohortViews,
    model: MasteryModel,
    moved: dict[str, float],
    *,
    saved: bool = False,
    wrong: dict[str, str] | None = None,
) -> Response:
    about: dict[str, Any] = await about_class(request, cohort_id)
    kept = await _triage(service, cohort_id, model, {})
    tried, wrong = kept, wrong or {}
    try:
        tried = await _triage(service, cohort_id, model, moved)
    except BadRequest as error:
        wrong = {reason.field: reason.reason for reason in error.reasons}
    shown = {name: getattr(tried.thresholds, name) for name in ThresholdsContent.model_fields} | moved
    part = "class/effect.html" if request.headers.get("hx-request") else "class/thresholds.html"
    status = 400 if wrong and part != "class/effect.html" else 200
    return page(
        request,
        part,
        status,
        **about,
        shown=shown,
        preview=tried.preview,
        moves=views.moves(kept, tried),
        wrong=wrong,
        saved=saved,
    )


async def _triage(service: CohortViews, cohort_id: str, model: MasteryModel, moved: dict[str, float]) -> TriageAnswer:
    return msgspec.json.decode(await service.triage(cohort_id, model, moved), type=TriageAnswer)
