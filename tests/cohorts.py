"""A fake of where cohorts are kept; it passes ``tests/contract/test_cohorts.py``, as what it stands in for."""

from dataclasses import replace
from itertools import count
from typing import Any

from src.domain.cohort_statistics import Thresholds
from src.domain.cohorts import Cohort, Membership
from src.ports import CohortPage, CohortSize, MemberChange, StoredCohort


class MemoryCohorts:
    """The ports of cohorts and of who teaches whom in a dictionary."""

    def __init__(self) -> None:
        self.kept: dict[str, StoredCohort] = {}
        self._versions = count(1)

    async def put(self, cohort: Cohort, expected: int | None) -> int | None:
        if self._version(cohort.cohort_id) != expected:
            return None
        self.kept[cohort.cohort_id] = StoredCohort(next(self._versions), cohort, self._thresholds(cohort.cohort_id))
        return self._version(cohort.cohort_id)

    def _version(self, cohort_id: str) -> int | None:
        return self.kept[cohort_id].version if cohort_id in self.kept else None

    async def get(self, cohort_id: str) -> StoredCohort | None:
        return self.kept.get(cohort_id)

    async def version(self, cohort_id: str) -> int | None:
        return self._version(cohort_id)

    async def page(self, after: str, limit: int, *, teacher: str | None) -> CohortPage:
        found = [
            CohortSize(cohort_id, one.cohort.name, len(one.cohort.students), len(one.cohort.teachers))
            for cohort_id, one in sorted(self.kept.items())
            if cohort_id > after and (teacher is None or teacher in one.cohort.teachers)
        ]
        return CohortPage(tuple(found[:limit]), found[limit - 1].cohort_id if len(found) > limit else None)

    async def delete(self, cohort_id: str, expected: int) -> bool:
        if self._version(cohort_id) != expected:
            return False
        del self.kept[cohort_id]
        return True

    async def add(self, cohort_id: str, membership: Membership, member_id: str) -> MemberChange:
        found = self.kept.get(cohort_id)
        if found is None:
            return MemberChange.MISSING
        members = found.cohort.members(membership)
        if member_id in members:
            return MemberChange.UNCHANGED
        return MemberChange.FULL if len(members) >= membership.most else self._keep(found, membership, {member_id})

    async def remove(self, cohort_id: str, membership: Membership, member_id: str) -> MemberChange:
        found = self.kept.get(cohort_id)
        if found is None:
            return MemberChange.MISSING
        is_member = member_id in found.cohort.members(membership)
        return self._keep(found, membership, {member_id}) if is_member else MemberChange.UNCHANGED

    def _keep(self, found: StoredCohort, membership: Membership, toggled: set[str]) -> MemberChange:
        before = found.cohort
        members = {kind.value: before.members(kind) ^ (toggled if kind is membership else set()) for kind in Membership}
        changed = Cohort.of(before.cohort_id, before.name, **members)
        self.kept[before.cohort_id] = replace(found, version=next(self._versions), cohort=changed)
        return MemberChange.CHANGED

    async def set_thresholds(self, cohort_id: str, thresholds: Thresholds) -> bool:
        if cohort_id not in self.kept:
            return False
        self.kept[cohort_id] = replace(self.kept[cohort_id], thresholds=thresholds)
        return True

    def _thresholds(self, cohort_id: str) -> Thresholds | None:
        return self.kept[cohort_id].thresholds if cohort_id in self.kept else None

    async def teaches(self, user_id: str, student_id: str) -> bool:
        cohorts = [one.cohort for one in self.kept.values()]
        return any(user_id in cohort.teachers and student_id in cohort.students for cohort in cohorts)

    async def teaches_cohort(self, user_id: str, cohort_id: str) -> bool:
        return cohort_id in self.kept and user_id in self.kept[cohort_id].cohort.teachers

    async def export(self, student_id: str) -> dict[str, Any] | None:
        shown: dict[str, Any] = {
            kind.value: [
                {"cohort_id": one.cohort.cohort_id, "name": one.cohort.name}
                for _, one in sorted(self.kept.items())
                if student_id in one.cohort.members(kind)
            ]
            for kind in Membership
        }
        return shown if any(shown.values()) else None

    async def erase(self, student_id: str) -> int:
        changes = [await self.remove(one, kind, student_id) for one in list(self.kept) for kind in Membership]
        return changes.count(MemberChange.CHANGED)

    async def remains(self, student_id: str) -> int:
        return sum(student_id in one.cohort.members(kind) for one in self.kept.values() for kind in Membership)
