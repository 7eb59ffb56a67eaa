"""Looking at pages with axe-core (MPL-2.0, in ``vendor``)."""

from pathlib import Path
from typing import Any

from playwright.async_api import Page

_AXE = Path(__file__).with_name("vendor") / "axe.min.js"
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


async def violations(page: Page, *rules: str) -> list[str]:
    """Return what axe finds against a page as it looks now, by WCAG 2.2 AA and good practice or some rules of it."""
    if not await page.evaluate("typeof axe === 'object'"):
        await page.evaluate(_AXE.read_text(encoding="utf-8"))
    run = {"type": "rule", "values": list(rules)} if rules else {"type": "tag", "values": _TAGS}
    found: dict[str, Any] = await page.evaluate(
        "run => axe.run(document, {runOnly: run, resultTypes: ['violations']})", run
    )
    return [
        f"{one['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
        for one in found["violations"]
        for node in one["nodes"]
    ]
