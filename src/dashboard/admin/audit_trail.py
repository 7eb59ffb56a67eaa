"""The audit trail searched: who did what, about whom, and when."""

from datetime import date
from typing import Annotated, Any

from fastapi import Request
from pydantic import BaseModel, BeforeValidator, Field
from starlette.responses import Response

from ...api.access import Admin, asked, resources_of
from ...audit_history import Wanted
from ...errors import BadRequest
from ...event_schema import calendar_date
from .frame import admin_page, admin_router, chosen, names_of, told

ROWS_PER_PAGE = 50

router = admin_router("/audit")


class AuditChoice(BaseModel):
    """Which rows are shown: the same as the interface takes."""

    subject: Annotated[str | None, Field(pattern=r"^(cohort:)?[A-Za-z0-9._-]+$", max_length=128)] = None
    actor: Annotated[str | None, Field(pattern="^[!-~]+$", max_length=128)] = None
    first: Annotated[date | None, BeforeValidator(calendar_date), Field(alias="from")] = None
    last: Annotated[date | None, BeforeValidator(calendar_date), Field(alias="to")] = None
    cursor: Annotated[str | None, Field(max_length=64)] = None


@router.get("")
async def search_audit_trail(request: Request, who: Admin) -> Response:
    """Show what was recorded, newest first."""
    del who
    choice, wrong = chosen(AuditChoice, request)
    asked(request).subject = choice.subject
    found: Any = None
    if not wrong:
        wanted = Wanted(choice.subject, choice.actor, choice.first, choice.last)
        try:
            found = await resources_of(request).audit_history.page(wanted, limit=ROWS_PER_PAGE, cursor=choice.cursor)
        except BadRequest as error:
            wrong = told(error)
    given = {name: request.query_params.get(name, "") for name in sorted(names_of(AuditChoice) - {"cursor"})}
    return admin_page(request, "audit.html", 400 if wrong else 200, wrong=wrong, found=found, given=given)
