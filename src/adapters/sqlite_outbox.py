"""What targets are still to hear, in the embedded database."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from ..ports import Backlog, Delivery, Notice
from .outbox_entries import shown
from .sqlite_database import SqliteDatabase

_NOTICE = "notice_id, student_id, body, correlation_id, created_us"
_SHOWN = f"SELECT DISTINCT {_NOTICE} FROM outbox WHERE student_id = ? ORDER BY created_us, notice_id"  # noqa: S608  # names of our own


class SqliteOutbox:
    """The port of the outbox, and what is kept of a student in it."""

    def __init__(self, database: SqliteDatabase, *, lifetime: timedelta) -> None:
        self._database = database
        self._writer = database.writer
        self._lifetime_us = lifetime // timedelta(microseconds=1)

    async def put(self, notices: Sequence[Notice], targets: Sequence[str]) -> None:
        """Keep each notice for each target in one transaction."""
        if notices and targets:
            await self._database.write(self._put, notices, targets)

    async def take(self, target: str, now_us: int, until_us: int, limit: int) -> list[Delivery]:
        """Take the notices that are due to a target; where none is, nothing is written."""
        if self._database.row("SELECT 1 FROM outbox WHERE target = ? AND due_us <= ? LIMIT 1", target, now_us) is None:
            return []
        return await self._database.write(self._take, target, now_us, until_us, limit)

    async def done(self, target: str, notice: Notice) -> None:
        """Forget a notice that a target has heard."""
        sql = "DELETE FROM outbox WHERE target = ? AND notice_id = ?"
        await self._database.write(self._writer.execute, sql, (target, notice.notice_id))

    async def postpone(self, target: str, notice: Notice, due_us: int) -> None:
        """Have a notice be due again at a time."""
        sql = "UPDATE outbox SET due_us = ? WHERE target = ? AND notice_id = ?"
        await self._database.write(self._writer.execute, sql, (due_us, target, notice.notice_id))

    async def backlog(self, target: str) -> Backlog:
        """Return what a target is still to hear."""
        row = self._database.row("SELECT count(*), min(created_us) FROM outbox WHERE target = ?", target)
        return Backlog(0, None) if row is None else Backlog(*row)

    async def trim(self, now_us: int) -> int:
        """Forget the notices whose time is over."""
        sql, before = "DELETE FROM outbox WHERE created_us < ?", now_us - self._lifetime_us
        return (await self._database.write(self._writer.execute, sql, (before,))).rowcount

    # -- what is kept of a student

    async def export(self, student_id: str) -> list[dict[str, Any]] | None:
        """Return the notices of a student that are still to be heard, None where there are none."""
        return [shown(_notice(row)) for row in self._database.rows(_SHOWN, student_id)] or None

    async def erase(self, student_id: str) -> int:
        """Forget them, and return how many there were."""
        sql = "DELETE FROM outbox WHERE student_id = ?"
        return (await self._database.write(self._writer.execute, sql, (student_id,))).rowcount

    async def remains(self, student_id: str) -> int:
        """Return how many there are, looked for in the table itself and not by its index."""
        row = self._database.row("SELECT count(*) FROM outbox NOT INDEXED WHERE student_id = ?", student_id)
        return 0 if row is None else int(row[0])

    # -- below here everything runs in the one writing thread, in a transaction

    def _put(self, notices: Sequence[Notice], targets: Sequence[str]) -> None:
        self._writer.executemany(
            """INSERT OR IGNORE INTO outbox
            (target, notice_id, student_id, body, correlation_id, created_us, due_us) VALUES (?, ?, ?, ?, ?, ?, ?)""",
            [
                (
                    target,
                    one.notice_id,
                    one.student_id,
                    one.body.decode(),
                    one.correlation_id,
                    one.created_us,
                    one.created_us,
                )
                for one in notices
                for target in targets
            ],
        )

    def _take(self, target: str, now_us: int, until_us: int, limit: int) -> list[Delivery]:
        rows = self._writer.execute(
            f"""UPDATE outbox SET due_us = ?, attempts = attempts + 1 WHERE id IN
            (SELECT id FROM outbox WHERE target = ? AND due_us <= ? ORDER BY due_us, id LIMIT ?)
            RETURNING attempts, id, {_NOTICE}""",  # noqa: S608  # names of our own
            (until_us, target, now_us, limit),
        ).fetchall()
        return [Delivery(_notice(row[2:]), row[0]) for row in sorted(rows, key=lambda row: row[1])]


def _notice(row: Sequence[Any]) -> Notice:
    notice_id, student_id, body, correlation_id, created_us = row
    return Notice(notice_id, student_id, body.encode(), correlation_id, created_us)
