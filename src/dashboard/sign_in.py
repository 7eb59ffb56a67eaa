"""Signing in with a token of the platform or, in development, as somebody of the demonstration; signing out."""

from typing import NamedTuple
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from ..api.access import admitted, asked, resources_of
from ..config import Environment
from ..errors import CommandFailed, Forbidden, NotFound, Unauthorized
from ..security import Principal, Role
from .navigation import HOME, home_of
from .rendering import page
from .sessions import MAX_COOKIE_TOKEN, PATH, Posted, begin, end, is_local, recognise, session, visit
from .words import N_

DEMO_S = 12 * 3600
DEMO_STUDENTS = 10
DEMO_COHORT, DEMO_TEACHER, DEMO_ADMIN = "demo", "teacher-001", "admin-001"

router = APIRouter(prefix=PATH, include_in_schema=False, tags=["dashboard"])


class Person(NamedTuple):
    """Somebody of the demonstration."""

    user_id: str
    role: Role


@router.get("/sign-in", dependencies=[Depends(visit)])
async def sign_in(request: Request) -> Response:
    """Show the form for signing in."""
    return await _form(request, next_page=request.query_params.get("next", ""))


@router.post("/sign-in", dependencies=[Depends(visit)])
async def begin_session(request: Request, fields: Posted) -> Response:
    """Begin a session with a token of the platform."""
    next_page = fields.get("next", "")
    token = fields.get("token", "").strip().removeprefix("Bearer ").strip()
    if len(token) > MAX_COOKIE_TOKEN:
        return await _form(request, 400, next_page=next_page, error=N_("This token is too long for a browser to keep."))
    asked(request).action = "dashboard.sign-in"
    try:
        who = await admitted(request, token)
    except Unauthorized:
        error = N_("This token is not valid, or no longer. Ask for a new one where you got it.")
        return await _form(request, 401, next_page=next_page, error=error)
    return _begun(request, who, token, next_page)


@router.post("/sign-in/demo", dependencies=[Depends(visit)])
async def begin_demo(request: Request, fields: Posted) -> Response:
    """Begin a session as one of the people of the demonstration."""
    people = {person.user_id: person for person in await _people(request)}
    person = people.get(fields.get("user_id", ""))
    if person is None:
        detail = "There is no such person to sign in as."
        raise NotFound(detail)
    token = resources_of(request).security.issue_jwt(person.user_id, [person.role], DEMO_S)
    asked(request).action = "dashboard.sign-in"
    asked(request).facts["demonstration"] = True
    return _begun(request, await admitted(request, token), token, fields.get("next", ""))


@router.post("/sign-out", dependencies=[Depends(session)])
async def sign_out(request: Request, fields: Posted) -> Response:
    """End the session; the browser forgets the token."""
    del fields
    response = RedirectResponse(f"{PATH}/sign-in", 303)
    end(request, response)
    return response


def _begun(request: Request, who: Principal, token: str, next_page: str) -> Response:
    home = home_of(who)
    if home is None:
        detail = "This token opens nothing that there are pages for."
        raise Forbidden(detail)
    response = RedirectResponse(next_page if _is_ours(next_page) else home, 303)
    begin(request, response, token, resources_of(request).security.seconds_left(token))
    return response


def _is_ours(address: str) -> bool:
    """Tell whether an address is a page of the dashboard and of nobody else."""
    parts = urlsplit(address)
    plain = address.isprintable() and "\\" not in address and ".." not in address
    return not parts.scheme and not parts.netloc and plain and (address + "/").startswith(f"{HOME}/")


async def _form(request: Request, status: int = 200, *, next_page: str, error: str | None = None) -> Response:
    people = await _people(request)
    response = page(
        request,
        "sign_in.html",
        status,
        next_page=next_page if _is_ours(next_page) else "",
        error=error,
        students=[person for person in people if person.role is Role.STUDENT],
        staff=[person for person in people if person.role is not Role.STUDENT],
    )
    recognise(request, response)
    return response


async def _people(request: Request) -> list[Person]:
    """Return whom one may sign in as with a click: in development, on the machine itself, and nowhere else."""
    resources = resources_of(request)
    if resources.settings.environment is not Environment.DEVELOPMENT or not is_local(request):
        return []
    try:
        resources.security.issue_jwt(DEMO_ADMIN, [Role.ADMIN], 1)
        cohort = (await resources.cohorts.get(DEMO_COHORT)).cohort
    except (CommandFailed, NotFound):  # tokens are issued elsewhere, or this is no demonstration
        return []
    staff = [*(Person(user_id, Role.TEACHER) for user_id in cohort.teachers), Person(DEMO_ADMIN, Role.ADMIN)]
    return [*staff, *(Person(student_id, Role.STUDENT) for student_id in cohort.students[:DEMO_STUDENTS])]
