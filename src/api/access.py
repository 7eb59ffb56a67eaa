"""The access rules, one word each in the signature of a route."""

import logging
from typing import Annotated, TypeAlias, cast

from fastapi import Depends, Path, Query, Request, Security
from fastapi.dependencies.models import Dependant
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase

from ..audit import Asked
from ..audit_middleware import ASKED
from ..errors import TooManyRequests, Unauthorized
from ..middleware import VERDICT
from ..rate_limits import RouteClass, Verdict, peer
from ..resources import Resources
from ..security import Principal, Role

_audit = logging.getLogger("mastery_engine.audit")

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

OtherCohortId: TypeAlias = Annotated[
    str | None,
    Query(
        alias="with",
        pattern=r"^[A-Za-z0-9._-]+$",
        min_length=1,
        max_length=64,
        description="The cohort to compare with; this one when not given.",
    ),
]


class BearerToken(SecurityBase):
    """Takes the principal from the one ``Authorization: Bearer`` header of a request."""

    def __init__(self) -> None:
        self.model = HTTPBearer(bearerFormat="JWT", description="With user_id, roles and exp.")
        self.scheme_name = "Token"

    async def __call__(self, request: Request) -> Principal:
        """Return who asks; raises ``Unauthorized``."""
        given = request.headers.getlist("authorization")
        scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        resources = resources_of(request)
        try:
            if scheme.lower() != "bearer":
                detail = "Send one Authorization header with a bearer token."
                raise Unauthorized(detail)  # noqa: TRY301  # counted like every other failure
            who = await resources.security.authenticate(token.strip())
            asked(request).who = who
        except Unauthorized:
            # By address, since nobody is known yet. Who has a valid token passes whatever others at that address do.
            address = peer(request.client.host if request.client else "")
            _keep_to(request, resources.rates.count(RouteClass.AUTH_FAILURES, address))
            raise
        _keep_to(request, await resources.rates.admit(class_of(request), who.user_id))
        return who


def class_of(request: Request) -> RouteClass:
    """Return what a request counts as: by the access rule of its route where only admins pass, else by its method."""
    route = request.scope["route"]
    known: dict[str, bool] = request.app.state.admin_routes
    key = f"{request.method} {route.path}"
    if key not in known:
        known[key] = _is_for_admins(route.dependant)
    if known[key]:
        return RouteClass.ADMIN
    return RouteClass.READS if request.method in ("GET", "HEAD") else RouteClass.WRITES


def _is_for_admins(dependant: Dependant) -> bool:
    """Tell whether one of the rules of a route lets pass only admins."""
    rule = dependant.call
    return (isinstance(rule, Having) and set(rule.roles) == {Role.ADMIN}) or any(
        map(_is_for_admins, dependant.dependencies)
    )


def _keep_to(request: Request, verdict: Verdict | None) -> None:
    """Note the verdict for the headers of the answer; raises ``TooManyRequests`` where it is one too many."""
    if verdict is None:
        return
    request.scope[VERDICT] = verdict
    if verdict.allowed:
        return
    resources_of(request).metrics.limited.labels(verdict.route_class).inc()
    if verdict.first_beyond:
        fields = {"route_class": str(verdict.route_class), "route": request.scope["route"].path}
        _audit.warning("AUDIT rate limit exceeded", extra=fields)
    detail = f"At most {verdict.limit} a minute are answered ({verdict.route_class}); wait until the minute is over."
    raise TooManyRequests(detail)


def resources_of(request: Request) -> Resources:
    """Return what the application opened at its start."""
    return cast("Resources", request.app.state.resources)


def asked(request: Request) -> Asked:
    """Return what the audit trail is told of the request."""
    return cast("Asked", request.scope[ASKED])


Anyone: TypeAlias = Annotated[Principal, Security(BearerToken())]
"""Whoever has a valid token."""


class Having:
    """The rule that one of these roles is needed."""

    def __init__(self, *roles: Role) -> None:
        self.roles = roles

    async def __call__(self, request: Request, who: Anyone) -> Principal:
        """Return who asks; raises ``Forbidden``."""
        resources_of(request).security.authorize(who, *self.roles)
        return who


async def _readable(request: Request, student_id: StudentId, who: Anyone) -> str:
    await resources_of(request).rights.check_student(who, student_id)
    return student_id


async def _readable_cohort(request: Request, cohort_id: CohortId, who: Anyone) -> str:
    await resources_of(request).rights.check_cohort(who, cohort_id)
    return cohort_id


async def _exportable(request: Request, student_id: StudentId, who: Anyone) -> str:
    resources_of(request).rights.check_owner(who, student_id)
    return student_id


Ingester: TypeAlias = Annotated[Principal, Depends(Having(Role.ADMIN, Role.SERVICE))]
"""Who may send events."""

Admin: TypeAlias = Annotated[Principal, Depends(Having(Role.ADMIN))]
"""Who runs the service."""

Staff: TypeAlias = Annotated[Principal, Depends(Having(Role.ADMIN, Role.TEACHER))]
"""Who has cohorts to look at: a teacher their own, an admin all."""

ReadableStudent: TypeAlias = Annotated[str, Depends(_readable)]
"""The id in the path, if who asks may read that student."""

ExportableStudent: TypeAlias = Annotated[str, Depends(_exportable)]
"""The id in the path, if who asks may have everything that is stored about that student."""

ReadableCohort: TypeAlias = Annotated[str, Depends(_readable_cohort)]
"""The id in the path, if who asks teaches that cohort or is an admin, to whom a missing one is readable too."""


async def _compared_cohort(
    request: Request, cohort_id: ReadableCohort, who: Anyone, other: OtherCohortId = None
) -> str | None:
    if other is not None and other != cohort_id:
        await resources_of(request).rights.check_cohort(who, other)
    return other


ComparedCohort: TypeAlias = Annotated[str | None, Depends(_compared_cohort)]
"""The other cohort of a comparison, if who asks may read that one too."""
