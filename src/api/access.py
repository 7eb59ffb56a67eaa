"""The access rules, one word each in the signature of a route."""

import logging
from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias, cast

from fastapi import Depends, Path, Query, Request, Security
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.models import APIKey, APIKeyIn, HTTPBearer
from fastapi.security.base import SecurityBase
from pydantic import Field, TypeAdapter, ValidationError

from ..audit import Asked
from ..audit_middleware import ASKED
from ..errors import TooManyRequests, Unauthorized
from ..middleware import VERDICT
from ..rate_limits import RouteClass, Verdict, peer
from ..resources import Resources
from ..security import Principal, Role
from ..sidecar import TOKEN_HEADER

_audit = logging.getLogger("mastery_engine.audit")

# FastAPI checks what a rule takes before it calls the rule. Who asks comes first, so the rules check ids themselves.
_ID: Mapping[str, Any] = {"pattern": r"^[A-Za-z0-9._-]+$", "min_length": 1, "max_length": 64}
_SCHEMA: dict[str, Any] = {"pattern": r"^[A-Za-z0-9._-]+$", "minLength": 1, "maxLength": 64}
_STUDENT: Mapping[str, Any] = {"description": "The id of a student.", "examples": ["student-001"]}
_COHORT: Mapping[str, Any] = {"description": "The id of a cohort.", "examples": ["loops-2026"]}

StudentId: TypeAlias = Annotated[str, Path(**_ID, **_STUDENT)]
CohortId: TypeAlias = Annotated[str, Path(**_ID, **_COHORT)]
UncheckedStudentId: TypeAlias = Annotated[str, Path(**_STUDENT, json_schema_extra=_SCHEMA)]
UncheckedCohortId: TypeAlias = Annotated[str, Path(**_COHORT, json_schema_extra=_SCHEMA)]

SESSION = "mastery_engine.session"
"""Where in the scope of a request of the dashboard stands the token of its session; nothing else puts one there."""

_CHECKED = TypeAdapter(Annotated[str, Field(**_ID)])


def _checked(name: str, text: str) -> str:
    try:
        return _CHECKED.validate_python(text)
    except ValidationError as error:
        raise RequestValidationError([found | {"loc": ("path", name)} for found in error.errors()]) from None


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
    """Takes the principal from the one ``Authorization: Bearer`` header of a request.

    A rule is one of these, not something that depends on one: FastAPI takes its time for every dependency.
    """

    def __init__(self) -> None:
        self.model = HTTPBearer(bearerFormat="JWT", description="With user_id, roles and exp.")
        self.scheme_name = "Token"

    async def who_asks(self, request: Request) -> Principal:
        """Return who asks, counted once for each request; raises ``Unauthorized`` and ``TooManyRequests``."""
        known = asked(request).who
        return known if known is not None else await admitted(request, _token(request))


async def admitted(request: Request, token: str) -> Principal:
    """Return whom a token speaks for, counted within the limits; raises ``Unauthorized`` and ``TooManyRequests``."""
    resources = resources_of(request)
    try:
        who = await _spoken_for(request, token)
        asked(request).who = who
        _note_caller(request)
    except Unauthorized:
        _count_failure(request)
        raise
    _keep_to(request, await resources.rates.admit(class_of(request), who.user_id))
    return who


async def bearer_of(request: Request) -> Principal:
    """Return whom the token of a request speaks for at this moment, not counted; raises ``Unauthorized``."""
    return await _spoken_for(request, _token(request))


async def _spoken_for(request: Request, token: str) -> Principal:
    if not token:
        detail = "Send one Authorization header with a bearer token."
        raise Unauthorized(detail)
    return await resources_of(request).security.authenticate(token)


def _token(request: Request) -> str:
    """Return the token of the one ``Authorization`` header, or of the session where the request is the dashboard's."""
    if SESSION in request.scope:
        return cast("str", request.scope[SESSION])
    given = request.headers.getlist("authorization")
    scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    return token.strip() if scheme.lower() == "bearer" else ""


def _count_failure(request: Request) -> None:
    # By address, since nobody is known yet. Who has a valid token passes whatever others at that address do.
    address = peer(request.client.host if request.client else "")
    _keep_to(request, resources_of(request).rates.count(RouteClass.AUTH_FAILURES, address))


