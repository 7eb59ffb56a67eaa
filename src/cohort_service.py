"""Cohorts: who belongs to them, kept by admins; what a teacher may read follows from it."""

from dataclasses import dataclass
from typing import Self

from .domain.cohorts import Cohort, Membership
from .errors import BadRequest, Conflict, NotFound, Reason
from .ports import CohortSize, CohortStore, MemberChange, StoredCohort
from .preconditions import Precondition, tag_of
from .security import is_cohort_id


@dataclass(frozen=True, slots=True)
class CohortAnswer:
    """A cohort with all its members, sorted."""

    cohort_id: str
    name: str
    teachers: tuple[str, ...]
    students: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ListedCohort:
    """A cohort as a list shows it, with how many belong to it."""

    cohort_id: str
    name: str
    student_count: int
    teacher_count: int


@dataclass(frozen=True, slots=True)
class CohortsAnswer:
    """A page of cohorts by id."""

    cohorts: tuple[ListedCohort, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class TaggedCohort:
    """A cohort and the tag of its version."""

    etag: str
    cohort: CohortAnswer

    @classmethod
    def of(cls, stored: StoredCohort) -> Self:
        """Return a cohort as it is shown."""
        cohort = stored.cohort
        members = tuple(sorted(cohort.teachers)), tuple(sorted(cohort.students))
        return cls(tag_of(stored.version), CohortAnswer(cohort.cohort_id, cohort.name, *members))


class CohortService:
    """The use cases of cohorts and their members."""

    def __init__(self, store: CohortStore) -> None:
        self._store = store

    async def put(self, cohort: Cohort, condition: Precondition) -> tuple[TaggedCohort, bool]:
        """Make a cohort what is given; return it, and whether it is new. The same again changes nothing."""
        while True:
            found = await self._store.get(cohort.cohort_id)
            condition.check(None if found is None else tag_of(found.version))
            if found is not None and found.cohort == cohort:
                return TaggedCohort.of(found), False
            version = await self._store.put(cohort, None if found is None else found.version)
            if version is not None:
                return TaggedCohort.of(StoredCohort(version, cohort)), found is None

    async def get(self, cohort_id: str) -> TaggedCohort:
        """Return a cohort; raises ``NotFound``."""
        return TaggedCohort.of(await self._found(cohort_id))

    async def delete(self, cohort_id: str, condition: Precondition) -> None:
        """Remove a cohort; raises ``NotFound``."""
        while True:
            found = await self._found(cohort_id)
            condition.check(tag_of(found.version))
            if await self._store.delete(cohort_id, found.version):
                return

    async def list(self, *, teacher: str | None, limit: int, cursor: str | None) -> CohortsAnswer:
        """Return a page of the cohorts of a teacher, or of all; raises ``BadRequest`` for a cursor of another list."""
        after = "" if cursor is None else _position(cursor)
        page = await self._store.page(after, limit, teacher=teacher)
        return CohortsAnswer(tuple(map(_listed, page.cohorts)), None if page.next is None else page.next.encode().hex())

    async def add(self, cohort_id: str, membership: Membership, member_id: str) -> None:
        """Make somebody a member; raises ``NotFound``, and ``Conflict`` where the cohort is full."""
        change = await self._store.add(cohort_id, membership, member_id)
        if change is MemberChange.FULL:
            detail = f"A cohort has at most {membership.most} {membership}."
            raise Conflict(detail, [Reason(membership, f"must have at most {membership.most} entries")])
        _existing(change)

    async def remove(self, cohort_id: str, membership: Membership, member_id: str) -> None:
        """Make somebody a member no longer; raises ``NotFound`` where there is no such cohort."""
        _existing(await self._store.remove(cohort_id, membership, member_id))

    async def _found(self, cohort_id: str) -> StoredCohort:
        found = await self._store.get(cohort_id)
        if found is None:
            raise no_such_cohort()
        return found


def _existing(change: MemberChange) -> None:
    if change is MemberChange.MISSING:
        raise no_such_cohort()


def no_such_cohort() -> NotFound:
    """Return what is told of a missing cohort to those who may know."""
    detail = "There is no such cohort."
    return NotFound(detail)


def _listed(size: CohortSize) -> ListedCohort:
    return ListedCohort(size.cohort_id, size.name, size.students, size.teachers)


def _position(cursor: str) -> str:
    try:
        after = bytes.fromhex(cursor).decode()
    except ValueError:
        after = ""
    if not is_cohort_id(after):
        detail = "The cursor is not one that this service gave."
        raise BadRequest(detail, [Reason("cursor", "is not a cursor of this list")])
    return after
