"""What knowing who asks costs: reading mastery with and without token, rule and limit, in one process."""

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
from src.config import Settings
from src.main import create_app
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

Ask = Callable[[], Awaitable[None]]


def run() -> list[Figure]:
    """Ask both in turns for an answer that is cached: the cheapest, so that the share is the largest."""
    return asyncio.run(_measure())


async def _measure() -> list[Figure]:
    settings = Settings(jwt_secret=SecretStr(SECRET), rate_limit_reads=1_000_000_000)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        resources = await stack.enter_async_context(open_resources(settings, data_dir=folder))
        await resources.mastery.ingest(list(standard_events(STUDENT, datetime.now(UTC).date())))
        guarded, open_to_all = create_app(), create_app()
        guarded.state.resources = open_to_all.state.resources = resources
        _open(open_to_all)
        token = SecurityManager(SECRET, now=wall_clock).issue_jwt("benchmark", [Role.ADMIN], 3600)
        asks = [_asking(app, token) for app in (guarded, open_to_all)]
        rounds = [(await _per_call(asks[0]), await _per_call(asks[1])) for _ in range(ROUNDS)]
    compared = summarise(rounds)
    return [
        Figure(
            "GET mastery, cached, with token, rule and limit; no server beneath",
            Amount(compared.measured * 1e6, "µs"),
            "the same route with them removed",
            Amount(compared.floor * 1e6, "µs"),
            compared.ratio,
            Bound(1 / (1 - SHARE), at_least=False, of_ratio=True),
        )
    ]


def _open(app: FastAPI) -> None:
    """Replace the routes of students by one that asks nobody who they are."""

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


async def _per_call(ask: Ask) -> float:
    began = process_time()
    for _ in range(CALLS):
        await ask()
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
