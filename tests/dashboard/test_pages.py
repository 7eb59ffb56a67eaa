"""What every page keeps to: headers, escaping, problems told to people, and files that never change."""

import gzip
import re

import httpx
import pytest

from tests.api.school import COHORT, MISSING, STUDENT

from .test_access import PAGES, address_of
from .visitors import FROM_A_PAGE, VISITORS, form_token, signed_in

ADMIN = signed_in("admin")
FILES = (".csv", "/stream", "/export")
HOSTILE = '"><script>alert(1)</script>'
STYLE_OR_SCRIPT = re.compile(r"""<style|<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=|javascript:""", re.IGNORECASE)
URLS = re.compile(r"""(?:src|href|action)="([^"]*)\"""")


def target(route: str, student_id: str = STUDENT, topic: str = "loops") -> str:
    return address_of(route, student_id=student_id, topic=topic)


@pytest.mark.parametrize("student_id", [STUDENT, MISSING])
async def test_a_page_holds_nothing_inline_and_loads_nothing_from_elsewhere(
    client: httpx.AsyncClient, student_id: str
) -> None:
    for route in [
        route
        for route in PAGES
        if not route.endswith(FILES) and "{letter_id}" not in route and "{batch_id}" not in route
    ]:
        page = await client.get(target(route, student_id), headers=ADMIN, follow_redirects=True)
        check(page)


def check(page: httpx.Response) -> None:
    """Check what every page keeps to."""
    assert page.status_code == 200, page.text
    assert not STYLE_OR_SCRIPT.search(page.text)
    assert all(address.startswith(("/dashboard", "#", "?")) for address in URLS.findall(page.text)), page.text
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["X-Frame-Options"] == "DENY"
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert page.headers["Cache-Control"] == "no-store"


async def test_a_hostile_title_is_text(client: httpx.AsyncClient) -> None:
    bearer = {"Authorization": ADMIN["Cookie"].replace("__Secure-mastery-session=", "Bearer ")}
    topics = [{"topic": "loops", "title": HOSTILE, "module": HOSTILE, "skills": [], "prerequisites": []}]
    assert (await client.put("/api/v1/curriculum", json={"topics": topics}, headers=bearer)).status_code == 200
    content = {"name": HOSTILE, "teachers": ["teacher-1"], "students": [STUDENT]}
    assert (await client.put(f"/api/v1/cohorts/{COHORT}", json=content, headers=bearer)).status_code == 200
    shown = set()
    for route in [route for route in PAGES if not route.endswith(("/stream", "/export"))]:
        page = await client.get(target(route), headers=ADMIN, follow_redirects=True)
        assert "<script>alert" not in page.text, route
        shown |= {route} if "&lt;script&gt;alert" in page.text else set()
    assert len(shown) > len([route for route in PAGES if "/admin" not in route]) / 2


async def test_a_user_id_is_text(client: httpx.AsyncClient) -> None:
    page = await client.get("/dashboard/students/x", headers=signed_in("admin", user_id="<script>alert(1)</script>"))
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    assert "<script>alert" not in page.text


async def test_a_student_sees_nobody_else(client: httpx.AsyncClient) -> None:
    for route in [route for route in PAGES if "{student_id}" in route and "/admin/" not in route]:
        page = await client.get(target(route), headers=VISITORS["self"])
        assert "student-2" not in page.text, route
        assert "/dashboard/classes" not in page.text, route


PROBLEMS = {
    "GET /dashboard/nothing/here": 404,
    f"GET /dashboard/students/{STUDENT}/history?span=century": 400,
    f"GET /dashboard/students/{STUDENT}/history?span=month&span=month": 400,
    "GET /dashboard/students/not%20an%20id": 400,
    "GET /dashboard/assets/none.js": 404,
    "POST /dashboard": 405,
}


