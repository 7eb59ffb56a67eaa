"""What is kept of a class: nothing is read or derived twice, nothing is stale, nobody waits for the whole of it."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from src.cohort_rows import DECODED_TURN, TURN, CohortRows, Question
from src.domain.aggregates import Aggregates
from src.domain.cohort_statistics import Member
from src.domain.mastery import window
from src.domain.model import MasteryModel, Method
from src.domain.outcomes import Recent
from src.ports import Retention
from tests.fakes import MemoryStore
from tests.making import NOW_US, TODAY, event

STUDENTS = [f"student-{number:03}" for number in range(300)]
SPAN = window(TODAY, TODAY - 89)
QUESTION = Question(SPAN, MasteryModel())


class Watched(MemoryStore):
    """Remembers whose state was read."""

    def __init__(self) -> None:
        super().__init__(Retention())
        self.read: list[str] = []

    async def aggregates_of(self, students: Sequence[str]) -> list[Aggregates | None]:
        self.read += students
        return await super().aggregates_of(students)

    async def others_of(self, students: Sequence[str]) -> list[Recent]:
        self.read += students
        return await super().others_of(students)


@pytest.fixture
async def store() -> Watched:
    store = Watched()
    every_third = STUDENTS[::3]
    await store.apply([event(f"e-{one}", student_id=one) for one in every_third], NOW_US)
    await store.apply([event(f"h-{one}", "help.requested", student_id=one) for one in every_third[::2]], NOW_US)
    return store


async def members(rows: CohortRows, question: Question = QUESTION) -> dict[str, Member]:
    return {member.student_id: member async for member in rows.members(STUDENTS, question)}


async def answers(rows: CohortRows, students: list[str], question: Question) -> list[Any]:
    return [msgspec.json.decode(answer) async for answer in rows.answers(students, question)]


async def test_every_student_comes_in_the_order_asked_with_their_own_standing(store: Watched) -> None:
    rows = CohortRows(store)
    found = [(student_id, row.score) async for student_id, row in rows.rows(STUDENTS[::-1], QUESTION)]
    own = [(one["student_id"], one["score"]) for one in await answers(rows, STUDENTS[::-1], QUESTION)]
    assert found == own
    assert [student_id for student_id, _ in found] == STUDENTS[::-1]
    assert [score is None for _, score in found][::-1] == [number % 3 > 0 for number in range(300)]


async def test_what_has_not_changed_is_not_read_again(store: Watched) -> None:
    rows = CohortRows(store)
    first = await members(rows)
    assert len(store.read) == 2 * len(STUDENTS)
    store.read.clear()
    assert await members(rows) == first
    assert store.read == []
    first_answers = await answers(rows, STUDENTS, QUESTION)
    store.read.clear()
    assert await answers(rows, STUDENTS, QUESTION) == first_answers
    assert store.read == []


async def test_who_has_new_evidence_is_read_again_and_nobody_else(store: Watched) -> None:
    rows = CohortRows(store)
    before = await members(rows)
    store.read.clear()
    await store.apply([event("new", "help.requested", student_id=one) for one in STUDENTS[:2]], NOW_US)
    after = await members(rows)
    assert sorted(store.read) == sorted(STUDENTS[:2] * 2)
    assert {one for one in STUDENTS if before[one] != after[one]} == set(STUDENTS[:2])
    assert len(after[STUDENTS[1]].open_struggles) == 1


async def test_who_is_forgotten_is_without_evidence_at_once(store: Watched) -> None:
    rows = CohortRows(store)
    await members(rows)
    del store.states[STUDENTS[0]], store.versions[STUDENTS[0]]
    found = (await members(rows))[STUDENTS[0]]
    assert (found.standing.score, found.topics, found.idle_days, found.open_struggles) == (None, (), None, ())


@pytest.mark.parametrize(
    "other",
    [
        Question(window(TODAY - 1, TODAY - 89), MasteryModel()),
        Question(window(TODAY, TODAY - 5), MasteryModel()),
        Question(SPAN, MasteryModel(Method.HIGHEST)),
        Question(SPAN, MasteryModel(), "loops"),
    ],
    ids=["another day", "another retention", "another model", "one topic"],
)
async def test_the_answer_to_one_question_is_not_that_to_another(store: Watched, other: Question) -> None:
    rows = CohortRows(store)
    await members(rows)
    found = [row async for _, row in rows.rows(STUDENTS, other)]
    fresh = [row async for _, row in CohortRows(store).rows(STUDENTS, other)]
    assert found == fresh
    await answers(rows, STUDENTS, QUESTION)
    assert [row.score for row in found] == [one["score"] for one in await answers(rows, STUDENTS, other)]


@pytest.mark.parametrize("cache_bytes", [0, 10_000])
async def test_a_small_cache_holds_little_and_changes_nothing(store: Watched, cache_bytes: int) -> None:
    small = CohortRows(store, cache_bytes=cache_bytes)
    assert await members(small) == await members(CohortRows(store))
    assert small.kept_bytes <= cache_bytes
    assert await members(small) == await members(CohortRows(store))


async def test_all_that_is_held_of_a_student_can_be_forgotten(store: Watched) -> None:
    rows = CohortRows(store)
    before = await members(rows)
    await answers(rows, STUDENTS, QUESTION)
    assert (rows.cached(STUDENTS[0]), rows.forget(STUDENTS[0]), rows.cached(STUDENTS[0])) == (3, 3, 0)
    assert rows.cached(STUDENTS[1]) == 3
    assert await members(rows) == before


async def turns_while(rows: CohortRows) -> int:
    """Return how often others get their turn while a class is looked at."""
    turns = 0

    async def wait() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    waiting = asyncio.create_task(wait())
    await members(rows)
    waiting.cancel()
    return turns


async def test_others_get_their_turn_every_few_students(store: Watched) -> None:
    rows = CohortRows(store)
    # Nothing in this store ever waits: only what gives way on purpose is seen.
    assert await turns_while(rows) >= 2 * len(STUDENTS) / TURN
    assert await turns_while(rows) >= len(STUDENTS) / DECODED_TURN
