"""The state of students in the embedded database."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import msgspec

from ..domain.aggregates import Aggregates
from ..domain.days import day_of
from ..domain.erasures import Erasure, Pseudonym
from ..domain.events import Event, EventStatus, digest64
from ..domain.outcomes import Recent
from ..domain.state import StudentState
from ..ports import Derivable, Retention, Snapshot, Versioned
from ..state_manager import PLAIN, StateKeyPatterns
from .packing import pack_aggregates, pack_outcomes, unpack_aggregates, unpack_outcomes
from .sqlite_database import Row, SqliteDatabase

_DERIVABLE = """SELECT name, version, events, evidence.body, others, snapshot.body
    FROM student JOIN evidence ON evidence.student = id JOIN recent ON recent.student = id
    LEFT JOIN snapshot ON snapshot.student = id AND key = 'student:' || name || ':told'"""
_NAMES_AT_ONCE = 1000
_AMONG = " WHERE name IN (SELECT value FROM json_each(?))"


@dataclass(slots=True)
class _Row:
    """A student's row; an id of None is a student not yet stored."""

    id: int | None
    events: int


class SqliteStore:
    """Both ports of the store.

    ``new_version`` gives the version of a changed state; random, so that no state ever has the version of another,
    not even after a restore.
    """

    def __init__(
        self,
        database: SqliteDatabase,
        *,
        retention: Retention,
        new_version: Callable[[], int],
        pseudonym: Pseudonym,
    ) -> None:
        self._database = database
        self._writer = database.writer
        self._retention = retention
        self._new_version = new_version
        self.pseudonym = pseudonym

    # -- the store of evidence

    async def apply(self, events: Sequence[Event], now_us: int) -> list[EventStatus]:
        """Apply a batch in one transaction, synced to the disk before it is acknowledged."""
        return await self._database.write(self._apply, events, now_us)

    async def version(self, student_id: str) -> int | None:
        """Return the version of a student's state, None where there is none."""
        row = self._database.row("SELECT version FROM student WHERE name = ?", student_id)
        return None if row is None else row[0]

    async def aggregates(self, student_id: str) -> Versioned | None:
        """Return the aggregates of a student with their version."""
        sql = "SELECT version, body FROM student JOIN evidence ON student = id WHERE name = ?"
        row = self._database.row(sql, student_id)
        return None if row is None else Versioned(row[0], unpack_aggregates(row[1]))

    async def recent(self, student_id: str) -> Recent:
        """Return the recent outcomes of a student, empty where there are none."""
        row = self._database.row(
            "SELECT answers, others FROM student JOIN recent ON student = id WHERE name = ?", student_id
        )
        return Recent() if row is None else Recent(unpack_outcomes(row[0]), unpack_outcomes(row[1]))

    async def status(self, student_id: str, event_id: str) -> EventStatus | None:
        """Return ``applied`` where an event was counted; what became of others was answered at once and is not kept."""
        sql = "SELECT 1 FROM student JOIN counted ON student = id WHERE name = ? AND digest = ?"
        found = self._database.row(sql, student_id, digest64(event_id.encode()))
        return None if found is None else EventStatus.APPLIED

    async def derivable(self, students: Sequence[str]) -> list[Derivable | None]:
        """Return what results are derived from, None for a student without state."""
        rows = {row[0]: row[1:] for row in self._of(_DERIVABLE, students)}
        return [
            self._derivable(student_id, rows[student_id]) if student_id in rows else None for student_id in students
        ]

    def _derivable(self, student_id: str, row: Row) -> Derivable:
        version, events, body, others, told = row
        erased = self._database.row("SELECT number FROM erasure WHERE subject = ?", self.pseudonym(student_id))
        return Derivable(
            version=version,
            events=events,
            aggregates=unpack_aggregates(body),
            others=tuple(unpack_outcomes(others)),
            told=None if told is None else told.encode(),
            erasures=0 if erased is None else erased[0],
        )

    async def remember(self, snapshots: Sequence[Snapshot], now_us: int) -> list[bool]:
        """Keep snapshots of states that have not changed since."""
        return await self._database.write(self._remember, snapshots, now_us)

    # -- many students at once

    async def versions_of(self, students: Sequence[str]) -> list[int | None]:
        """Return the version of each student's state, None where there is none."""
        found: dict[str, int] = dict(self._of("SELECT name, version FROM student", students))
        return [found.get(student_id) for student_id in students]

    async def aggregates_of(self, students: Sequence[str]) -> list[Aggregates | None]:
        """Return the aggregates of each student, None where there are none."""
        rows = self._of("SELECT name, body FROM student JOIN evidence ON student = id", students)
        found = {name: unpack_aggregates(body) for name, body in rows}
        return [found.get(student_id) for student_id in students]

    async def others_of(self, students: Sequence[str]) -> list[Recent]:
        """Return of each student the recent outcomes that are no answers."""
        rows = self._of("SELECT name, others FROM student JOIN recent ON student = id", students)
        found = {name: Recent(others=unpack_outcomes(body)) for name, body in rows}
        return [found.get(student_id, Recent()) for student_id in students]

    async def answers_of(self, students: Sequence[str]) -> list[Recent]:
        """Return of each student the recent outcomes that are answers."""
        rows = self._of("SELECT name, answers FROM student JOIN recent ON student = id", students)
        found = {name: Recent(unpack_outcomes(body)) for name, body in rows}
        return [found.get(student_id, Recent()) for student_id in students]

    def _of(self, select: str, students: Sequence[str]) -> list[Row]:
        return self._database.rows(select + _AMONG, msgspec.json.encode(students).decode())

    # -- maintenance

    async def ping(self) -> None:
        """Return when the database can be read."""
        self._database.row("SELECT 1 FROM student LIMIT 1")

    async def meet(self) -> None:
        """Return at once: the database that was opened stays the same."""

    async def state(self, student_id: str) -> StudentState | None:
        """Return everything that is known of a student."""
        sql = """SELECT id, events, body, answers, others FROM student
            JOIN evidence ON evidence.student = id JOIN recent ON recent.student = id WHERE name = ?"""
        row = self._database.row(sql, student_id)
        if row is None:
            return None
        counted: dict[int, int] = dict(self._database.rows("SELECT digest, day FROM counted WHERE student = ?", row[0]))
        recent = Recent(unpack_outcomes(row[3]), unpack_outcomes(row[4]))
        return StudentState(unpack_aggregates(row[2]), recent, counted, row[1])

    async def snapshot(self, student_id: str, date: str) -> bytes | None:
        """Return the snapshot of a day, None where there is none."""
        sql = "SELECT body FROM snapshot JOIN student ON student = id WHERE name = ? AND key = ?"
        row = self._database.row(sql, student_id, PLAIN.of(StateKeyPatterns.MASTERY, student_id, date=date))
        return None if row is None else str(row[0]).encode()

    async def students(self) -> AsyncIterator[str]:
        """Yield every student id, sorted."""
        sql, after = "SELECT name FROM student WHERE name > ? ORDER BY name LIMIT ?", ""
        while page := [name for (name,) in self._database.rows(sql, after, _NAMES_AT_ONCE)]:
            for name in page:
                yield name
            after = page[-1]

    async def trim(self, now_us: int) -> int:
        """Forget what retention no longer keeps, of every student."""
        return await self._database.write(self._trim, now_us)

    # -- below here everything runs in the one writing thread, in a transaction

    def _apply(self, events: Sequence[Event], now_us: int) -> list[EventStatus]:
        by_student: dict[str, list[int]] = {}
        for position, event in enumerate(events):
            by_student.setdefault(event.student_id, []).append(position)
        statuses = [EventStatus.DUPLICATE] * len(events)
        for student_id, positions in by_student.items():
            told = self._apply_to(student_id, [events[at] for at in positions], day_of(now_us))
            for position, status in zip(positions, told, strict=True):
                statuses[position] = status
        return statuses

    def _apply_to(self, student_id: str, events: list[Event], today: int) -> list[EventStatus]:
        row = self._student(student_id)
        erasure = marker(self._writer, self.pseudonym(student_id))
        fresh: dict[int, Event] = {}
        statuses = []
        for event in events:
            digest = event.digest
            if erasure is not None and erasure.refuses(event.received_us):
                statuses.append(EventStatus.REFUSED)
                continue
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
        sql = "INSERT OR REPLACE INTO snapshot SELECT id, ?, ?, ?, ? FROM student WHERE name = ? AND version = ?"
        day, written = day_of(now_us), []
        for snapshot in snapshots:
            student_id = snapshot.student_id
            until = None if snapshot.lifetime is None else now_us + snapshot.lifetime // timedelta(microseconds=1)
            rows = [
                (PLAIN.of(pattern, student_id), day, body.decode(), until, student_id, snapshot.version)
                for pattern, body in snapshot.values.items()
            ]
            written.append(self._writer.executemany(sql, rows).rowcount == len(rows))
        return written

    def _trim(self, now_us: int) -> int:
        today = day_of(now_us)
        kept_from = self._retention.kept_from(today)
        execute = self._writer.execute
        touched = execute("DELETE FROM student WHERE last_day < ?", (kept_from,)).rowcount
        stale = execute("SELECT name FROM student WHERE first_day < ?", (kept_from,)).fetchall()
        for (name,) in stale:
            row = self._student(name)
            state = self._loaded(row)
            state.trim(kept_from)
            self._save(name, state)
        execute("DELETE FROM counted WHERE day < ?", (kept_from,))
        execute("DELETE FROM snapshot WHERE day < ? OR until_us <= ?", (kept_from, now_us))
        checked_from = today - self._retention.checkpoint_days + 1
        execute("UPDATE counted SET content = NULL WHERE content NOTNULL AND checked_day < ?", (checked_from,))
        return touched + len(stale)


def marker(connection: sqlite3.Connection, pseudonym: str) -> Erasure | None:
    """Return what is marked of a student who was erased, None for one who was not."""
    sql = "SELECT number, at_us, consented_us FROM erasure WHERE subject = ?"
    found = connection.execute(sql, (pseudonym,)).fetchone()
    return None if found is None else Erasure(*found)


def _span(aggregates: Aggregates) -> tuple[int, int]:
    # A state that retention has just emptied spans day 0, so that the next sweep takes it away.
    parts = aggregates.series.values()
    return min((part.days[0] for part in parts), default=0), max((part.days[-1] for part in parts), default=0)
