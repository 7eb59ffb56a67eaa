"""Cohorts and who belongs to them."""

import re
from itertools import islice
from typing import Annotated, Any, TypeAlias

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema
from starlette.responses import Response

from ..cohort_service import CohortAnswer, CohortsAnswer, CohortService, TaggedCohort
from ..domain.cohorts import MAX_NAME, MAX_STUDENTS, MAX_TEACHERS, Cohort, Membership
from ..errors import BadRequest, Reason
from ..event_schema import Refusal, ShortId
from ..event_validator import explain
from ..problems import problems
from ..security import Role, is_user_id
from .access import Admin, CohortId, ReadableCohort, Staff, StudentId, resources_of
from .conditions import NOT_MODIFIED, Condition, is_known
from .parameters import Content, Limit

MAX_REASONS = 100
"""How many of the reasons against a cohort are told; thousands of members may be at fault."""

router = APIRouter(prefix="/api/v1/cohorts", tags=["cohorts"], responses=problems(401, 403))

_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def _user_id(text: str) -> str:
    if not is_user_id(text):
        reason = "must consist of 1 to 128 printable ASCII characters without spaces"
        raise Refusal(reason)
    return text


def _name(text: str) -> str:
    if not _NAME.fullmatch(text) or text.isspace():
        reason = "must be text of one line"
        raise Refusal(reason)
    return text


TeacherId: TypeAlias = Annotated[
    str, AfterValidator(_user_id), WithJsonSchema({"type": "string", "pattern": "^[!-~]{1,128}$"})
]
Name: TypeAlias = Annotated[
    str,
    Field(min_length=1, max_length=MAX_NAME, json_schema_extra={"pattern": f"^{_NAME.pattern}$"}),
    AfterValidator(_name),
]
UserId: TypeAlias = Annotated[
    str,
    Path(description="The user id of a teacher, as it stands in their token.", examples=["teacher-001"]),
    AfterValidator(_user_id),
    WithJsonSchema({"type": "string", "pattern": "^[!-~]{1,128}$"}),
]


