"""What of a request has to be in the audit trail, and what happens where it cannot be written."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import product
from typing import NamedTuple

import pytest

from src.audit import Asked, Duty, Entry, duty
from src.errors import AuditUnavailable
from src.security import Principal, Role
from tests.audit import Audit, FailingAudit, MemoryAudit, Place

STUDENT = Principal("ada", frozenset({Role.STUDENT}))
TEACHER = Principal("t-1", frozenset({Role.TEACHER}))
ADMIN = Principal("a-1", frozenset({Role.ADMIN}))
SERVICE = Principal("s-1", frozenset({Role.SERVICE}))
NOBODY_KNOWN = Principal("x-1", frozenset())
EVERYBODY = (None, STUDENT, TEACHER, ADMIN, SERVICE, NOBODY_KNOWN)
NEVER, BEHIND, BEFORE = Duty.NEVER, Duty.BEHIND, Duty.BEFORE


def owed(
    who: Principal | None, subject: str | None, method: str = "GET", status: int = 200, *, reads: bool = False
) -> Duty:
    return duty(Asked(who, subject, reads=reads), method=method, status=status, action="students.mastery")


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("who", EVERYBODY)
def test_every_refusal_of_access_is_recorded_before_the_answer(who: Principal | None, status: int) -> None:
    assert {owed(who, subject, method, status) for subject in (None, "ada") for method in ("GET", "POST")} == {BEFORE}


@pytest.mark.parametrize(
    ("who", "subject", "expected"),
    [
        (STUDENT, "ada", NEVER),
        (STUDENT, "bob", BEHIND),
        (STUDENT, None, NEVER),
        (TEACHER, "ada", BEHIND),
        (TEACHER, None, BEHIND),
        (TEACHER, "cohort:c-1", BEHIND),
        (ADMIN, "ada", BEHIND),
        (ADMIN, "a-1", BEHIND),
        (ADMIN, None, BEHIND),
        (SERVICE, "ada", BEHIND),
        (SERVICE, None, NEVER),
        (NOBODY_KNOWN, None, NEVER),
        (None, None, NEVER),
    ],
)
def test_what_is_read_of_somebody_else_is_recorded_behind_the_answer(
    who: Principal | None, subject: str | None, expected: Duty
) -> None:
    for status in (200, 304):
        assert owed(who, subject, "GET", status) is owed(who, subject, "HEAD", status) is expected
        assert owed(who, subject, "POST", status, reads=True) is expected


@pytest.mark.parametrize(("who", "expected"), [(STUDENT, BEFORE), (TEACHER, BEFORE), (ADMIN, BEFORE), (SERVICE, NEVER)])
def test_a_change_is_recorded_before_the_answer_and_what_a_service_sends_is_not(who: Principal, expected: Duty) -> None:
    for method, status in product(("POST", "PUT", "DELETE", "PATCH"), (200, 202, 204, 500, 503)):
        assert owed(who, None, method, status) is expected
        assert owed(who, "bob", method, status) is BEFORE


@pytest.mark.parametrize("status", [400, 404, 409, 413, 429])
def test_what_the_client_got_wrong_changed_and_showed_nothing(status: int) -> None:
    assert {owed(who, "bob", method, status) for who in EVERYBODY for method in ("GET", "DELETE")} == {NEVER}


def test_a_read_that_failed_showed_nothing() -> None:
    assert owed(ADMIN, "ada", "GET", 503) is NEVER


def test_an_export_is_recorded_before_the_answer_even_ones_own() -> None:
    for who in (STUDENT, ADMIN):
        assert duty(Asked(who, "ada"), method="GET", status=200, action="privacy.export", exports=True) is BEFORE


# -- where it cannot be written


class Bench(NamedTuple):
    """A process over a store that fails when it is told to."""

    store: FailingAudit
    place: Place
    audit: Audit


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    store = FailingAudit()
    place = Place(store)
    async with place.process() as audit:
        yield Bench(store, place, audit)
        store.away = False


READ = Entry("students.mastery", actor="t-1", roles=("teacher",), subject="ada", status=200)


def actions(store: MemoryAudit) -> list[str]:
    return [json.loads(row.body)["action"] for row in store.rows]


async def test_what_is_read_waits_for_the_next_batch_and_is_there_after_the_end() -> None:
    store = MemoryAudit()
    async with Place(store).process() as audit:
        for number in range(3):
            await audit.trail.keep(replace(READ, action=f"read-{number}"), BEHIND)
        assert store.rows == []
        await audit.trail.keep(replace(READ, action="nothing"), NEVER)
    assert actions(store) == ["read-0", "read-1", "read-2"]


async def test_a_change_takes_with_it_what_waits(bench: Bench) -> None:
    await bench.audit.trail.keep(replace(READ, action="read"), BEHIND)
    await bench.audit.trail.keep(replace(READ, action="changed"), BEFORE)
    assert actions(bench.store) == ["read", "changed"]
    assert bench.store.attempts == 1


async def test_what_waits_together_is_written_together(bench: Bench) -> None:
    await asyncio.gather(*(bench.audit.trail.record(READ) for _ in range(100)))
    assert len(bench.store.rows) == 100
    assert bench.store.attempts <= 2


async def test_where_the_queue_is_full_a_read_waits_for_its_row() -> None:
    store = MemoryAudit()
    async with Place(store, most_queued=2).process() as audit:
        for number in range(3):
            await audit.trail.keep(replace(READ, action=f"read-{number}"), BEHIND)
        assert actions(store) == ["read-0", "read-1", "read-2"]


async def test_where_the_store_is_away_a_change_is_told_and_written_later(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.store.away = True
    for action in ("first", "second"):
        with pytest.raises(AuditUnavailable):
            await bench.audit.trail.keep(replace(READ, action=action), BEFORE)
    lines = [vars(record) for record in caplog.records if record.getMessage() == "AUDIT not stored"]
    assert [line["action"] for line in lines] == ["first", "second"]
    bench.store.away = False
    await bench.audit.trail.record(replace(READ, action="third"))
    assert actions(bench.store) == ["first", "second", "third"]
    assert (await bench.audit.history.verify()).whole


async def test_a_row_whose_answer_was_lost_is_there_once(bench: Bench) -> None:
    await bench.audit.trail.record(replace(READ, action="before"))
    bench.store.loses_answers = 1
    with pytest.raises(AuditUnavailable):
        await bench.audit.trail.record(replace(READ, action="lost"))
    # Another process goes on in the meantime.
    async with bench.place.process() as other:
        await other.trail.record(replace(READ, action="other"))
    await bench.audit.trail.record(replace(READ, action="after"))
    assert actions(bench.store) == ["before", "lost", "other", "after"]
    assert (await bench.audit.history.verify()).whole


async def test_the_very_first_row_whose_answer_was_lost_is_there_once(bench: Bench) -> None:
    bench.store.loses_answers = 1
    with pytest.raises(AuditUnavailable):
        await bench.audit.trail.record(replace(READ, action="lost"))
    await bench.audit.trail.record(replace(READ, action="after"))
    assert actions(bench.store) == ["lost", "after"]
    assert (await bench.audit.history.verify()).whole


async def test_a_store_that_lost_its_last_rows_is_told_in_the_trail(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(4):
        await bench.audit.trail.record(replace(READ, action=f"read-{number}"))
    del bench.store.rows[2:]
    await bench.audit.trail.record(replace(READ, action="after"))
    await bench.audit.trail.record(replace(READ, action="last"))
    assert actions(bench.store) == ["read-0", "read-1", "after", "audit.rows-lost", "last"]
    assert "AUDIT rows of the trail are lost" in [record.getMessage() for record in caplog.records]


async def test_lost_rows_are_told_also_where_the_store_was_away_in_between(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(3):
        await bench.audit.trail.record(replace(READ, action=f"read-{number}"))
    del bench.store.rows[1:]
    bench.store.away = True
    with pytest.raises(AuditUnavailable):
        await bench.audit.trail.record(replace(READ, action="away"))
    bench.store.away = False
    await bench.audit.trail.record(replace(READ, action="after"))
    assert {"away", "after"} < set(actions(bench.store))
    assert "AUDIT rows of the trail are lost" in [record.getMessage() for record in caplog.records]


async def test_the_witness_is_not_told_again_of_what_it_was_told() -> None:
    place = Place(MemoryAudit())
    async with place.process() as first:
        await first.trail.record(READ)
        async with place.process() as second:
            await second.trail.record(READ)
    # The first has nothing new to tell at its end, and the second had come further.
    assert place.witness.head == place.store.rows[1].link  # type: ignore[attr-defined]  # the fake in memory


async def test_a_defect_does_not_end_the_writer_nor_stand_in_the_way(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(AuditUnavailable):
        await bench.audit.trail.record(replace(READ, facts={"unknown": object()}))  # type: ignore[dict-item]  # the defect
    assert caplog.records[0].levelno == logging.ERROR
    await bench.audit.trail.record(replace(READ, action="after"))
    await bench.audit.trail.record(replace(READ, action="last"))
    assert actions(bench.store) == ["after", "last"]
