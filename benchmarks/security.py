"""What knowing who asks costs: reading mastery with and without token, rule, limit and audit, in one process."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from pydantic import SecretStr
from starlette.responses import Response
from starlette.types import Message

from src.answers import MasteryAnswer
from src.api import students
from src.api.access import StudentId
from src.api.parameters import AsOf, Mastery, Topic, WhatIf
from src.audit import Entry
from src.audit_middleware import audit_middleware
from src.audit_trail import AuditTrail
from src.config import Settings
from src.main import create_app
from src.middleware import rate_limit_headers_middleware
from src.observability import configure_logging
from src.ports import wall_clock
from src.resources import open_resources
from src.security import Role, SecurityManager

from .figures import Amount, Bound, Figure
from .measure import summarise
from .processes import SECRET
from .standard import standard_events

ROUNDS = 41
CALLS = 100
STUDENT = "standard-0001"
SHARE = 0.25
MOST = Bound(1 / (1 - SHARE), at_least=False, of_ratio=True)

Ask = Callable[[], Awaitable[None]]


def run() -> list[Figure]:
    """Ask both in turns for an answer that is cached: the cheapest, so that the share is the largest."""
    return asyncio.run(_measure())


async def _measure() -> list[Figure]:
    settings = Settings(jwt_secret=SecretStr(SECRET), rate_limit_reads=1_000_000_000)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        _log_to(stack, folder / "log")  # every row of the trail is a line of it too
        resources = await stack.enter_async_context(open_resources(settings, data_dir=folder))
        await resources.mastery.ingest(list(standard_events(STUDENT, datetime.now(UTC).date())))
        guarded, open_to_all = create_app(), create_app()
        guarded.state.resources = open_to_all.state.resources = resources
        _open(open_to_all)
        unguarded = _asking(open_to_all, _token(STUDENT, Role.STUDENT))
        return [
            await _figure("token, rule, limit, audit decision", guarded, Role.STUDENT, unguarded, MOST),
            await _figure("by an admin: recorded, written and logged too", guarded, Role.ADMIN, unguarded),
        ]


def _log_to(stack: AsyncExitStack, file: Path) -> None:
    stack.callback(configure_logging, "WARNING", as_json=False, audits=False)
    configure_logging("INFO", as_json=True, stream=stack.enter_context(file.open("w", encoding="utf-8")))


async def _figure(what: str, guarded: FastAPI, role: Role, unguarded: Ask, bound: Bound | None = None) -> Figure:
    asks = _asking(guarded, _token(STUDENT if role is Role.STUDENT else "somebody", role)), unguarded
    trail = guarded.state.resources.audit
    rounds = [(await _per_call(asks[0], trail), await _per_call(asks[1], trail)) for _ in range(ROUNDS)]
    compared = summarise(rounds)
    return Figure(
        f"GET mastery, cached, no server: {what}",
        Amount(compared.measured * 1e6, "µs"),
        "the same route with all of that removed",
        Amount(compared.floor * 1e6, "µs"),
        compared.ratio,
        bound,
    )


def _token(user_id: str, role: Role) -> str:
    return SecurityManager(SECRET, now=wall_clock).issue_jwt(user_id, [role], 3600)


def _open(app: FastAPI) -> None:
    """Replace the routes of students by one that asks nobody who they are, and take away what records and tells."""

    async def unguarded(  # the parameters of the route
        request: Request,
        student_id: StudentId,
        service: Mastery,
        model: WhatIf,
        as_of: AsOf = None,
        topic: Topic = None,
    ) -> Response:
        return await students.mastery(request, student_id, service, model, as_of, topic)

    router = APIRouter(prefix=students.router.prefix)
    router.add_api_route("/mastery", unguarded, response_model=MasteryAnswer)
    app.include_router(router)
    routes = app.router.routes
    [place] = [place for place, one in enumerate(routes) if getattr(one, "original_router", None) is students.router]
    routes[place] = routes.pop()
    guards: set[object] = {audit_middleware, rate_limit_headers_middleware}
    app.user_middleware = [one for one in app.user_middleware if one.cls not in guards]


async def _per_call(ask: Ask, trail: AuditTrail) -> float:
    """Return the processor time of a call, with its share of writing the trail: what waits is written at the end."""
    began = process_time()
    for _ in range(CALLS):
        await ask()
    await trail.record(Entry("benchmark.round"))
    return (process_time() - began) / CALLS


def _asking(app: FastAPI, token: str) -> Ask:
    path = f"/api/v1/students/{STUDENT}/mastery"
    headers = [(b"host", b"engine"), (b"authorization", f"Bearer {token}".encode()), (b"accept", b"*/*")]
    statuses: list[int] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    async def ask() -> None:
        scope: dict[str, Any] = {
            "type": "http",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "scheme": "http",
            "http_version": "1.1",
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 2),
            "headers": headers,
            "state": {},
        }
        await app(scope, receive, send)
        if statuses.pop() != 200:  # noqa: PLR2004  # success
            message = "a request was not answered"
            raise RuntimeError(message)

    return ask
