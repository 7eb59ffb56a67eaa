"""The application in process, with three dead letters to work through."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from src.config import Environment
from tests.api.school import open_school
from tests.api.serving import client_of, fixed_clock
from tests.dashboard.visitors import FROM_A_PAGE, signed_in, token_on

from .office import office

ADMIN = signed_in("admin", user_id="ada")


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Talk to an application as the browser of an administrator."""
    app = office(tmp_path, fixed_clock, Environment.DEVELOPMENT)
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
