"""The application in process, at a fixed moment, and the real server."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from .classroom import CONTENT, URL
from .classroom import EVENTS as OF_TWELVE
from .serving import Server, client_of, running_app, running_server
from .student import ADMIN, EVENTS, send


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[FastAPI]:
    async with running_app(tmp_path) as app:
        yield app


@pytest.fixture
async def app_client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as client:
        yield client


@pytest.fixture
async def client(app_client: httpx.AsyncClient) -> httpx.AsyncClient:
    await send(app_client, *EVENTS)
    return app_client


@pytest.fixture
async def classroom(app_client: httpx.AsyncClient) -> httpx.AsyncClient:
    await app_client.put(URL, json=CONTENT, headers=ADMIN)
    await send(app_client, *OF_TWELVE)
    return app_client


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("server")) as server:
        yield server
