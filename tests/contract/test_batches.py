"""What every store of batch jobs does, whatever it is made of."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest
from redis import Redis
from redis.asyncio import RedisCluster as ClusterClient

from src.adapters.redis_batches import RedisBatches
from src.adapters.sqlite_batches import SqliteBatches
from src.adapters.sqlite_database import open_database
from src.domain.batches import BatchStatus, ItemStatus
from src.ports import Admission, BatchClaim, BatchItem, BatchLease, BatchProgress, BatchStore, NewBatch
from src.state_manager import Keys
from tests.batches import MemoryBatches, new_batch
from tests.making import NOW_US
from tests.redis_user import engine_client

SECOND_US = 1_000_000
UNTIL_US = NOW_US + 3 * SECOND_US
LIFETIME = timedelta(days=7)
DONE, FAILED = ItemStatus


class Batches(BatchStore, Protocol):
    """What an adapter for batch jobs is, with what it keeps of a student."""

    async def export(self, student_id: str) -> list[dict[str, Any]] | None: ...
    async def erase(self, student_id: str) -> int: ...
    async def remains(self, student_id: str) -> int: ...


@pytest.fixture(params=["memory", "sqlite", "redis", "cluster"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Batches]:
    if request.param == "memory":
        yield MemoryBatches(LIFETIME)
    elif request.param == "sqlite":
        async with open_database(tmp_path) as database:
            yield SqliteBatches(database, lifetime=LIFETIME)
    elif request.param == "redis":
        client = engine_client(request.getfixturevalue("redis_url"))
        yield RedisBatches(client, lifetime=LIFETIME)
        await client.aclose()
    else:
        cluster_client = ClusterClient.from_url(request.getfixturevalue("redis_cluster").url)
        await cluster_client.flushall(target_nodes=ClusterClient.PRIMARIES)
        yield RedisBatches(cluster_client, lifetime=LIFETIME, keys=Keys(tagged=True))  # type: ignore[arg-type]  # has the commands used
        await cluster_client.aclose()


async def create(store: Batches, batch: NewBatch, most_open: int = 16) -> tuple[Admission, str]:
    return await store.create(batch, most_open=most_open)


async def claim(store: Batches, now_us: int = NOW_US) -> BatchClaim:
    found = await store.claim(now_us, now_us + 3 * SECOND_US)
    assert found is not None
    return found


async def progress(store: Batches, batch_id: str = "b-1") -> BatchProgress:
    job = await store.find(batch_id)
    assert job is not None
    return job.progress


async def results(store: Batches, batch_id: str = "b-1") -> dict[str, bytes]:
    return {item.student_id: item.body for _, item in await store.page(batch_id, -1, 1000)}


def done(student_id: str, body: bytes = b'{"score":1}', *, changed: bool = False) -> BatchItem:
    return BatchItem(student_id, DONE, body, changed)


def failed(student_id: str) -> BatchItem:
    return BatchItem(student_id, FAILED, b'{"code":"internal","reason":"because"}')


async def test_a_job_is_found_as_it_was_made(store: Batches) -> None:
    batch = new_batch()
    assert await create(store, batch) == (Admission.CREATED, "b-1")
    job = await store.find("b-1")
    assert job is not None
    assert (job.spec, job.errors) == (batch.spec, ())
    assert job.progress == BatchProgress(BatchStatus.QUEUED, 3, 0, 0, 0, None)
    assert await store.page("b-1", -1, 10) == []


async def test_there_is_no_job_where_none_was_made(store: Batches) -> None:
    assert await store.find("b-1") is None
    assert await store.page("b-1", -1, 10) == []
    assert await store.claim(NOW_US, UNTIL_US) is None
    assert await store.cancel("b-1", NOW_US) is False
    assert await store.write(BatchLease("b-1", 1), [done("ada")], UNTIL_US) is False
    assert await store.finish(BatchLease("b-1", 1), BatchStatus.COMPLETED, NOW_US) is False


async def test_jobs_that_are_not_ended_are_found_oldest_first(store: Batches) -> None:
    assert await store.unfinished(10) == []
    for place, batch_id in enumerate(("b-3", "b-1", "b-2")):
        await create(store, new_batch(batch_id, created_us=NOW_US + place))
    assert await store.unfinished(10) == ["b-3", "b-1", "b-2"]
    assert await store.unfinished(2) == ["b-3", "b-1"]
    taken = await claim(store)
    assert await store.unfinished(10) == ["b-3", "b-1", "b-2"]
    await store.finish(taken.lease, BatchStatus.FAILED, NOW_US)
    await store.cancel("b-2", NOW_US)
    assert await store.unfinished(10) == ["b-1"]


async def test_a_job_is_taken_worked_on_and_completed(store: Batches) -> None:
    batch = new_batch()
    await create(store, batch)
    taken = await claim(store)
    assert (taken.spec, taken.pending, taken.attempts) == (batch.spec, ("ada", "bob", "cy"), 1)
    assert await store.write(taken.lease, [done("ada", changed=True), failed("bob")], UNTIL_US)
    assert await progress(store) == BatchProgress(BatchStatus.RUNNING, 3, 1, 1, 1, None)
    assert await store.write(taken.lease, [done("cy")], UNTIL_US)
    assert await store.finish(taken.lease, BatchStatus.COMPLETED, NOW_US + 5)
    assert await progress(store) == BatchProgress(BatchStatus.COMPLETED, 3, 2, 1, 1, NOW_US + 5)
    assert await store.claim(UNTIL_US + SECOND_US, UNTIL_US + 9 * SECOND_US) is None


async def test_results_are_read_by_page_in_the_order_asked_for(store: Batches) -> None:
    students = [f"s-{number}" for number in (3, 1, 2, 5, 4)]
    await create(store, new_batch("b-1", *students))
    taken = await claim(store)
    items = [done("s-3", b'"\xc3\xa9"', changed=True), failed("s-1"), *map(done, students[2:])]
    await store.write(taken.lease, items, UNTIL_US)
    first, rest = await store.page("b-1", -1, 2), await store.page("b-1", 1, 10)
    assert first + rest == list(enumerate(items))
    assert await store.page("b-1", 4, 10) == []


async def test_a_page_leaves_out_what_is_still_to_be_done(store: Batches) -> None:
    await create(store, new_batch("b-1", "a", "b", "c", "d"))
    await store.write((await claim(store)).lease, [done("d"), done("b")], UNTIL_US)
    assert [at for at, _ in await store.page("b-1", -1, 1)] == [1]
    assert [at for at, _ in await store.page("b-1", 1, 1)] == [3]


async def test_the_first_result_of_a_student_stays(store: Batches) -> None:
    await create(store, new_batch())
    taken = await claim(store)
    await store.write(taken.lease, [done("ada", b"1", changed=True), done("bob", b"1")], UNTIL_US)
    await store.write(taken.lease, [done("ada", b"2"), failed("bob"), done("bob", b"3", changed=True)], UNTIL_US)
    assert await results(store) == {"ada": b"1", "bob": b"1"}
    assert await progress(store) == BatchProgress(BatchStatus.RUNNING, 3, 2, 0, 1, None)


async def test_a_result_of_somebody_who_was_not_asked_about_is_not_kept(store: Batches) -> None:
    await create(store, new_batch())
    assert await store.write((await claim(store)).lease, [done("dora")], UNTIL_US)
    assert await results(store) == {}
    assert (await progress(store)).total == 3


async def test_a_job_is_completed_only_when_nothing_is_left(store: Batches) -> None:
    await create(store, new_batch())
    taken = await claim(store)
    await store.write(taken.lease, [done("ada")], UNTIL_US)
    assert not await store.finish(taken.lease, BatchStatus.COMPLETED, NOW_US)
    assert (await progress(store)).status is BatchStatus.RUNNING
    assert await store.finish(taken.lease, BatchStatus.FAILED, NOW_US)
    assert await progress(store) == BatchProgress(BatchStatus.FAILED, 3, 1, 0, 0, NOW_US)


async def test_a_leased_job_is_taken_by_nobody_else_until_the_lease_has_run_out(store: Batches) -> None:
    await create(store, new_batch())
    first = await claim(store)
    await store.write(first.lease, [done("ada")], UNTIL_US)
    assert await store.claim(UNTIL_US - 1, UNTIL_US + SECOND_US) is None
    second = await claim(store, UNTIL_US)
    assert second.pending == ("bob", "cy")
    assert second.lease.token > first.lease.token


async def test_who_was_overtaken_can_write_and_end_nothing(store: Batches) -> None:
    await create(store, new_batch())
    first = await claim(store)
    second = await claim(store, UNTIL_US)
    assert not await store.write(first.lease, [done("ada", b'"late"')], UNTIL_US + 9 * SECOND_US)
    assert not await store.finish(first.lease, BatchStatus.FAILED, UNTIL_US)
    assert await results(store) == {}
    assert await store.write(second.lease, [done("ada")], UNTIL_US + SECOND_US)


async def test_a_lease_that_was_given_back_can_be_taken_at_once(store: Batches) -> None:
    await create(store, new_batch())
    taken = await claim(store)
    await store.write(taken.lease, [done("ada")], NOW_US)
    assert (await claim(store)).pending == ("bob", "cy")


async def test_attempts_count_up_until_a_result_is_written(store: Batches) -> None:
    await create(store, new_batch())
    times = [NOW_US + number * 4 * SECOND_US for number in range(5)]
    assert [(await claim(store, at)).attempts for at in times[:3]] == [1, 2, 3]
    taken = await claim(store, times[3])
    assert await store.write(taken.lease, [], times[3] + 3 * SECOND_US)
    await store.write(taken.lease, [done("ada")], times[3] + 3 * SECOND_US)
    assert (await claim(store, times[4])).attempts == 1


async def test_jobs_are_taken_oldest_first_and_each_once(store: Batches) -> None:
    for number in (2, 0, 1):
        await create(store, new_batch(f"b-{number}", created_us=NOW_US + number))
    assert [(await claim(store)).lease.batch_id for _ in range(3)] == ["b-0", "b-1", "b-2"]
    assert await store.claim(NOW_US, UNTIL_US) is None


async def test_of_many_who_want_a_job_at_once_one_gets_it(store: Batches) -> None:
    await create(store, new_batch())
    found = await asyncio.gather(*(store.claim(NOW_US, UNTIL_US) for _ in range(8)))
    assert sum(one is not None for one in found) == 1


async def test_a_cancelled_job_is_left_as_it_is(store: Batches) -> None:
    await create(store, new_batch())
    taken = await claim(store)
    await store.write(taken.lease, [done("ada")], UNTIL_US)
    assert await store.cancel("b-1", NOW_US + 1)
    assert not await store.cancel("b-1", NOW_US + 2)
    assert not await store.write(taken.lease, [done("bob")], UNTIL_US)
    assert not await store.finish(taken.lease, BatchStatus.COMPLETED, NOW_US + 3)
    assert await store.claim(UNTIL_US + SECOND_US, UNTIL_US + 9 * SECOND_US) is None
    assert await progress(store) == BatchProgress(BatchStatus.CANCELLED, 3, 1, 0, 0, NOW_US + 1)


async def test_a_queued_job_can_be_cancelled(store: Batches) -> None:
    await create(store, new_batch())
    assert await store.cancel("b-1", NOW_US)
    assert await store.claim(NOW_US, UNTIL_US) is None


async def test_the_same_request_makes_one_job(store: Batches) -> None:
    assert await create(store, new_batch("b-1", key="k-1")) == (Admission.CREATED, "b-1")
    assert await create(store, new_batch("b-2", key="k-1")) == (Admission.KNOWN, "b-1")
    assert await create(store, new_batch("b-3", key="k-1", content="other")) == (Admission.CONFLICT, "b-1")
    assert await create(store, new_batch("b-4", key="k-2")) == (Admission.CREATED, "b-4")
    assert await create(store, new_batch("b-5")) == (Admission.CREATED, "b-5")
    assert [await store.find(batch_id) for batch_id in ("b-2", "b-3")] == [None, None]


async def test_the_same_request_is_known_after_the_job_is_ended_too(store: Batches) -> None:
    await create(store, new_batch("b-1", key="k-1"))
    await store.cancel("b-1", NOW_US)
    assert await create(store, new_batch("b-2", key="k-1")) == (Admission.KNOWN, "b-1")
    assert await store.claim(NOW_US, UNTIL_US) is None


async def test_requests_at_once_with_one_key_make_one_job(store: Batches) -> None:
    found = await asyncio.gather(*(create(store, new_batch(f"b-{number}", key="k-1")) for number in range(8)))
    assert [admission for admission, _ in found].count(Admission.CREATED) == 1
    [batch_id] = {batch_id for _, batch_id in found}
    assert (await progress(store, batch_id)).total == 3
    await claim(store)
    assert await store.claim(NOW_US, UNTIL_US) is None


async def test_nobody_has_more_unfinished_jobs_than_they_may(store: Batches) -> None:
    for number in range(2):
        await create(store, new_batch(f"b-{number}"), most_open=2)
    assert (await create(store, new_batch("b-2"), most_open=2))[0] is Admission.FULL
    assert await store.find("b-2") is None
    assert (await create(store, new_batch("b-3", requester="t-2"), most_open=2))[0] is Admission.CREATED
    await store.cancel("b-0", NOW_US)
    assert (await create(store, new_batch("b-4"), most_open=2))[0] is Admission.CREATED


async def test_a_job_about_nobody_is_completed_as_it_is(store: Batches) -> None:
    empty = NewBatch("b-1", new_batch().spec, (), "same")
    await create(store, empty)
    taken = await claim(store)
    assert taken.pending == ()
    assert await store.finish(taken.lease, BatchStatus.COMPLETED, NOW_US)
    assert await progress(store) == BatchProgress(BatchStatus.COMPLETED, 0, 0, 0, 0, NOW_US)


async def test_the_first_hundred_errors_are_told_with_the_job(store: Batches) -> None:
    students = [f"s-{number:03}" for number in range(150)]
    await create(store, new_batch("b-1", *students))
    await store.write((await claim(store)).lease, [failed(student) for student in students], UNTIL_US)
    job = await store.find("b-1")
    assert job is not None
    assert job.errors == tuple(map(failed, students[:100]))
    assert job.progress.failed == 150


async def test_a_job_of_a_thousand_is_kept_whole(store: Batches) -> None:
    students = [f"student-{number:04}" for number in range(1000)]
    await create(store, new_batch("b-1", *students))
    taken = await claim(store)
    assert list(taken.pending) == students
    for at in range(0, 1000, 100):
        assert await store.write(taken.lease, [done(one) for one in students[at : at + 100]], UNTIL_US)
    assert await store.finish(taken.lease, BatchStatus.COMPLETED, NOW_US)
    assert list(await results(store)) == students


async def test_an_erased_student_is_in_no_job_any_more(store: Batches) -> None:
    await create(store, new_batch("b-1"))
    await create(store, new_batch("b-2", "ada", created_us=NOW_US + 1))
    await create(store, new_batch("b-3", "bob", created_us=NOW_US + 2))
    taken = await claim(store)
    await store.write(taken.lease, [done("ada", b'{"score":1}', changed=True), failed("cy")], UNTIL_US)
    assert await store.export("ada") == [
        {
            "batch_id": "b-1",
            "kind": "recompute",
            "created_at": "2026-01-15T12:00:00Z",
            "status": "done",
            "content": {"score": 1},
        },
        {
            "batch_id": "b-2",
            "kind": "recompute",
            "created_at": "2026-01-15T12:00:00.000001Z",
            "status": "pending",
            "content": None,
        },
    ]
    assert await store.remains("ada") == 2
    assert await store.erase("ada") == 2
    assert (await store.erase("ada"), await store.remains("ada"), await store.export("ada")) == (0, 0, None)
    assert await progress(store) == BatchProgress(BatchStatus.RUNNING, 2, 0, 1, 0, None)
    assert (await store.erase("cy"), (await progress(store)).failed) == (1, 0)
    assert await store.remains("bob") == 2


async def test_a_student_erased_while_a_job_runs_gets_no_result(store: Batches) -> None:
    await create(store, new_batch())
    taken = await claim(store)
    await store.erase("bob")
    assert await store.write(taken.lease, [done("ada"), done("bob"), done("cy")], UNTIL_US)
    assert await store.finish(taken.lease, BatchStatus.COMPLETED, NOW_US)
    assert list(await results(store)) == ["ada", "cy"]
    assert await store.export("bob") is None


@pytest.mark.parametrize("store", ["memory", "sqlite"], indirect=True)
async def test_a_job_is_forgotten_when_its_time_is_over(store: Batches) -> None:
    await create(store, new_batch("b-1", key="k-1"))
    await create(store, new_batch("b-2", created_us=NOW_US + SECOND_US))
    week_us = LIFETIME // timedelta(microseconds=1)
    assert await store.trim(NOW_US + week_us - 1) == 0
    assert await store.trim(NOW_US + week_us) == 1
    assert (await store.find("b-1"), await store.export("ada") is None) == (None, False)
    assert await create(store, new_batch("b-3", key="k-1")) == (Admission.CREATED, "b-3")
    assert await store.trim(NOW_US + 2 * week_us) == 2
    assert await store.export("ada") is None


@pytest.mark.parametrize("store", ["redis"], indirect=True)
async def test_every_key_in_redis_goes_after_seven_days(store: Batches, redis_url: str) -> None:
    await create(store, new_batch("b-1", key="k-1"))
    await store.write((await claim(store)).lease, [done("ada", changed=True), failed("bob")], UNTIL_US)
    with Redis.from_url(redis_url, decode_responses=True) as client:
        left = {key: client.ttl(key) for key in client.scan_iter("*")}
    assert left.pop("batches:queue") == -1
    assert set(left) == {
        *(f"batch:b-1:{part}" for part in ("status", "items", "pending", "results", "failed", "changed")),
        *(f"student:{student}:batches" for student in ("ada", "bob", "cy")),
        "batches:open:t-1",
        "batches:request:k-1",
    }
    assert all(7 * 86_400 - 60 < int(seconds) <= 7 * 86_400 for seconds in left.values())


@pytest.mark.parametrize("store", ["redis"], indirect=True)
async def test_a_status_can_be_read_with_redis_cli(store: Batches, redis_url: str) -> None:
    await create(store, new_batch())
    with Redis.from_url(redis_url, decode_responses=True) as client:
        found: Any = client.hgetall("batch:b-1:status")
    assert {name: found[name] for name in ("kind", "status", "requester")} == {
        "kind": "recompute",
        "status": "queued",
        "requester": "t-1",
    }


@pytest.mark.parametrize("store", ["redis"], indirect=True)
async def test_a_crash_while_a_job_is_made_is_made_up_for_by_the_next_request(store: Batches, redis_url: str) -> None:
    await create(store, new_batch("b-1", key="k-1"))
    with Redis.from_url(redis_url) as client:  # as if it had happened after the job was let in
        client.delete("batch:b-1:status", "batch:b-1:items", "batch:b-1:pending", "batches:queue")
        assert await create(store, new_batch("b-2", key="k-1")) == (Admission.KNOWN, "b-1")
        assert (await progress(store)).total == 3
        client.delete("batches:queue")  # as if it had happened before the job was queued
        assert await create(store, new_batch("b-3", key="k-1")) == (Admission.KNOWN, "b-1")
    assert (await claim(store)).lease.batch_id == "b-1"


@pytest.mark.parametrize("store", ["redis"], indirect=True)
async def test_jobs_that_a_crash_left_among_the_unfinished_do_not_count(store: Batches, redis_url: str) -> None:
    await create(store, new_batch("b-1"), most_open=1)
    await store.cancel("b-1", NOW_US)
    with Redis.from_url(redis_url) as client:
        client.zadd("batches:open:t-1", {"b-1": NOW_US, "b-never-made": NOW_US})
    assert await create(store, new_batch("b-2"), most_open=1) == (Admission.CREATED, "b-2")
