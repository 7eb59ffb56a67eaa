"""Erasing students from the embedded database, and who was erased."""

from collections.abc import Mapping

import msgspec

from ..domain.days import to_date
from ..domain.erasures import Erasure
from ..state_manager import StateKeyPatterns
from .sqlite_database import SqliteDatabase
from .sqlite_store import SqliteStore, marker

_HELD = ("evidence", "recent", "counted", "snapshot")


class SqliteErasures:
    """The port of erasure over the embedded database; what is deleted is overwritten in its file."""

    def __init__(self, database: SqliteDatabase, *, store: SqliteStore) -> None:
        self._database = database
        self._store = store
        self._pseudonym = store.pseudonym

    async def erasure(self, student_id: str) -> Erasure | None:
        """Return the marker of a student, None for one who was never erased."""
        return await self._database.write(marker, self._database.writer, self._pseudonym(student_id))

    async def erase(self, student_id: str, erasure: Erasure) -> int:
        """Delete a student's state and set the marker in one step; return how many rows went.

        Where the marker is newer, or tells of consent after this very erasure, nothing is done.
        """
        return await self._database.write(self._erase, student_id, erasure)

    async def sweep(self) -> None:
        """Empty the log, in which what was deleted may still be; in the database itself it is overwritten."""
        await self._database.empty_log()

    async def enforce(self, erasures: Mapping[str, Erasure]) -> int:
        """Erase, by pseudonym, whoever has an older marker or none; return how many students had a state."""
        found = await self._database.write(self._enforce, erasures)
        if found:
            await self._database.empty_log()
        return found

    async def export(self, student_id: str) -> object | None:
        """Return everything stored about a student as plain values, None where nothing is."""
        row = self._database.row("SELECT id, events, version FROM student WHERE name = ?", student_id)
        state = await self._store.state(student_id)
        if row is None or state is None:
            return None
        snapshots = self._database.rows("SELECT key, day, body FROM snapshot WHERE student = ? ORDER BY key", row[0])
        sql = "SELECT digest, content FROM counted WHERE student = ? AND content NOTNULL ORDER BY digest"
        return {
            **state.canonical(),
            "events": row[1],
            "version": row[2],
            "checkpoints": {
                f"{d & _UNSIGNED:016x}": f"{c & _UNSIGNED:016x}" for d, c in self._database.rows(sql, row[0])
            },
            "snapshots": {
                key: {"written_on": to_date(day).isoformat(), "value": msgspec.json.decode(body)}
                for key, day, body in snapshots
            },
        }

    async def remains(self, student_id: str) -> int:
        """Return how many rows there are of a student, found by looking through every table."""
        held = "SELECT count(*) FROM {} JOIN student ON student = id WHERE name = ?"
        number = sum(self._count(held.format(table), student_id) for table in _HELD)
        number += self._count("SELECT count(*) FROM student WHERE name = ?", student_id)
        # A row whose student is gone would be a defect: the keys of snapshots name the student once more.
        prefix = StateKeyPatterns.EVIDENCE.format(student_id=student_id).removesuffix("evidence")
        orphans = "SELECT count(*) FROM snapshot WHERE instr(key, ?) = 1 AND student NOT IN (SELECT id FROM student)"
        return number + self._count(orphans, prefix)

    def _count(self, sql: str, value: str) -> int:
        [(number,)] = self._database.rows(sql, value)
        return int(number)

    # -- below here everything runs in the one writing thread, in a transaction

    def _erase(self, student_id: str, erasure: Erasure) -> int:
        pseudonym = self._pseudonym(student_id)
        if erasure.is_settled_by(marker(self._database.writer, pseudonym)):
            return 0
        self._mark(pseudonym, erasure)
        return self._delete(student_id)

    def _delete(self, student_id: str) -> int:
        execute = self._database.writer.execute
        found = execute("SELECT id FROM student WHERE name = ?", (student_id,)).fetchone()
        if found is None:
            return 0
        rows = sum(execute(f"DELETE FROM {table} WHERE student = ?", found).rowcount for table in _HELD)  # noqa: S608  # names of our own
        return rows + execute("DELETE FROM student WHERE id = ?", found).rowcount

    def _mark(self, pseudonym: str, erasure: Erasure) -> None:
        if erasure.supersedes(marker(self._database.writer, pseudonym)):
            values = (pseudonym, erasure.number, erasure.at_us, erasure.consented_us)
            self._database.writer.execute("REPLACE INTO erasure VALUES (?, ?, ?, ?)", values)

    def _enforce(self, erasures: Mapping[str, Erasure]) -> int:
        writer = self._database.writer
        markers = {subject: Erasure(*rest) for subject, *rest in writer.execute("SELECT * FROM erasure")}
        older = {
            pseudonym: erasure
            for pseudonym, erasure in erasures.items()
            if pseudonym not in markers or erasure.number > markers[pseudonym].number
        }
        found = 0
        if older:
            names = [name for (name,) in writer.execute("SELECT name FROM student")]
            for name in names:
                if self._pseudonym(name) in older:
                    self._delete(name)
                    found += 1
        for pseudonym, erasure in erasures.items():
            self._mark(pseudonym, erasure)
        return found


_UNSIGNED = 0xFFFF_FFFF_FFFF_FFFF
