"""The worker of batch jobs: takes what is queued or what a dead worker left, and does it a chunk at a time."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

import msgspec

from .batch_answers import ItemError
from .batch_work import Derive, work_of
from .curriculum_service import TaggedCurriculum
from .domain.aggregates import Aggregates
from .domain.batches import BatchStatus, ItemStatus
from .errors import StoreUnavailable
from .observability import Metrics, correlation_id
from .ports import BatchClaim, BatchItem, BatchStore, Clock, EvidenceOfMany

LEASE_US = 3_000_000
"""A job whose worker has written nothing for so long is taken by another."""

POLL_S = 1.0
"""How often to look for jobs that another process made or left; those of this process wake the worker."""

CHUNK = 50
"""Students whose results are written together, and the most that are done after a job was cancelled."""

WRITE_EVERY_S = 0.5
"""What took so long is written, though the chunk is not full: a busy machine must not cost the lease."""

READ_TOGETHER = 10
SLICE_S = 0.003
"""For so long the worker derives before it lets the event loop go on."""

MAX_ATTEMPTS = 5
"""A job that was taken so often without one result is given up: it may be what ends the workers."""

_UNDERIVABLE: Final = msgspec.json.encode(ItemError("internal", "could not be derived; the log says why"))
_log = logging.getLogger("mastery_engine.analytics")


class AnalyticsService:
    """Works on batch jobs beside the requests of the same process, on ``max_concurrent_batches`` at a time.

    Several processes share the jobs: a lease keeps two from working on the same, and its token keeps whoever lost it
    from writing. ``curriculum`` returns what there is to learn.
    """

    def __init__(
        self,
        store: BatchStore,
        *,
        evidence: EvidenceOfMany,
        curriculum: Callable[[], Awaitable[TaggedCurriculum]],
        metrics: Metrics,
        clock: Clock,
        max_concurrent_batches: int,
    ) -> None:
        self.max_concurrent_batches = max_concurrent_batches
        self._store = store
        self._evidence = evidence
        self._curriculum = curriculum
        self._metrics = metrics
        self._clock = clock
        self._woken = asyncio.Event()
        self._deriving = asyncio.Lock()
        self._stopping = False

    def wake(self) -> None:
        """Tell that there may be something to do."""
        self._woken.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work until the block ends; then what is begun goes on for a chunk, and other workers may take it."""
        working = asyncio.create_task(self._run())
        try:
            yield
        finally:
            self._stopping = True
            self.wake()
            await working

    async def trim(self) -> int:
        """Forget the jobs whose time is over; return how many."""
        return await self._store.trim(self._clock())

    async def _run(self) -> None:
        tasks: set[asyncio.Task[None]] = set()
        while not self._stopping:
            self._woken.clear()
            while len(tasks) < self.max_concurrent_batches and (claim := await self._claim()):
                task = asyncio.create_task(self._process(claim))
                tasks.add(task)
                task.add_done_callback(lambda _: self.wake())
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), POLL_S)
            tasks = {task for task in tasks if not task.done()}
        await asyncio.gather(*tasks)

    async def _claim(self) -> BatchClaim | None:
        now_us = self._clock()
        try:
            return None if self._stopping else await self._store.claim(now_us, now_us + LEASE_US)
        except StoreUnavailable:
            return None
        except Exception:  # noqa: BLE001  # the step of a worker: whatever it is, it looks again a moment later
            _log.exception("BATCH no job can be taken")
            return None

    async def _process(self, claim: BatchClaim) -> None:
        """Work on a job as far as it goes; whatever keeps it from its end, another attempt is made later."""
        correlation_id.set(claim.spec.correlation_id)
        started_s = time.perf_counter()
        fields = {"batch_id": claim.lease.batch_id, "kind": claim.spec.kind, "students": len(claim.pending)}
        try:
            if claim.attempts > MAX_ATTEMPTS:
                await self._give_up(claim)
                return
            _log.info("BATCH Processing batch job", extra=fields)
            if await self._work(claim):
                self._count(claim, BatchStatus.COMPLETED, started_s)
                _log.info("BATCH Completed batch job", extra=fields)
            else:
                _log.info("BATCH job left: cancelled, stopping, or taken over", extra=fields)
        except StoreUnavailable:
            _log.warning("BATCH job interrupted, the store is away", extra=fields)
        except Exception:  # noqa: BLE001  # the step of a worker: its other jobs go on, and this one is tried again
            _log.exception("BATCH job failed for now", extra=fields)

    async def _give_up(self, claim: BatchClaim) -> None:
        if await self._store.finish(claim.lease, BatchStatus.FAILED, self._clock()):
            self._count(claim, BatchStatus.FAILED, time.perf_counter())
            _log.error("BATCH job given up", extra={"batch_id": claim.lease.batch_id, "attempts": claim.attempts})

    async def _work(self, claim: BatchClaim) -> bool:
        """Do what is left; tell whether the job was completed."""
        derive = work_of(claim.spec, (await self._curriculum()).curriculum)
        at = 0
        while at < len(claim.pending):
            items = await self._derived(claim.pending[at : at + CHUNK], derive)
            at += len(items)
            if not await self._store.write(claim.lease, items, self._clock() + LEASE_US):
                return False
            for item in items:
                self._metrics.batch_items.labels(claim.spec.kind, item.status).inc()
            if self._stopping and at < len(claim.pending):
                await self._store.write(claim.lease, [], self._clock())  # gives the lease back
                return False
        return await self._store.finish(claim.lease, BatchStatus.COMPLETED, self._clock())

    async def _derived(self, students: Sequence[str], derive: Derive) -> list[BatchItem]:
        """Return the items of a chunk or its beginning; one job at a time keeps the loop busy, for a slice of time."""
        items: list[BatchItem] = []
        until_s = time.perf_counter() + WRITE_EVERY_S
        for at in range(0, len(students), READ_TOGETHER):
            part = students[at : at + READ_TOGETHER]
            found = await self._read(part)
            async with self._deriving:
                items += await self._in_slices(part, found, derive)
            await asyncio.sleep(0)  # neither reads of the embedded store nor a free lock let the loop go on
            if time.perf_counter() > until_s:
                break
        return items

    async def _in_slices(
        self, students: Sequence[str], found: Sequence[Aggregates | None], derive: Derive
    ) -> list[BatchItem]:
        items, slice_ends_s = [], time.perf_counter() + SLICE_S
        for student_id, aggregates in zip(students, found, strict=True):
            items.append(_underivable(student_id) if aggregates is None else _item(student_id, aggregates, derive))
            if time.perf_counter() > slice_ends_s:
                await asyncio.sleep(0)
                slice_ends_s = time.perf_counter() + SLICE_S
        return items

    async def _read(self, students: Sequence[str]) -> list[Aggregates | None]:
        """Return what is stored of each student, None where it cannot be read."""
        try:
            found = await self._evidence.aggregates_of(students)
        except msgspec.DecodeError:
            return [await self._read_one(student_id) for student_id in students]
        return [aggregates or Aggregates() for aggregates in found]

    async def _read_one(self, student_id: str) -> Aggregates | None:
        try:
            [found] = await self._evidence.aggregates_of([student_id])
        except msgspec.DecodeError:
            _log.exception("BATCH what is stored of a student cannot be read")
            return None
        return found or Aggregates()

    def _count(self, claim: BatchClaim, status: BatchStatus, started_s: float) -> None:
        self._metrics.batches.labels(claim.spec.kind, status).inc()
        self._metrics.batch_seconds.labels(claim.spec.kind).observe(time.perf_counter() - started_s)


def _item(student_id: str, aggregates: Aggregates, derive: Derive) -> BatchItem:
    try:
        return derive(student_id, aggregates)
    except Exception:  # noqa: BLE001  # the step of an item: one student's state must not keep the others waiting
        _log.exception("BATCH a result cannot be derived")
        return _underivable(student_id)


def _underivable(student_id: str) -> BatchItem:
    return BatchItem(student_id, ItemStatus.FAILED, _UNDERIVABLE)
