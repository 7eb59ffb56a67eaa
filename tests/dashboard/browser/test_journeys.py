"""What people do: by mouse, by keyboard alone, without scripts, and while the connection comes and goes."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.api.serving import Server, bearer_now
from tests.api.tokens import token

from .conftest import Visiting
from .pages import ADMIN, CLASS, STUDENT, TEACHER
from .school import BUTTON

pytestmark = pytest.mark.asyncio(loop_scope="session")

NOW = f"/dashboard/classes/{CLASS}"
RENEWED_MS, STEP_MS = 31_000, 500
PATIENCE_MS = 20_000


@pytest.mark.parametrize(
    ("user_id", "heading"), [(STUDENT, "Where I stand"), (TEACHER, "My classes"), (ADMIN, "All classes")]
)
async def test_one_signs_in_with_a_click_in_a_demonstration_and_out_again(
    visiting: Visiting, user_id: str, heading: str
) -> None:
    page = await visiting("")
    await page.click(BUTTON.format(user_id))
    await expect(page.locator("h1")).to_have_text(heading)
    [session] = [cookie for cookie in await page.context.cookies() if cookie["name"] == "mastery-session"]
    assert (session["httpOnly"], session["sameSite"], session["path"]) == (True, "Strict", "/dashboard")
    await page.click("text=Sign out")
    await expect(page.locator("h1")).to_have_text("Sign in")
    await page.go_back()
    await page.reload()
    assert "/dashboard/sign-in" in page.url


async def press(page: Page, *keys: str) -> None:
    for key in keys:
        await page.keyboard.press(key)


async def tab_to(page: Page, text: str, most: int = 60) -> None:
    """Press Tab until what has the focus says a text; every stop on the way can be seen to have the focus."""
    for _ in range(most):
        await page.keyboard.press("Tab")
        found = await page.evaluate(
            "() => { const it = document.activeElement, style = getComputedStyle(it);"
            " return [(it.innerText || it.name || '').trim(), style.outlineStyle, it === document.body] }"
        )
        if found[2]:
            continue  # the browser's own controls
        assert found[1] in ("solid", "auto"), found
        if text in found[0]:
            return
    message = f"there is no way to {text}"
    raise AssertionError(message)


async def test_a_student_gets_everywhere_by_keyboard(visiting: Visiting) -> None:
    page = await visiting("")
    await tab_to(page, "token")
    await page.keyboard.type(token("student", user_id=STUDENT, now_s=int(time.time())))
    await press(page, "Enter")
    await expect(page.locator("h1")).to_have_text("Where I stand")
    await press(page, "Tab")
    await expect(page.locator(".skip")).to_be_in_viewport()
    await press(page, "Enter")
    assert await page.evaluate("document.activeElement.id") == "content"
    await tab_to(page, "How it came about")
    await press(page, "Enter")
    await expect(page.locator("h1")).to_have_text("How it came about")
    await tab_to(page, "What next")
    await press(page, "Enter")
    await expect(page.locator("h1")).to_have_text("What next")
    await tab_to(page, "My history")
    await press(page, "Enter")
    await expect(page.locator("h1")).to_have_text("My history")
    await tab_to(page, "The same as a table")
    await press(page, "Enter")
    await expect(page.locator("details[open] table")).to_be_visible()


async def test_a_teacher_moves_a_threshold_by_keyboard_and_sees_the_effect_before_keeping_it(
    visiting: Visiting, address: Callable[[str], str]
) -> None:
    page = await visiting(TEACHER)
    await page.goto(address(f"{NOW}/thresholds"))
    await expect(page.locator("#effect")).to_contain_text("These are the thresholds that hold.")
    await tab_to(page, "needs_help_below")
    await press(page, *["ArrowRight"] * 20)
    await expect(page.locator("output[for=needs_help_below]")).to_contain_text("70")
    await expect(page.locator("#effect")).to_contain_text("comes:")
    await expect(page.locator("#effect")).to_contain_text("Keep these thresholds")
    await tab_to(page, "Keep these thresholds")
    await press(page, "Enter")
    await expect(page.locator(".notice")).to_contain_text("are kept")
    await page.reload()
    assert await page.input_value("#needs_help_below") == "0.7"
    await tab_to(page, "needs_help_below")
    await press(page, *["ArrowLeft"] * 20)
    await expect(page.locator("#effect")).to_contain_text("Keep these thresholds")
    await tab_to(page, "Keep these thresholds")
    await press(page, "Enter")
    await expect(page.locator("output[for=needs_help_below]")).to_contain_text("50")


async def test_lines_that_cross_are_told_where_they_are_drawn(
    visiting: Visiting, address: Callable[[str], str]
) -> None:
    page = await visiting(TEACHER)
    await page.goto(address(f"{NOW}/thresholds?needs_help_below=0.9&excelling_from=0.5"))
    field = page.locator("#needs_help_below")
    await expect(field).to_have_attribute("aria-invalid", "true")
    described = (await field.get_attribute("aria-describedby") or "").split()
    assert "needs_help_below-error" in described
    await expect(page.locator("#needs_help_below-error")).to_be_visible()


async def test_pages_are_read_and_used_without_scripts(visiting: Visiting, address: Callable[[str], str]) -> None:
    page = await visiting(TEACHER, java_script_enabled=False)
    await page.goto(address(f"{NOW}/table"))
    await page.click("th >> text=Score")
    first = await page.inner_text("tbody tr:first-child th")
    await page.click("th >> text=Score")
    assert await page.inner_text("tbody tr:first-child th") != first
    await page.select_option("#level", "expert")
    await page.click("text=Show")
    assert set(await page.locator("tbody .chip").all_inner_texts()) == {"Expert"}
    await page.goto(address(f"{NOW}/thresholds"))
    await page.fill("#inactive_days", "2")
    await page.click("text=See the effect")
    await expect(page.locator("#effect")).to_contain_text("comes:")
    await page.goto(address("/dashboard/students/student-003/history"))
    await expect(page.locator(".chart").first).to_be_visible()


async def test_a_lost_connection_is_told_and_that_it_is_back(visiting: Visiting, address: Callable[[str], str]) -> None:
    page = await visiting(TEACHER)
    await page.clock.install()
    await page.goto(address(NOW))
    await expect(page.locator("#connection")).to_have_text("")
    await page.context.set_offline(True)  # as playwright has it
    await page.clock.run_for(RENEWED_MS)
    await expect(page.locator("#connection")).to_contain_text("The connection is lost")
    await page.context.set_offline(False)  # likewise
    # It is told for four seconds only, so the time goes in steps that are shorter.
    for _ in range(RENEWED_MS // STEP_MS * 5):
        if "Connected again" in await page.inner_text("#connection"):
            break
        await page.clock.run_for(STEP_MS)
    await expect(page.locator("#connection")).to_contain_text("Connected again")
    await expect(page.locator("#struggles li").first).to_be_visible()


async def test_a_student_who_gets_stuck_appears_by_themselves(
    visiting: Visiting, address: Callable[[str], str], school: Server
) -> None:
    page = await visiting(TEACHER)
    async with page.expect_response(lambda answer: answer.url.endswith("/stream")):
        await page.goto(address(NOW))
    now = (datetime.now(UTC) + timedelta(hours=20)).isoformat()  # after all that was made up for today
    event = {
        "event_id": f"stuck-{now}".replace(":", "-").replace("+", "-"),
        "event_type": "help.requested",
        "student_id": "student-025",
        "timestamp": now,
        "topic": "recursion",
        "data": {"message_kind": "stuck"},
    }
    async with httpx.AsyncClient() as service:
        sent = await service.post(f"{school.url}/api/v1/events", json=event, headers=bearer_now("service"))
    assert sent.status_code == 200, sent.text
    await expect(page.locator("#struggles li").first).to_contain_text("student-025", timeout=PATIENCE_MS)
    await expect(page.locator("#struggles li").first).to_contain_text("Recursion")


async def test_who_was_signed_out_meanwhile_is_asked_to_sign_in(
    visiting: Visiting, address: Callable[[str], str]
) -> None:
    page = await visiting(TEACHER)
    await page.clock.install()
    await page.goto(address(NOW))
    await page.context.clear_cookies()
    await page.clock.run_for(RENEWED_MS)
    await expect(page.locator("h1")).to_have_text("Sign in")


async def test_the_table_is_given_as_a_file(visiting: Visiting, address: Callable[[str], str]) -> None:
    page = await visiting(TEACHER)
    await page.goto(address(f"{NOW}/table"))
    async with page.expect_download() as waiting:
        await page.click("text=Whole class as CSV")
    file = await (await waiting.value).path()
    lines = file.read_text(encoding="utf-8").splitlines()
    assert (len(lines), lines[0].split(",")[:3]) == (31, ["student_id", "as_of", "score"])
