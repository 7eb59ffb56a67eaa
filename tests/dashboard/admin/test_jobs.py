"""Jobs made, watched and stopped in a browser."""

import httpx

from .conftest import Form, check_told_at
from .office import HOSTILE

BASE = "/dashboard/admin/jobs"


async def test_a_job_is_made_and_watched_until_it_is_done(school: httpx.AsyncClient, form: Form) -> None:
    made = await form(BASE, BASE, kind="mastery", cohort_id="loops", student_ids="", as_of="", method="", once="k-1")
    assert made.status_code == 303, made.text
    job = made.headers["Location"]
    again = await form(BASE, BASE, kind="mastery", cohort_id="loops", once="k-1")
    assert again.headers["Location"] == job
    for _ in range(1000):
        if (await school.get(f"{job}/progress")).headers.get("HX-Refresh"):
            break
    page = await school.get(job)
    assert "1 of 1" in page.text
    assert "student-1" in page.text
    assert "hx-get" not in page.text
    assert "No job waits or runs." in (await school.get(f"{BASE}/unfinished")).text


async def test_a_dry_run_of_other_settings_is_a_job(school: httpx.AsyncClient, form: Form) -> None:
    weights = {"completion": "0.1", "quiz": "0.7", "quality": "0.1", "consistency": "0.1"}
    made = await form(BASE, BASE, kind="recompute", student_ids="student-1\r\n\r\n student-2 ", **weights)
    assert made.status_code == 303, made.text
    job = await school.get(made.headers["Location"])
    assert "of 2" in job.text
    assert "Levels that would change" in job.text
    stopped = await form(BASE, f"{made.headers['Location']}/cancel")
    assert (stopped.status_code, stopped.headers["Location"]) == (303, made.headers["Location"])


WRONG = {
    "student_ids": {"student_ids": f"student-1\n{HOSTILE}"},
    "cohort_id": {"cohort_id": "there-is-none"},
    "as_of": {"cohort_id": "loops", "as_of": "yesterday"},
    "kind": {"cohort_id": "loops", "kind": "everything"},
    "half_life_days": {"cohort_id": "loops", "kind": "recompute", "half_life_days": "long"},
    "quiz": {"cohort_id": "loops", "kind": "recompute", "quiz": "2"},
}


async def test_what_is_wrong_with_a_job_is_told_at_its_field_and_what_was_typed_stays(form: Form) -> None:
    for field, fields in WRONG.items():
        page = await form(BASE, BASE, **{"kind": "mastery"} | fields)
        check_told_at(page, field)
        assert HOSTILE not in page.text
    neither = await form(BASE, BASE, kind="mastery")
    check_told_at(neither, "student_ids")
    assert "line 2" in (await form(BASE, BASE, kind="mastery", student_ids=f"student-1\n{HOSTILE}")).text
    nothing = await form(BASE, BASE, kind="recompute", cohort_id="loops")
    assert 'role="alert"' in nothing.text


async def test_a_job_that_is_not_there_is_a_page(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"{BASE}/none")).status_code == 404
