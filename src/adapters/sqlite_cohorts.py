"""Cohorts in the embedded database."""

from collections.abc import Callable
from typing import Any

import msgspec

from ..domain.cohort_statistics import Thresholds
from ..domain.cohorts import Cohort, Membership
from ..ports import CohortPage, CohortSize, MemberChange, StoredCohort
from .packing import pack_thresholds, unpack_thresholds
from .sqlite_database import SqliteDatabase

_GET = """SELECT version, name, thresholds,
    (SELECT json_group_array(member_id) FROM cohort_member WHERE cohort = id AND membership = 'teachers'),
    (SELECT json_group_array(member_id) FROM cohort_member WHERE cohort = id AND membership = 'students')
    FROM cohort WHERE cohort_id = ?"""
_PAGE = """SELECT cohort_id, name, students, teachers FROM cohort
    WHERE cohort_id > ?1 AND (?2 IS NULL OR id IN
        (SELECT cohort FROM cohort_member WHERE member_id = ?2 AND membership = 'teachers'))
    ORDER BY cohort_id LIMIT ?3"""
_TEACHES = """SELECT 1 FROM cohort_member AS taught JOIN cohort_member AS teaching USING (cohort)
    WHERE taught.member_id = ?1 AND taught.membership = 'students'
    AND teaching.member_id = ?2 AND teaching.membership = 'teachers' LIMIT 1"""
_TEACHES_COHORT = """SELECT 1 FROM cohort JOIN cohort_member ON cohort = id
    WHERE cohort_id = ? AND membership = 'teachers' AND member_id = ?"""
_BELONGS_TO = """SELECT membership, cohort_id, name FROM cohort_member JOIN cohort ON id = cohort
    WHERE member_id = ? ORDER BY cohort_id"""

_decode = msgspec.json.Decoder(list[str]).decode


