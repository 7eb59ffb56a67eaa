"""The embedded store: SQLite in the data directory, one writing thread, reads straight from the page cache."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

from ..domain.aggregates import Aggregates
from ..domain.days import day_of
from ..domain.events import Event, EventStatus, digest64
from ..domain.outcomes import Recent
from ..domain.state import StudentState
from ..errors import StoreUnavailable
from ..ports import Retention, Snapshot, Versioned
from .packing import pack_aggregates, pack_outcomes, unpack_aggregates, unpack_outcomes
from .sqlite_schema import connect, migrate, migrations

FILE_NAME = "mastery.db"

_P = ParamSpec("_P")
_T = TypeVar("_T")
_log = logging.getLogger("mastery_engine.sqlite")


@dataclass(slots=True)
class _Row:
    """A student's row; an id of None is a student not yet stored."""

    id: int | None
    events: int


class SqliteStore:
    """Both ports of the store over one database file; open it with ``open_sqlite_store``."""

    def __init__(
        self,
        *,
        reader: sqlite3.Connection,
        writer: sqlite3.Connection,
        thread: ThreadPoolExecutor,
        retention: Retention,
        new_version: Callable[[], int],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._thread = thread
        self._retention = retention
        self._new_version = new_version

    # -- the store of evidence

    async def apply(self, events: Sequence[Event], now_us: int) -> list[EventStatus]:
        """Apply a batch in one transaction, synced to the disk before it is acknowledged."""
        return await self._write(self._apply, events, now_us)

    async def version(self, student_id: str) -> int | None:
        """Return the version of a student's state, None where there is none."""
        row = self._read("SELECT version FROM student WHERE name = ?", student_id)
        return None if row is None else row[0]

    async def aggregates(self, student_id: str) -> Versioned | None:
        """Return the aggregates of a student with their version."""
        sql = "SELECT version, body FROM student JOIN evidence ON student = id WHERE name = ?"
        row = self._read(sql, student_id)
        return None if row is None else Versioned(row[0], unpack_aggregates(row[1]))

    async def recent(self, student_id: str) -> Recent:
        """Return the recent outcomes of a student, empty where there are none."""
        row = self._read("SELECT answers, others FROM student JOIN recent ON student = id WHERE name = ?", student_id)
        return Recent() if row is None else Recent(unpack_outcomes(row[0]), unpack_outcomes(row[1]))

    async def counted(self, student_id: str, event_id: str) -> bool:
        """Tell whether an event was counted."""
        sql = "SELECT 1 FROM student JOIN counted ON student = id WHERE name = ? AND digest = ?"
        return self._read(sql, student_id, digest64(event_id.encode())) is not None

    async def remember(self, snapshots: Sequence[Snapshot], now_us: int) -> list[bool]:
        """Keep snapshots of states that have not changed since."""
        return await self._write(self._remember, snapshots, now_us)

    # -- maintenance

    async def ping(self) -> None:
        """Return when the database can be read."""
        self._read("SELECT 1 FROM student LIMIT 1")

    async def state(self, student_id: str) -> StudentState | None:
        """Return everything that is known of a student."""
        sql = """SELECT id, events, body, answers, others FROM student
            JOIN evidence ON evidence.student = id JOIN recent ON recent.student = id WHERE name = ?"""
        row = self._read(sql, student_id)
        if row is None:
            return None
        with _ours():
            counted = dict(self._reader.execute("SELECT digest, day FROM counted WHERE student = ?", row[:1]))
        recent = Recent(unpack_outcomes(row[3]), unpack_outcomes(row[4]))
        return StudentState(unpack_aggregates(row[2]), recent, counted, row[1])

    async def students(self, after: str, limit: int) -> list[str]:
        """Return up to limit student ids greater than after, sorted."""
        with _ours():
            rows = self._reader.execute("SELECT name FROM student WHERE name > ? ORDER BY name LIMIT ?", (after, limit))
            return [name for (name,) in rows]

    async def trim(self, now_us: int) -> int:
        """Forget what retention no longer keeps, of every student."""
        return await self._write(self._trim, now_us)

    # -- below here everything that writes runs in the one writing thread

    async def _write(self, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, partial(work, *args, **kwargs))

    def _read(self, sql: str, *values: str | int) -> tuple | None:  # type: ignore[type-arg]  # whatever the query selects
        with _ours():
            return self._reader.execute(sql, values).fetchone()  # type: ignore[no-any-return]  # sqlite3 is untyped here

    def _apply(self, events: Sequence[Event], now_us: int) -> list[EventStatus]:
        by_student: dict[str, list[int]] = {}
        for position, event in enumerate(events):
            by_student.setdefault(event.student_id, []).append(position)
        statuses = [EventStatus.DUPLICATE] * len(events)
        with self._transaction():
            for student_id, positions in by_student.items():
                told = self._apply_to(student_id, [events[at] for at in positions], day_of(now_us))
                for position, status in zip(positions, told, strict=True):
                    statuses[position] = status
        return statuses

    def _apply_to(self, student_id: str, events: list[Event], today: int) -> list[EventStatus]:
        row = self._student(student_id)
        fresh: dict[int, Event] = {}
        statuses = []
        for event in events:
            digest = event.digest
            if digest in fresh:
                known: tuple[int | None] | None = (fresh[digest].content,)
            else:
                known = self._known(row.id, digest)
            if known is None:
                fresh[digest] = event
                statuses.append(EventStatus.APPLIED)
            else:
                same = known[0] in (None, event.content)
                statuses.append(EventStatus.DUPLICATE if same else EventStatus.CONFLICT)
        if fresh:
            self._learn(student_id, row, fresh, today)
        return statuses

    def _known(self, student: int | None, digest: int) -> tuple[int | None] | None:
        """Return (digest of the content, None where it is kept no more) of an id that was counted."""
        sql = "SELECT content FROM counted WHERE student = ? AND digest = ?"
        return self._writer.execute(sql, (student, digest)).fetchone()  # type: ignore[no-any-return]  # sqlite3 is untyped here

    def _student(self, student_id: str) -> _Row:
        found = self._writer.execute("SELECT id, events FROM student WHERE name = ?", (student_id,)).fetchone()
        return _Row(None, 0) if found is None else _Row(*found)

    def _learn(self, student_id: str, row: _Row, fresh: dict[int, Event], today: int) -> None:
        state = self._loaded(row)
        for event in fresh.values():
            state.learn(event)
        state.trim(self._retention.kept_from(today))
        student = self._save(student_id, state)
        self._writer.executemany(
            "INSERT INTO counted VALUES (?, ?, ?, ?, ?)",
            [(student, digest, event.day, event.content, today) for digest, event in fresh.items()],
        )

    def _loaded(self, row: _Row) -> StudentState:
        """Return the state without the counted ids, which stay in their table."""
        sql = "SELECT body, answers, others FROM evidence JOIN recent USING (student) WHERE student = ?"
        body = self._writer.execute(sql, (row.id,)).fetchone()
        if body is None:
            return StudentState(events=row.events)
        recent = Recent(unpack_outcomes(body[1]), unpack_outcomes(body[2]))
        return StudentState(unpack_aggregates(body[0]), recent, events=row.events)

    def _save(self, student_id: str, state: StudentState) -> int:
        first, last = _span(state.aggregates)
        (student,) = self._writer.execute(
            """INSERT INTO student (name, version, events, first_day, last_day) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (name) DO UPDATE SET version = excluded.version, events = excluded.events,
            first_day = excluded.first_day, last_day = excluded.last_day RETURNING id""",
            (student_id, self._new_version(), state.events, first, last),
        ).fetchone()
        self._writer.execute("REPLACE INTO evidence VALUES (?, ?)", (student, pack_aggregates(state.aggregates)))
        answers, others = pack_outcomes(state.recent.answers), pack_outcomes(state.recent.others)
        self._writer.execute("REPLACE INTO recent VALUES (?, ?, ?)", (student, answers, others))
        return int(student)

    def _remember(self, snapshots: Sequence[Snapshot], now_us: int) -> list[bool]:
        sql = "INSERT OR REPLACE INTO snapshot SELECT id, ?, ?, ? FROM student WHERE name = ? AND version = ?"
        day, written = day_of(now_us), []
        with self._transaction():
            for snapshot in snapshots:
                rows = [
                    (key, day, body.decode(), snapshot.student_id, snapshot.version)
                    for key, body in snapshot.values.items()
                ]
                written.append(self._writer.executemany(sql, rows).rowcount == len(rows))
        return written

    def _trim(self, now_us: int) -> int:
        today = day_of(now_us)
        kept_from = self._retention.kept_from(today)
        with self._transaction():
            execute = self._writer.execute
            touched = execute("DELETE FROM student WHERE last_day < ?", (kept_from,)).rowcount
            stale = execute("SELECT name FROM student WHERE first_day < ?", (kept_from,)).fetchall()
            for (name,) in stale:
                row = self._student(name)
                state = self._loaded(row)
                state.trim(kept_from)
                self._save(name, state)
            execute("DELETE FROM counted WHERE day < ?", (kept_from,))
            execute("DELETE FROM snapshot WHERE day < ?", (kept_from,))
            checked_from = today - self._retention.checkpoint_days + 1
            execute("UPDATE counted SET content = NULL WHERE content NOTNULL AND checked_day < ?", (checked_from,))
        return touched + len(stale)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with _ours():
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._writer.execute("ROLLBACK")
                raise
            self._writer.execute("COMMIT")


@asynccontextmanager
async def open_sqlite_store(
    data_dir: Path, *, retention: Retention, new_version: Callable[[], int]
) -> AsyncIterator[SqliteStore]:
    """Open the database in a directory, making both where they are missing; close it at the end.

    ``new_version`` gives the version of a changed state; random, so that no state ever has the version of another,
    not even after a restore.
    """
    with _ours():
        writer, reader = _open(data_dir)
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite-writer")
    try:
        yield SqliteStore(reader=reader, writer=writer, thread=thread, retention=retention, new_version=new_version)
    finally:
        thread.shutdown()
        reader.close()
        writer.close()


def copy_database(data_dir: Path, target_dir: Path) -> None:
    """Copy the database of a directory, as it is at this moment, to another; nothing where there is none."""
    if not (data_dir / FILE_NAME).exists():
        return
    with _ours(), closing(connect(data_dir / FILE_NAME)) as source, closing(connect(target_dir / FILE_NAME)) as target:
        source.backup(target)


def _open(data_dir: Path) -> tuple[sqlite3.Connection, sqlite3.Connection]:
    path = data_dir / FILE_NAME
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    writer = connect(path)
    migrate(writer, migrations())
    reader = connect(path)
    reader.execute("PRAGMA query_only = ON")
    return writer, reader


def _span(aggregates: Aggregates) -> tuple[int, int]:
    # A state that retention has just emptied spans day 0, so that the next sweep takes it away.
    parts = aggregates.series.values()
    return min((part.days[0] for part in parts), default=0), max((part.days[-1] for part in parts), default=0)


@contextmanager
def _ours() -> Iterator[None]:
    """Turn what the driver and the disk raise into our error; a defect of ours (wrong SQL) stays what it is."""
    try:
        yield
    except (sqlite3.DatabaseError, OSError) as error:
        if isinstance(error, sqlite3.ProgrammingError | sqlite3.IntegrityError):
            raise
        _log.exception("STORE the embedded database failed")
        detail = "The embedded database cannot be used; the log says why."
        raise StoreUnavailable(detail) from error
