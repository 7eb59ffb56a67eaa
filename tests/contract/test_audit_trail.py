"""The audit trail over every store: what is recorded is found again, and what was done to it is found out."""

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from src.audit import ROWS_LOST, AuditOutcome, Entry
from src.audit_history import AuditHistory, Wanted
from src.domain.days import DAY_US
from src.ports import Link, SealedRow
from tests.audit import Place
from tests.making import NOW_US

from .conftest import Kept

READ = Entry(
    "students.mastery", actor="teacher-1", roles=("teacher",), subject="ada-l", status=200, correlation_id="r-1"
)


async def filled(kept: Kept, rows: int = 6) -> tuple[Place, list[SealedRow]]:
    place = Place(kept.store)
    async with place.process() as audit:
        for number in range(rows):
            await audit.trail.record(replace(READ, correlation_id=f"r-{number}"))
    return place, await kept.store.after(0, 100)


async def faults(place: Place, *known: Link) -> tuple[str, ...]:
    async with place.process() as audit:
        verdict = await audit.history.verify(known)
    assert verdict.whole == (not verdict.faults)
    return verdict.faults


def edited(row: SealedRow, **changes: Any) -> SealedRow:
    return replace(row, body=json.dumps(json.loads(row.body) | changes, separators=(",", ":")).encode())


async def test_what_was_recorded_is_whole_and_has_every_row(kept: Kept) -> None:
    place, rows = await filled(kept)
    async with place.process() as audit:
        verdict = await audit.history.verify()
    assert (verdict.whole, verdict.rows, verdict.head) == (True, 6, f"6:{rows[-1].mac}")


async def test_a_trail_without_rows_is_whole(kept: Kept) -> None:
    assert await faults(Place(kept.store)) == ()


async def test_a_row_says_what_was_done_and_names_nobody(kept: Kept) -> None:
    place, [row] = await filled(kept, 1)
    content = json.loads(row.body)
    assert {name: content[name] for name in ("at_us", "action", "roles", "outcome", "status", "correlation_id")} == {
        "at_us": NOW_US,
        "action": "students.mastery",
        "roles": ["teacher"],
        "outcome": "allowed",
        "status": 200,
        "correlation_id": "r-0",
    }
    assert not any(name in row.body for name in (b"ada-l", b"teacher-1"))
    assert await faults(place) == ()


EDITS: dict[str, Callable[[list[SealedRow]], list[SealedRow]]] = {
    "another outcome": lambda rows: [*rows[:2], edited(rows[2], outcome="denied"), *rows[3:]],
    "another time": lambda rows: [*rows[:2], edited(rows[2], at_us=1), *rows[3:]],
    "another person": lambda rows: [*rows[:2], edited(rows[2], subject="0" * 32), *rows[3:]],
    "a seal of nothing": lambda rows: [*rows[:2], replace(rows[2], mac="0" * 32), *rows[3:]],
    "the newest": lambda rows: [*rows[:-1], edited(rows[-1], status=403)],
    "the oldest": lambda rows: [edited(rows[0], status=403), *rows[1:]],
}


@pytest.mark.parametrize("edit", EDITS)
async def test_an_edit_is_found_out(kept: Kept, edit: str) -> None:
    place, rows = await filled(kept)
    changed = EDITS[edit](rows)
    await kept.tamper(changed)
    place.witness.head = None
    [seq] = [row.seq for row, before in zip(changed, rows, strict=True) if row != before]
    found = await faults(place)
    assert found[0] == f"row {seq} is not what was written there, or does not follow the row before it"


@pytest.mark.parametrize(("gone", "told"), [(1, "1 to 1"), (3, "3 to 3"), (5, "5 to 5")])
async def test_a_deletion_is_found_out(kept: Kept, gone: int, told: str) -> None:
    place, rows = await filled(kept)
    await kept.tamper([row for row in rows if row.seq != gone])
    assert await faults(place) == (f"rows {told} are missing",)


async def test_a_deletion_that_numbers_the_rest_anew_is_found_out(kept: Kept) -> None:
    place, rows = await filled(kept)
    await kept.tamper([*rows[:2], *[replace(row, seq=row.seq - 1) for row in rows[3:]]])
    assert "row 3 is not what was written there, or does not follow the row before it" in await faults(place)


async def test_an_insertion_is_found_out(kept: Kept) -> None:
    place, rows = await filled(kept)
    forged = edited(rows[2], action="students.export")
    await kept.tamper([*rows[:3], replace(forged, seq=4), *[replace(row, seq=row.seq + 1) for row in rows[3:]]])
    assert "row 4 is not what was written there, or does not follow the row before it" in await faults(place)


async def test_a_row_put_at_the_end_is_found_out(kept: Kept) -> None:
    place, rows = await filled(kept)
    await kept.tamper([*rows, replace(rows[-1], seq=7)])
    assert await faults(place) == ("row 7 is not what was written there, or does not follow the row before it",)


