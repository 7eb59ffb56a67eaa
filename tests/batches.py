"""A fake of where batch jobs are kept; it passes ``tests/contract/test_batches.py``, as what it stands in for."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from src.adapters.batch_entries import MAX_ERRORS, batch_entry
from src.domain.batches import BatchKind, BatchSpec, BatchStatus, Configuration, ItemStatus
from src.domain.days import day_of
from src.domain.model import DEFAULT_WEIGHTS, Method
from src.ports import Admission, BatchClaim, BatchItem, BatchJob, BatchLease, BatchProgress, NewBatch
from tests.making import NOW_US

CONFIGURATION = Configuration(Method.DECAYING_AVERAGE, DEFAULT_WEIGHTS, Decimal(30))


def new_batch(
    batch_id: str = "b-1",
    *students: str,
    requester: str = "t-1",
    key: str | None = None,
    content: str = "same",
    created_us: int = NOW_US,
) -> NewBatch:
    today = day_of(NOW_US)
    spec = BatchSpec(BatchKind.RECOMPUTE, requester, "c-1", created_us, today, today - 89, CONFIGURATION, CONFIGURATION)
    return NewBatch(batch_id, spec, students or ("ada", "bob", "cy"), content, key)


@dataclass
class _Kept:
    batch: NewBatch
    pending: dict[str, int]
    ended: dict[str, tuple[int, BatchItem]] = field(default_factory=dict)
    status: BatchStatus = BatchStatus.QUEUED
    finished_us: int | None = None
    token: int = 0
    attempts: int = 0
    lease_until_us: int = 0


class MemoryBatches:
    """The port of batch jobs, and what is kept of a student in them, in a dictionary."""

    def __init__(self, lifetime: timedelta) -> None:
        self._lifetime_us = lifetime // timedelta(microseconds=1)
        self._jobs: dict[str, _Kept] = {}

    async def create(self, batch: NewBatch, *, most_open: int) -> tuple[Admission, str]:
        for known in self._jobs.values():
            if batch.request_key is not None and known.batch.request_key == batch.request_key:
                same = known.batch.content == batch.content
                return Admission.KNOWN if same else Admission.CONFLICT, known.batch.batch_id
        mine = [one for one in self._open() if one.batch.spec.requester == batch.spec.requester]
        if len(mine) >= most_open:
            return Admission.FULL, ""
        self._jobs[batch.batch_id] = _Kept(batch, {student: at for at, student in enumerate(batch.students)})
        return Admission.CREATED, batch.batch_id

    async def find(self, batch_id: str) -> BatchJob | None:
        job = self._jobs.get(batch_id)
        if job is None:
            return None
        items = [item for _, item in sorted(job.ended.values(), key=lambda entry: entry[0])]
        failed = [item for item in items if item.status is ItemStatus.FAILED]
        progress = BatchProgress(
            job.status,
            len(job.pending) + len(items),
            len(items) - len(failed),
            len(failed),
            sum(item.level_changed for item in items),
            job.finished_us,
        )
        return BatchJob(batch_id, job.batch.spec, progress, tuple(failed[:MAX_ERRORS]))

    async def page(self, batch_id: str, after: int, limit: int) -> list[tuple[int, BatchItem]]:
        ended = self._jobs[batch_id].ended.values() if batch_id in self._jobs else ()
        return sorted((entry for entry in ended if entry[0] > after), key=lambda entry: entry[0])[:limit]

    async def claim(self, now_us: int, until_us: int) -> BatchClaim | None:
        free = [one for one in self._open() if one.lease_until_us <= now_us]
        if not free:
            return None
        job = min(free, key=lambda one: one.batch.spec.created_us)
        job.status, job.lease_until_us = BatchStatus.RUNNING, until_us
        job.token += 1
        job.attempts += 1
        lease = BatchLease(job.batch.batch_id, job.token)
        return BatchClaim(lease, job.batch.spec, tuple(job.pending), job.attempts)

    async def write(self, lease: BatchLease, items: Sequence[BatchItem], until_us: int) -> bool:
        job = self._held(lease)
        if job is None:
            return False
        for item in items:
            if item.student_id in job.pending:
                job.ended[item.student_id] = (job.pending.pop(item.student_id), item)
        job.lease_until_us = until_us
        job.attempts = 0 if items else job.attempts
        return True

    async def finish(self, lease: BatchLease, status: BatchStatus, now_us: int) -> bool:
        job = self._held(lease)
        if job is None or (status is BatchStatus.COMPLETED and job.pending):
            return False
        job.status, job.finished_us = status, now_us
        return True

    async def cancel(self, batch_id: str, now_us: int) -> bool:
        job = self._jobs.get(batch_id)
        if job is None or job.finished_us is not None:
            return False
        job.status, job.finished_us = BatchStatus.CANCELLED, now_us
        return True

    async def unfinished(self, limit: int) -> list[str]:
        jobs = sorted(self._open(), key=lambda one: one.batch.spec.created_us)
        return [one.batch.batch_id for one in jobs[:limit]]

    async def trim(self, now_us: int) -> int:
        over = [key for key, one in self._jobs.items() if one.batch.spec.created_us <= now_us - self._lifetime_us]
        for batch_id in over:
            del self._jobs[batch_id]
        return len(over)

    async def export(self, student_id: str) -> list[dict[str, Any]] | None:
        entries = []
        for batch_id, job in self._jobs.items():
            if student_id in job.ended:
                item = job.ended[student_id][1]
                entries.append(batch_entry(batch_id, job.batch.spec, item.status, item.body))
            elif student_id in job.pending:
                entries.append(batch_entry(batch_id, job.batch.spec, None, None))
        return entries or None

    async def erase(self, student_id: str) -> int:
        found = [part for job in self._jobs.values() for part in (job.pending, job.ended) if student_id in part]
        for part in found:
            del part[student_id]
        return len(found)

    async def remains(self, student_id: str) -> int:
        return sum(student_id in job.pending or student_id in job.ended for job in self._jobs.values())

    def _open(self) -> list[_Kept]:
        return [one for one in self._jobs.values() if one.finished_us is None]

    def _held(self, lease: BatchLease) -> _Kept | None:
        job = self._jobs.get(lease.batch_id)
        return job if job is not None and job.finished_us is None and job.token == lease.token else None
