"""Batch jobs in the embedded database."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec

from ..domain.batches import BatchStatus, ItemStatus
from ..ports import Admission, BatchClaim, BatchItem, BatchJob, BatchLease, BatchProgress, NewBatch
from .batch_entries import MAX_ERRORS, batch_entry, decode_spec
from .sqlite_database import SqliteDatabase

_FREE = "finished_us IS NULL AND lease_until_us <= ? ORDER BY created_us, id LIMIT 1"
_ITEMS = "SELECT position, student_id, batch_item.status, body, level_changed FROM batch_item JOIN batch ON batch = id"


class SqliteBatches:
    """The port of batch jobs, and what is kept of a student in them."""

    def __init__(self, database: SqliteDatabase, *, lifetime: timedelta) -> None:
        self._database = database
        self._writer = database.writer
        self._lifetime_us = lifetime // timedelta(microseconds=1)

    async def create(self, batch: NewBatch, *, most_open: int) -> tuple[Admission, str]:
        """Queue a job in one transaction, or find the one that was made with the same request key."""
        return await self._database.write(self._create, batch, most_open)

    async def find(self, batch_id: str) -> BatchJob | None:
        """Return a job, None where there is none; one query, so all of one moment."""
        rows = self._database.rows(
            """SELECT spec, batch.status, finished_us, batch_item.status, count(position), sum(level_changed)
            FROM batch LEFT JOIN batch_item ON batch = id WHERE batch_id = ? GROUP BY batch_item.status""",
            batch_id,
        )
        if not rows:
            return None
        spec, status, finished_us = rows[0][:3]
        counts = {row[3]: row[4] for row in rows}
        progress = BatchProgress(
            status=BatchStatus(status),
            total=sum(counts.values()),
            done=counts.get(ItemStatus.DONE, 0),
            failed=counts.get(ItemStatus.FAILED, 0),
            level_changes=sum(row[5] or 0 for row in rows),
            finished_us=finished_us,
        )
        errors = self._items("batch_id = ? AND batch_item.status = 'failed'", batch_id, MAX_ERRORS)
        return BatchJob(batch_id, decode_spec(spec), progress, tuple(item for _, item in errors))

    async def page(self, batch_id: str, after: int, limit: int) -> list[tuple[int, BatchItem]]:
        """Return up to limit items that are ended, with positions greater than after."""
        return self._items("batch_id = ? AND batch_item.status NOTNULL AND position > ?", batch_id, after, limit)

    async def unfinished(self, limit: int) -> list[str]:
        """Return the ids of up to limit jobs that are not ended, oldest first."""
        sql = "SELECT batch_id FROM batch WHERE finished_us IS NULL ORDER BY created_us, id LIMIT ?"
        return [batch_id for (batch_id,) in self._database.rows(sql, limit)]

    async def claim(self, now_us: int, until_us: int) -> BatchClaim | None:
        """Take the oldest job that can be taken; where there is none nothing is written."""
        if self._database.row(f"SELECT 1 FROM batch WHERE {_FREE}", now_us) is None:  # noqa: S608  # a constant
            return None
        found = await self._database.write(self._claim, now_us, until_us)
        if found is None:
            return None
        batch_id, token, spec, attempts, pending = found
        return BatchClaim(BatchLease(batch_id, token), decode_spec(spec), pending, attempts)

    async def write(self, lease: BatchLease, items: Sequence[BatchItem], until_us: int) -> bool:
        """Write results and prolong the lease in one transaction, if the lease still holds."""
        return await self._database.write(self._write, lease, items, until_us)

    async def finish(self, lease: BatchLease, status: BatchStatus, now_us: int) -> bool:
        """End a job if the lease still holds and, to complete it, nothing is left to do."""
        sql = """UPDATE batch SET status = ?1, finished_us = ?2
            WHERE batch_id = ?3 AND token = ?4 AND finished_us IS NULL AND (?1 <> 'completed'
                OR NOT EXISTS (SELECT 1 FROM batch_item WHERE batch = id AND batch_item.status IS NULL))"""
        return await self._change(sql, status, now_us, lease.batch_id, lease.token)

    async def cancel(self, batch_id: str, now_us: int) -> bool:
        """Stop a job that is not ended."""
        sql = "UPDATE batch SET status = 'cancelled', finished_us = ? WHERE batch_id = ? AND finished_us IS NULL"
        return await self._change(sql, now_us, batch_id)

    async def trim(self, now_us: int) -> int:
        """Forget the jobs whose time is over."""
        sql = "DELETE FROM batch WHERE created_us <= ?"
        return (await self._database.write(self._writer.execute, sql, (now_us - self._lifetime_us,))).rowcount

    # -- what is kept of a student

    async def export(self, student_id: str) -> list[dict[str, Any]] | None:
        """Return the jobs that a student is in with what became of them there, None where there are none."""
        rows = self._database.rows(
            """SELECT batch_id, spec, batch_item.status, body FROM batch_item JOIN batch ON id = batch
            WHERE student_id = ? ORDER BY created_us, id""",
            student_id,
        )
        return [batch_entry(batch_id, decode_spec(spec), *item) for batch_id, spec, *item in rows] or None

    async def erase(self, student_id: str) -> int:
        """Take a student out of every job, with what became of them; return how many jobs that were."""
        sql = "DELETE FROM batch_item WHERE student_id = ?"
        return (await self._database.write(self._writer.execute, sql, (student_id,))).rowcount

    async def remains(self, student_id: str) -> int:
        """Return in how many jobs a student still is, found by looking through all."""
        sql = "SELECT count(*) FROM batch_item WHERE +student_id = ?"
        row = self._database.row(sql, student_id)
        return row[0] if row else 0

    def _items(self, where: str, *values: str | int) -> list[tuple[int, BatchItem]]:
        rows = self._database.rows(f"{_ITEMS} WHERE {where} ORDER BY position LIMIT ?", *values)
        return [
            (position, BatchItem(student_id, ItemStatus(status), body.encode(), bool(changed)))
            for position, student_id, status, body, changed in rows
        ]

    async def _change(self, sql: str, *values: str | int) -> bool:
        return (await self._database.write(self._writer.execute, sql, values)).rowcount == 1

    # -- below here everything runs in the one writing thread, in a transaction

    def _create(self, batch: NewBatch, most_open: int) -> tuple[Admission, str]:
        sql = "SELECT batch_id, content FROM batch WHERE request_key = ?"
        known = self._writer.execute(sql, (batch.request_key,)).fetchone()
        if known is not None:
            return Admission.KNOWN if known[1] == batch.content else Admission.CONFLICT, known[0]
        sql = "SELECT count(*) FROM batch WHERE requester = ? AND finished_us IS NULL"
        (number,) = self._writer.execute(sql, (batch.spec.requester,)).fetchone()
        if number >= most_open:
            return Admission.FULL, ""
        self._insert(batch)
        return Admission.CREATED, batch.batch_id

    def _insert(self, batch: NewBatch) -> None:
        spec = msgspec.json.encode(batch.spec).decode()
        (row_id,) = self._writer.execute(
            """INSERT INTO batch (batch_id, requester, request_key, content, spec, status, created_us)
            VALUES (?, ?, ?, ?, ?, 'queued', ?) RETURNING id""",
            (batch.batch_id, batch.spec.requester, batch.request_key, batch.content, spec, batch.spec.created_us),
        ).fetchone()
        sql = "INSERT INTO batch_item (batch, position, student_id) VALUES (?, ?, ?)"
        self._writer.executemany(sql, [(row_id, at, student) for at, student in enumerate(batch.students)])

    def _claim(self, now_us: int, until_us: int) -> tuple[str, int, str, int, tuple[str, ...]] | None:
        found = self._writer.execute(
            f"""UPDATE batch SET status = 'running', token = token + 1, attempts = attempts + 1, lease_until_us = ?
            WHERE id = (SELECT id FROM batch WHERE {_FREE}) RETURNING id, batch_id, token, spec, attempts""",  # noqa: S608  # a constant
            (until_us, now_us),
        ).fetchone()
        if found is None:
            return None
        row_id, batch_id, token, spec, attempts = found
        sql = "SELECT student_id FROM batch_item WHERE batch = ? AND status IS NULL ORDER BY position"
        pending = tuple(student_id for (student_id,) in self._writer.execute(sql, (row_id,)))
        return batch_id, token, spec, attempts, pending

    def _write(self, lease: BatchLease, items: Sequence[BatchItem], until_us: int) -> bool:
        found = self._writer.execute(
            """UPDATE batch SET lease_until_us = ?, attempts = iif(?, 0, attempts)
            WHERE batch_id = ? AND token = ? AND finished_us IS NULL RETURNING id""",
            (until_us, len(items), lease.batch_id, lease.token),
        ).fetchone()
        if found is None:
            return False
        self._writer.executemany(
            """UPDATE batch_item SET status = ?, body = ?, level_changed = ?
            WHERE student_id = ? AND batch = ? AND status IS NULL""",
            [(one.status, one.body.decode(), one.level_changed, one.student_id, found[0]) for one in items],
        )
        return True
