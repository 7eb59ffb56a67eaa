"""What streams tell. A feed knows what it has told of each student, and finds out what is new since.

Nothing is queued: whoever reads slowly is told the newest when they read again.
"""

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Protocol, TypeAlias

from .cohort_answers import CohortStruggle, shown
from .cohort_rows import CohortRows, Question
from .domain.cohort_statistics import Member
from .domain.days import to_date
from .domain.struggles import Struggle
from .live_answers import Gone, Refresh, Removed, Standing, Update, UpdateKind
from .ports import CohortStore, StoredCohort
from .watching import UNTOLD, Watch

MAX_ROWS = 256
"""The most students of whom a stream tells one by one at once; of more it tells that they are to be read anew."""

_VERSION_BITS = 0xFFFF_FFFF
"""What of a version stands in an id."""

_ById: TypeAlias = dict[str, Struggle]


class Members(Protocol):
    """Whom a stream is about."""

    alone: bool
    """Whether it is one student: then what was known needs no refresh, and without a state nothing is left to tell."""

    async def read(self) -> Sequence[str] | None:
        """Return the ids of the students, sorted; None where what was asked for is not there any more."""


class OneStudent:
    """A student by themselves."""

    alone = True

    def __init__(self, student_id: str) -> None:
        self._students = (student_id,)

    async def read(self) -> Sequence[str] | None:
        """Return the student."""
        return self._students


class CohortMembers:
    """The students of a cohort, read again when it has changed."""

    alone = False

    def __init__(self, stored: StoredCohort, *, cohorts: CohortStore) -> None:
        self._cohort_id = stored.cohort.cohort_id
        self._cohorts = cohorts
        self._version = stored.version
        self.students = tuple(sorted(stored.cohort.students))

    async def read(self) -> Sequence[str] | None:
        """Return the students."""
        if await self._cohorts.version(self._cohort_id) != self._version:
            stored = await self._cohorts.get(self._cohort_id)
            if stored is None:
                return None
            self._version, self.students = stored.version, tuple(sorted(stored.cohort.students))
        return self.students


