"""The application in process, with three dead letters to work through."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from src.config import Settings
from src.dead_letter_service import DeadLetterService
from src.main import create_app
from src.resources import Resources, open_resources
from tests.api.school import open_school
from tests.api.serving import AUDIT_KEY, client_of, fixed_clock
from tests.api.tokens import SECRET
from tests.dashboard.visitors import FROM_A_PAGE, signed_in, token_on
from tests.dead_letters import MemoryDeadLetterIndex, MemoryDeadLetters, letter
from tests.making import wire

ADMIN = signed_in("admin", user_id="ada")
HOSTILE = "<script>alert(1)</script>"
RECORDS = [
    letter(0),
    letter(1, value=json.dumps(wire("was-early")).encode()),
    letter(2, value=b"\xff", code="conflict"),
    letter(3, value=json.dumps({"event_id": HOSTILE}).encode()),
]


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Talk to an application as the browser of an administrator."""
    settings = Settings(jwt_secret=SecretStr(SECRET), audit_key=SecretStr(AUDIT_KEY), data_dir=tmp_path)

    @asynccontextmanager
    async def opened() -> AsyncIterator[Resources]:
        async with open_resources(settings, clock=fixed_clock) as resources:
            log, index = MemoryDeadLetters(RECORDS), MemoryDeadLetterIndex()
            letters = DeadLetterService(resources.mastery, log=log, index=index, clock=fixed_clock)
            yield replace(resources, dead_letters=letters)

    app = create_app(opened)
    async with app.router.lifespan_context(app), client_of(app) as client:
        client.headers.update(ADMIN)
        yield client


@pytest.fixture
async def school(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """Talk to the same, with two cohorts and their students in it."""
    await open_school(client)
    return client


class Form:
    """Posts forms as a browser does: from a page, with the token that stands in it."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def __call__(self, page: str, target: str, **fields: str) -> httpx.Response:
        token = token_on(await self._client.get(page))
        return await self._client.post(target, data={"form_token": token} | fields, headers=FROM_A_PAGE)


@pytest.fixture
def form(client: httpx.AsyncClient) -> Form:
    return Form(client)


async def read_api(client: httpx.AsyncClient, path: str) -> httpx.Response:
    """Ask the interface as the same person."""
    token = ADMIN["Cookie"].partition("=")[2]
    return await client.get(path, headers={"Authorization": f"Bearer {token}"})


async def write_trail(client: httpx.AsyncClient) -> None:
    """Have written what was only looked at: a refusal is written at once, and all before it."""
    assert (await client.get("/dashboard/admin", headers=signed_in("student"))).status_code == 403


def check_told_at(page: httpx.Response, field: str) -> None:
    """Check that a page says at a field that it is wrong."""
    assert page.status_code == 400, page.text
    assert f'id="{field}-error"' in page.text
    [element] = re.findall(rf'<(?:input|textarea|select)[^>]*\bid="{field}"[^>]*>', page.text)
    assert 'aria-invalid="true"' in element
    assert f"{field}-error" in element
