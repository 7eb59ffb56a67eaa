"""Every page, by who looks at it: accessible in light and dark, within its width, still, and without an error."""

from collections.abc import Callable

import pytest
from playwright.async_api import Page

from .axe import violations
from .conftest import Visiting
from .pages import PAGES, STUDENT, TEACHER, WIDTHS

pytestmark = pytest.mark.asyncio(loop_scope="session")

WATCH_SHIFTS = """
window.shifted = 0;
new PerformanceObserver(list => { for (const one of list.getEntries()) window.shifted += one.value; })
  .observe({type: "layout-shift", buffered: true});
"""


@pytest.mark.parametrize("user_id", PAGES, ids=lambda user_id: user_id or "nobody")
async def test_every_page_is_accessible_and_fits_in_light_and_dark(
    visiting: Visiting, address: Callable[[str], str], user_id: str
) -> None:
    page = await visiting(user_id, reduced_motion="reduce")
    found: dict[str, list[str]] = {}
    for name, path in PAGES[user_id].items():
        await page.goto(address(path))
        found[name] = await violations(page)
        await page.emulate_media(color_scheme="dark")
        found[f"{name}, dark"] = await violations(page, "color-contrast")
        await page.emulate_media(color_scheme="light")
        found[f"{name}, too wide"] = [f"{width}" for width in WIDTHS if not await fits(page, width)]
    assert {name: faults for name, faults in found.items() if faults} == {}


async def fits(page: Page, width: int) -> bool:
    """Tell whether a page fits into a width without being moved sideways."""
    await page.set_viewport_size({"width": width, "height": 900})
    return int(await page.evaluate("document.documentElement.scrollWidth")) <= width


@pytest.mark.parametrize("user_id", [STUDENT, TEACHER])
async def test_nothing_moves_while_a_page_loads(
    visiting: Visiting, address: Callable[[str], str], user_id: str
) -> None:
    page = await visiting(user_id)
    await page.context.add_init_script(WATCH_SHIFTS)
    for path in list(PAGES[user_id].values())[:3]:
        await page.goto(address(path))
        await page.evaluate("document.fonts.ready")
        assert await page.evaluate("window.shifted") < 0.01, path


async def test_a_page_loads_nothing_from_elsewhere(visiting: Visiting, address: Callable[[str], str]) -> None:
    page = await visiting(TEACHER)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(address("/dashboard/classes/demo"), wait_until="networkidle")
    assert asked
    assert all(url.startswith(address("/dashboard")) for url in asked)


async def test_on_paper_there_is_only_what_is_read(visiting: Visiting, address: Callable[[str], str]) -> None:
    page = await visiting(STUDENT)
    await page.emulate_media(media="print")
    assert not await page.is_visible(".main-nav")
    assert not await page.is_visible("text=Sign out")
    assert await page.is_visible("h1")
    assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    del address


async def test_nothing_moves_by_itself_for_who_does_not_want_it(
    visiting: Visiting, address: Callable[[str], str]
) -> None:
    page = await visiting(TEACHER, reduced_motion="reduce")
    await page.goto(address("/dashboard/classes/demo"))
    assert await page.evaluate("document.getAnimations().length") == 0