class SqliteCohorts:
    """The ports of cohorts and of who teaches whom; ``new_version`` is never the version of another state."""

    def __init__(self, database: SqliteDatabase, *, new_version: Callable[[], int]) -> None:
        self._database = database
        self._writer = database.writer
        self._new_version = new_version

    async def put(self, cohort: Cohort, expected: int | None) -> int | None:
        """Keep a cohort if its version is the one expected; return the new version."""
        return await self._database.write(self._put, cohort, expected)

    async def get(self, cohort_id: str) -> StoredCohort | None:
        """Return a cohort with all its members; one query, so all of one moment."""
        row = self._database.row(_GET, cohort_id)
        if row is None:
            return None
        version, name, thresholds, *members = row
        teachers, students = map(_decode, members)
        cohort = Cohort.of(cohort_id, name, teachers=teachers, students=students)
        return StoredCohort(version, cohort, None if thresholds is None else unpack_thresholds(thresholds))

    async def version(self, cohort_id: str) -> int | None:
        """Return the version of a cohort, None where there is none."""
        row = self._database.row("SELECT version FROM cohort WHERE cohort_id = ?", cohort_id)
        return None if row is None else row[0]

    async def page(self, after: str, limit: int, *, teacher: str | None) -> CohortPage:
        """Return up to limit cohorts with ids greater than after."""
        found = [CohortSize(*row) for row in self._database.rows(_PAGE, after, teacher, limit + 1)]
        return CohortPage(tuple(found[:limit]), found[limit - 1].cohort_id if len(found) > limit else None)

    async def delete(self, cohort_id: str, expected: int) -> bool:
        """Remove a cohort if its version is the one expected."""
        sql = "DELETE FROM cohort WHERE cohort_id = ? AND version = ?"
        return (await self._database.write(self._writer.execute, sql, (cohort_id, expected))).rowcount == 1

    async def add(self, cohort_id: str, membership: Membership, member_id: str) -> MemberChange:
        """Make somebody a member."""
        return await self._database.write(self._add, cohort_id, membership, member_id)

    async def remove(self, cohort_id: str, membership: Membership, member_id: str) -> MemberChange:
        """Make somebody a member no longer."""
        return await self._database.write(self._remove, cohort_id, membership, member_id)

    async def set_thresholds(self, cohort_id: str, thresholds: Thresholds) -> bool:
        """Keep the thresholds of a cohort."""
        sql, values = "UPDATE cohort SET thresholds = ? WHERE cohort_id = ?", (pack_thresholds(thresholds), cohort_id)
        return (await self._database.write(self._writer.execute, sql, values)).rowcount == 1

    # -- who teaches whom

    async def teaches(self, user_id: str, student_id: str) -> bool:
        """Tell whether some cohort has the one as a teacher and the other as a student."""
        return self._database.row(_TEACHES, student_id, user_id) is not None

    async def teaches_cohort(self, user_id: str, cohort_id: str) -> bool:
        """Tell whether a cohort exists and has this teacher."""
        return self._database.row(_TEACHES_COHORT, cohort_id, user_id) is not None

    # -- what is kept of a person

    async def export(self, student_id: str) -> dict[str, Any] | None:
        """Return the cohorts that somebody belongs to, None where there are none."""
        shown: dict[str, Any] = {membership.value: [] for membership in Membership}
        rows = self._database.rows(_BELONGS_TO, student_id)
        for membership, cohort_id, name in rows:
            shown[membership].append({"cohort_id": cohort_id, "name": name})
        return shown if rows else None

    async def erase(self, student_id: str) -> int:
        """Take somebody out of every cohort; return how many memberships that were."""
        return await self._database.write(self._erase, student_id)

    async def remains(self, student_id: str) -> int:
        """Return how often somebody still is a member, looked for in the table itself and not by its index."""
        row = self._database.row("SELECT count(*) FROM cohort_member NOT INDEXED WHERE member_id = ?", student_id)
        return 0 if row is None else int(row[0])

    # -- below here everything runs in the one writing thread, in a transaction

    def _put(self, cohort: Cohort, expected: int | None) -> int | None:
        found = self._writer.execute("SELECT version FROM cohort WHERE cohort_id = ?", (cohort.cohort_id,)).fetchone()
        if found != (None if expected is None else (expected,)):
            return None
        (row_id,) = self._writer.execute(
            """INSERT INTO cohort (cohort_id, name, version, students, teachers) VALUES (?, ?, 0, 0, 0)
            ON CONFLICT (cohort_id) DO UPDATE SET name = excluded.name RETURNING id""",
            (cohort.cohort_id, cohort.name),
        ).fetchone()
        for membership in Membership:
            self._replace(row_id, membership, cohort.members(membership))
        return self._touch(row_id)

    def _replace(self, row_id: int, membership: Membership, members: frozenset[str]) -> None:
        sql = "SELECT member_id FROM cohort_member WHERE cohort = ? AND membership = ?"
        before = {member_id for (member_id,) in self._writer.execute(sql, (row_id, membership))}
        delete = "DELETE FROM cohort_member WHERE cohort = ? AND membership = ? AND member_id = ?"
        self._writer.executemany(delete, [(row_id, membership, member_id) for member_id in before - members])
        insert = "INSERT INTO cohort_member VALUES (?, ?, ?)"
        self._writer.executemany(insert, [(row_id, membership, member_id) for member_id in members - before])

    def _add(self, cohort_id: str, membership: Membership, member_id: str) -> MemberChange:
        row_id = self._row_id(cohort_id)
        if row_id is None:
            return MemberChange.MISSING
        member = (row_id, membership, member_id)
        sql = "SELECT 1 FROM cohort_member WHERE cohort = ? AND membership = ? AND member_id = ?"
        if self._writer.execute(sql, member).fetchone():
            return MemberChange.UNCHANGED
        if self._count(row_id, membership) >= membership.most:
            return MemberChange.FULL
        self._writer.execute("INSERT INTO cohort_member VALUES (?, ?, ?)", member)
        self._touch(row_id)
        return MemberChange.CHANGED

    def _remove(self, cohort_id: str, membership: Membership, member_id: str) -> MemberChange:
        row_id = self._row_id(cohort_id)
        if row_id is None:
            return MemberChange.MISSING
        sql = "DELETE FROM cohort_member WHERE cohort = ? AND membership = ? AND member_id = ?"
        if not self._writer.execute(sql, (row_id, membership, member_id)).rowcount:
            return MemberChange.UNCHANGED
        self._touch(row_id)
        return MemberChange.CHANGED

    def _erase(self, student_id: str) -> int:
        sql = "DELETE FROM cohort_member WHERE member_id = ? RETURNING cohort"
        left = [row_id for (row_id,) in self._writer.execute(sql, (student_id,)).fetchall()]
        for row_id in set(left):
            self._touch(row_id)
        return len(left)

    def _row_id(self, cohort_id: str) -> int | None:
        row = self._writer.execute("SELECT id FROM cohort WHERE cohort_id = ?", (cohort_id,)).fetchone()
        return None if row is None else row[0]

    def _count(self, row_id: int, membership: Membership) -> int:
        sql = "SELECT count(*) FROM cohort_member WHERE cohort = ? AND membership = ?"
        return int(self._writer.execute(sql, (row_id, membership)).fetchone()[0])

    def _touch(self, row_id: int) -> int:
        """Give a cohort another version, and write down how many belong to it."""
        version = self._new_version()
        sizes = (self._count(row_id, Membership.STUDENTS), self._count(row_id, Membership.TEACHERS))
        self._writer.execute(
            "UPDATE cohort SET version = ?, students = ?, teachers = ? WHERE id = ?", (version, *sizes, row_id)
        )
        return version