class CohortContent(BaseModel):
    """What a cohort is to be."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", title="CohortContent")

    cohort_id: Annotated[ShortId | None, Field(description="As in the path, where it is given.")] = None
    name: Name
    teachers: Annotated[list[TeacherId], Field(max_length=MAX_TEACHERS)]
    students: Annotated[list[ShortId], Field(max_length=MAX_STUDENTS)]


async def cohort_service(request: Request) -> CohortService:
    """Return the service of the application."""
    return resources_of(request).cohorts


async def cohort_content(content: Content) -> CohortContent:
    """Return what the request describes; raises ``BadRequest`` with the reasons against it."""
    try:
        return CohortContent.model_validate(content)
    except ValidationError as error:
        detail = "The cohort is not valid."
        raise BadRequest(detail, islice(map(_known_field, explain(error)), MAX_REASONS)) from None


Cohorts: TypeAlias = Annotated[CohortService, Depends(cohort_service)]
Described: TypeAlias = Annotated[CohortContent, Depends(cohort_content)]

_TAG = {"ETag": {"description": "Changes with every change", "schema": {"type": "string"}}}
_CREATED: dict[int | str, dict[str, Any]] = {
    200: {"description": "Replaced, or the same as before", "headers": _TAG},
    201: {"model": CohortAnswer, "description": "Made", "headers": _TAG},
}
_SCHEMA = CohortContent.model_json_schema() | {
    "example": {"name": "Loops, spring", "teachers": ["teacher-001"], "students": ["student-001", "student-002"]}
}
_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": _SCHEMA}}}}
_CONDITIONS: list[dict[str, Any]] = [
    {"in": "header", "name": name, "schema": {"type": "string"}, "description": description}
    for name, description in {
        "If-Match": "Change the cohort only if it still has this ETag.",
        "If-None-Match": "`*`: only if there is no such cohort.",
    }.items()
]


@router.get("", response_model=CohortsAnswer)
async def cohorts(
    who: Staff,
    service: Cohorts,
    limit: Limit = 100,
    cursor: Annotated[str | None, Query(max_length=128, description="``next`` of the page before.")] = None,
) -> Response:
    """Return the cohorts of who asks, by id; to an admin all."""
    teacher = None if who.has(Role.ADMIN) else who.user_id
    return _json(await service.list(teacher=teacher, limit=limit, cursor=cursor))


@router.get("/{cohort_id}", response_model=CohortAnswer, responses=NOT_MODIFIED | problems(404))
async def cohort(request: Request, cohort_id: ReadableCohort, service: Cohorts) -> Response:
    """Return a cohort with all its members. Its teachers and admins may read it."""
    found = await service.get(cohort_id)
    if is_known(request, found.etag):
        return Response(status_code=304, headers={"ETag": found.etag})
    return _shown(found)


@router.put(
    "/{cohort_id}",
    response_model=CohortAnswer,
    responses=_CREATED | problems(408, 412, 413, 415),
    openapi_extra=_BODY | {"parameters": _CONDITIONS},
)
async def put(who: Admin, cohort_id: CohortId, service: Cohorts, content: Described, condition: Condition) -> Response:
    """Make a cohort (201), or replace it as a whole (200).

    Who stands twice counts once. What a teacher may read changes at once.
    """
    del who
    if content.cohort_id not in (None, cohort_id):
        detail = "The content is about another cohort than the path."
        raise BadRequest(detail, [Reason("cohort_id", "must be the id in the path")])
    described = Cohort.of(cohort_id, content.name, teachers=content.teachers, students=content.students)
    found, is_new = await service.put(described, condition)
    return _shown(found, 201 if is_new else 200)


@router.delete(
    "/{cohort_id}", status_code=204, responses=problems(404, 412), openapi_extra={"parameters": _CONDITIONS[:1]}
)
async def delete(who: Admin, cohort_id: CohortId, service: Cohorts, condition: Condition) -> Response:
    """Remove a cohort; of its students nothing but the membership goes."""
    del who
    await service.delete(cohort_id, condition)
    return Response(status_code=204)


@router.put("/{cohort_id}/students/{student_id}", status_code=204, responses=problems(404, 409))
async def add_student(who: Admin, cohort_id: CohortId, student_id: StudentId, service: Cohorts) -> Response:
    """Make a student a member, who need not have any evidence yet; one who is a member stays one."""
    del who
    await service.add(cohort_id, Membership.STUDENTS, student_id)
    return Response(status_code=204)


@router.delete("/{cohort_id}/students/{student_id}", status_code=204, responses=problems(404))
async def remove_student(who: Admin, cohort_id: CohortId, student_id: StudentId, service: Cohorts) -> Response:
    """Take a student out of the cohort; one who is no member stays none."""
    del who
    await service.remove(cohort_id, Membership.STUDENTS, student_id)
    return Response(status_code=204)


@router.put("/{cohort_id}/teachers/{user_id}", status_code=204, responses=problems(404, 409))
async def add_teacher(who: Admin, cohort_id: CohortId, user_id: UserId, service: Cohorts) -> Response:
    """Make somebody a teacher of the cohort; they read its students with a token that has the role teacher."""
    del who
    await service.add(cohort_id, Membership.TEACHERS, user_id)
    return Response(status_code=204)


@router.delete("/{cohort_id}/teachers/{user_id}", status_code=204, responses=problems(404))
async def remove_teacher(who: Admin, cohort_id: CohortId, user_id: UserId, service: Cohorts) -> Response:
    """Take a teacher out of the cohort, who from now on reads none of its students through it."""
    del who
    await service.remove(cohort_id, Membership.TEACHERS, user_id)
    return Response(status_code=204)


def _shown(found: TaggedCohort, status: int = 200) -> Response:
    return _json(found.cohort, status, {"ETag": found.etag})


def _json(answer: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(answer), status, headers, "application/json")


def _known_field(reason: Reason) -> Reason:
    # The name of an unknown field is text of whoever sent it, and is not repeated.
    is_known_field = reason.field.partition(".")[0] in CohortContent.model_fields
    return reason if is_known_field else Reason("", "has a field that is not known" if reason.field else reason.reason)
