"""Cohorts in Redis: sets of members, and for each member the set of their cohorts, kept in step by scripts."""

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib.resources import files
from typing import Any

from ..domain.cohort_statistics import Thresholds
from ..domain.cohorts import Cohort, Membership
from ..ports import CohortPage, CohortSize, MemberChange, StoredCohort
from ..state_manager import StateKeyPatterns
from .packing import pack_thresholds, unpack_thresholds
from .redis_client import Client, redis_errors

PAGE = 500
_CHANGES = {1: MemberChange.CHANGED, 0: MemberChange.UNCHANGED, -1: MemberChange.MISSING, -2: MemberChange.FULL}
_KEY_OF = {Membership.STUDENTS: 2, Membership.TEACHERS: 3}
"""Which of the keys of ``cohort_put.lua`` the members of a kind are under."""


class RedisCohorts:
    """The ports of cohorts and of who teaches whom; ``new_version`` is never the version of another state.

    In Redis Cluster a ``hash_tag`` keeps all of it in one slot: a cohort and its members change in one step.
    """

    def __init__(self, client: Client, *, new_version: Callable[[], int], hash_tag: str = "") -> None:
        self._client = client
        self._new_version = new_version
        self._prefix = f"{{{hash_tag}}}:" if hash_tag else ""

    async def put(self, cohort: Cohort, expected: int | None) -> int | None:
        """Keep a cohort if its version is the one expected; return the new version."""
        found = await self.get(cohort.cohort_id)
        if (None if found is None else found.version) != expected:
            return None
        before = Cohort(cohort.cohort_id, "") if found is None else found.cohort
        version = self._new_version()
        return version if await self._replace(before, cohort, expected, version) else None

    async def get(self, cohort_id: str) -> StoredCohort | None:
        """Return a cohort with all its members."""
        found = await self._eval("cohort_get", self._keys_of(cohort_id), [])
        if not found:
            return None
        version, name, thresholds, students, teachers = map(bytes.decode, found)
        cohort = Cohort.of(cohort_id, name, students=students.split(), teachers=teachers.split())
        return StoredCohort(int(version), cohort, unpack_thresholds(thresholds) if thresholds else None)

    async def version(self, cohort_id: str) -> int | None:
        """Return the version of a cohort, None where there is none."""
        with redis_errors():
            version = await self._client.hget(self._keys_of(cohort_id)[0], "version")
        return None if version is None else int(version)

    async def page(self, after: str, limit: int, *, teacher: str | None) -> CohortPage:
        """Return up to limit cohorts with ids greater than after; one that goes meanwhile is left out."""
        ids = await (self._all(after, limit + 1) if teacher is None else self._of_teacher(teacher, after, limit + 1))
        with redis_errors():
            async with self._client.pipeline(transaction=False) as pipeline:
                for cohort_id in ids[:limit]:
                    cohort, students, teachers = self._keys_of(cohort_id)
                    pipeline.hget(cohort, "name")
                    pipeline.scard(students)
                    pipeline.scard(teachers)
                found = await pipeline.execute()
        sizes = zip(ids, found[::3], found[1::3], found[2::3], strict=False)
        shown = [CohortSize(one, name.decode(), *counts) for one, name, *counts in sizes if name is not None]
        return CohortPage(tuple(shown), ids[limit - 1] if len(ids) > limit else None)

    async def delete(self, cohort_id: str, expected: int) -> bool:
        """Remove a cohort if its version is the one expected."""
        found = await self.get(cohort_id)
        if found is None or found.version != expected:
            return False
        return await self._replace(found.cohort, Cohort(cohort_id, ""), expected, None)

    async def add(self, cohort_id: str, membership: Membership, member_id: str) -> MemberChange:
        """Make somebody a member."""
        return await self._change("SADD", cohort_id, membership, member_id)

    async def remove(self, cohort_id: str, membership: Membership, member_id: str) -> MemberChange:
        """Make somebody a member no longer."""
        return await self._change("SREM", cohort_id, membership, member_id)

    async def set_thresholds(self, cohort_id: str, thresholds: Thresholds) -> bool:
        """Keep the thresholds of a cohort."""
        key, *_ = self._keys_of(cohort_id)
        return bool(await self._eval("cohort_thresholds", [key], [pack_thresholds(thresholds)]))

    # -- who teaches whom

    async def teaches(self, user_id: str, student_id: str) -> bool:
        """Tell whether some cohort has the one as a teacher and the other as a student."""
        keys = [self._cohorts_of(Membership.STUDENTS, student_id), self._cohorts_of(Membership.TEACHERS, user_id)]
        with redis_errors():
            return bool(await self._client.sinter(keys))

    async def teaches_cohort(self, user_id: str, cohort_id: str) -> bool:
        """Tell whether a cohort exists and has this teacher."""
        with redis_errors():
            return bool(await self._client.sismember(self._cohorts_of(Membership.TEACHERS, user_id), cohort_id))

    # -- what is kept of a person

    async def export(self, student_id: str) -> dict[str, Any] | None:
        """Return the cohorts that somebody belongs to, None where there are none."""
        found = await self._memberships(student_id)
        if not found:
            return None
        shown: dict[str, Any] = {membership.value: [] for membership in Membership}
        for membership, cohort_id in found:
            with redis_errors():
                name = await self._client.hget(self._keys_of(cohort_id)[0], "name")
            shown[membership].append({"cohort_id": cohort_id, "name": _texts([name or b""])[0]})
        return shown

    async def erase(self, student_id: str) -> int:
        """Take somebody out of every cohort; return how many memberships that were."""
        found = await self._memberships(student_id)
        changes = [await self.remove(cohort_id, membership, student_id) for membership, cohort_id in found]
        return changes.count(MemberChange.CHANGED)

    async def remains(self, student_id: str) -> int:
        """Return how often somebody still is a member, looked for in every cohort and not only by the index."""
        return len({*await self._memberships(student_id), *await self._found_in(student_id)})

    # -- below here is how it lies in Redis

    async def _replace(self, before: Cohort, after: Cohort, expected: int | None, version: int | None) -> bool:
        """Write the difference between two moments of a cohort; without a version, remove it."""
        changes = list(_difference(before, after))
        keys = [*self._keys_of(after.cohort_id), self._prefix + StateKeyPatterns.COHORTS]
        arguments: list[Any] = [
            after.cohort_id,
            "" if expected is None else expected,
            "" if version is None else version,
            after.name,
        ]
        for membership, how, member_id in changes:
            keys.append(self._cohorts_of(membership, member_id))
            arguments += [_KEY_OF[membership], how, member_id]
        return bool(await self._eval("cohort_put", keys, arguments))

    async def _change(self, how: str, cohort_id: str, membership: Membership, member_id: str) -> MemberChange:
        cohort, *members = self._keys_of(cohort_id)
        keys = [cohort, members[_KEY_OF[membership] - 2], self._cohorts_of(membership, member_id)]
        arguments = [cohort_id, self._new_version(), how, member_id, membership.most]
        return _CHANGES[await self._eval("cohort_member", keys, arguments)]

    async def _memberships(self, member_id: str) -> list[tuple[Membership, str]]:
        found: list[tuple[Membership, str]] = []
        for membership in Membership:
            with redis_errors():
                ids = await self._client.smembers(self._cohorts_of(membership, member_id))
            found += [(membership, cohort_id) for cohort_id in sorted(_texts(ids))]
        return found

    async def _found_in(self, member_id: str) -> list[tuple[Membership, str]]:
        found: list[tuple[Membership, str]] = []
        after = ""
        while page := await self._all(after, PAGE):
            after = page[-1]
            places = [(membership, cohort_id) for cohort_id in page for membership in Membership]
            with redis_errors():
                async with self._client.pipeline(transaction=False) as pipeline:
                    for membership, cohort_id in places:
                        pipeline.sismember(self._keys_of(cohort_id)[_KEY_OF[membership] - 1], member_id)
                    are_members = await pipeline.execute()
            found += [place for place, is_member in zip(places, are_members, strict=True) if is_member]
        return found

    async def _all(self, after: str, limit: int) -> list[str]:
        key = self._prefix + StateKeyPatterns.COHORTS
        with redis_errors():
            found = await self._client.zrangebylex(key, f"({after}", "+", start=0, num=limit)
        return _texts(found)

    async def _of_teacher(self, teacher: str, after: str, limit: int) -> list[str]:
        with redis_errors():
            found = await self._client.smembers(self._cohorts_of(Membership.TEACHERS, teacher))
        return sorted(cohort_id for cohort_id in _texts(found) if cohort_id > after)[:limit]

    async def _eval(self, script: str, keys: list[str], arguments: list[Any]) -> Any:  # noqa: ANN401  # what it returns
        with redis_errors():
            return await self._client.eval(_script(script), len(keys), *keys, *arguments)

    def _keys_of(self, cohort_id: str) -> list[str]:
        """Return the keys of a cohort, of its students and of its teachers."""
        cohort = self._prefix + StateKeyPatterns.COHORT.format(cohort_id=cohort_id)
        members = (
            self._prefix + StateKeyPatterns.COHORT_MEMBERS.format(cohort_id=cohort_id, membership=membership)
            for membership in _KEY_OF
        )
        return [cohort, *members]

    def _cohorts_of(self, membership: Membership, member_id: str) -> str:
        pattern = StateKeyPatterns.COHORTS_OF_MEMBER
        return self._prefix + pattern.format(membership=membership, member_id=member_id)


def _difference(before: Cohort, after: Cohort) -> Iterator[tuple[Membership, str, str]]:
    for membership in Membership:
        was, is_now = before.members(membership), after.members(membership)
        yield from ((membership, "SREM", member_id) for member_id in was - is_now)
        yield from ((membership, "SADD", member_id) for member_id in is_now - was)


def _texts(values: Iterable[bytes | str]) -> list[str]:
    return [value.decode() if isinstance(value, bytes) else value for value in values]


@cache
def _script(name: str) -> str:
    return (files(__package__) / "lua" / f"{name}.lua").read_text()
