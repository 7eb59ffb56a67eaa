"""What the demonstration puts into the store before it serves."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from src.commands.demo import STUDENTS, prepare, simulated
from src.config import Settings
from src.dashboard.sign_in import DEMO_COHORT, DEMO_TEACHER
from src.domain.cohorts import Membership
from src.resources import Resources, open_resources
from src.security import Principal, Role
from tests.api.tokens import SECRET
from tests.making import wire


@pytest.fixture
async def resources(tmp_path: Path) -> AsyncIterator[Resources]:
    async with open_resources(Settings(jwt_secret=SecretStr(SECRET), data_dir=tmp_path)) as resources:
        yield resources


async def test_the_teacher_reads_every_simulated_student_through_the_cohort(resources: Resources) -> None:
    student_id = await prepare(resources)
    teacher = Principal(DEMO_TEACHER, frozenset({Role.TEACHER}))
    await resources.rights.check_cohort(teacher, DEMO_COHORT)
    cohort = (await resources.cohorts.get(DEMO_COHORT)).cohort
    assert student_id in cohort.students
    assert len(cohort.students) == STUDENTS
    for each in cohort.students:
        await resources.rights.check_student(teacher, each)


async def test_what_is_there_already_stays(resources: Resources) -> None:
    now = datetime.now(UTC).isoformat()
    await resources.mastery.ingest([wire(student_id="ada", timestamp=now)])
    assert await prepare(resources) == "ada"
    await resources.cohorts.remove(DEMO_COHORT, Membership.TEACHERS, DEMO_TEACHER)
    before = await resources.cohorts.get(DEMO_COHORT)
    await prepare(resources)
    assert await resources.cohorts.get(DEMO_COHORT) == before
    assert before.cohort.students == ("ada",)


def test_nothing_is_simulated_that_is_still_to_come() -> None:
    noon = datetime(2026, 5, 20, 12, tzinfo=UTC)
    moments = [datetime.fromisoformat(event["timestamp"]) for event in simulated(noon)]
    assert max(moments) <= noon
    assert any(moment.date() == noon.date() for moment in moments)
