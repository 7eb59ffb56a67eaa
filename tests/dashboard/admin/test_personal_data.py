"""Export and erasure in a browser: nothing is erased before the id is typed again, and a receipt says what was."""

import httpx

from tests.api.school import STUDENT

from .conftest import Form, check_told_at, read_api, write_trail
from .office import HOSTILE

BASE = "/dashboard/admin/personal-data"


async def test_one_is_led_to_a_student_or_told_at_the_field(client: httpx.AsyncClient) -> None:
    found = await client.get(f"{BASE}?student_id={STUDENT}")
    assert (found.status_code, found.headers["Location"]) == (303, f"{BASE}/{STUDENT}")
    wrong = await client.get(BASE, params={"student_id": HOSTILE})
    check_told_at(wrong, "student_id")
    assert HOSTILE not in wrong.text


async def test_a_student_is_shown_given_out_erased_with_a_receipt_and_taken_up_again(
    school: httpx.AsyncClient, form: Form
) -> None:
    page = f"{BASE}/{STUDENT}"
    for again in ("", "student-2", f"{STUDENT}x"):
        check_told_at(await form(page, f"{page}/erase", again=again), "again")
    file = await school.get(f"{page}/export")
    assert file.headers["Content-Disposition"] == f'attachment; filename="{STUDENT}.json"'
    assert file.json()["places"]["state"] is not None
    receipt = await form(page, f"{page}/erase", again=STUDENT)
    assert receipt.status_code == 200
    assert "a look through every place found nothing left" in receipt.text
    assert "raw_records_until" in receipt.text
    after = await school.get(page)
    assert "Events of this student are refused." in after.text
    restored = await form(page, f"{page}/restore-consent")
    assert (restored.status_code, restored.headers["Location"]) == (303, page)
    assert "Consented again" in (await school.get(page)).text


async def test_who_was_not_erased_cannot_be_taken_up_again(client: httpx.AsyncClient, form: Form) -> None:
    page = f"{BASE}/student-7"
    refused = await form(page, f"{page}/restore-consent")
    assert refused.status_code == 409
    assert "was not erased" in refused.text
    assert "Erase everything" in refused.text
    del client


async def test_an_erasure_and_an_export_are_in_the_audit_trail_before_they_are_answered(
    client: httpx.AsyncClient, form: Form
) -> None:
    page = f"{BASE}/student-8"
    await client.get(f"{page}/export")
    await form(page, f"{page}/erase", again="other")
    await write_trail(client)
    rows = (await read_api(client, "/api/v1/audit?subject=student-8")).json()["entries"]
    assert {row["action"] for row in rows} >= {"dashboard.export-personal-data", "dashboard.personal-data"}
    assert "dashboard.erase-student" not in {row["action"] for row in rows}
    await form(page, f"{page}/erase", again="student-8")
    rows = (await read_api(client, "/api/v1/audit?actor=ada")).json()["entries"]
    assert "dashboard.erase-student" in {row["action"] for row in rows}
