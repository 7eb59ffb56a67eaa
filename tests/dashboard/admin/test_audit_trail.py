"""The audit trail searched in a browser."""

import re

import httpx

from .conftest import check_told_at, write_trail

BASE = "/dashboard/admin/audit"


async def test_what_was_done_is_found_by_who_did_it_and_whom_it_is_about(school: httpx.AsyncClient) -> None:
    await school.get("/dashboard/students/student-1")
    await write_trail(school)
    found = await school.get(f"{BASE}?subject=student-1&actor=ada&from=2026-01-15&to=2026-01-15")
    assert "dashboard.overview" in found.text
    assert "cohorts.put" not in found.text
    cohort = await school.get(f"{BASE}?subject=cohort%3Aloops")
    assert "cohorts.put" in cohort.text
    for nothing in ("subject=nobody", "from=2026-01-16", "to=2026-01-14"):
        assert "Nothing was found" in (await school.get(f"{BASE}?{nothing}")).text


async def test_what_cannot_be_searched_for_is_told_at_its_field(client: httpx.AsyncClient) -> None:
    for query, field in (("subject=a%20b", "subject"), ("actor=a%20b", "actor"), ("from=yesterday", "from")):
        page = await client.get(f"{BASE}?{query}")
        check_told_at(page, field)
    assert (await client.get(f"{BASE}?cursor=-1")).status_code == 400


async def test_older_rows_are_a_page_further_with_the_same_choice(client: httpx.AsyncClient) -> None:
    for _ in range(52):
        await client.get("/dashboard/admin/dead-letters")
    await write_trail(client)
    first = await client.get(f"{BASE}?actor=ada")
    [older] = re.findall(r'href="(\?[^"]*cursor=[^"]*)"', first.text)
    assert "actor=ada" in older
    second = await client.get(BASE + older.replace("&amp;", "&"))
    assert second.status_code == 200
    assert "Row 1<" in second.text.replace("</span>", "<")
    assert "Row 1<" not in first.text