async def test_a_problem_is_a_page(client: httpx.AsyncClient) -> None:
    for request, status in PROBLEMS.items():
        method, address = request.split()
        page = await client.request(method, address, headers=ADMIN)
        assert (page.status_code, page.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
        assert page.headers["X-Request-ID"] in page.text
        assert page.headers.get("Allow") == ("GET" if status == 405 else None)


async def test_a_part_of_the_interface_still_tells_problems_to_programs(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/me")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (await client.get("/dashboards")).headers["Content-Type"] == "application/problem+json"


async def test_files_may_be_kept_for_ever_since_their_names_change(client: httpx.AsyncClient) -> None:
    page = await client.get("/dashboard/sign-in")
    files = re.findall(r'"(/dashboard/assets/[^"]+)"', page.text)
    assert len(files) == 6
    for file in files:
        answer = await client.get(file)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        plain = await client.get(file, headers={"Accept-Encoding": "identity"})
        assert plain.content == answer.content
        assert "Content-Encoding" not in plain.headers


async def test_pages_are_compressed_where_that_is_read(client: httpx.AsyncClient) -> None:
    async with client.stream("GET", f"/dashboard/students/{STUDENT}", headers=ADMIN) as answer:
        packed = b"".join([part async for part in answer.aiter_raw()])
    plain = await client.get(f"/dashboard/students/{STUDENT}", headers=ADMIN | {"Accept-Encoding": "gzip;q=0"})
    assert "Content-Encoding" not in plain.headers
    assert len(packed) < len(plain.content) / 2
    assert gzip.decompress(packed)[:15] == plain.content[:15]


async def test_the_first_page_with_all_that_it_loads_is_small(client: httpx.AsyncClient) -> None:
    sizes = {}
    page = f"/dashboard/students/{STUDENT}"
    text = (await client.get(page, headers=ADMIN)).text
    for address in [page, *re.findall(r'"(/dashboard/assets/[^"]+)"', text)]:
        async with client.stream("GET", address, headers=ADMIN) as answer:
            sizes[address] = len(b"".join([part async for part in answer.aiter_raw()]))
    assert sum(sizes.values()) < 100_000, sizes


async def test_numbers_and_days_follow_the_region_of_the_browser(client: httpx.AsyncClient) -> None:
    page = f"/dashboard/students/{STUDENT}"
    british = await client.get(page, headers=ADMIN | {"Accept-Language": "xx-nonsense, en-GB;q=0.8, de"})
    american = await client.get(page, headers=ADMIN | {"Accept-Language": "en-US"})
    assert "15 Jan 2026" in british.text
    assert "Jan 15, 2026" in american.text


async def test_an_empty_choice_in_a_form_is_none(client: httpx.AsyncClient) -> None:
    base = f"/dashboard/classes/{COHORT}"
    for address in (
        f"{base}/table?sort=-score&topic=&level=&text=",
        f"{base}/table.csv?topic=",
        f"{base}/compare?as_of=&with={COHORT}&with_as_of=&topic=",
        f"/dashboard/students/{STUDENT}/history?span=month&topic=",
        f"/dashboard/students/{STUDENT}/explanation?topic=",
    ):
        assert (await client.get(address, headers=ADMIN)).status_code == 200, address


async def test_a_day_that_cannot_be_looked_at_is_told_at_its_field(client: httpx.AsyncClient) -> None:
    page = await client.get(f"/dashboard/classes/{COHORT}/compare?as_of=2026-01-16", headers=ADMIN)
    assert page.status_code == 400
    assert 'aria-describedby="as_of-error"' in page.text


async def test_thresholds_are_kept_and_those_that_contradict_are_told(client: httpx.AsyncClient) -> None:
    address = f"/dashboard/classes/{COHORT}/thresholds"
    teacher = VISITORS["teacher"]
    usual = {"needs_help_below": "0.4", "open_struggles": "2", "inactive_days": "9", "excelling_from": "0.8"}
    form = {"form_token": await form_token(client, address, teacher)}
    kept = await client.post(address, headers=teacher | FROM_A_PAGE, data=form | usual)
    assert (kept.status_code, kept.headers["Location"]) == (303, f"{address}?saved=true")
    bearer = {"Authorization": teacher["Cookie"].replace("__Secure-mastery-session=", "Bearer ")}
    triage = (await client.get(f"/api/v1/cohorts/{COHORT}/triage", headers=bearer)).json()
    assert triage["thresholds"] == {
        "needs_help_below": 0.4,
        "open_struggles": 2,
        "inactive_days": 9,
        "excelling_from": 0.8,
    }
    for wrong in ({"needs_help_below": "0.9"}, {"inactive_days": "0"}, {"open_struggles": "many"}):
        page = await client.post(address, headers=teacher | FROM_A_PAGE, data=form | usual | wrong)
        assert page.status_code == 400
        assert f'id="{next(iter(wrong))}-error"' in page.text
