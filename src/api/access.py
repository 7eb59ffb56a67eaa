"""The access rules, one word each in the signature of a route."""

from collections.abc import Callable
from typing import Annotated, TypeAlias, cast

from fastapi import Depends, Path, Request, Security
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase

from ..audit import Asked
from ..audit_middleware import ASKED
from ..errors import Unauthorized
from ..resources import Resources
from ..security import Principal, Role

StudentId: TypeAlias = Annotated[
    str,
    Path(
        pattern=r"^[A-Za-z0-9._-]+$",
        min_length=1,
        max_length=64,
        description="The id of a student.",
        examples=["student-001"],
    ),
]

CohortId: TypeAlias = Annotated[
    str,
    Path(
        pattern=r"^[A-Za-z0-9._-]+$",
        min_length=1,
        max_length=64,
        description="The id of a cohort.",
        examples=["loops-2026"],
    ),
]


class BearerToken(SecurityBase):
    """Takes the principal from the one ``Authorization: Bearer`` header of a request."""

    def __init__(self) -> None:
        self.model = HTTPBearer(bearerFormat="JWT", description="HS256 with user_id, roles and exp.")
        self.scheme_name = "Token"

    async def __call__(self, request: Request) -> Principal:
        """Return who asks; raises ``Unauthorized``."""
        given = request.headers.getlist("authorization")
        scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        if scheme.lower() != "bearer":
            detail = "Send one Authorization header with a bearer token."
            raise Unauthorized(detail)
        who = resources_of(request).security.validate_jwt(token.strip())
        asked(request).who = who
        return who


def resources_of(request: Request) -> Resources:
    """Return what the application opened at its start."""
    return cast("Resources", request.app.state.resources)


def asked(request: Request) -> Asked:
    """Return what the audit trail is told of the request."""
    return cast("Asked", request.scope[ASKED])


Anyone: TypeAlias = Annotated[Principal, Security(BearerToken())]
"""Whoever has a valid token."""


def _having(*roles: Role) -> Callable[[Request, Principal], Principal]:
    async def check(request: Request, who: Anyone) -> Principal:
        resources_of(request).security.authorize(who, *roles)
        return who

    return check  # type: ignore[return-value]  # FastAPI awaits it


async def _readable(request: Request, student_id: StudentId, who: Anyone) -> str:
    await resources_of(request).rights.check_student(who, student_id)
    return student_id


async def _readable_cohort(request: Request, cohort_id: CohortId, who: Anyone) -> str:
    await resources_of(request).rights.check_cohort(who, cohort_id)
    return cohort_id


Ingester: TypeAlias = Annotated[Principal, Depends(_having(Role.ADMIN, Role.SERVICE))]
"""Who may send events."""

Admin: TypeAlias = Annotated[Principal, Depends(_having(Role.ADMIN))]
"""Who runs the service."""

Staff: TypeAlias = Annotated[Principal, Depends(_having(Role.ADMIN, Role.TEACHER))]
"""Who has cohorts to look at: a teacher their own, an admin all."""

ReadableStudent: TypeAlias = Annotated[str, Depends(_readable)]
"""The id in the path, if who asks may read that student."""

ReadableCohort: TypeAlias = Annotated[str, Depends(_readable_cohort)]
"""The id in the path, if who asks teaches that cohort or is an admin, to whom a missing one is readable too."""
