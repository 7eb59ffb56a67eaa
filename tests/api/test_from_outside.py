"""The token corpus and the matrices once more, over a socket, with tokens that another library has made."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress
from pathlib import Path
from socket import socket
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from src.http_protocol import BoundedProtocol

from . import school, test_access
from .serving import running_app
from .sockets import exchange, head
from .token_corpus import ACCEPTED, NOBODY, REJECTED
from .tokens import HOUR_S, NOW_S, SECRET, signed

STARTED_S = 30


class Server(uvicorn.Server):
    """The server beneath the service, in the test's own loop, so that the clock can be the test's."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    def capture_signals(self) -> Any:  # a context manager
        """Leave signals to pytest."""
        return nullcontext()


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[int]:
    """Serve an application on loopback as ``serve`` does, and return its port."""
    settings = uvicorn.Config(
        app, port=0, lifespan="off", log_config=None, access_log=False, ws="none", http=BoundedProtocol
    )
    server = Server(settings)
    serving = asyncio.create_task(server.serve())
    try:
        await asyncio.wait_for(server.listening.wait(), STARTED_S)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        with suppress(asyncio.CancelledError):
            await serving


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    async with running_app(tmp_path, rate_limit_auth_failures=0) as app, served(app) as port:
        yield port


def made_by_hand(headers: dict[str, str]) -> dict[str, str]:
    """Return the same caller with a token signed by nothing but the standard library."""
    for caller, roles in {
        "self": ("student", school.STUDENT),
        "other student": ("student", school.OTHER),
        "teacher": ("teacher", "teacher-1"),
        "teacher of others": ("teacher", "teacher-2"),
        "teacher of nobody": ("teacher", "teacher-3"),
        "admin": ("admin", "someone"),
        "service": ("service", "someone"),
        "unknown role": ("owner", "someone"),
        "no roles": (None, "someone"),
        "teacher's name without the role": ("student", "teacher-1"),
    }.items():
        if headers is school.CALLERS[caller]:
            role, user_id = roles
            content = {"exp": NOW_S + HOUR_S, "roles": [role] if role else [], "user_id": user_id}
            return {"Authorization": f"Bearer {signed(content)}"}
    return headers


async def status_of(port: int, text: str) -> int:
    # As bytes on a socket: no client library would send some of these.
    request = head("GET", "/api/v1/students/someone/mastery", b"Authorization: Bearer " + text.encode())
    return (await asyncio.to_thread(exchange, port, request)).status


async def test_a_served_instance_judges_the_token_corpus_as_it_should(port: int) -> None:
    # What is no header at all, the server itself refuses.
    judged = {name: await status_of(port, text) for name, text in REJECTED.items()}
    assert {name: status for name, status in judged.items() if status not in (400, 401, 431)} == {}
    assert sum(status == 401 for status in judged.values()) > 0.9 * len(REJECTED)
    for name, (text, roles) in ACCEPTED.items():
        assert await status_of(port, text) == (403 if roles == NOBODY else 200), name


async def test_a_served_instance_lets_pass_whom_the_rules_name_and_nobody_else(port: int) -> None:
    callers = {caller: made_by_hand(headers) for caller, headers in school.CALLERS.items()}
    assert sum(callers[one] is not school.CALLERS[one] for one in callers) == len(callers) - len(school.UNKNOWN)
    assert not any(SECRET in headers.get("Authorization", "") for one, headers in callers.items() if one != "bad token")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        await school.open_school(client)
        for route in (one for one in test_access.ROUTES if one.startswith("GET ")):
            found = {
                caller: test_access.verdict(await test_access.ask(client, route, caller, headers=headers))
                for caller, headers in callers.items()
            }
            assert found == test_access.expected(test_access.RULES[route]), route


async def test_a_served_instance_gives_nobody_what_is_another_students(port: int) -> None:
    callers = {caller: made_by_hand(school.CALLERS[caller]) for caller in ("other student", "teacher of others")}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        await school.open_school(client)
        tag = (await client.get(f"/api/v1/students/{school.STUDENT}/mastery", headers=school.CALLERS["admin"])).headers
        for caller, headers in callers.items():
            for student_id in (school.STUDENT, school.MISSING):
                path = f"/api/v1/students/{student_id}"
                conditional = headers | {"If-None-Match": tag["etag"]}
                asked = {"intent": "get_mastery", "payload": {"student_id": student_id}}
                answers = [
                    await client.get(f"{path}/mastery", headers=conditional),
                    await client.get(f"{path}/outcomes?limit=1", headers=headers),
                    await client.post("/process", json=asked, headers=headers),
                    await client.post(
                        "/api/v1/batch", json={"kind": "mastery", "student_ids": [student_id]}, headers=headers
                    ),
                ]
                assert [answer.status_code for answer in answers] == [403] * 4, (caller, student_id)
