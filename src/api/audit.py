"""The audit trail: who did what, and when."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from ..audit_answers import AuditAnswer
from ..audit_history import Wanted
from ..problems import problems
from .access import Admin, asked, resources_of
from .parameters import IsoDate, Limit

router = APIRouter(prefix="/api/v1/audit", tags=["audit"], responses=problems(401, 403))

_SUBJECT = r"^(cohort:)?[A-Za-z0-9._-]+$"


@router.get("", response_model=AuditAnswer, name="read")
async def audit(
    request: Request,
    who: Admin,
    subject: Annotated[
        str | None,
        Query(
            pattern=_SUBJECT,
            max_length=128,
            description="Only what is about this student or teacher, by their own id; of a cohort ``cohort:ID``.",
        ),
    ] = None,
    actor: Annotated[
        str | None,
        Query(
            pattern="^[!-~]+$",
            max_length=128,
            description="Only what this person did, by their ``user_id``; at the command line ``cli:UID``.",
        ),
    ] = None,
    first: Annotated[IsoDate | None, Query(alias="from", description="The first day, UTC.")] = None,
    last: Annotated[IsoDate | None, Query(alias="to", description="The last day, UTC.")] = None,
    limit: Limit = 100,
    cursor: Annotated[str | None, Query(max_length=64, description="``next`` of the page before.")] = None,
) -> Response:
    """Return what was recorded, newest first; people are pseudonyms, which only the service can find by their ids.

    A page may hold fewer than ``limit`` though there are more: what counts is ``next``.
    """
    del who
    asked(request).subject = subject
    history = resources_of(request).audit_history
    answer = await history.page(Wanted(subject, actor, first, last), limit=limit, cursor=cursor)
    return Response(msgspec.json.encode(answer), media_type="application/json")
