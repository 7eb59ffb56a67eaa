"""Export, erasure and consent over HTTP, on the embedded store."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from src.event_validator import decode
from tests.making import NOW_US, wire

from .serving import client_of, running_app
from .student import ADMIN, EVENTS, STUDENT, send
from .tokens import bearer

CANARY = "canary-4711"
THEIRS = f"/api/v1/students/{CANARY}"
SELF = bearer("student", user_id=CANARY)
MINUTE_US = 60_000_000


class Moment:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now_us = NOW_US

    def __call__(self) -> int:
        return self.now_us


@pytest.fixture
def moment() -> Moment:
    return Moment()


@pytest.fixture
async def filled(tmp_path: Path, moment: Moment) -> AsyncIterator[httpx.AsyncClient]:
    """Talk to an application that knows two students."""
    async with running_app(tmp_path, moment) as app, client_of(app) as client:
        await send(client, *EVENTS)
        await send(client, *theirs())
        yield client


def theirs() -> list[dict[str, Any]]:
    return [event | {"student_id": CANARY} for event in EVENTS]


async def asked(client: httpx.AsyncClient, method: str, path: str = "", **options: Any) -> Any:
    answer = await client.request(method, THEIRS + path, headers=ADMIN, **options)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return decode(answer.content)


async def statuses(client: httpx.AsyncClient, *events: dict[str, Any]) -> list[str]:
    answer = await client.post("/api/v1/events", json=events, headers=ADMIN)
    return [result["status"] for result in answer.json()["results"]]


def places(receipt: dict[str, Any], which: str) -> dict[str, Any]:
    return {name: place[which] for name, place in receipt["places"].items()}


async def test_a_student_gets_everything_that_is_stored_of_them(filled: httpx.AsyncClient) -> None:
    answer = await filled.get(f"{THEIRS}/export", headers=SELF)
    assert answer.headers["cache-control"] == "no-store"
    exported = answer.json()
    assert (exported["student_id"], exported["exported_at"]) == (CANARY, "2026-01-15T12:00:00Z")
    state = exported["places"]["state"]
    assert state["events"] == len(EVENTS)
    assert {"aggregates", "counted", "outcomes", "snapshots", "checkpoints"} <= state.keys()
    assert f"student:{CANARY}:mastery:2026-01-15" in state["snapshots"]
    assert STUDENT.rpartition("/")[2] not in answer.text


async def test_a_dry_run_tells_what_an_erasure_would_erase_and_changes_nothing(filled: httpx.AsyncClient) -> None:
    await asked(filled, "GET", "/export")
    before = (await asked(filled, "GET", "/export"))["places"]
    receipt = await asked(filled, "DELETE", params={"dry_run": "true"})
    assert (receipt["dry_run"], receipt["at"], receipt["verified"], receipt["erasure"]) == (True, None, None, 1)
    after = (await asked(filled, "GET", "/export"))["places"]
    looked_at = [row["action"] for row in after.pop("audit_history")]
    assert set(looked_at) == {"privacy.export", "privacy.erase"}
    assert len(looked_at) == len(before.pop("audit_history")) + 2
    assert after == before
    erased = await asked(filled, "DELETE")
    assert places(receipt, "entries") == places(erased, "entries")
    assert erased["erasure"] == receipt["erasure"]


async def test_what_is_done_with_personal_data_is_in_the_audit_trail(filled: httpx.AsyncClient) -> None:
    for method, path in (("GET", "/export"), ("DELETE", ""), ("POST", "/restore-consent")):
        await asked(filled, method, path)
    rows = decode((await filled.get("/api/v1/audit", headers=ADMIN)).content)["entries"]
    assert [row["action"] for row in rows][:3] == ["privacy.restore-consent", "privacy.erase", "privacy.export"]
    of_the_erased, before = rows[1]["subject"], rows[2]["subject"]
    assert of_the_erased == before
    assert CANARY not in str(rows)


async def test_the_erasure_itself_makes_nobody_known_to_the_audit_trail(filled: httpx.AsyncClient) -> None:
    for _ in range(2):
        assert (await asked(filled, "DELETE"))["places"]["audit_history"] == {"entries": 0, "remaining": 0}
    assert decode((await filled.get(f"/api/v1/audit?subject={CANARY}", headers=ADMIN)).content)["entries"] == []


async def test_a_receipt_tells_what_was_erased_and_that_nothing_is_left(filled: httpx.AsyncClient) -> None:
    await filled.get(f"{THEIRS}/mastery", headers=SELF)
    receipt = await asked(filled, "DELETE")
    assert receipt["verified"] is True
    assert (receipt["student_id"], receipt["erasure"], receipt["at"]) == (CANARY, 1, "2026-01-15T12:00:00Z")
    entries = places(receipt, "entries")
    assert entries["state"] > len(EVENTS)
    assert entries["cached_answers"] == 1
    assert set(places(receipt, "remaining").values()) == {0}
    assert receipt["raw_records_until"] is None


async def test_an_export_after_an_erasure_is_empty(filled: httpx.AsyncClient) -> None:
    await asked(filled, "DELETE")
    exported = await asked(filled, "GET", "/export")
    assert set(exported["places"].values()) == {None}
    assert exported["erasure"] == {"number": 1, "at": "2026-01-15T12:00:00Z", "consented_at": None}


async def test_erasing_twice_gives_the_same_receipt_with_nothing_in_it(
    filled: httpx.AsyncClient, moment: Moment
) -> None:
    first = await asked(filled, "DELETE")
    moment.now_us += MINUTE_US
    second = await asked(filled, "DELETE")
    assert set(places(second, "entries").values()) == {0}
    assert first.keys() == second.keys()
    assert (first["erasure"], first["at"]) == (second["erasure"], second["at"])


async def test_events_of_an_erased_student_are_refused_and_those_of_others_are_not(
    filled: httpx.AsyncClient,
) -> None:
    await asked(filled, "DELETE")
    new = wire("new", student_id=CANARY)
    assert await statuses(filled, *theirs(), new, wire("other")) == ["refused"] * (len(EVENTS) + 1) + ["applied"]
    assert set((await asked(filled, "GET", "/export"))["places"].values()) == {None}
    single = await filled.post("/api/v1/events", json=new, headers=ADMIN)
    assert (single.status_code, single.json()["status"]) == (200, "refused")
    assert 'mastery_engine_events_total{status="refused"}' in (await filled.get("/metrics")).text


@pytest.mark.parametrize("path", ["mastery", "mastery/explanation", "mastery/history", "outcomes", "struggles"])
async def test_no_answer_shows_what_was_erased(filled: httpx.AsyncClient, path: str) -> None:
    unknown = (await filled.get(f"/api/v1/students/nobody-9999/{path}", headers=ADMIN)).json()
    before = await filled.get(f"{THEIRS}/{path}", headers=SELF)
    await asked(filled, "DELETE")
    tag = {"If-None-Match": before.headers.get("etag", '"none"')}
    after = await filled.get(f"{THEIRS}/{path}", headers=SELF | tag)
    assert after.status_code == 200
    assert after.json() == unknown | {name: CANARY for name in ("student_id",) if name in unknown}


async def test_an_answer_held_by_another_process_is_not_given_any_more(tmp_path: Path, moment: Moment) -> None:
    async with (
        running_app(tmp_path, moment) as one,
        running_app(tmp_path, moment) as other,
        client_of(one) as client,
        client_of(other) as second,
    ):
        await send(client, *theirs())
        before = (await second.get(f"{THEIRS}/mastery", headers=SELF)).json()
        assert before["score"] is not None
        await asked(client, "DELETE")
        after = (await second.get(f"{THEIRS}/mastery", headers=SELF)).json()
        assert (after["score"], after["status"]) == (None, "no_evidence")
        assert await statuses(second, wire("new", student_id=CANARY)) == ["refused"]


async def test_consent_lets_in_what_is_received_after_it(filled: httpx.AsyncClient, moment: Moment) -> None:
    await asked(filled, "DELETE")
    moment.now_us += MINUTE_US
    answer = await asked(filled, "POST", "/restore-consent")
    assert answer == {"student_id": CANARY, "erasure": 1, "consented_at": "2026-01-15T12:01:00Z"}
    assert await statuses(filled, wire("at-once", student_id=CANARY)) == ["refused"]
    moment.now_us += MINUTE_US
    assert await statuses(filled, wire("after", student_id=CANARY)) == ["applied"]
    again = await asked(filled, "POST", "/restore-consent")
    assert again == answer
    assert (await asked(filled, "GET", "/export"))["places"]["state"]["events"] == 1
    receipt = await asked(filled, "DELETE")
    assert (receipt["erasure"], receipt["verified"]) == (2, True)


async def test_nobody_can_restore_the_consent_of_a_student_who_was_not_erased(filled: httpx.AsyncClient) -> None:
    answer = await filled.post(f"{THEIRS}/restore-consent", headers=ADMIN)
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (409, "conflict")
    assert CANARY not in answer.text


async def test_a_student_who_is_not_known_is_erased_all_the_same(app_client: httpx.AsyncClient) -> None:
    receipt = await asked(app_client, "DELETE")
    assert receipt["verified"] is True
    assert await statuses(app_client, wire(student_id=CANARY)) == ["refused"]


# -- the files


def found_in(folder: Path, text: str) -> list[str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return [path.name for path in files if text.encode() in path.read_bytes()]


async def test_no_file_names_an_erased_student(tmp_path: Path, moment: Moment) -> None:
    rejected = tmp_path / "rejected"
    rejected.mkdir()
    (rejected / "mine-1.jsonl").write_text(f'{{"student_id": "{CANARY}", "event_id": 7}}\n')
    (rejected / "mine-1.reasons.jsonl").write_text('{"line": 1}\n')
    (rejected / "others-1.csv").write_text(f"student_id\n{CANARY}-2\n")
    async with running_app(tmp_path, moment) as app, client_of(app) as client:
        await send(client, *EVENTS, *theirs())
        cohort = {"name": "7b", "teachers": ["t-1"], "students": [CANARY, "student-1"]}
        assert (await client.put("/api/v1/cohorts/7b", json=cohort, headers=ADMIN)).status_code == 201
        assert {"mine-1.jsonl"} < set(found_in(tmp_path, CANARY))
        receipt = await asked(client, "DELETE")
        assert receipt["places"]["rejected_imports"] == {"entries": 1, "remaining": 0}
        assert receipt["places"]["cohorts"] == {"entries": 1, "remaining": 0}
        assert found_in(tmp_path, CANARY) == ["others-1.csv"]
        await statuses(client, *theirs())
        (rejected / "others-1.csv").unlink()
        assert found_in(tmp_path, CANARY) == []
    assert found_in(tmp_path, CANARY) == []
    assert not list(rejected.iterdir())


async def test_an_older_copy_of_the_database_brings_nobody_back(tmp_path: Path, moment: Moment) -> None:
    database = tmp_path / "mastery.db"
    async with running_app(tmp_path, moment) as app, client_of(app) as client:
        await send(client, *EVENTS, *theirs())
    copy = database.read_bytes()
    async with running_app(tmp_path, moment) as app, client_of(app) as client:
        await asked(client, "DELETE")
    database.write_bytes(copy)
    assert found_in(tmp_path, CANARY) == ["mastery.db"]
    async with running_app(tmp_path, moment) as app, client_of(app) as client:
        assert set((await asked(client, "GET", "/export"))["places"].values()) == {None}
        assert await statuses(client, *theirs()) == ["refused"] * len(EVENTS)
        assert (await client.get(f"{STUDENT}/mastery", headers=ADMIN)).json()["score"] is not None
    assert found_in(tmp_path, CANARY) == []


async def test_an_older_copy_is_erased_again_also_where_consent_has_returned(tmp_path: Path, moment: Moment) -> None:
    database = tmp_path / "mastery.db"
    async with running_app(tmp_path, moment) as app, client_of(app) as client:
        await send(client, *theirs())
    before = database.read_bytes()
    async with running_app(tmp_path, moment) as app, client_of(app) as client:
        await asked(client, "DELETE")
        await asked(client, "POST", "/restore-consent")
        moment.now_us += MINUTE_US
        assert await statuses(client, wire("after", student_id=CANARY)) == ["applied"]
    async with running_app(tmp_path, moment) as app, client_of(app) as client:
        assert (await asked(client, "GET", "/export"))["places"]["state"]["events"] == 1
    database.write_bytes(before)
    async with running_app(tmp_path, moment) as app, client_of(app) as client:
        assert (await asked(client, "GET", "/export"))["places"]["state"] is None
        assert await statuses(client, wire("after", student_id=CANARY)) == ["applied"]


async def test_an_erasure_that_broke_off_after_the_ledger_is_completed_at_the_next_start(
    tmp_path: Path, moment: Moment
) -> None:
    database = tmp_path / "mastery.db"
    async with running_app(tmp_path, moment) as app, client_of(app) as client:
        await send(client, *theirs())
    filled = database.read_bytes()
    async with running_app(tmp_path, moment) as app, client_of(app) as client:
        await asked(client, "DELETE")
    database.write_bytes(filled)  # as if the ledger had been written and nothing else
    async with running_app(tmp_path, moment) as app, client_of(app) as client:
        receipt = await asked(client, "DELETE")
        assert (receipt["erasure"], set(places(receipt, "entries").values())) == (1, {0})
