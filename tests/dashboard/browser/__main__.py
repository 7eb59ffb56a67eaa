"""``python -m tests.dashboard.browser``: takes the pictures of every page anew, into ``docs/screenshots``."""

import asyncio
import base64
import tempfile
import time
from pathlib import Path

from playwright.async_api import Browser, Page

from tests.api.serving import ROOT, running_server
from tests.api.tokens import token

from .conftest import ROLES
from .pages import KEPT, PAGES, WIDTHS
from .school import browsing, fill, sign_in

FOLDER = ROOT / "docs/screenshots"
QUALITY = 62
_TALLEST = 1800


async def take_all() -> None:
    """Start the service with made-up people, and take the pictures."""
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.webp"):
        old.unlink()
    with tempfile.TemporaryDirectory() as folder:
        await fill(Path(folder))
        with running_server(Path(folder), ENVIRONMENT="development", LOG_LEVEL="INFO") as server:
            async with browsing() as browser:
                for scheme in ("light", "dark"):
                    await _take(browser, server.url, scheme)
    size = sum(path.stat().st_size for path in FOLDER.glob("*.webp"))
    print(f"{len(list(FOLDER.glob('*.webp')))} pictures, {size / 1e6:.1f} MB, in {FOLDER.relative_to(ROOT)}")  # noqa: T201  # a command


async def _take(browser: Browser, url: str, scheme: str) -> None:
    """Take the pictures in light at every width, in dark of the pages where it shows most at the widest."""
    for user_id, pages in PAGES.items():
        context = await browser.new_context(
            color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce"
        )
        role = ROLES.get(user_id)
        text = token(role, user_id=user_id, now_s=int(time.time())) if role else ""
        page = await sign_in(context, url, user_id, text)
        for name, path in pages.items():
            if name not in KEPT or (scheme == "dark" and name not in ("student-overview", "class-heat-map")):
                continue
            await page.goto(url + path)
            for width in WIDTHS if scheme == "light" else WIDTHS[-1:]:
                suffix = "" if scheme == "light" else "-dark"
                await _picture(page, width, FOLDER / f"{name}-{width}{suffix}.webp")
        await context.close()


async def _picture(page: Page, width: int, path: Path) -> None:
    await page.set_viewport_size({"width": width, "height": 900})
    height = min(_TALLEST, await page.evaluate("document.documentElement.scrollHeight"))
    session = await page.context.new_cdp_session(page)
    clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
    options = {"format": "webp", "quality": QUALITY, "captureBeyondViewport": True, "clip": clip}
    taken = await session.send("Page.captureScreenshot", options)
    path.write_bytes(base64.b64decode(taken["data"]))  # noqa: ASYNC240  # nothing else is going on


if __name__ == "__main__":
    asyncio.run(take_all())
