"""One service and one browser for all tests; a context, as a private window, for each."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any, Protocol

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page

from tests.api.serving import Server, running_server
from tests.api.tokens import token
from tests.services.fixtures import available
from tests.services.programs import chromium

from .pages import ADMIN, NEWCOMER, STUDENT, TEACHER
from .school import browsing, fill, sign_in

ROLES = {STUDENT: "student", NEWCOMER: "student", TEACHER: "teacher", ADMIN: "admin"}


class Visiting(Protocol):
    """Opens a private window as somebody."""

    def __call__(self, user_id: str, **options: Any) -> Awaitable[Page]: ...


@pytest.fixture(scope="session")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run the service in development, with the class of the demonstration in it."""
    with available():
        chromium()
    folder = tmp_path_factory.mktemp("school")
    asyncio.run(fill(folder))
    with running_server(folder, ENVIRONMENT="development", LOG_LEVEL="INFO") as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    with available():
        chromium()
    async with browsing() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def visiting(school: Server, browser: Browser) -> AsyncIterator[Visiting]:
    """Open pages as somebody; what a page writes to the console as an error fails the test."""
    errors: list[str] = []
    async with AsyncExitStack() as stack:

        async def visit(user_id: str, **options: Any) -> Page:
            context: BrowserContext = await browser.new_context(**options)
            stack.push_async_callback(context.close)
            context.on("weberror", lambda error: errors.append(str(error.error)))
            context.on("console", lambda said: errors.append(said.text) if _is_failure(said.type, said.text) else None)
            role = ROLES.get(user_id)
            text = token(role, user_id=user_id, now_s=int(time.time())) if role else ""
            return await sign_in(context, school.url, user_id, text)

        yield visit
    assert not errors


@pytest.fixture
def address(school: Server) -> Callable[[str], str]:
    """Return the address of a page."""
    return lambda path: school.url + path


def _is_failure(kind: str, text: str) -> bool:
    # A page that is not there, or not for who looks, and a lost connection are told in the console, too.
    return (
        kind == "error" and "Failed to load resource" not in text and not text.startswith(("htmx:", "[object Event]"))
    )
