"""What administrators do: dead letters worked through, a student erased, a class and the curriculum changed."""

import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from socket import socket

import pytest
import pytest_asyncio
import uvicorn
from playwright.async_api import Browser, Page, expect

from src.config import Environment
from src.ports import wall_clock
from tests.api.tokens import token
from tests.dashboard.admin.office import office

from .axe import violations
from .conftest import Visiting
from .pages import ADMIN, WIDTHS
from .school import sign_in
from .test_every_page import fits
from .test_journeys import press, tab_to

pytestmark = pytest.mark.asyncio(loop_scope="session")

LETTERS = "/dashboard/admin/dead-letters"


class Office(uvicorn.Server):
    """Serves the application with dead letters, in a thread of its own."""

    def __init__(self, folder: Path) -> None:
        super().__init__(uvicorn.Config(office(folder, wall_clock, Environment.DEVELOPMENT), port=0, log_config=None))
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @property
    def url(self) -> str:
        port = self.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def letters_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = Office(tmp_path_factory.mktemp("office"))
    thread = threading.Thread(target=server.run)
    thread.start()
    assert server.ready.wait(30)
    yield server.url
    server.should_exit = True
    thread.join()


@pytest_asyncio.fixture(loop_scope="session")
async def without_scripts(letters_url: str, browser: Browser) -> AsyncIterator[Page]:
    """Sign in where there are dead letters, in a browser that runs no scripts."""
    context = await browser.new_context(java_script_enabled=False)
    yield await sign_in(context, letters_url, ADMIN, token("admin", user_id=ADMIN, now_s=int(time.time())))
    await context.close()


async def test_pages_with_dead_letters_are_accessible_and_fit_in_light_and_dark(
    letters_url: str, browser: Browser
) -> None:
    context = await browser.new_context(reduced_motion="reduce")
    page = await sign_in(context, letters_url, ADMIN, token("admin", user_id=ADMIN, now_s=int(time.time())))
    found = {}
    for path in ("/dashboard/admin", LETTERS, f"{LETTERS}/0-0", f"{LETTERS}/0-2", "not valid"):
        if path == "not valid":
            await page.goto(f"{letters_url}{LETTERS}/0-0")
            await page.click("text=Send the corrected event")
            await expect(page.locator("#event")).to_be_focused()
        else:
            await page.goto(letters_url + path)
        found[path] = await violations(page)
        await page.emulate_media(color_scheme="dark")
        found[f"{path}, dark"] = await violations(page, "color-contrast")
        await page.emulate_media(color_scheme="light")
        found[f"{path}, too wide"] = [f"{width}" for width in WIDTHS if not await fits(page, width)]
    await context.close()
    assert {name: faults for name, faults in found.items() if faults} == {}


async def test_dead_letters_are_worked_through_without_scripts(letters_url: str, without_scripts: Page) -> None:
    page = without_scripts
    await page.goto(letters_url + LETTERS)
    await page.click(f'a[href="{LETTERS}/0-3"]')
    await page.fill("#event", "no event")
    await page.click("text=Send the corrected event")
    await expect(page.locator("#event-error")).to_contain_text("must be an object in JSON")
    assert await page.input_value("#event") == "no event"
    await page.fill("#reason", "A test.")
    await page.click("button.danger")
    await expect(page.locator(".notice")).to_contain_text(f"by {ADMIN}: A test.")
    await page.goto(letters_url + LETTERS)
    await expect(page.locator(f'a[href="{LETTERS}/0-3"]')).to_have_count(0)
    await page.select_option("#every", "true")
    await page.click("text=Show")
    await expect(page.locator(f'a[href="{LETTERS}/0-3"]')).to_have_count(1)


async def test_an_administrator_erases_a_student_by_keyboard(visiting: Visiting, address: Callable[[str], str]) -> None:
    page = await visiting(ADMIN)
    await tab_to(page, "Service")
    await press(page, "Enter")
    await expect(page.locator("h1")).to_have_text("How the service is")
    await tab_to(page, "Personal data")
    await press(page, "Enter")
    await expect(page.locator("h1")).to_have_text("Personal data")
    await tab_to(page, "student_id")
    await page.keyboard.type("student-of-nobody")
    await press(page, "Enter")
    await expect(page.locator("h1")).to_have_text("student-of-nobody")
    await tab_to(page, "again")
    await page.keyboard.type("student-of-all")
    await press(page, "Enter")
    await expect(page.locator("#again")).to_have_attribute("aria-invalid", "true")
    await tab_to(page, "again")
    await page.keyboard.type("student-of-nobody")
    await press(page, "Enter")
    await expect(page.locator("h1")).to_have_text("Receipt")
    assert await violations(page) == []
    await page.goto(address("/dashboard/admin/personal-data/student-of-nobody"))
    await expect(page.locator(".notice")).to_contain_text("Events of this student are refused.")


async def test_a_job_is_watched_until_it_is_done(visiting: Visiting, address: Callable[[str], str]) -> None:
    page = await visiting(ADMIN)
    await page.goto(address("/dashboard/admin/jobs"))
    await page.fill("#cohort_id", "newcomers")
    await page.click("text=Make the job")
    await expect(page.locator("#results-title + .scroll")).to_contain_text("newcomer")
    await expect(page.locator("#progress")).to_contain_text("1 of 1")
    assert await violations(page) == []
