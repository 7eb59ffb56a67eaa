"""Cohorts while others change them at the same time."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import pytest

from src.cohort_service import CohortService
from src.domain.cohorts import Cohort, Membership
from src.errors import NotFound, PreconditionFailed
from src.ports import StoredCohort
from src.preconditions import Precondition, tag_of
from tests.cohorts import MemoryCohorts

Act: TypeAlias = Callable[[CohortService, Precondition], Awaitable[object]]

ANY = Precondition()
LOOPS = Cohort.of("loops", "Loops", teachers=["t-1"], students=["ada"])
NEW = Cohort.of("loops", "New", teachers=["t-1"], students=["bob"])


class Interrupted(MemoryCohorts):
    """Somebody else does something once, just after a cohort was read."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Callable[[], Awaitable[object]] | None = None

    async def get(self, cohort_id: str) -> StoredCohort | None:
        found, meanwhile, self.meanwhile = self.kept.get(cohort_id), self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        return found


@pytest.fixture
async def cohorts() -> Interrupted:
    cohorts = Interrupted()
    await cohorts.put(LOOPS, None)
    return cohorts


async def test_without_a_condition_the_last_to_write_wins(cohorts: Interrupted) -> None:
    cohorts.meanwhile = lambda: cohorts.add("loops", Membership.STUDENTS, "cy")
    tagged, is_new = await CohortService(cohorts).put(NEW, ANY)
    assert (tagged.cohort.students, is_new) == (("bob",), False)
    assert cohorts.kept["loops"].cohort == NEW


@pytest.mark.parametrize(
    "act",
    [
        lambda service, condition: service.put(NEW, condition),
        lambda service, condition: service.delete("loops", condition),
    ],
    ids=["put", "delete"],
)
async def test_a_condition_is_checked_against_what_is_there_not_against_what_was_read(
    cohorts: Interrupted, act: Act
) -> None:
    read = frozenset({tag_of(cohorts.kept["loops"].version)})
    cohorts.meanwhile = lambda: cohorts.add("loops", Membership.STUDENTS, "cy")
    with pytest.raises(PreconditionFailed):
        await act(CohortService(cohorts), Precondition(match=read))
    assert cohorts.kept["loops"].cohort.students == {"ada", "cy"}


async def test_of_two_who_make_the_same_cohort_the_second_is_told(cohorts: Interrupted) -> None:
    other = Cohort.of("lists", "Lists")
    cohorts.meanwhile = lambda: cohorts.put(other, None)
    with pytest.raises(PreconditionFailed):
        await CohortService(cohorts).put(Cohort.of("lists", "Mine"), Precondition(none_match=frozenset({"*"})))
    assert cohorts.kept["lists"].cohort == other


async def test_a_cohort_that_goes_while_it_is_replaced_is_made_anew(cohorts: Interrupted) -> None:
    version = cohorts.kept["loops"].version
    cohorts.meanwhile = lambda: cohorts.delete("loops", version)
    _, is_new = await CohortService(cohorts).put(NEW, ANY)
    assert is_new


async def test_a_cohort_that_somebody_else_removes_is_not_found(cohorts: Interrupted) -> None:
    version = cohorts.kept["loops"].version
    cohorts.meanwhile = lambda: cohorts.delete("loops", version)
    with pytest.raises(NotFound):
        await CohortService(cohorts).delete("loops", ANY)
