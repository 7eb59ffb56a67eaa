"""The routes of the dashboard: its first page, and those of each part."""

from fastapi import APIRouter, Depends
from starlette.responses import RedirectResponse, Response

from ..api.access import Anyone
from ..errors import Forbidden
from . import assets, classes, sign_in, students, thresholds
from .admin import pages as admin
from .navigation import home_of
from .sessions import PATH, session

router = APIRouter(include_in_schema=False, tags=["dashboard"])


@router.get(PATH, dependencies=[Depends(session)])
async def home(who: Anyone) -> Response:
    """Lead to the first page of who asks."""
    address = home_of(who)
    if address is None:
        detail = "There are no pages for your role."
        raise Forbidden(detail)
    return RedirectResponse(address, 303)


router.include_router(assets.router)
router.include_router(sign_in.router)
router.include_router(students.router)
router.include_router(classes.router)
router.include_router(thresholds.router)
router.include_router(admin.router)
