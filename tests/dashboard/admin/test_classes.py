"""Classes made, changed and removed in a browser."""

import html
import re

import httpx

from .conftest import Form, check_told_at, read_api
from .office import HOSTILE

BASE = "/dashboard/admin/classes"


def version_on(page: httpx.Response) -> str:
    [version] = set(re.findall(r'name="version" value="([^"]+)"', page.text))
    return html.unescape(str(version))


async def test_a_class_is_made_filled_and_removed(client: httpx.AsyncClient, form: Form) -> None:
    made = await form(BASE, BASE, cohort_id=" trees ", name="Trees")
    assert (made.status_code, made.headers["Location"]) == (303, f"{BASE}/trees")
    page = f"{BASE}/trees"
    version = version_on(await client.get(page))
    members = {"teachers": "teacher-1", "students": "student-2\r\n\r\nstudent-1\r\nstudent-1\r\n"}
    kept = await form(page, page, version=version, name="Big trees", **members)
    assert kept.headers["Location"] == f"{page}?saved=true"
    answer = await read_api(client, "/api/v1/cohorts/trees")
    assert answer.json() == {
        "cohort_id": "trees",
        "name": "Big trees",
        "teachers": ["teacher-1"],
        "students": ["student-1", "student-2"],
    }
    stale = await form(page, page, version=version, name="Small trees", **members)
    assert stale.status_code == 412
    assert "in the meantime" in stale.text
    assert "Small trees" not in stale.text
    check_told_at(await form(page, f"{page}/remove", again="tree"), "again")
    assert (await form(page, f"{page}/remove", again="trees")).headers["Location"] == BASE
    assert (await client.get(page)).status_code == 404


async def test_what_is_wrong_with_a_class_is_told_at_its_field_and_what_was_typed_stays(
    school: httpx.AsyncClient, form: Form
) -> None:
    check_told_at(await form(BASE, BASE, cohort_id="loops", name="Again"), "cohort_id")
    check_told_at(await form(BASE, BASE, cohort_id="a b", name="Trees"), "cohort_id")
    check_told_at(await form(BASE, BASE, cohort_id="trees", name=""), "name")
    page = f"{BASE}/loops"
    usual = {"version": version_on(await school.get(page)), "name": "Loops", "teachers": "", "students": ""}
    for field, text in (("name", "  "), ("teachers", "teacher-1\ntwo words"), ("students", f"s-1\ns-2\n{HOSTILE}")):
        wrong = await form(page, page, **usual | {field: text})
        check_told_at(wrong, field)
        assert HOSTILE not in wrong.text
    assert "line 3 must consist" in wrong.text
    assert "&lt;script&gt;" in wrong.text


async def test_the_name_of_a_class_is_text(client: httpx.AsyncClient, form: Form) -> None:
    await form(BASE, BASE, cohort_id="trees", name=HOSTILE)
    for page in (BASE, f"{BASE}/trees"):
        text = (await client.get(page)).text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
        assert HOSTILE not in text
