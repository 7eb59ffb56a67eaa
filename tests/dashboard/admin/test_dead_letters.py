"""Dead letters worked through in a browser; what is replayed goes through the ingest of the application."""

import json

import httpx
from markupsafe import escape

from tests.making import wire

from .conftest import Form, check_told_at, read_api

BASE = "/dashboard/admin/dead-letters"


async def test_dead_letters_are_listed_newest_first_with_what_is_wrong(client: httpx.AsyncClient) -> None:
    page = await client.get(BASE)
    assert page.text.index(f"{BASE}/0-2") < page.text.index(f"{BASE}/0-0")
    assert "data.correct_answers" in page.text
    narrowed = await client.get(f"{BASE}?reason=conflict&every=")
    assert f"{BASE}/0-2" in narrowed.text
    assert f"{BASE}/0-0" not in narrowed.text


async def test_a_reason_that_cannot_be_is_told_at_its_field(client: httpx.AsyncClient) -> None:
    check_told_at(await client.get(f"{BASE}?reason=no%20reason"), "reason")


async def test_what_a_dead_letter_holds_is_text(client: httpx.AsyncClient) -> None:
    page = await client.get(f"{BASE}/0-3")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    assert "<script>alert" not in page.text
    binary = await client.get(f"{BASE}/0-2")
    assert "/w==" in binary.text


async def test_a_corrected_event_is_counted_and_the_dead_letter_is_dealt_with(
    client: httpx.AsyncClient, form: Form
) -> None:
    event = json.dumps(wire("mended", topic="recursion"))
    done = await form(f"{BASE}/0-0", f"{BASE}/0-0/replay", event=event)
    assert (done.status_code, done.headers["Location"]) == (303, f"{BASE}/0-0")
    page = await client.get(f"{BASE}/0-0")
    assert "by ada" in page.text
    assert "It was corrected." in page.text
    assert "<textarea" not in page.text
    assert f"{BASE}/0-0" not in (await client.get(BASE)).text
    assert f"{BASE}/0-0" in (await client.get(f"{BASE}?every=true")).text
    answer = await read_api(client, "/api/v1/students/student-1/outcomes")
    assert "recursion" in answer.text


async def test_an_event_is_sent_again_as_it_was(client: httpx.AsyncClient, form: Form) -> None:
    assert (await form(f"{BASE}/0-1", f"{BASE}/0-1/replay")).status_code == 303
    assert "Sent again at" in (await client.get(f"{BASE}/0-1")).text


async def test_an_event_that_still_is_not_valid_is_told_at_its_field_and_stays_there(form: Form) -> None:
    for event in ("", "{", "[]", "7", json.dumps(wire("still", topic=7)), '{"a": 1, "a": 2}'):
        page = await form(f"{BASE}/0-0", f"{BASE}/0-0/replay", event=event)
        check_told_at(page, "event")
        assert f">\n{escape(event)}</textarea>" in page.text


async def test_what_still_is_wrong_is_told_where_it_was_sent_again(form: Form) -> None:
    page = await form(f"{BASE}/0-0", f"{BASE}/0-0/replay")
    assert page.status_code == 400
    assert 'aria-describedby="as_it_was-error"' in page.text


async def test_who_discards_says_why(form: Form) -> None:
    for reason in ("", "  ", "x" * 501, "two\nlines"):
        check_told_at(await form(f"{BASE}/0-0", f"{BASE}/0-0/discard", reason=reason), "reason")


async def test_a_discarded_dead_letter_says_why_and_is_not_sent_again(client: httpx.AsyncClient, form: Form) -> None:
    assert (await form(f"{BASE}/0-2", f"{BASE}/0-2/discard", reason="a <b>test</b>")).status_code == 303
    page = await client.get(f"{BASE}/0-2")
    assert "a &lt;b&gt;test&lt;/b&gt;" in page.text
    again = await form(f"{BASE}/0-0", f"{BASE}/0-2/replay")
    assert again.status_code == 409
    assert "Discarded at" in again.text


async def test_one_that_is_not_there_is_a_page(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"{BASE}/9-9")).status_code == 404


async def test_what_is_done_with_dead_letters_is_in_the_audit_trail(client: httpx.AsyncClient, form: Form) -> None:
    await form(f"{BASE}/0-1", f"{BASE}/0-1/replay")
    await form(f"{BASE}/0-0", f"{BASE}/0-0/replay")  # refused, and changes nothing
    await form(f"{BASE}/0-2", f"{BASE}/0-2/discard", reason="a test")
    rows = (await read_api(client, "/api/v1/audit?actor=ada")).json()["entries"]
    found = [(row["action"], row["facts"].get("letter_id")) for row in rows if row["action"].endswith("letter")]
    assert ("dashboard.replay-dead-letter", "0-1") in found
    assert ("dashboard.discard-dead-letter", "0-2") in found
    assert ("dashboard.show-dead-letter", "0-1") in found
    assert ("dashboard.replay-dead-letter", "0-0") not in found
