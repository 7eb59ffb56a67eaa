"""What every outbox does, whatever it is made of."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import msgspec
import pytest

from src.adapters.redis_client import cluster_client
from src.adapters.redis_outbox import RedisOutbox
from src.adapters.sqlite_database import open_database
from src.adapters.sqlite_outbox import SqliteOutbox
from src.ports import Backlog, Notice, Outbox
from tests.making import NOW_US
from tests.notices import MemoryOutbox
from tests.redis_user import engine_client

SECOND_US = 1_000_000
LATER_US = NOW_US + 60 * SECOND_US
LIFETIME = timedelta(days=3)
A, B = "dapr:agent/notices", "https://school.example/hooks"


class Kept(Outbox, Protocol):
    """What an adapter of the outbox is, with what it keeps of a student."""

    async def export(self, student_id: str) -> list[dict[str, Any]] | None: ...
    async def erase(self, student_id: str) -> int: ...
    async def remains(self, student_id: str) -> int: ...


@pytest.fixture(params=["memory", "sqlite", "redis", "cluster"])
async def outbox(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Kept]:
    if request.param == "memory":
        yield MemoryOutbox(LIFETIME)
    elif request.param == "sqlite":
        async with open_database(tmp_path) as database:
            yield SqliteOutbox(database, lifetime=LIFETIME)
    else:
        client = (
            cluster_client(request.getfixturevalue("redis_cluster_url"))
            if request.param == "cluster"
            else engine_client(request.getfixturevalue("redis_url"))
        )
        async with client:
            yield RedisOutbox(client, lifetime=LIFETIME)


def notice(notice_id: str = "n-1", student_id: str = "student-1", *, created_us: int = NOW_US) -> Notice:
    body = msgspec.json.encode({"id": notice_id, "subject": student_id, "data": "ä"})
    return Notice(notice_id, student_id, body, "request-1", created_us)


async def taken(outbox: Kept, target: str = A, now_us: int = NOW_US, limit: int = 10) -> dict[str, int]:
    """Take what is due, until a minute later; return the attempt of each."""
    found = await outbox.take(target, now_us, now_us + 60 * SECOND_US, limit)
    return {delivery.notice.notice_id: delivery.attempt for delivery in found}


async def test_a_notice_is_due_to_each_target_as_it_was_put(outbox: Kept) -> None:
    await outbox.put([notice("n-1"), notice("n-2", "student-2")], [A, B])
    for target in (A, B):
        found = await outbox.take(target, NOW_US, LATER_US, 10)
        assert sorted((one.notice for one in found), key=lambda one: one.notice_id) == [
            notice("n-1"),
            notice("n-2", "student-2"),
        ]


async def test_what_is_put_again_is_kept_once(outbox: Kept) -> None:
    await outbox.put([notice()], [A])
    await outbox.put([notice(), notice()], [A])
    assert (await outbox.backlog(A)).pending == 1
    assert await taken(outbox) == {"n-1": 1}
    await outbox.put([notice()], [A])
    assert await taken(outbox) == {}


async def test_nothing_is_put_for_nobody(outbox: Kept) -> None:
    await outbox.put([notice()], [])
    await outbox.put([], [A])
    assert await taken(outbox) == {}


async def test_what_was_taken_is_due_again_when_it_was_not_settled_in_time(outbox: Kept) -> None:
    await outbox.put([notice()], [A])
    assert await taken(outbox) == {"n-1": 1}
    assert await taken(outbox, now_us=LATER_US - 1) == {}
    assert await taken(outbox, now_us=LATER_US) == {"n-1": 2}


async def test_what_is_done_is_done_for_that_target_only(outbox: Kept) -> None:
    await outbox.put([notice()], [A, B])
    await outbox.done(A, notice())
    assert (await taken(outbox, A), await taken(outbox, B)) == ({}, {"n-1": 1})
    assert await outbox.remains("student-1") == 1
    await outbox.done(B, notice())
    await outbox.done(B, notice())
    assert await outbox.remains("student-1") == 0
    assert await outbox.export("student-1") is None


async def test_what_is_postponed_is_due_then_and_not_before(outbox: Kept) -> None:
    await outbox.put([notice()], [A])
    await taken(outbox)
    await outbox.postpone(A, notice(), NOW_US + SECOND_US)
    assert await taken(outbox, now_us=NOW_US + SECOND_US - 1) == {}
    assert await taken(outbox, now_us=NOW_US + SECOND_US) == {"n-1": 2}


async def test_what_is_done_cannot_be_postponed(outbox: Kept) -> None:
    await outbox.put([notice()], [A])
    await outbox.done(A, notice())
    await outbox.postpone(A, notice(), NOW_US)
    assert await taken(outbox) == {}
    assert await outbox.backlog(A) == Backlog(0, None)


async def test_no_more_are_taken_than_are_wanted_and_the_oldest_come_first(outbox: Kept) -> None:
    await outbox.put([notice(f"n-{number}", created_us=NOW_US - number) for number in range(5)], [A])
    assert set(await taken(outbox, limit=2)) == {"n-4", "n-3"}
    assert set(await taken(outbox)) == {"n-0", "n-1", "n-2"}


async def test_the_backlog_tells_how_many_and_since_when(outbox: Kept) -> None:
    assert await outbox.backlog(A) == Backlog(0, None)
    await outbox.put([notice("n-1"), notice("n-2", created_us=NOW_US - SECOND_US)], [A])
    await taken(outbox)
    assert await outbox.backlog(A) == Backlog(2, NOW_US - SECOND_US)
    assert await outbox.backlog(B) == Backlog(0, None)


async def test_who_is_erased_is_in_no_notice_and_others_stay(outbox: Kept) -> None:
    await outbox.put([notice("n-1"), notice("n-2"), notice("n-3", "student-2")], [A, B])
    await taken(outbox)
    assert await outbox.remains("student-1") == 4
    assert await outbox.erase("student-1") == 4
    assert await outbox.erase("student-1") == 0
    assert (await outbox.remains("student-1"), await outbox.export("student-1")) == (0, None)
    assert await taken(outbox, now_us=LATER_US) == {"n-3": 2}


async def test_an_export_shows_each_notice_once(outbox: Kept) -> None:
    await outbox.put([notice("n-1"), notice("n-2", created_us=NOW_US + 1)], [A, B])
    found = await outbox.export("student-1")
    assert found is not None
    assert [one["notice"]["id"] for one in found] == ["n-1", "n-2"]
    assert found[0]["since"] == "2026-01-15T12:00:00Z"
