"""Pure ASGI middleware that has every request audited by its answer: routes need do nothing for it."""

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .audit import Asked, AuditOutcome, Duty, Entry, duty
from .errors import AuditUnavailable
from .observability import correlation_id
from .problems import refusal_response

if TYPE_CHECKING:
    from .resources import Resources

ASKED = "mastery_engine.asked"
"""Where in the scope of a request stands what is known of it, an ``Asked``."""

_SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)
_FACTS = ("letter_id", "batch_id")
"""Parameters of paths that tell nothing of a person."""

_EXPORT = "/export"
_DENIED = frozenset({401, 403})
_CLIENT_ERROR, _SERVER_ERROR = 400, 500


def audit_middleware(app: ASGIApp) -> ASGIApp:
    """Hold an answer back until what it owes to the audit trail is written, and refuse it where that cannot be.

    A refusal of access goes out even so, and what a client may read of another person is written a moment later.
    """

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        scope[ASKED] = Asked()
        answer = _Answer(scope, receive, send)
        try:
            await app(scope, receive, answer.send)
        except ClientDisconnect:
            raise  # before all of the request was there: nothing was done
        except Exception:
            with suppress(AuditUnavailable):  # the log has it, and the answer is a failure anyway
                await answer.failed()
            raise

    return handle


class _Answer:
    """An answer that goes out when what it owes is kept."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._begun = self._withheld = False

    async def send(self, message: Message) -> None:
        """Send a part of the answer, or nothing of one that was refused."""
        if message["type"] == "http.response.start":
            self._begun = True
            try:
                await _keep(self._scope, message["status"])
            except AuditUnavailable as error:
                self._withheld = message["status"] not in _DENIED
                if self._withheld:
                    await refusal_response(error)(self._scope, self._receive, self._send)
        if not self._withheld:
            await self._send(message)

    async def failed(self) -> None:
        """Keep that the request failed before there was an answer."""
        if not self._begun:
            await _keep(self._scope, _SERVER_ERROR)


async def _keep(scope: Scope, status: int) -> None:
    asked: Asked = scope[ASKED]
    route: Any = scope.get("route")
    parameters: dict[str, str] = scope.get("path_params", {})
    if asked.subject is None:
        asked.subject = _subject(parameters)
    action = asked.action or _action(route)
    owed = duty(
        asked,
        method=scope["method"],
        status=status,
        action=action,
        exports=getattr(route, "path", "").endswith(_EXPORT),
    )
    if owed is not Duty.NEVER:
        resources: Resources = scope["app"].state.resources
        await resources.audit.keep(_entry(asked, action, status, parameters), owed)


def _entry(asked: Asked, action: str, status: int, parameters: dict[str, str]) -> Entry:
    facts = dict(asked.facts)
    if status < _CLIENT_ERROR:
        facts |= {name: parameters[name] for name in _FACTS if _SAFE_ID.fullmatch(parameters.get(name, ""))}
    return Entry(
        action=action,
        outcome=_outcome(status),
        actor=None if asked.who is None else asked.who.user_id,
        roles=() if asked.who is None else tuple(sorted(asked.who.roles)),
        # Of strangers it is not stored whom they asked for: they could name as many people as they like.
        subject=None if asked.who is None else asked.subject,
        status=status,
        correlation_id=correlation_id.get(),
        facts=facts,
    )


def _outcome(status: int) -> AuditOutcome:
    if status in _DENIED:
        return AuditOutcome.DENIED
    return AuditOutcome.ALLOWED if status < _CLIENT_ERROR else AuditOutcome.FAILED


def _subject(parameters: dict[str, str]) -> str | None:
    """Return whom a path is about: a student, a teacher, or else a cohort."""
    for name, prefix in (("student_id", ""), ("user_id", ""), ("cohort_id", "cohort:")):
        if _SAFE_ID.fullmatch(parameters.get(name, "")):
            return prefix + parameters[name]
    return None


def _action(route: Any) -> str:  # noqa: ANN401  # a route of whichever kind
    """Return the word for what a route does: its first tag and its name, as in ``dead-letters.replay``."""
    tag = next(iter(getattr(route, "tags", None) or ()), "service")
    return f"{tag}.{getattr(route, 'name', 'unknown')}".replace(" ", "-").replace("_", "-")
