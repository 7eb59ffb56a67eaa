"""The pages of classes: those that somebody teaches, and each of them from several sides."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from ..api.access import Staff
from ..api.cohorts import Cohorts
from ..security import Role
from .rendering import page
from .sessions import PATH, session

CLASSES_PER_PAGE = 60

router = APIRouter(
    prefix=PATH + "/classes", include_in_schema=False, tags=["dashboard"], dependencies=[Depends(session)]
)


@router.get("")
async def classes(
    request: Request,
    who: Staff,
    service: Cohorts,
    cursor: Annotated[str | None, Query(max_length=128)] = None,
) -> Response:
    """Show the classes of who asks, to an admin all."""
    teacher = None if who.has(Role.ADMIN) else who.user_id
    found = await service.list(teacher=teacher, limit=CLASSES_PER_PAGE, cursor=cursor)
    return page(request, "class/list.html", classes=found.cohorts, next_cursor=found.next, every=teacher is None)
