"""Who may read whom."""

import pytest

from src.domain.cohorts import Cohort, Membership
from src.errors import Forbidden
from src.rights import Rights
from src.security import Principal, Role
from tests.cohorts import MemoryCohorts

TEACHER = Principal("t-1", frozenset({Role.TEACHER}))


def who(*roles: Role, user_id: str = "someone") -> Principal:
    return Principal(user_id, frozenset(roles))


@pytest.fixture
async def cohorts() -> MemoryCohorts:
    cohorts = MemoryCohorts()
    await cohorts.put(Cohort.of("c-1", "One", teachers=["t-1", "student-2"], students=["student-1"]), None)
    await cohorts.put(Cohort.of("c-2", "Two", teachers=["t-2"], students=["student-2"]), None)
    return cohorts


@pytest.mark.parametrize("reader", [who(Role.ADMIN), who(Role.STUDENT, user_id="student-1"), TEACHER])
async def test_an_admin_the_student_and_their_teacher_may_read_a_student(
    cohorts: MemoryCohorts, reader: Principal
) -> None:
    await Rights(cohorts).check_student(reader, "student-1")


@pytest.mark.parametrize(
    "reader",
    [
        who(),
        who(user_id="student-1"),
        who(user_id="t-1"),
        who(Role.SERVICE, user_id="student-1"),
        who(Role.SERVICE, user_id="t-1"),
        who(Role.STUDENT, user_id="t-1"),
        who(Role.TEACHER, user_id="student-1"),
        who(Role.TEACHER, user_id="t-2"),
        who(Role.TEACHER, user_id="T-1"),
        who(Role.STUDENT, user_id="student-10"),
        who(Role.STUDENT, user_id="STUDENT-1"),
        who(Role.STUDENT, user_id="student-2"),
        who(Role.STUDENT, Role.TEACHER, Role.SERVICE),
    ],
)
async def test_nobody_else_may_read_a_student(cohorts: MemoryCohorts, reader: Principal) -> None:
    with pytest.raises(Forbidden) as denied:
        await Rights(cohorts).check_student(reader, "student-1")
    assert denied.value.detail == "You may not read this student."


async def test_a_cohort_is_read_by_its_teachers_and_admins_only(cohorts: MemoryCohorts) -> None:
    rights = Rights(cohorts)
    for reader in (TEACHER, who(Role.ADMIN)):
        await rights.check_cohort(reader, "c-1")
    for reader in (who(Role.TEACHER, user_id="t-2"), who(Role.STUDENT, user_id="t-1"), who(Role.SERVICE), who()):
        with pytest.raises(Forbidden) as denied:
            await rights.check_cohort(reader, "c-1")
        assert denied.value.detail == "You may not read this cohort."
    with pytest.raises(Forbidden):
        await rights.check_cohort(TEACHER, "c-3")
    await rights.check_cohort(who(Role.ADMIN), "c-3")


async def test_a_teacher_who_is_a_student_too_reads_both_what_is_theirs_and_their_cohorts(
    cohorts: MemoryCohorts,
) -> None:
    both = who(Role.STUDENT, Role.TEACHER, user_id="student-2")
    for student_id in ("student-1", "student-2"):
        await Rights(cohorts).check_student(both, student_id)


async def test_what_a_teacher_may_read_ends_with_the_membership(cohorts: MemoryCohorts) -> None:
    rights = Rights(cohorts)
    await rights.check_student(TEACHER, "student-1")
    await cohorts.remove("c-1", Membership.TEACHERS, "t-1")
    with pytest.raises(Forbidden):
        await rights.check_student(TEACHER, "student-1")


class CountingLookups(MemoryCohorts):
    """Counts how often it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    async def teaches(self, user_id: str, student_id: str) -> bool:
        self.asked += 1
        return await super().teaches(user_id, student_id)


@pytest.mark.parametrize(
    ("reader", "lookups"),
    [(TEACHER, 1), (who(Role.STUDENT), 0), (who(Role.SERVICE), 0), (who(), 0)],
    ids=str,
)
async def test_a_refusal_takes_the_same_lookups_whether_the_student_exists_or_not(
    reader: Principal, lookups: int
) -> None:
    cohorts = CountingLookups()
    await cohorts.put(Cohort.of("c-2", "Two", teachers=["t-2"], students=["student-2"]), None)
    for student_id in ("student-2", "nobody"):
        cohorts.asked = 0
        with pytest.raises(Forbidden):
            await Rights(cohorts).check_student(reader, student_id)
        assert cohorts.asked == lookups
