"""The worker of batch jobs: what becomes of a job whatever happens on the way."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import count

import msgspec
import pytest

from src.analytics_service import CHUNK, LEASE_US, MAX_ATTEMPTS, AnalyticsService
from src.curriculum_service import TaggedCurriculum
from src.domain.aggregates import Aggregates
from src.domain.batches import BatchStatus, ItemStatus
from src.domain.curriculum import Curriculum
from src.errors import StoreUnavailable
from src.observability import Metrics
from src.ports import BatchClaim, BatchItem, BatchLease, BatchProgress, Clock, Retention
from tests.batches import MemoryBatches, new_batch
from tests.fakes import MemoryStore
from tests.making import NOW_US, event

WITHIN_S = 20
STUDENTS = [f"s-{number:03}" for number in range(3 * CHUNK)]


class Evidence(MemoryStore):
    """A store in which the state of some students cannot be read."""

    def __init__(self, *unreadable: str) -> None:
        super().__init__(Retention())
        self._unreadable = set(unreadable)

    async def aggregates_of(self, students: Sequence[str]) -> list[Aggregates | None]:
        if self._unreadable & set(students):
            message = "Object of another shape"
            raise msgspec.ValidationError(message)
        return await super().aggregates_of(students)


class Batches(MemoryBatches):
    """Remembers what was written, and lets something happen before each write and claim."""

    def __init__(self, before_write: Callable[["Batches"], object] = bool) -> None:
        super().__init__(timedelta(days=7))
        self.writes: list[Sequence[BatchItem]] = []
        self.claims: list[BatchClaim] = []
        self.written, self.overtaken = asyncio.Event(), asyncio.Event()
        self._before_write = before_write

    async def claim(self, now_us: int, until_us: int) -> BatchClaim | None:
        found = await super().claim(now_us, until_us)
        self.claims += [found] if found else []
        return found

    async def write(self, lease: BatchLease, items: Sequence[BatchItem], until_us: int) -> bool:
        result = self._before_write(self)
        if asyncio.iscoroutine(result):
            await result
        written = await super().write(lease, items, until_us)
        if written:
            self.writes.append(items)
            self.written.set()
        return written


def service(
    store: MemoryBatches, evidence: MemoryStore | None = None, *, clock: Clock = lambda: NOW_US, most: int = 1
) -> AnalyticsService:
    async def curriculum() -> TaggedCurriculum:
        return TaggedCurriculum("", Curriculum(()))

    return AnalyticsService(
        store,
        evidence=evidence or Evidence(),
        curriculum=curriculum,
        metrics=Metrics(),
        clock=clock,
        max_concurrent_batches=most,
    )


async def progress(store: MemoryBatches, batch_id: str = "b-1") -> BatchProgress:
    job = await store.find(batch_id)
    assert job is not None
    return job.progress


async def ended(store: MemoryBatches, batch_id: str = "b-1") -> BatchProgress:
    async with asyncio.timeout(WITHIN_S):
        while (found := await progress(store, batch_id)).finished_us is None:  # noqa: ASYNC110  # the port has no event
            await asyncio.sleep(0)
    return found


@asynccontextmanager
async def working(*services: AnalyticsService) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        stop = asyncio.Event()

        async def run(one: AnalyticsService) -> None:
            async with one.running():
                await stop.wait()

        for one in services:
            group.create_task(run(one))
        yield
        stop.set()


async def test_a_job_is_done_in_chunks_and_completed() -> None:
    store = Batches()
    await store.create(new_batch("b-1", *STUDENTS), most_open=1)
    async with working(service(store)):
        found = await ended(store)
    assert found == BatchProgress(BatchStatus.COMPLETED, len(STUDENTS), len(STUDENTS), 0, 0, NOW_US)
    assert [len(items) for items in store.writes] == [CHUNK] * 3


async def test_a_job_that_comes_while_the_worker_waits_is_begun_when_it_is_woken() -> None:
    store = Batches()
    worker = service(store)
    async with working(worker):
        await asyncio.sleep(0)
        await store.create(new_batch(), most_open=1)
        worker.wake()
        await ended(store)


async def test_a_cancelled_job_stops_within_a_chunk() -> None:
    async def cancel(store: Batches) -> None:
        if len(store.writes) == 1:
            await store.cancel("b-1", NOW_US)

    store = Batches(cancel)
    await store.create(new_batch("b-1", *STUDENTS), most_open=1)
    async with working(service(store)):
        await ended(store)
    assert await progress(store) == BatchProgress(BatchStatus.CANCELLED, len(STUDENTS), CHUNK, 0, 0, NOW_US)


async def test_one_student_who_cannot_be_read_fails_alone() -> None:
    evidence = Evidence("s-007")
    await evidence.apply([event("e-1", student_id="s-001")], NOW_US)
    store = Batches()
    await store.create(new_batch("b-1", *STUDENTS), most_open=1)
    async with working(service(store, evidence)):
        found = await ended(store)
    assert (found.status, found.done, found.failed) == (BatchStatus.COMPLETED, len(STUDENTS) - 1, 1)
    [(position, item)] = [entry for entry in await store.page("b-1", -1, 1000) if entry[1].status is ItemStatus.FAILED]
    assert (position, item.student_id) == (7, "s-007")
    assert msgspec.json.decode(item.body) == {
        "code": "internal",
        "reason": "could not be derived; the log says why",
    }


async def test_two_workers_share_the_jobs_and_write_each_result_once() -> None:
    store = Batches()
    for number in range(6):
        await store.create(new_batch(f"b-{number}", *STUDENTS, created_us=NOW_US + number), most_open=6)
    workers = [service(store, most=2), service(store, most=2)]
    async with working(*workers):
        for number in range(6):
            assert (await ended(store, f"b-{number}")).done == len(STUDENTS)
    assert sum(map(len, store.writes)) == 6 * len(STUDENTS)
    assert len(store.claims) == 6


@pytest.mark.parametrize("most", [1, 3])
async def test_no_more_jobs_run_at_a_time_than_configured(most: int) -> None:
    running: list[int] = []

    async def look(store: Batches) -> None:
        states = [await progress(store, f"b-{number}") for number in range(5)]
        running.append(sum(one.status is BatchStatus.RUNNING for one in states))

    store = Batches(look)
    for number in range(5):
        await store.create(new_batch(f"b-{number}", *STUDENTS, created_us=NOW_US + number), most_open=5)
    async with working(service(store, most=most)):
        for number in range(5):
            await ended(store, f"b-{number}")
    assert max(running) == most


async def test_a_worker_that_was_overtaken_writes_nothing_more() -> None:
    async def overtake(store: Batches) -> None:
        if len(store.writes) == 1 and len(store.claims) == 1:
            await store.claim(NOW_US + LEASE_US, NOW_US + 10 * LEASE_US)
            store.overtaken.set()

    store = Batches(overtake)
    await store.create(new_batch("b-1", *STUDENTS), most_open=1)
    async with working(service(store)):
        async with asyncio.timeout(WITHIN_S):
            await store.overtaken.wait()
            for _ in range(20):  # it would have written by then
                await asyncio.sleep(0)
    assert (await progress(store)).done == CHUNK
    assert (await progress(store)).status is BatchStatus.RUNNING


async def test_a_worker_that_stops_leaves_its_job_to_the_next() -> None:
    async def take_time(_: Batches) -> None:
        for _turn in range(20):
            await asyncio.sleep(0)

    store = Batches(take_time)
    await store.create(new_batch("b-1", *STUDENTS), most_open=1)
    async with working(service(store)):
        async with asyncio.timeout(WITHIN_S):
            await store.written.wait()
    assert (await progress(store)).status is BatchStatus.RUNNING
    async with working(service(store)):
        await ended(store)
    assert len(store.claims) == 2
    assert sum(map(len, store.writes)) == len(STUDENTS)


async def test_a_job_is_continued_when_the_store_is_back() -> None:
    failures = iter([StoreUnavailable("away"), None, StoreUnavailable("away")])

    def fail(_: Batches) -> None:
        failure = next(failures, None)
        if failure is not None:
            raise failure

    clock = count(NOW_US, LEASE_US)
    store = Batches(fail)
    await store.create(new_batch("b-1", *STUDENTS), most_open=1)
    async with working(service(store, clock=lambda: next(clock))):
        found = await ended(store)
    assert (found.status, found.done) == (BatchStatus.COMPLETED, len(STUDENTS))
    assert sum(map(len, store.writes)) == len(STUDENTS)


async def test_a_job_that_ends_every_worker_is_given_up() -> None:
    store = Batches()
    await store.create(new_batch("b-1", *STUDENTS), most_open=1)
    for attempt in range(MAX_ATTEMPTS):
        assert await store.claim(NOW_US + attempt * LEASE_US, NOW_US + attempt * LEASE_US)
    async with working(service(store, clock=lambda: NOW_US + MAX_ATTEMPTS * LEASE_US)):
        found = await ended(store)
    assert (found.status, found.done) == (BatchStatus.FAILED, 0)