def _note_caller(request: Request) -> None:
    """Have the application recorded that calls for somebody; it gives nobody a right."""
    caller = resources_of(request).app_token.caller(request.headers)
    if caller is not None:
        asked(request).facts["calling_app"] = caller


class Sidecar(SecurityBase):
    """The rule that a request has to come from the sidecar; where no token is configured nobody is taken for it."""

    def __init__(self) -> None:
        self.model = APIKey(
            **{"in": APIKeyIn.header}, name=TOKEN_HEADER, description="The token that the sidecar has for us."
        )
        self.scheme_name = "Sidecar"

    async def __call__(self, request: Request) -> None:
        """Return for the sidecar only; raises ``Unauthorized``."""
        if not resources_of(request).app_token.accepts(request.headers.getlist(TOKEN_HEADER)):
            _count_failure(request)
            detail = "This is for the Dapr sidecar, which sends the token of APP_API_TOKEN."
            raise Unauthorized(detail)


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


class Valid(BearerToken):
    """The rule that a valid token is enough."""

    async def __call__(self, request: Request) -> Principal:
        """Return who asks."""
        return await self.who_asks(request)


class Having(BearerToken):
    """The rule that one of these roles is needed."""

    def __init__(self, *roles: Role) -> None:
        super().__init__()
        self.roles = roles

    async def __call__(self, request: Request) -> Principal:
        """Return who asks; raises ``Forbidden``."""
        who = await self.who_asks(request)
        resources_of(request).security.authorize(who, *self.roles)
        return who


class ReadingStudent(BearerToken):
    """The rule that one may read the student of the path."""

    async def __call__(self, request: Request, student_id: UncheckedStudentId) -> str:
        """Return the student's id; raises ``Forbidden``."""
        who = await self.who_asks(request)
        await resources_of(request).rights.check_student(who, _checked("student_id", student_id))
        return student_id


class ReadingCohort(BearerToken):
    """The rule that one may read the cohort of the path."""

    async def __call__(self, request: Request, cohort_id: UncheckedCohortId) -> str:
        """Return the cohort's id; raises ``Forbidden``."""
        who = await self.who_asks(request)
        await resources_of(request).rights.check_cohort(who, _checked("cohort_id", cohort_id))
        return cohort_id


class ExportingStudent(BearerToken):
    """The rule that one may have everything that is stored about the student of the path."""

    async def __call__(self, request: Request, student_id: UncheckedStudentId) -> str:
        """Return the student's id; raises ``Forbidden``."""
        who = await self.who_asks(request)
        resources_of(request).rights.check_owner(who, _checked("student_id", student_id))
        return student_id


Anyone: TypeAlias = Annotated[Principal, Security(Valid())]
"""Whoever has a valid token."""

Ingester: TypeAlias = Annotated[Principal, Security(Having(Role.ADMIN, Role.SERVICE))]
"""Who may send events."""

Admin: TypeAlias = Annotated[Principal, Security(Having(Role.ADMIN))]
"""Who runs the service."""

Staff: TypeAlias = Annotated[Principal, Security(Having(Role.ADMIN, Role.TEACHER))]
"""Who has cohorts to look at: a teacher their own, an admin all."""

FromSidecar: TypeAlias = Annotated[None, Security(Sidecar())]
"""Nobody but the Dapr sidecar."""

ReadableStudent: TypeAlias = Annotated[str, Security(ReadingStudent())]
"""The id in the path, if who asks may read that student."""

ExportableStudent: TypeAlias = Annotated[str, Security(ExportingStudent())]
"""The id in the path, if who asks may have everything that is stored about that student."""

ReadableCohort: TypeAlias = Annotated[str, Security(ReadingCohort())]
"""The id in the path, if who asks teaches that cohort or is an admin, to whom a missing one is readable too."""


async def _compared_cohort(request: Request, cohort_id: ReadableCohort, other: OtherCohortId = None) -> str | None:
    if other is not None and other != cohort_id:
        who = cast("Principal", asked(request).who)  # found out by the rule for the first cohort
        await resources_of(request).rights.check_cohort(who, other)
    return other


ComparedCohort: TypeAlias = Annotated[str | None, Depends(_compared_cohort)]
"""The other cohort of a comparison, if who asks may read that one too."""