class Feed:
    """Tells one listener of students; ``over`` when there will be no more to tell.

    It remembers of each the version and the open struggles that it told of, so it grows with the students only.
    """

    def __init__(
        self,
        members: Members,
        *,
        rows: CohortRows,
        question: Callable[[], Question],
        watch: Watch,
        last_id: str | None,
    ) -> None:
        self._members = members
        self._rows = rows
        self._question = question
        self._watch = watch
        self._last_id = last_id
        self._listed: Sequence[str] = ()
        self._begun: object = None
        self._open: dict[str, _ById] = {}
        self.over = False

    async def news(self) -> list[Update]:
        """Return what was not told yet, and count it as told; where this raises, it is returned the next time."""
        students = await self._members.read()
        if students is None:
            return self._end()
        self._watch.follow(students)
        question, changed = self._question(), self._watch.take()
        if question.name != self._begun:  # at first and with every day: then every value is another
            return await self._begin(students, question)
        left = [] if students is self._listed else sorted(set(self._listed).difference(students))
        if len(changed) + len(left) > MAX_ROWS:
            return await self._anew(students, question)
        removed = [Update(UpdateKind.REMOVED, Removed(student_id)) for student_id in left]
        return await self._tell(removed, changed, students, question)

    async def _begin(self, students: Sequence[str], question: Question) -> list[Update]:
        """Tell what has changed since the id that the listener knows, or everything."""
        versions = await self._rows.versions(students)
        missed = None if self._last_id is None else _missed(self._last_id, question, students, versions)
        if missed is None:
            return await self._anew(students, question)
        self._watch.told.update(
            (student_id, version)
            for student_id, version in zip(students, versions, strict=True)
            if student_id not in missed
        )
        return await self._tell([], missed, students, question)

    async def _anew(self, students: Sequence[str], question: Question) -> list[Update]:
        """Begin with everybody; of too many what holds now counts as told, since it is to be read elsewhere."""
        rows = len(students) <= MAX_ROWS
        updates = [] if self._members.alone else [Update(UpdateKind.REFRESH, Refresh(len(students), rows))]
        if rows:
            return await self._tell(updates, students, students, question, anew=True)
        self._watch.told.update(zip(students, await self._rows.versions(students), strict=True))
        self._open.clear()
        return await self._tell(updates, (), students, question)

    async def _tell(
        self,
        updates: list[Update],
        changed: Collection[str],
        students: Sequence[str],
        question: Question,
        *,
        anew: bool = False,
    ) -> list[Update]:
        told: dict[str, int | None] = {}
        members: list[Member] = []
        async for version, member in self._rows.versioned(sorted(changed), question):
            before = self._watch.told[member.student_id]
            if version is None and self._members.alone and before not in (None, UNTOLD):
                return self._end()
            if anew or version != before:
                told[member.student_id] = version
                members.append(member)
        # From here on nothing can fail: what is counted as told is told.
        self._watch.told.update(told)
        for member in members:
            updates += self._of(member, question)
        self._open = {one: found for one, found in self._open.items() if one in self._watch.told}
        self._listed, self._begun, self._last_id = students, question.name, None
        if updates:
            versions = [self._watch.told[student_id] for student_id in students]
            updates[-1] = replace(updates[-1], id=_id(question, students, versions))
        return updates

    def _of(self, member: Member, question: Question) -> Iterator[Update]:
        """Yield the struggles that were opened, oldest first, those resolved, and then where the student stands."""
        student_id, standing = member.student_id, member.standing
        was, now = self._open.pop(student_id, {}), {one.id: one for one in member.open_struggles}
        opened = [one for one in reversed(member.open_struggles) if one.id not in was]
        resolved = [replace(one, open=False) for one in was.values() if one.id not in now]
        for struggle in (*opened, *resolved):
            yield Update(UpdateKind.STRUGGLE, CohortStruggle(**shown(struggle, student_id=student_id)))
        if now:
            self._open[student_id] = now
        yield Update(
            UpdateKind.MASTERY,
            Standing(
                student_id,
                to_date(question.span.last),
                standing.score,
                standing.level,
                standing.status,
                standing.confidence,
                tuple(now),
            ),
        )

    def _end(self) -> list[Update]:
        self.over = True
        return [Update(UpdateKind.GONE, Gone())]


# -- ids: the day, the configuration and the members, then of each member a part of the version that was told; of many
# members only a digest of these


def _id(question: Question, students: Sequence[str], versions: Sequence[int | None]) -> str:
    packed = struct.pack(f">{len(versions)}I", *map(_part, versions))
    return (
        _prefix(question, students)
        + urlsafe_b64encode(packed if len(versions) <= MAX_ROWS else _digest(packed)).decode()
    )


def _missed(
    last_id: str, question: Question, students: Sequence[str], versions: Sequence[int | None]
) -> set[str] | None:
    """Return who has changed since an id, None where it says nothing of these students as they are today."""
    prefix = _prefix(question, students)
    if not last_id.startswith(prefix):
        return None
    if last_id == _id(question, students, versions):
        return set()
    try:
        known = struct.unpack(f">{len(versions)}I", urlsafe_b64decode(last_id.removeprefix(prefix)))
    except (ValueError, struct.error):
        return None
    now = zip(students, versions, known, strict=True)
    return {student_id for student_id, version, part in now if part != _part(version)}


def _prefix(question: Question, students: Sequence[str]) -> str:
    members = _digest("\n".join(students).encode()).hex()
    return f"{question.span.last}-{question.model.config_id}-{members}."


def _digest(content: bytes) -> bytes:
    return sha256(content).digest()[:12]


def _part(version: int | None) -> int:
    return (version or 0) & _VERSION_BITS
