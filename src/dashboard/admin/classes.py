"""Classes edited: made, renamed, their students and teachers changed, removed."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Query, Request
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from ...api.access import Admin, CohortId, asked
from ...api.cohorts import CohortContent, Cohorts
from ...cohort_service import CohortAnswer, CohortService, TaggedCohort
from ...domain.cohorts import Cohort
from ...errors import PreconditionFailed
from ...event_validator import explain
from ...preconditions import Precondition
from ...security import is_cohort_id
from ..sessions import Posted
from ..words import N_
from .frame import ADMIN, admin_page, admin_router, at_lines, by_field, lines_of

BASE = f"{ADMIN}/classes"
CLASSES_PER_PAGE = 100
TAKEN = N_("There is a class with this id.")
CHANGED = N_("Somebody changed this class in the meantime. This is how it is now; make your change again.")
CONFIRM = N_("Type the id of the class exactly as it stands above.")
LISTS = ("teachers", "students")

router = admin_router("/classes")


@router.get("")
async def list_classes(
    request: Request, who: Admin, service: Cohorts, cursor: Annotated[str | None, Query(max_length=128)] = None
) -> Response:
    """Show all classes, and the form for another."""
    del who
    return await _list(request, service, {}, cursor=cursor)


@router.post("")
async def make_class(request: Request, who: Admin, service: Cohorts, fields: Posted) -> Response:
    """Make a class; nobody belongs to it yet."""
    del who
    cohort_id = fields.get("cohort_id", "").strip()
    content, wrong = _described(fields | {"cohort_id": cohort_id})
    if not is_cohort_id(cohort_id):
        wrong = {"cohort_id": "must consist of the characters A-Z a-z 0-9 . _ -"} | wrong
    if wrong or content is None:
        return await _list(request, service, fields, wrong)
    asked(request).subject = f"cohort:{cohort_id}"
    try:
        await service.put(Cohort.of(cohort_id, content.name), Precondition(none_match=frozenset({"*"})))
    except PreconditionFailed:
        return await _list(request, service, fields, {"cohort_id": TAKEN})
    return RedirectResponse(f"{BASE}/{cohort_id}", 303)


@router.get("/{cohort_id}")
async def show_class(
    request: Request,
    who: Admin,
    cohort_id: CohortId,
    service: Cohorts,
    saved: Annotated[bool, Query()] = False,  # noqa: FBT002  # a query parameter
) -> Response:
    """Show who belongs to a class, to change it."""
    del who
    found = await service.get(cohort_id)
    return _form(request, found, _given(found.cohort), saved=saved)


@router.post("/{cohort_id}")
async def change_class(request: Request, who: Admin, cohort_id: CohortId, service: Cohorts, fields: Posted) -> Response:
    """Make a class what stands in the form, if nobody changed it since the form was opened."""
    del who
    found = await service.get(cohort_id)
    content, wrong = _described(fields)
    if wrong or content is None:
        return _form(request, found, {**_given(found.cohort), **fields}, wrong)
    described = Cohort.of(cohort_id, content.name, teachers=content.teachers, students=content.students)
    try:
        await service.put(described, Precondition(match=frozenset({fields.get("version", "")})))
    except PreconditionFailed:
        return _form(request, found, _given(found.cohort), {"": CHANGED}, 412)
    return RedirectResponse(f"{BASE}/{cohort_id}?saved=true", 303)


@router.post("/{cohort_id}/remove")
async def remove_class(request: Request, who: Admin, cohort_id: CohortId, service: Cohorts, fields: Posted) -> Response:
    """Remove a class, whose id was typed again; of its students nothing but the membership goes."""
    del who
    found = await service.get(cohort_id)
    if fields.get("again", "").strip() != cohort_id:
        return _form(request, found, _given(found.cohort), {"again": CONFIRM})
    await service.delete(cohort_id, Precondition())
    return RedirectResponse(BASE, 303)


async def _list(
    request: Request,
    service: CohortService,
    fields: Mapping[str, str],
    wrong: dict[str, str] | None = None,
    cursor: str | None = None,
) -> Response:
    found = await service.list(teacher=None, limit=CLASSES_PER_PAGE, cursor=cursor)
    return admin_page(
        request,
        "classes.html",
        400 if wrong else 200,
        wrong=wrong or {},
        given={name: fields.get(name, "") for name in ("cohort_id", "name")},
        classes=found.cohorts,
        next_cursor=found.next,
    )


def _form(
    request: Request,
    found: TaggedCohort,
    given: Mapping[str, str],
    wrong: dict[str, str] | None = None,
    status: int = 400,
    *,
    saved: bool = False,
) -> Response:
    return admin_page(
        request,
        "class.html",
        status if wrong else 200,
        wrong=wrong or {},
        cohort=found.cohort,
        version=found.etag,
        given=given,
        saved=saved,
    )


def _described(fields: Mapping[str, str]) -> tuple[CohortContent | None, dict[str, str]]:
    """Return the class that a form describes, or what is wrong by field."""
    content: dict[str, Any] = {name: lines_of(fields.get(name, "")) for name in LISTS}
    try:
        return CohortContent.model_validate(content | {"name": fields.get("name", "").strip()}), {}
    except ValidationError as error:
        return None, by_field(at_lines(explain(error), LISTS))


def _given(cohort: CohortAnswer) -> dict[str, str]:
    return {"name": cohort.name, "teachers": "\n".join(cohort.teachers), "students": "\n".join(cohort.students)}