async def test_another_order_is_found_out(kept: Kept) -> None:
    place, rows = await filled(kept)
    swapped = [*rows[:1], replace(rows[2], seq=2), replace(rows[1], seq=3), *rows[3:]]
    await kept.tamper(swapped)
    found = await faults(place)
    assert [fault[:6] for fault in found] == ["row 2 ", "row 3 ", "row 4 "]


async def test_a_tail_that_was_cut_off_is_missed_by_the_witness(kept: Kept) -> None:
    place, rows = await filled(kept)
    await kept.tamper(rows[:4])
    assert await faults(place) == ("row 6, which was written once, is missing",)


async def test_a_tail_that_was_cut_off_is_missed_by_what_the_log_said(kept: Kept) -> None:
    place, rows = await filled(kept)
    await kept.tamper(rows[:4])
    place.witness.head = None
    assert await faults(place) == ()
    told = await faults(place, *(row.link for row in rows))
    assert told == ("row 5, which was written once, is missing", "row 6, which was written once, is missing")


async def test_a_trail_that_was_thrown_away_is_missed(kept: Kept) -> None:
    place, _ = await filled(kept)
    await kept.tamper([])
    assert await faults(place) == ("row 6, which was written once, is missing",)


async def test_a_tail_that_was_cut_off_stays_known_after_the_trail_went_on(
    kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    place, rows = await filled(kept)
    await kept.tamper(rows[:4])
    async with place.process() as audit:
        await audit.trail.record(READ)
    assert "AUDIT rows of the trail are lost" in [record.getMessage() for record in caplog.records]
    assert await faults(place) == ("row 6 records that rows before it were lost",)
    [recorded] = [row for row in await kept.store.after(0, 100) if ROWS_LOST.encode() in row.body]
    assert json.loads(recorded.body)["facts"] == {"known": 6, "ends_at": 4}
    assert len(await faults(place, rows[4].link)) == 2


async def test_a_trail_sealed_with_another_key_is_not_whole(kept: Kept) -> None:
    place, rows = await filled(kept)
    stranger = replace(place, seal=type(place.seal)(b"another key"))
    assert len(await faults(stranger)) == 1 + len(rows)


async def test_processes_that_write_at_once_make_one_chain(kept: Kept) -> None:
    place = Place(kept.store)
    async with place.process() as one, place.process() as two, place.process() as three:
        await asyncio.gather(
            *(
                audit.trail.record(replace(READ, correlation_id=f"{n}"))
                for n in range(40)
                for audit in (one, two, three)
            )
        )
    rows = await kept.store.after(0, 1000)
    assert [row.seq for row in rows] == list(range(1, 121))
    assert await faults(place) == ()


async def test_a_process_started_anew_goes_on_with_the_chain(kept: Kept) -> None:
    place, rows = await filled(kept, 3)
    async with place.process() as audit:
        await audit.trail.record(READ)
    after = await kept.store.after(0, 100)
    assert after[:3] == rows
    assert len(after) == 4
    assert await faults(place) == ()


async def days_of_rows(kept: Kept, *days: int) -> Place:
    place = Place(kept.store)
    async with place.process() as audit:
        for day in days:
            place.clock.now_us = NOW_US + day * DAY_US
            await audit.trail.record(READ)
    return place


async def test_old_rows_go_and_the_rest_stays_whole(kept: Kept) -> None:
    place = await days_of_rows(kept, 0, 1, 364, 365, 366)
    first = (await kept.store.after(0, 1))[0].link
    async with place.process() as audit:
        assert await audit.history.trim() == 2
        assert await audit.history.trim() == 0
    assert [row.seq for row in await kept.store.after(0, 100)] == [3, 4, 5]
    # A row that retention has taken is not missed.
    assert await faults(place, first) == ()


async def test_a_front_that_somebody_else_cut_off_is_found_out(kept: Kept) -> None:
    place = await days_of_rows(kept, 0, 1, 364, 365, 366)
    async with place.process() as audit:
        await audit.history.trim()
    await kept.tamper((await kept.store.after(0, 100))[1:])
    assert await faults(place) == ("rows 3 to 3 are missing",)


async def test_rows_that_were_changed_are_not_forgotten(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    place = await days_of_rows(kept, 0, 1, 366)
    rows = await kept.store.after(0, 100)
    await kept.tamper([rows[0], edited(rows[1], status=500), rows[2]])
    async with place.process() as audit:
        assert await audit.history.trim() == 0
    assert "AUDIT rows of the trail were changed, none are forgotten" in [one.getMessage() for one in caplog.records]


async def test_the_newest_row_stays_whatever_its_age(kept: Kept) -> None:
    place = await days_of_rows(kept, 0, 1)
    place.clock.now_us += 1000 * DAY_US
    async with place.process() as audit:
        assert await audit.history.trim() == 1
    assert [row.seq for row in await kept.store.after(0, 100)] == [2]
    assert await faults(place) == ()


# -- people


async def entries(history: AuditHistory, **wanted: Any) -> list[str]:
    page = await history.page(Wanted(**wanted), limit=1000)
    assert page.next is None
    return [entry.correlation_id for entry in page.entries]


async def test_rows_are_found_by_the_ids_of_people_and_by_day(kept: Kept) -> None:
    place = Place(kept.store)
    async with place.process() as audit:
        for day, (actor, subject) in enumerate([("t-1", "ada-l"), ("t-2", "ada-l"), ("t-1", "bob"), ("ada-l", "bob")]):
            place.clock.now_us = NOW_US + day * DAY_US
            await audit.trail.record(replace(READ, actor=actor, subject=subject, correlation_id=f"{day}"))
        assert await entries(audit.history) == ["3", "2", "1", "0"]
        assert await entries(audit.history, subject="ada-l") == ["1", "0"]
        assert await entries(audit.history, actor="t-1") == ["2", "0"]
        assert await entries(audit.history, subject="ada-l", actor="t-1") == ["0"]
        assert await entries(audit.history, subject="nobody") == []
        assert await entries(audit.history, first=date(2026, 1, 16)) == ["3", "2", "1"]
        assert await entries(audit.history, last=date(2026, 1, 16)) == ["1", "0"]
        assert await entries(audit.history, subject="bob", first=date(2026, 1, 17), last=date(2026, 1, 17)) == ["2"]
        assert await entries(audit.history, last=date(2025, 1, 1)) == []


async def test_pages_hold_every_row_once(kept: Kept) -> None:
    place, rows = await filled(kept, 7)
    found: list[int] = []
    async with place.process() as audit:
        cursor = None
        while True:
            page = await audit.history.page(Wanted(subject="ada-l"), limit=3, cursor=cursor)
            found += [entry.seq for entry in page.entries]
            cursor = page.next
            if cursor is None:
                break
    assert found == [row.seq for row in rows[::-1]]


async def test_a_person_has_one_pseudonym_in_every_process(kept: Kept) -> None:
    place = Place(kept.store)
    for entry in (READ, replace(READ, actor="ada-l", subject="bob")):
        async with place.process() as audit:
            await audit.trail.record(entry)
    first, second = [json.loads(row.body) for row in await kept.store.after(0, 2)]
    assert first["subject"] == second["actor"]
    assert len({first["actor"], first["subject"], second["subject"]}) == 3


async def test_after_an_erasure_the_chain_is_whole_and_nothing_leads_to_the_student(kept: Kept) -> None:
    place, rows = await filled(kept)
    async with place.process() as audit:
        assert await audit.history.remains("ada-l") == 1
        assert await audit.history.erase("ada-l") == 1
        # What is recorded of the erasure itself still belongs to what was there.
        await audit.trail.record(replace(READ, action="privacy.erase"))
        assert await audit.history.remains("ada-l") == 0
        assert await audit.history.erase("ada-l") == 0
    after = await kept.store.after(0, 100)
    assert after[:6] == rows
    assert len({json.loads(row.body)["subject"] for row in after}) == 1
    assert await faults(place) == ()
    async with place.process() as audit:
        assert await audit.history.export("ada-l") is None
        assert await entries(audit.history, subject="ada-l") == []
        # Somebody of the same id who comes later is another person.
        await audit.trail.record(READ)
        assert len(await entries(audit.history, subject="ada-l")) == 1


async def test_an_export_tells_what_was_done_and_not_by_whom(kept: Kept) -> None:
    place = Place(kept.store)
    async with place.process() as audit:
        assert await audit.history.export("ada-l") is None
        await audit.trail.record(READ)
        await audit.trail.record(replace(READ, subject="bob"))
        denied = replace(READ, outcome=AuditOutcome.DENIED, status=403)
        await audit.trail.record(replace(denied, actor="ada-l", subject="bob", roles=("student",)))
        exported = await audit.history.export("ada-l")
    common = {"at": "2026-01-15T12:00:00Z", "action": "students.mastery"}
    assert exported == [
        common | {"roles": ["teacher"], "outcome": "allowed", "status": 200},
        common | {"roles": ["student"], "outcome": "denied", "status": 403},
    ]


async def test_salts_that_nobody_needs_any_more_go_with_the_rows(kept: Kept) -> None:
    place = await days_of_rows(kept, 0)
    place.clock.now_us += 400 * DAY_US
    async with place.process() as audit:
        await audit.trail.record(replace(READ, actor="t-2", subject="bob"))
        await audit.history.trim()
        assert await audit.history.remains("bob") == 1


async def test_every_row_is_a_line_of_the_log_with_its_number_and_seal(
    kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "mastery_engine.audit"):
        _, rows = await filled(kept, 3)
    told = [Link(vars(record)["seq"], vars(record)["mac"]) for record in caplog.records]
    assert told == [row.link for row in rows]
    assert not any(name in str([vars(record) for record in caplog.records]) for name in ("ada-l", "teacher-1"))
