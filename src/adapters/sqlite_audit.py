"""The audit trail in an embedded database of its own: what restores the state does not touch it."""

from collections.abc import Sequence

from ..ports import Chain, Link, Person, SealedRow
from .sqlite_database import SqliteDatabase

FILE_NAME = "audit.db"
SCHEMA = "audit_migrations"

_ROW = "SELECT seq, CAST(body AS BLOB), CAST(mac AS TEXT) FROM entry"


class SqliteAudit:
    """The ports of the trail and of its salts."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database
        self._writer = database.writer

    # -- the trail

    async def chain(self) -> Chain | None:
        """Return where the trail begins and ends."""
        sql = "SELECT chain_id, anchor_seq, anchor_mac, signature, seq, mac FROM entry LEFT JOIN chain ON true"
        row = self._database.row(f"{sql} ORDER BY seq DESC LIMIT 1")
        if row is None:
            return None
        chain_id, anchor_seq, anchor_mac, signature, seq, mac = row
        return Chain(chain_id or "", Link(anchor_seq or 0, anchor_mac or ""), signature or "", Link(seq, mac))

    async def extend(self, before: Link | None, after: Chain, rows: Sequence[SealedRow]) -> bool:
        """Append rows in one transaction, synced to the disk."""
        return await self._database.write(self._extend, before, after, rows)

    async def at(self, numbers: Sequence[int]) -> list[SealedRow]:
        """Return those rows that are there."""
        places = ",".join("?" * len(numbers))
        return self._rows(f"{_ROW} WHERE seq IN ({places}) ORDER BY seq", *numbers)

    async def after(self, seq: int, limit: int) -> list[SealedRow]:
        """Return the rows that follow a number."""
        return self._rows(f"{_ROW} WHERE seq > ? ORDER BY seq LIMIT ?", seq, limit)

    async def newest(self, before: int | None, limit: int, person: Person | None = None) -> list[SealedRow]:
        """Return the rows before a number, newest first."""
        end = before if before is not None else 2**63 - 1
        if person is None:
            return self._rows(f"{_ROW} WHERE seq < ? ORDER BY seq DESC LIMIT ?", end, limit)
        sql = f"{_ROW} WHERE {person.part} = ? AND seq < ? ORDER BY seq DESC LIMIT ?"
        return self._rows(sql, person.pseudonym, end, limit)

    async def trim(self, after: Chain) -> None:
        """Forget the rows up to an anchor."""
        await self._database.write(self._trim, after)

    # -- the salts

    async def salts(self, names: Sequence[str], fresh: Sequence[bytes], today: int) -> list[bytes]:
        """Return the salt of each name, making those that are missing."""
        return await self._database.write(self._salts, names, fresh, today)

    async def salt(self, name: str) -> bytes | None:
        """Return the salt of a name."""
        row = self._database.row("SELECT salt FROM salt WHERE name = ?", name)
        return None if row is None else row[0]

    async def forget_salt(self, name: str) -> bool:
        """Destroy the salt of a name, in the database and in the log before it."""
        forgotten = await self._database.write(self._forget, "DELETE FROM salt WHERE name = ?", name)
        await self._database.empty_log()
        return forgotten > 0

    async def trim_salts(self, unused_since: int) -> None:
        """Destroy the salts that were last asked for before a day."""
        await self._database.write(self._forget, "DELETE FROM salt WHERE used_day < ?", unused_since)

    # -- below here everything runs in the one writing thread, in a transaction

    def _extend(self, before: Link | None, after: Chain, rows: Sequence[SealedRow]) -> bool:
        last = self._writer.execute("SELECT seq, mac FROM entry ORDER BY seq DESC LIMIT 1").fetchone()
        if last != (None if before is None else (before.seq, before.mac)):
            return False
        if before is None:
            anchor = after.anchor
            begin = (after.chain_id, anchor.seq, anchor.mac, after.signature)
            self._writer.execute("REPLACE INTO chain VALUES (1, ?, ?, ?, ?)", begin)
        values_of = [(row.seq, row.body.decode(), row.mac) for row in rows]
        self._writer.executemany("INSERT INTO entry (seq, body, mac) VALUES (?, ?, ?)", values_of)
        return True

    def _trim(self, after: Chain) -> None:
        sql = "UPDATE chain SET anchor_seq = ?, anchor_mac = ?, signature = ? WHERE chain_id = ? AND anchor_seq < ?"
        anchor = after.anchor
        moved = self._writer.execute(sql, (anchor.seq, anchor.mac, after.signature, after.chain_id, anchor.seq))
        if moved.rowcount == 1:
            self._writer.execute("DELETE FROM entry WHERE seq <= ?", (anchor.seq,))

    def _salts(self, names: Sequence[str], fresh: Sequence[bytes], today: int) -> list[bytes]:
        sql = """INSERT INTO salt VALUES (?, ?, ?)
            ON CONFLICT (name) DO UPDATE SET used_day = max(used_day, excluded.used_day) RETURNING salt"""
        return [self._writer.execute(sql, (*pair, today)).fetchone()[0] for pair in zip(names, fresh, strict=True)]

    def _forget(self, sql: str, value: str | int) -> int:
        return self._writer.execute(sql, (value,)).rowcount

    def _rows(self, sql: str, *values: str | int) -> list[SealedRow]:
        return [SealedRow(seq, body, mac) for seq, body, mac in self._database.rows(sql, *values)]
