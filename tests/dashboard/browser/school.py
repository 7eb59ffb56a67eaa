"""A school in development: the class of the demonstration, a class without students, and a student without evidence."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, Page, async_playwright
from pydantic import SecretStr

from src.commands.demo import prepare
from src.config import Settings
from src.domain.cohorts import Cohort
from src.preconditions import Precondition
from src.resources import open_resources
from tests.api.tokens import SECRET
from tests.services.programs import chromium

from .pages import EMPTY_CLASS, NEWCOMER, TEACHER

BUTTON = 'button[name="user_id"][value="{}"]'
_TIMEOUT_MS = 10_000


async def fill(data_dir: Path) -> None:
    """Put the school into a data directory."""
    settings = Settings(data_dir=data_dir, jwt_secret=SecretStr(SECRET))
    async with open_resources(settings) as resources:
        await prepare(resources)
        empty = Cohort.of(EMPTY_CLASS, "Nobody yet", teachers=[TEACHER], students=[])
        await resources.cohorts.put(empty, Precondition())
        newcomers = Cohort.of("newcomers", "Newcomers", teachers=[TEACHER], students=[NEWCOMER])
        await resources.cohorts.put(newcomers, Precondition())


@asynccontextmanager
async def browsing() -> AsyncIterator[Browser]:
    """Start the browser of the system."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield browser
        await browser.close()


async def sign_in(context: BrowserContext, url: str, user_id: str, token: str = "") -> Page:
    """Open a page as somebody: with a token, or with a click as one of the demonstration; without a name as nobody."""
    page = await context.new_page()
    page.set_default_timeout(_TIMEOUT_MS)
    await page.goto(f"{url}/dashboard/sign-in")
    if token:
        await page.fill("#token", token)
        await page.press("#token", "Enter")
        await page.wait_for_url(lambda address: "sign-in" not in address)
    elif user_id:
        await page.click(BUTTON.format(user_id))
    return page
