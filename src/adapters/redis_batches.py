"""Batch jobs in Redis: the keys of a job, which scripts change together; a queue of what is open; an index by student.

In Redis Cluster the keys of a job lie in one slot, those of admission in another, and the index with its student. So
to make a job is several steps, each of which may be done again: first the index, then the job, last its place in the
queue. A crash between them leaves nothing but entries of the index that lead nowhere.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from ..domain.batches import BatchStatus, ItemStatus
from ..ports import Admission, BatchClaim, BatchItem, BatchJob, BatchLease, BatchProgress, NewBatch
from ..state_manager import PLAIN, Keys, StateKeyPatterns
from .batch_entries import MAX_ERRORS, batch_entry, decode_spec
from .redis_client import Client, redis_errors

PIPELINE = 200
"""So many students are indexed at once: packing more commands would hold up the loop."""

CANDIDATES = 256
"""So many jobs at the head of the queue are looked at: all replicas together work on fewer."""

_ENTRY = 5
_JOB = (
    StateKeyPatterns.BATCH,
    StateKeyPatterns.BATCH_ITEMS,
    StateKeyPatterns.BATCH_PENDING,
    StateKeyPatterns.BATCH_RESULTS,
    StateKeyPatterns.BATCH_FAILED,
    StateKeyPatterns.BATCH_CHANGED,
)


class RedisBatches:
    """The port of batch jobs, and what is kept of a student in them."""

    def __init__(self, client: Client, *, lifetime: timedelta, keys: Keys = PLAIN) -> None:
        self._client = client
        self._lifetime_s = int(lifetime.total_seconds())
        self._students = keys
        self._prefix = "{batches}:" if keys.tagged else ""

    async def create(self, batch: NewBatch, *, most_open: int) -> tuple[Admission, str]:
        """Queue a job, or find the one that was made with the same request key and make up for what a crash left."""
        admission, batch_id = await self._admit(batch, most_open)
        if admission is Admission.FULL:
            await self._close_ended(batch.spec.requester)
            admission, batch_id = await self._admit(batch, most_open)
        if admission is Admission.CREATED or (admission is Admission.KNOWN and await self._is_missing(batch_id)):
            await self._index(batch_id, batch)
            await self._make(batch_id, batch)
        if admission is not Admission.FULL:
            await self._enqueue(batch_id, batch.spec.created_us)
        return admission, batch_id

    async def find(self, batch_id: str) -> BatchJob | None:
        """Return a job, None where there is none."""
        status, items, _, *rest = self._keys(batch_id)
        found = await self._eval("batch_find", [status, items, *rest], MAX_ERRORS)
        if found is None:
            return None
        spec, status, finished_us, total, ended, failed, changed, *errors = found
        progress = BatchProgress(
            status=BatchStatus(status.decode()),
            total=total,
            done=ended - failed,
            failed=failed,
            level_changes=changed,
            finished_us=int(finished_us) if finished_us else None,
        )
        told = zip(errors[::2], errors[1::2], strict=True)
        failures = tuple(BatchItem(student.decode(), ItemStatus.FAILED, body) for student, body in told)
        return BatchJob(batch_id, decode_spec(spec), progress, failures)

    async def page(self, batch_id: str, after: int, limit: int) -> list[tuple[int, BatchItem]]:
        """Return up to limit items that are ended, with positions greater than after."""
        _, items, _, *rest = self._keys(batch_id)
        found = await self._eval("batch_page", [items, *rest], after, limit)
        entries = [found[at : at + _ENTRY] for at in range(0, len(found), _ENTRY)]
        return [
            (at, BatchItem(student.decode(), ItemStatus.FAILED if failed else ItemStatus.DONE, body, bool(changed)))
            for at, student, failed, changed, body in entries
        ]

    async def unfinished(self, limit: int) -> list[str]:
        """Return the ids of up to limit jobs of the queue, oldest first; what is ended leaves it."""
        queue = self._prefix + StateKeyPatterns.BATCH_QUEUE
        with redis_errors():
            return _texts(await self._client.zrange(queue, 0, limit - 1))

    async def claim(self, now_us: int, until_us: int) -> BatchClaim | None:
        """Take the oldest job that can be taken; what is ended leaves the queue."""
        for batch_id in await self.unfinished(CANDIDATES):
            status, _, pending, *_ = self._keys(batch_id)
            found = await self._eval("batch_claim", [status, pending], now_us, until_us)
            if found is None:
                await self._dequeue(batch_id)
            elif found:
                spec, token, attempts, students = found
                left = tuple(students.decode().split())
                return BatchClaim(BatchLease(batch_id, token), decode_spec(spec), left, attempts)
        return None

    async def write(self, lease: BatchLease, items: Sequence[BatchItem], until_us: int) -> bool:
        """Write results and prolong the lease in one step, if the lease still holds."""
        status, _, *rest = self._keys(lease.batch_id)
        arguments: list[Any] = [lease.token, until_us]
        for item in items:
            arguments += [item.student_id, item.status, int(item.level_changed), item.body]
        return bool(await self._eval("batch_write", [status, *rest], *arguments))

    async def finish(self, lease: BatchLease, status: BatchStatus, now_us: int) -> bool:
        """End a job if the lease still holds and, to complete it, nothing is left to do."""
        return await self._end(lease.batch_id, status, now_us, str(lease.token))

    async def cancel(self, batch_id: str, now_us: int) -> bool:
        """Stop a job that is not ended."""
        return await self._end(batch_id, BatchStatus.CANCELLED, now_us, "")

    async def trim(self, now_us: int) -> int:
        """Take out of the queue what has expired; the jobs themselves go by themselves."""
        queue = self._prefix + StateKeyPatterns.BATCH_QUEUE
        with redis_errors():
            return int(await self._client.zremrangebyscore(queue, "-inf", now_us - self._lifetime_s * 1_000_000))

    # -- what is kept of a student

    async def export(self, student_id: str) -> list[dict[str, Any]] | None:
        """Return the jobs that a student is in with what became of them there, None where there are none."""
        entries = []
        for batch_id in await self._jobs_of(student_id):
            status, items, _, results, failed, _ = self._keys(batch_id)
            with redis_errors():
                async with self._client.pipeline(transaction=False) as pipeline:
                    pipeline.hget(status, "spec")
                    pipeline.zscore(items, student_id)
                    pipeline.hget(results, student_id)
                    pipeline.zscore(failed, student_id)
                    spec, position, body, failure = await pipeline.execute()
            if spec is not None and position is not None:
                became = ItemStatus.DONE if failure is None else ItemStatus.FAILED
                entries.append(batch_entry(batch_id, decode_spec(spec), None if body is None else became, body))
        return entries or None

    async def erase(self, student_id: str) -> int:
        """Take a student out of every job, with what became of them; return how many jobs that were."""
        erased = 0
        for batch_id in await self._jobs_of(student_id):
            _, *keys = self._keys(batch_id)
            erased += await self._eval("batch_erase", keys, student_id)
        with redis_errors():
            await self._client.delete(self._jobs_key(student_id))  # last: until then a second try finds what is left
        return erased

    async def remains(self, student_id: str) -> int:
        """Return in how many jobs a student still is, found by looking through all."""
        prefix, _, suffix = StateKeyPatterns.BATCH_ITEMS.partition("{batch_id}")
        with redis_errors():
            jobs = [key async for key in self._client.scan_iter(match=f"{prefix}*{suffix}", count=1000)]
            found: list[float | None] = []
            for at in range(0, len(jobs), PIPELINE):
                async with self._client.pipeline(transaction=False) as pipeline:
                    for key in jobs[at : at + PIPELINE]:
                        pipeline.zscore(key, student_id)
                    found += await pipeline.execute()
        return sum(position is not None for position in found)

    # -- below here are the steps

    async def _admit(self, batch: NewBatch, most_open: int) -> tuple[Admission, str]:
        keys = [self._open_key(batch.spec.requester)]
        if batch.request_key is not None:
            keys.append(self._prefix + StateKeyPatterns.BATCH_REQUEST.format(request_key=batch.request_key))
        arguments = (batch.batch_id, batch.content, most_open, self._lifetime_s, batch.spec.created_us)
        admission, batch_id = await self._eval("batch_admit", keys, *arguments)
        return Admission(admission.decode()), batch_id.decode()

    async def _close_ended(self, requester: str) -> None:
        """Forget jobs that a crash left among the unfinished ones of somebody: ended since, or never made."""
        key = self._open_key(requester)
        with redis_errors():
            for batch_id in _texts(await self._client.zrange(key, 0, -1)):
                status = await self._client.hget(self._keys(batch_id)[0], "status")
                if status not in (b"queued", b"running"):
                    await self._client.zrem(key, batch_id)

    async def _is_missing(self, batch_id: str) -> bool:
        with redis_errors():
            return not await self._client.exists(self._keys(batch_id)[0])

    async def _index(self, batch_id: str, batch: NewBatch) -> None:
        """Enter the job with each of its students; entries of jobs that are gone are taken out."""
        seconds = batch.spec.created_us // 1_000_000
        for at in range(0, len(batch.students), PIPELINE):
            with redis_errors():
                async with self._client.pipeline(transaction=False) as pipeline:
                    for student_id in batch.students[at : at + PIPELINE]:
                        key = self._jobs_key(student_id)
                        pipeline.zremrangebyscore(key, "-inf", seconds - self._lifetime_s)
                        pipeline.zadd(key, {batch_id: seconds})
                        pipeline.expire(key, self._lifetime_s)
                    await pipeline.execute()

    async def _make(self, batch_id: str, batch: NewBatch) -> None:
        spec = msgspec.json.encode(batch.spec)
        arguments = (spec, batch.spec.kind, batch.spec.requester, self._lifetime_s, "\n".join(batch.students))
        await self._eval("batch_create", self._keys(batch_id)[:3], *arguments)

    async def _enqueue(self, batch_id: str, created_us: int) -> None:
        with redis_errors():
            await self._client.zadd(self._prefix + StateKeyPatterns.BATCH_QUEUE, {batch_id: created_us}, nx=True)

    async def _dequeue(self, batch_id: str) -> None:
        with redis_errors():
            await self._client.zrem(self._prefix + StateKeyPatterns.BATCH_QUEUE, batch_id)

    async def _end(self, batch_id: str, status: BatchStatus, now_us: int, token: str) -> bool:
        key, _, pending, *_ = self._keys(batch_id)
        requester = await self._eval("batch_finish", [key, pending], status, now_us, token)
        if requester is None:
            return False
        with redis_errors():
            await self._client.zrem(self._open_key(requester.decode()), batch_id)
        await self._dequeue(batch_id)
        return True

    async def _jobs_of(self, student_id: str) -> list[str]:
        with redis_errors():
            found = await self._client.zrange(self._jobs_key(student_id), 0, -1)
        return _texts(found)

    async def _eval(self, script: str, keys: Sequence[str], *arguments: Any) -> Any:  # noqa: ANN401  # what it takes and returns
        with redis_errors():
            return await self._client.eval(_script(script), len(keys), *keys, *arguments)

    def _keys(self, batch_id: str) -> list[str]:
        """Return the keys of a job: status, items, pending, results, failed, changed."""
        name = f"{{{batch_id}}}" if self._students.tagged else batch_id
        return [pattern.format(batch_id=name) for pattern in _JOB]

    def _open_key(self, requester: str) -> str:
        return self._prefix + StateKeyPatterns.BATCHES_OPEN.format(requester=requester)

    def _jobs_key(self, student_id: str) -> str:
        return self._students.of(StateKeyPatterns.BATCHES_OF_STUDENT, student_id)


def _texts(values: Iterable[Any]) -> list[str]:
    return [value.decode() for value in values]


@cache
def _script(name: str) -> str:
    return (files(__package__) / "lua" / f"{name}.lua").read_text()
